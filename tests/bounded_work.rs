//! Work is in proportion to the input, whoever wrote it: what a text, a reply or a history costs is measured at four sizes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;
#[path = "common/growth.rs"]
mod growth;

use common::{ScriptedBackend, interaction, reply, scale_task};
use growth::assert_in_proportion;
use pollster::block_on;
use rpm_core::prompt::{read_items, read_reply};
use rpm_core::{History, Preset, RpmPipeline};
use serde::Deserialize;

/// What stages ask for, loosely.
#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Item {
    name: String,
}

/// Parts that, repeated, make a reader of JSON in prose go back: strings, lists, comments and tags that nothing ends.
const PARTS: [&str; 20] = [
    "\"[",
    "[\"",
    "[\"a\" b",
    "{\"a\":\"b\" c",
    "'[",
    "“[",
    "[ /*",
    "[\"\\",
    "{a:\"",
    "[[",
    "[{\"a\":[",
    "[1,",
    "}],",
    "<think>",
    "</think>",
    "<|",
    "`",
    "```[\"",
    "{\"a\":1,\"",
    "[\"a\", \"b\" c",
];

fn read(reply: &str) {
    let _ = read_reply::<Item>(reply);
    let _ = read_items::<Item>(reply, "items");
}

#[test]
fn reading_a_reply_takes_time_in_proportion_to_its_length() {
    for part in PARTS {
        let make = |bytes: usize| format!("x{}", part.repeat(bytes / part.len()));
        assert_in_proportion(part, 2_000, make, |reply| read(reply));
    }
}

#[test]
fn learning_from_tangled_replies_takes_time_in_proportion_to_their_length() {
    let learn = |bytes: &mut usize| {
        let tangled = format!("x{}", "\"[".repeat(*bytes / 2));
        let backend = ScriptedBackend::new(move |_| Ok(reply(&tangled)));
        let pipeline = RpmPipeline::builder(scale_task()).preset(Preset::Paper).backend(backend).build().unwrap();
        let history = History::new(&scale_task(), "ana", [interaction("a", "A quiet drama.", "5", 1)]).unwrap();
        block_on(pipeline.learn(&history)).unwrap_err();
    };
    assert_in_proportion("learning", 2_000, |bytes| bytes, learn);
}
