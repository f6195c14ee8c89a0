//! A static embedding model in a directory.

use std::fs;

use rpm_core::embed::{Embedder, StaticModel};
use serde_json::{Value, json};

use crate::files::folder;
use crate::steps::{run, sync};
use crate::{first, is_discreet};

/// Stands between the files of one input.
const BETWEEN: u8 = 0x1e;

const WORDS: [&str; 5] = ["[UNK]", "music", "tune", "plot", "story"];

/// Tensors, each with its number type, shape and bytes, in the safetensors format.
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

/// Good tensors.
pub(crate) fn table() -> Vec<u8> {
    let rows: Vec<u8> = (0_u8..15).flat_map(|n| (f32::from(n) / 8.0).to_le_bytes()).collect();
    tensors(&[("embeddings", "F32", &[5, 3], rows)])
}

/// A good tokenizer with this normalizer.
pub(crate) fn tokenizer(normalizer: &Value) -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

/// The first byte chooses which files the bytes are: the tokenizer, the tensors, or both.
pub fn static_models(data: &[u8]) {
    let (how, rest) = first(data);
    let (tokens, tables) = match how % 3 {
        0 => (rest.to_vec(), table()),
        1 => (tokenizer(&json!({"type": "Lowercase"})).to_string().into_bytes(), rest.to_vec()),
        _ => {
            let mut files = rest.splitn(2, |byte| *byte == BETWEEN);
            (files.next().unwrap_or_default().to_vec(), files.next().map_or_else(table, <[u8]>::to_vec))
        }
    };
    let directory = folder("static");
    let config = json!({"normalize": how < 128});
    fs::write(directory.join("config.json"), config.to_string()).unwrap();
    fs::write(directory.join("model.safetensors"), tables).unwrap();
    fs::write(directory.join("tokenizer.json"), tokens).unwrap();
    let (one, other) = (sync(|| StaticModel::open(&directory)), StaticModel::open(&directory));
    match (one, other) {
        (Ok(model), Ok(again)) => {
            assert_eq!(model.fingerprint(), again.fingerprint());
            let texts = ["Music and a story", "", "é 音 qqq \u{202e}", "tune tune plot"].map(str::to_owned);
            match (run(model.embed(&texts)), run(again.embed(&texts))) {
                (Ok(one), Ok(other)) => {
                    assert!(one.len() == texts.len() && one.iter().all(|vector| vector.len() == model.dimensions()));
                    let bits = |all: &[Vec<f32>]| all.iter().flatten().map(|it| it.to_bits()).collect::<Vec<_>>();
                    assert!(bits(&one) == bits(&other), "the same text has two vectors");
                }
                (Err(error), Err(_)) => is_discreet(&error),
                _ => panic!("the same texts succeed and fail"),
            }
        }
        (Err(error), Err(_)) => drop(crate::told(&error)),
        _ => panic!("the same files are read and refused"),
    }
}
