//! The dashboard asks for nothing that the layer does not emit, and shows all that there is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use rpm_otel::{Conventions, metrics};
use serde_json::Value;

const DASHBOARD: &str = include_str!("../dashboard/grafana.json");

/// The words of a query: names, and what stands behind each.
fn words(expr: &str) -> Vec<(String, char)> {
    let mut words = Vec::new();
    let mut rest = expr;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"') {
        rest = &rest[start..];
        if let Some(text) = rest.strip_prefix('"') {
            // A label's value.
            rest = &text[text.find('"').unwrap() + 1..];
            continue;
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        words.push((word.to_owned(), behind.trim_start().chars().next().unwrap_or(' ')));
        rest = behind;
    }
    words
}

fn is_ours(word: &str) -> bool {
    word.starts_with("rpm_") || word.starts_with("gen_ai_")
}

/// Every query: a panel's title, and what it asks.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().clone();
    let of = |panel: &Value| -> Vec<(String, String)> {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.iter().map(|target| (title.clone(), target["expr"].as_str().unwrap().to_owned())).collect()
    };
    panels.iter().flat_map(of).collect()
}

#[test]
fn every_series_and_label_of_a_panel_is_one_that_the_layer_emits() {
    let series: BTreeSet<String> = metrics(Conventions::V1_41).flat_map(|metric| metric.in_prometheus()).collect();
    let labels: BTreeSet<String> = metrics(Conventions::V1_41)
        .flat_map(|metric| metric.attributes())
        .map(|attribute| attribute.replace('.', "_"))
        .chain(["le".to_owned()])
        .collect();
    let mut used = BTreeSet::new();
    for (title, expr) in queries() {
        for (word, behind) in words(&expr).into_iter().filter(|(word, _)| is_ours(word) || word == "error_type") {
            // A series is chosen from or taken over a time; a label is compared, or in a list.
            if matches!(behind, '{' | '[') {
                assert!(series.contains(&word), "{title}: {word}");
                used.insert(word);
            } else {
                assert!(matches!(behind, '=' | '!' | ',' | ')'), "{title}: {word} before {behind}");
                assert!(labels.contains(&word), "{title}: {word}");
            }
        }
    }
    for metric in metrics(Conventions::V1_41).filter(|metric| metric.name != "gen_ai.client.token.usage") {
        assert!(metric.in_prometheus().iter().any(|series| used.contains(series)), "no panel shows {}", metric.name);
    }
}

#[test]
fn a_label_is_one_that_the_metric_it_is_asked_of_has() {
    for (title, expr) in queries() {
        let words = words(&expr);
        let of = metrics(Conventions::V1_41)
            .filter(|metric| metric.in_prometheus().iter().any(|series| words.iter().any(|(word, _)| word == series)));
        let known: BTreeSet<String> =
            of.flat_map(|metric| metric.attributes()).map(|name| name.replace('.', "_")).collect();
        for (word, behind) in &words {
            if (is_ours(word) || word == "error_type") && !matches!(behind, '{' | '[') {
                assert!(known.contains(word), "{title}: {word}");
            }
        }
    }
}

#[test]
fn what_chooses_an_operation_asks_for_a_series_that_there_is() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let query = dashboard["templating"]["list"][1]["query"]["query"].as_str().unwrap();
    let series: Vec<String> = metrics(Conventions::V1_41).flat_map(|metric| metric.in_prometheus()).collect();
    let words = words(query);
    assert!(series.contains(&words[1].0), "{query}");
    assert_eq!(words[2].0, "rpm_operation");
}

#[test]
fn panels_have_titles_and_places_of_their_own() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let of = |field: &str| panels.iter().map(|panel| panel[field].to_string()).collect::<BTreeSet<_>>().len();
    assert_eq!((of("title"), of("id"), of("gridPos")), (panels.len(), panels.len(), panels.len()));
}
