//! What is told to people holds nothing that a terminal obeys or that hides, whatever a model replied or a text holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::common::{ScriptedBackend, cases, obey};
use pollster::block_on;
use proptest::prelude::*;
use rpm_core::prompt::frame;
use rpm_core::{DataError, Query, RpmPipeline};
use serde_json::Value;

/// Colours, a window's title, a cleared screen, a line written over, reordered and hidden text.
const HOSTILE: &str =
    "\u{1b}[31m\u{1b}]0;gone\u{7}\u{9b}2J\rover\u{202e}\u{2066}\u{200b}\u{e0041}\u{e0101}\u{feff}\nforged: 5";

/// Appends hostile text to what a model words freely: names, reasons and, where they are free text, responses.
fn spoil(reply: &mut Value) {
    match reply {
        Value::Array(members) => members.iter_mut().for_each(spoil),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if ["name", "why"].contains(&name.as_str()) => text.push_str(HOSTILE),
                    Value::String(text) if name.starts_with('g') => text.push_str(HOSTILE),
                    other => spoil(other),
                }
            }
        }
        _ => {}
    }
}

#[track_caller]
fn harmless(what: &str, text: &str) {
    let odd = text.chars().find(|c| {
        c.is_control() && *c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            || ('\u{e0000}'..='\u{e0fff}').contains(c)
    });
    assert_eq!(odd, None, "{what}: {text:?}");
    assert!(!text.contains("\nforged"), "{what}: {text}");
}

#[test]
fn no_reply_of_a_model_reaches_a_terminal_as_commands() {
    for (kind, task, history, query) in cases() {
        let model = ScriptedBackend::except(|request| {
            let mut reply: Value = serde_json::from_str(&obey(request)).ok()?;
            spoil(&mut reply);
            Some(reply.to_string())
        });
        let pipeline = RpmPipeline::builder(task).backend(model).build().unwrap();
        let learned = block_on(pipeline.learn(&history)).unwrap();
        harmless("report", &learned.report.to_string());
        let user = block_on(pipeline.open(learned.model)).unwrap();
        let answer = block_on(pipeline.personalize(&user, &query)).unwrap();
        let reasons = answer.reasons(&user);
        assert!(!reasons.steps.is_empty(), "{kind}: else this shows nothing");
        harmless("reasons", &reasons.to_string());
        harmless("in words", &reasons.in_words());
        if let Some(sum) = reasons.waterfall() {
            harmless("waterfall", &sum.to_string());
            harmless("picture", &sum.svg());
        }
        let explained = block_on(pipeline.explain(&user, &answer)).unwrap();
        harmless("what if", &explained.to_string());
        harmless("what if in words", &explained.in_words());
        if kind != "text" {
            let profile = user.profile();
            harmless("profile", &profile.to_string());
            harmless("page", &profile.html());
        }
        // As data too: hosts print it.
        for step in &reasons.steps {
            assert!(
                !step.text.chars().chain(step.feature.chars()).any(|c| c.is_control() && c != '\n' && c != '\r'),
                "{step:?}"
            );
        }
    }
}

#[test]
fn a_query_that_shows_nothing_is_blank() {
    let nothing: Vec<char> =
        (0x80..=0x0010_ffff).filter_map(char::from_u32).filter(|c| frame(&format!("a{c}b")) == "| ab").collect();
    assert!(nothing.len() > 4_000, "{} characters show nothing", nothing.len());
    for c in nothing.into_iter().filter(|c| !c.is_control()).chain(['\u{2800}', '\u{3000}', '\u{3164}', '\u{ffa0}']) {
        let refused = Query::new(format!("{c}{c}"));
        assert!(matches!(refused, Err(DataError::Blank { .. })), "U+{:04X}", u32::from(c));
    }
}

proptest! {
    #[test]
    fn hidden_bits_do_not_reach_a_prompt(bits in proptest::collection::vec(proptest::sample::select(vec![
        '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{2064}', '\u{180e}', '\u{fe00}', '\u{fe0f}', '\u{e0100}', '\u{e01ef}', '\u{e0061}',
        '\u{34f}', '\u{115f}', '\u{17b4}', '\u{1d173}', '\u{fff9}', '\u{61c}',
    ]), 0..64)) {
        let hidden: String = bits.into_iter().collect();
        prop_assert_eq!(frame(&format!("Good{hidden} film{hidden}.")), "| Good film.");
        // One selector or joiner after a picture is how pictures are written.
        let framed = frame(&format!("😀{hidden}!"));
        prop_assert!(framed.chars().count() <= 6, "{:?}", framed);
    }
}
