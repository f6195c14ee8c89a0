//! A static model in a directory that the test writes.
#![cfg(all(feature = "static-model", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail loudly")]

use std::fs;
use std::path::PathBuf;

use pollster::block_on;
use rpm_core::embed::{Embedder, StaticModel, StaticModelError};
use rpm_core::retrieve::DenseRetriever;
use rpm_core::testing::retriever_conformance;
use serde_json::{Value, json};

const WORDS: [&str; 5] = ["[UNK]", "music", "tune", "plot", "story"];
/// A row per word; music and tune are near each other, plot and story too.
const ROWS: [[f32; 3]; 5] = [[9.0, 9.0, 9.0], [1.0, 0.0, 0.0], [0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [0.0, 2.0, 0.0]];

/// Tensors, each with its number type, shape and bytes, in the safetensors format: the length of a JSON header in eight
/// bytes, the header, the data.
fn tensors(all: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, dtype, shape, bytes) in all {
        let start = data.len();
        data.extend(bytes);
        header.insert((*name).to_owned(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

fn table() -> Vec<u8> {
    ROWS.iter().flatten().flat_map(|value| value.to_le_bytes()).collect()
}

fn tokenizer(model: &Value) -> Value {
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null, "model": model,
    })
}

fn vocabulary() -> Value {
    WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect::<serde_json::Map<_, _>>().into()
}

fn word_pieces() -> Value {
    json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": vocabulary()})
}

/// A directory of its own with these files; `None` leaves one out.
fn directory(name: &str, files: [(&str, Option<Vec<u8>>); 3]) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("static_model").join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    for (file, content) in files {
        if let Some(content) = content {
            fs::write(directory.join(file), content).unwrap();
        }
    }
    directory
}

fn files(tensors: Vec<u8>, tokenizer: &Value) -> [(&'static str, Option<Vec<u8>>); 3] {
    [
        ("config.json", Some(br#"{"normalize": true}"#.to_vec())),
        ("model.safetensors", Some(tensors)),
        ("tokenizer.json", Some(tokenizer.to_string().into_bytes())),
    ]
}

fn sound() -> [(&'static str, Option<Vec<u8>>); 3] {
    files(tensors(&[("embeddings", "F32", &[5, 3], table())]), &tokenizer(&word_pieces()))
}

fn embedded(model: &StaticModel, texts: &[&str]) -> Vec<Vec<f32>> {
    block_on(model.embed(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())).unwrap()
}

#[test]
fn a_text_is_the_mean_of_its_known_tokens_at_length_one() {
    let model = StaticModel::open(directory("mean", sound())).unwrap();
    assert_eq!(model.dimensions(), 3);
    let vectors = embedded(&model, &["Music", "music qqq", "plot, story", "music plot", "qqq", ""]);
    assert_eq!(vectors[..3], [vec![1.0, 0.0, 0.0], vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]]);
    let half = 0.5_f32.sqrt();
    assert!(vectors[3].iter().zip([half, half, 0.0]).all(|(found, wanted)| (found - wanted).abs() < 1e-6));
    assert_eq!(vectors[4..], [vec![0.0; 3], vec![0.0; 3]]);
}

#[test]
fn every_kind_of_tokenizer_and_table_is_read() {
    let scores: Vec<Value> = WORDS.iter().map(|word| json!([word, -1.0])).collect();
    let unigram = json!({"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": false});
    let words = json!({"type": "WordLevel", "unk_token": "[UNK]", "vocab": vocabulary()});
    for (name, kind) in [("unigram", unigram), ("word_level", words)] {
        let files = files(tensors(&[("embeddings", "F32", &[5, 3], table())]), &tokenizer(&kind));
        let model = StaticModel::open(directory(name, files)).unwrap();
        assert_eq!(embedded(&model, &["plot"]), [vec![0.0, 1.0, 0.0]], "{name}");
        assert!(embedded(&model, &["é 音 qqq"]).concat().iter().all(|value| value.is_finite()), "{name}");
    }
    // Two rows for five tokens, in eight bits.
    let mapping = [0_i64, 0, 0, 1, 1].iter().flat_map(|row| row.to_le_bytes()).collect();
    let small = tensors(&[("embeddings", "I8", &[2, 2], vec![3, 0, 0, 5]), ("mapping", "I64", &[5], mapping)]);
    let model = StaticModel::open(directory("mapped", files(small, &tokenizer(&word_pieces())))).unwrap();
    assert_eq!(embedded(&model, &["tune", "story"]), [vec![1.0, 0.0], vec![0.0, 1.0]]);
}

#[test]
fn the_fingerprint_is_that_of_the_files_content() {
    let open = |name, files| StaticModel::open(directory(name, files)).unwrap().fingerprint();
    let one = open("one", sound());
    assert_eq!(one, open("same_elsewhere", sound()));
    let mut other = sound();
    other[0].1 = Some(br#"{"normalize": false}"#.to_vec());
    assert_ne!(one, open("other", other));
    let mut values = table();
    values[0] ^= 1;
    let other = files(tensors(&[("embeddings", "F32", &[5, 3], values)]), &tokenizer(&word_pieces()));
    assert_ne!(one, open("other_values", other));
}

#[test]
fn a_missing_or_bad_file_is_named() {
    let opened = |name: &str, files| StaticModel::open(directory(name, files)).unwrap_err();
    for n in 0..3 {
        let mut files = sound();
        let name = files[n].0;
        files[n].1 = None;
        assert!(matches!(opened("missing", files), StaticModelError::Read { file, .. } if file == name), "{name}");
        for content in [&b""[..], b"{", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"<!doctype html>"] {
            let mut files = sound();
            files[n].1 = Some(content.to_vec());
            assert!(matches!(opened("bad", files), StaticModelError::Bad { file, .. } if file == name), "{name}");
        }
    }
    assert!(matches!(StaticModel::open("no/such/directory"), Err(StaticModelError::Read { .. })));

    let mapping = |to: i32| [0, to, 0, 0, 0].iter().flat_map(|row: &i32| row.to_le_bytes()).collect::<Vec<u8>>();
    let whole = ("embeddings", "F32", &[5, 3][..], table());
    for tensors in [
        tensors(&[]),
        tensors(&[("embeddings", "F32", &[15], table())]),
        tensors(&[("embeddings", "F32", &[0, 3], vec![])]),
        tensors(&[("embeddings", "F32", &[4, 3], table()[..48].to_vec())]),
        tensors(&[("embeddings", "I16", &[5, 6], table())]),
        tensors(&[whole.clone(), ("mapping", "I32", &[5], mapping(5))]),
        tensors(&[whole.clone(), ("mapping", "I32", &[5], mapping(-1))]),
        tensors(&[whole.clone(), ("mapping", "F32", &[5], mapping(0))]),
        tensors(&[whole, ("weights", "I32", &[5], mapping(0))]),
    ] {
        let error = opened("tensors", files(tensors, &tokenizer(&word_pieces())));
        assert!(matches!(error, StaticModelError::Bad { file: "model.safetensors", .. }), "{error}");
    }
    for model in [
        json!({}),
        json!({"type": "WordPiece", "unk_token": "[UNK]", "vocab": {}}),
        json!({"type": "WordLevel", "unk_token": "[NO]", "vocab": vocabulary()}),
        json!({"type": "Unigram", "unk_id": null, "vocab": [["a", -1.0]]}),
        json!({"type": "Nothing", "vocab": vocabulary()}),
    ] {
        let error = opened("tokenizer", files(tensors(&[("0", "F32", &[5, 3], table())]), &tokenizer(&model)));
        assert!(matches!(error, StaticModelError::Bad { file: "tokenizer.json", .. }), "{error} {model}");
    }
}

#[test]
fn rules_that_grow_a_text_beyond_memory_are_refused_before_they_are_run() {
    let ten = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "a".repeat(10)});
    let grows = |times: usize| {
        let mut grows = tokenizer(&word_pieces());
        grows["normalizer"] = json!({"type": "Sequence", "normalizers": vec![ten.clone(); times]});
        // Goes through the rules when the file is loaded.
        grows["added_tokens"] = json!([{"id": 1, "content": "aaa", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": true, "special": false}]);
        files(tensors(&[("embeddings", "F32", &[5, 3], table())]), &grows)
    };
    assert!(StaticModel::open(directory("grows_little", grows(2))).is_ok());
    let error = StaticModel::open(directory("grows", grows(9))).unwrap_err();
    assert!(matches!(error, StaticModelError::Bad { file: "tokenizer.json", .. }), "{error}");
}

#[test]
fn a_dense_retriever_over_it_conforms() {
    let model = StaticModel::open(directory("conforms", sound())).unwrap();
    block_on(retriever_conformance(|| DenseRetriever::new(model.clone()))).unwrap();
}
