//! Memory is in proportion to the bytes that are there: no number that a file claims makes room, and no log is held whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![cfg(feature = "response-log")]

mod common;
#[path = "common/peak.rs"]
mod peak;

use std::path::PathBuf;

use common::{interaction, scale_history, scale_task};
use peak::rise_of;
use pollster::block_on;
use rpm_core::container::Writer;
use rpm_core::llm::{Message, ReplyCacheLimits, ResponseLog, Stage};
use rpm_core::model::PackedModel;
use rpm_core::prompt::{read_items, read_reply};
use rpm_core::retrieve::{Bm25Index, DenseIndex};
use rpm_core::{
    Completion, CompletionRequest, Forget, History, ItemId, LlmBackend as _, RpmPipeline, UserModel, backend_fn,
};
use serde_json::Value;

const MIB: u64 = 1 << 20;
const CLAIMED: u64 = 16 << 30;

fn crc(parts: &[&[u8]]) -> [u8; 4] {
    let mut sum = crc32fast::Hasher::new();
    for part in parts {
        sum.update(part);
    }
    sum.finalize().to_le_bytes()
}

/// A packed file of version 1 in 47 bytes, whose only section is said to have sixteen gibibytes.
fn old_packed() -> Vec<u8> {
    let table = [&5_u16.to_le_bytes()[..], b"model", &CLAIMED.to_le_bytes(), &[0; 4]].concat();
    let head =
        [&b"RPMPACK\0"[..], &1_u32.to_le_bytes(), &1_u32.to_le_bytes(), &(table.len() as u64).to_le_bytes()].concat();
    let sum = crc(&[&head, &table]);
    [&head[..], &sum, &table].concat()
}

/// A file of this kind whose only section is said to have sixteen gibibytes.
fn claiming(kind: &'static str, version: u32, section: &str) -> Vec<u8> {
    let mut writer = Writer::new(kind, version);
    writer.section(section, &[1; 8]);
    let mut file = writer.finish();
    file[36..44].copy_from_slice(&CLAIMED.to_le_bytes());
    let sum = crc(&[&file[28..48], section.as_bytes()]);
    file[48..52].copy_from_slice(&sum);
    file
}

#[test]
fn a_file_of_fifty_bytes_that_claims_gibibytes_reserves_nothing_for_them() {
    let old = old_packed();
    assert_eq!(old.len(), 47);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let ((), rise) = rise_of(|| {
        for (name, file) in [("old.packed", old), ("new.packed", claiming("packed", 2, "model"))] {
            assert!(PackedModel::from_bytes(&file).is_err() && PackedModel::read(&file[..]).is_err(), "{name}");
            let path = folder.join(name);
            std::fs::write(&path, file).unwrap();
            assert!(PackedModel::open(path).is_err(), "{name}");
        }
        for version in 1..4 {
            assert!(Bm25Index::from_bytes(&claiming("bm25", version, "lengths")).is_err());
            assert!(DenseIndex::from_bytes(&claiming("dense", version, "values")).is_err());
        }
    });
    assert!(rise.is_none_or(|rise| rise.reserved < 256 * MIB && rise.used < 8 * MIB), "{rise:?}");
}

#[test]
fn a_reply_of_the_greatest_length_takes_a_bounded_multiple_of_it_whatever_it_holds() {
    let ((), rise) = rise_of(|| {
        for part in ["{\"\":0},", "[],", "{\"a\":[", "\"[", "{\"items\":[{}"] {
            let reply = format!("[{}", part.repeat((256 << 10) / part.len() - 1));
            let _ = read_items::<Value>(&reply, "items");
            let _ = read_reply::<Value>(&reply);
        }
        // Longer than any reply: its items are not read, even where it is JSON.
        let long = format!("[{}0]", "{\"\":0},".repeat(1 << 20));
        assert!(read_items::<Value>(&long, "items").is_err() && read_reply::<String>(&long).is_err());
    });
    assert!(rise.is_none_or(|rise| rise.used < 128 * MIB), "{rise:?}");
}

/// The most memory that forgetting takes beside a log of so many megabytes.
fn forgetting_beside(log: &ResponseLog, megabytes: u64) -> Option<u64> {
    let text = "Another film's reply, of which nothing is forgotten. ".repeat(20_000);
    let backend = log.wrap(backend_fn(move |_| {
        let reply = Completion::new(text.clone());
        async move { Ok(reply) }
    }));
    for n in 0..megabytes {
        let request = CompletionRequest::new(Stage::Answer, vec![Message::user(format!("Question {n}?"))], 10);
        block_on(backend.complete(&request.about(["other"]))).unwrap();
    }
    let pipeline = RpmPipeline::offline_builder(scale_task()).forgets_in(log).build().unwrap();
    let mut open = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
    let what = Forget::Items(vec![ItemId::new("a").unwrap()]);
    let (receipt, rise) = rise_of(|| block_on(pipeline.forget(&mut open, &what)).unwrap());
    assert!(receipt.probe.bytes > megabytes * 1_000_000 && receipt.probe.found == 0, "{receipt}");
    rise.map(|rise| rise.used)
}

#[test]
fn forgetting_takes_no_more_memory_beside_a_longer_log() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bounded_memory.log");
    let _ = std::fs::remove_file(&path);
    let file = ResponseLog::open(&path).unwrap();
    let memory = ResponseLog::in_memory(ReplyCacheLimits::default().bytes(1 << 30));
    for log in [file, memory] {
        let used = forgetting_beside(&log, 16);
        assert!(used.is_none_or(|used| used < 16 * MIB), "{used:?}");
    }
    let _ = std::fs::remove_file(path);
}

/// The file of a model for the process that opens it.
const MODEL: &str = "RPM_TEST_MODEL";
const TEXTS: usize = 400;

/// A text of about 200 bytes whose words are in few others.
fn rare_words(n: usize) -> String {
    let parts = ["ka", "lo", "mi", "ne", "ru", "sa", "te", "vo", "zi", "pa", "dor", "fen", "gil", "hum", "jat", "kel"];
    let part = |n: usize| parts[n % 16];
    let word = |n: usize| format!("{}{}{}{}", part(n), part(n / 16), part(n / 256), part(n / 4096));
    (0..22).map(|place| word((n * 22 + place).wrapping_mul(40_503) % 65_536)).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_open_model_takes_memory_in_proportion_to_its_texts() {
    let Ok(path) = std::env::var(MODEL) else { return measured_elsewhere() };
    let json = std::fs::read_to_string(path).unwrap();
    let pipeline = RpmPipeline::offline(scale_task());
    let (_open, rise) = rise_of(|| {
        let open = block_on(pipeline.open(UserModel::from_json(&json).unwrap())).unwrap();
        block_on(pipeline.personalize(&open, &common::query(&rare_words(3)))).unwrap();
        open
    });
    let each = rise.map(|rise| rise.used / TEXTS as u64);
    assert!(each.is_none_or(|each| each < 40 << 10), "{each:?} bytes for each text of 200");
}

/// Measures in a process of its own: what learning leaves free here would hide what opening takes.
fn measured_elsewhere() {
    let history = (0..TEXTS).map(|n| interaction(&format!("i{n}"), &rare_words(n), &(1 + n % 5).to_string(), 1));
    let history = History::new(&scale_task(), "ana", history).unwrap();
    let model = block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap().model;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bounded_memory.model.json");
    std::fs::write(&path, model.to_json()).unwrap();
    let mut other = std::process::Command::new(std::env::current_exe().unwrap());
    other.args(["an_open_model_takes_memory_in_proportion_to_its_texts", "--exact", "--nocapture"]).env(MODEL, path);
    let output = other.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
