//! Real replies of four small models, good and bad, read again. The file is not part of the crate; without it the test says
//! so and passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pollster::block_on;
use rpm_core::context::StageContext;
use rpm_core::extract::{Extraction, ExtractionRequest, PromptedExtractor, ground};
use rpm_core::llm::{FinishReason, Ledger};
use rpm_core::prompt::{PromptSet, ReplyError, read_items, read_reply};
use rpm_core::{Completion, FeatureExtractor as _, Query, ResponseSpace, Task, backend_fn};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

#[derive(Deserialize)]
struct Row {
    stage: String,
    constrained: bool,
    prompt: String,
    output: String,
    finish_reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Polarity {
    Positive,
    Negative,
    Neutral,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct Feature {
    name: Said,
    context: Said,
    influence: bool,
    polarity: Polarity,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct Label {
    label: Said,
    description: Said,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct Verdict {
    reasoning: Said,
    rating: Stars,
}

/// Text that says something: no placeholder such as `...`.
struct Said;

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.chars().any(char::is_alphanumeric) { Ok(Self) } else { Err(D::Error::custom("says nothing")) }
    }
}

/// A rating from 1 to 5, as text or as a number.
struct Stars;

impl<'de> Deserialize<'de> for Stars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let stars = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
        stars.filter(|stars| (1..=5).contains(stars)).map(|_| Self).ok_or_else(|| D::Error::custom("no rating"))
    }
}

fn rows() -> Option<Vec<Row>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/llm/raw_outputs.jsonl");
    let path = std::env::var_os("RPM_RAW_OUTPUTS").map_or_else(beside, PathBuf::from);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("no raw outputs beside the crate and none in RPM_RAW_OUTPUTS: nothing is replayed");
    }
    Some(text?.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// How a reply was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Read {
    /// As it came.
    First,
    /// After a repair that lost nothing.
    Repaired,
    /// In part: it was cut or some items were no items; what was whole is kept.
    Salvaged,
    /// Reported as an error.
    Refused,
}

fn outcome(row: &Row) -> Read {
    let value = |read: Result<Vec<rpm_core::prompt::Repair>, ReplyError>| match read {
        Ok(repairs) if repairs.is_empty() => Read::First,
        Ok(repairs) if repairs.contains(&rpm_core::prompt::Repair::ClosedBrackets) => Read::Salvaged,
        Ok(_) => Read::Repaired,
        Err(_) => Read::Refused,
    };
    match row.stage.as_str() {
        "feature_extraction" => match read_items::<Feature>(&row.output, "features") {
            Ok(read) if read.items.is_empty() => Read::Refused,
            Ok(read) if read.truncated || read.unreadable > 0 => Read::Salvaged,
            read => value(read.map(|read| read.repairs)),
        },
        "factor_labelling" => value(read_reply::<Label>(&row.output).map(|read| read.repairs)),
        _ => value(read_reply::<Verdict>(&row.output).map(|read| read.repairs)),
    }
}

#[test]
fn every_reply_is_read_or_refused_as_counted() {
    let Some(rows) = rows() else { return };
    assert_eq!(rows.len(), 180);
    let mut counts: BTreeMap<(bool, &str), [usize; 4]> = BTreeMap::new();
    for row in &rows {
        let read = outcome(row);
        counts.entry((row.constrained, row.stage.as_str())).or_default()[read as usize] += 1;
        if !row.output.contains(['{', '[']) {
            assert_eq!(read, Read::Refused);
        }
        let strict = serde_json::from_str::<Value>(&row.output).is_ok();
        assert!(strict || read != Read::First, "what is no JSON was not right as it came");
        assert!(!strict || read != Read::Repaired, "JSON is never repaired");
    }
    // As it came, after a repair, in part, refused.
    let expected = BTreeMap::from([
        ((false, "factor_labelling"), [1, 2, 0, 5]),
        ((false, "feature_extraction"), [18, 1, 0, 17]),
        ((false, "prediction"), [2, 11, 0, 20]),
        ((false, "reasoning_path"), [0, 1, 0, 11]),
        ((true, "factor_labelling"), [7, 0, 0, 1]),
        ((true, "feature_extraction"), [31, 0, 3, 4]),
        ((true, "prediction"), [30, 0, 0, 3]),
        ((true, "reasoning_path"), [11, 0, 0, 1]),
    ]);
    assert_eq!(counts, expected);
    let sum = |read: Read| counts.values().map(|count| count[read as usize]).sum::<usize>();
    let total = [Read::First, Read::Repaired, Read::Salvaged, Read::Refused].map(sum);
    assert_eq!(total, [100, 15, 3, 62]);
}

/// What the extractor keeps of a reply to one text.
fn extracted(row: &Row) -> (Query, Result<Extraction, String>) {
    let review = row.prompt.rsplit_once("\n\n").unwrap().1;
    let review = review.rsplit_once("\nRating:").map_or(review, |(review, _)| review);
    let query = Query::new(review).unwrap();
    let task = Task::new("How would this person rate it?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let task = task.query_name("review").unwrap().response_name("rating").unwrap();
    let finish = if row.finish_reason == "length" { FinishReason::Length } else { FinishReason::Stop };
    let completion = Completion::new(row.output.as_str()).finish(finish);
    let backend = backend_fn(move |_| {
        let completion = completion.clone();
        async move { Ok(completion) }
    });
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::new(&backend, &prompts, &ledger);
    let extractor = PromptedExtractor::default().max_reasks(0).from_words(0);
    let extraction = block_on(extractor.extract(ExtractionRequest::new(&task, "row", &query), &ctx));
    (query, extraction.map_err(|error| error.to_string()))
}

#[test]
fn nothing_that_a_model_invented_is_kept() {
    let Some(rows) = rows() else { return };
    let (mut read, mut refused, mut kept, mut dropped) = (0, 0, 0, rpm_core::extract::Dropped::default());
    for row in rows.iter().filter(|row| row.stage == "feature_extraction") {
        let (query, extraction) = extracted(row);
        let Ok(extraction) = extraction else {
            refused += 1;
            continue;
        };
        read += 1;
        kept += extraction.features.len();
        dropped.add(&extraction.dropped);
        for assigned in &extraction.features {
            let (name, quote) = (assigned.feature.name(), assigned.feature.context(&query));
            assert!(query.text().contains(quote) && ground(query.text(), quote).is_some(), "{name}");
            let echo = ["name", "influence", "polarity", "context", "feature", "review", "rating", "..."];
            assert!(!echo.contains(&name.to_lowercase().trim()), "{name}");
        }
    }
    assert_eq!((read, refused, kept), (67, 7, 96));
    let dropped = (dropped.ungrounded, dropped.unusable_name, dropped.repeated, dropped.over_limit);
    assert_eq!(dropped, (27, 41, 7, 1));
}
