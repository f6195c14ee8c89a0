//! Every metric of the harness against what the libraries behind LaMP's evaluation, and SciPy, give:
//! `tests/oracle/make_metric_table.py` makes the table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;

use rpm_core::{ResponseSpace, Task};
use rpm_eval::Answered;
use rpm_eval::metric::{
    Metric, brier, calibration_error, jensen_shannon, macro_f1, mae, mean, parse_number, rmse, rouge_1, rouge_l,
};
use serde::Deserialize;

/// The largest difference from the libraries, by metric. LaMP's own are theirs to the bit.
const MOST: [(&str, f64); 8] = [
    ("labels", 0.0),
    ("number", 0.0),
    ("strict", 0.0),
    ("values", 0.0),
    ("rouge", 1e-12),
    ("jensen_shannon", 1e-12),
    ("brier", 1e-12),
    ("calibration", 1e-12),
];

#[derive(Deserialize)]
#[serde(tag = "metric", rename_all = "snake_case")]
enum Case {
    Rouge { gold: String, text: String, values: Vec<f64> },
    Labels { labels: Vec<String>, gold: Vec<String>, text: Vec<String>, values: Vec<f64> },
    Number { text: String, number: Option<String> },
    Strict { ends: [i64; 2], gold: Vec<String>, text: Vec<String>, values: Vec<f64> },
    Values { ends: [i64; 2], gold: Vec<String>, text: Vec<String>, values: Vec<f64> },
    JensenShannon { p: Vec<f64>, q: Vec<f64>, values: Vec<f64> },
    Brier { places: Vec<usize>, rows: Vec<Vec<f64>>, values: Vec<f64> },
    Calibration { sure: Vec<f64>, right: Vec<bool>, values: Vec<f64> },
}

fn cases(lines: &str) -> Vec<Case> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn answered(gold: &str, text: &str) -> Answered {
    Answered { gold: gold.to_owned(), raw: Some(text.to_owned()), ..Answered::default() }
}

fn figures(space: ResponseSpace, items: &[Answered], metrics: [Metric; 2]) -> Vec<f64> {
    let task = Task::new("Answer", space).unwrap();
    metrics.into_iter().filter_map(|metric| metric.of_items(&task, items)).collect()
}

fn strict(gold: &[String], text: &[String]) -> Vec<Answered> {
    gold.iter().zip(text).map(|(gold, text)| answered(gold, text)).collect()
}

/// The kind of the case, and what the crate and the library give.
fn compared(case: Case) -> (&'static str, Vec<f64>, Vec<f64>) {
    match case {
        Case::Rouge { gold, text, values } => ("rouge", vec![rouge_1(&gold, &text), rouge_l(&gold, &text)], values),
        Case::Labels { labels, gold, text, values } => {
            let space = ResponseSpace::labels(labels).unwrap();
            let metrics = [Metric::StrictAccuracy, Metric::StrictMacroF1];
            ("labels", figures(space, &strict(&gold, &text), metrics), values)
        }
        Case::Number { text, number } => {
            let number: Option<f64> = number.map(|number| number.parse().unwrap());
            ("number", Vec::from_iter(parse_number(&text)), Vec::from_iter(number))
        }
        Case::Strict { ends: [min, max], gold, text, values } => {
            let metrics = [Metric::StrictMae, Metric::StrictRmse];
            ("strict", figures(ResponseSpace::scale(min, max).unwrap(), &strict(&gold, &text), metrics), values)
        }
        Case::Values { ends: [min, max], gold, text, values } => {
            let mut items = strict(&gold, &text);
            for item in &mut items {
                item.value = item.raw.take().and_then(|text| parse_number(&text));
            }
            let metrics = [Metric::Mae, Metric::Rmse];
            ("values", figures(ResponseSpace::scale(min, max).unwrap(), &items, metrics), values)
        }
        Case::JensenShannon { p, q, values } => ("jensen_shannon", Vec::from_iter(jensen_shannon(&p, &q)), values),
        Case::Brier { places, rows, values } => {
            let scores: Vec<f64> = rows.iter().zip(places).filter_map(|(row, place)| brier(row, place)).collect();
            ("brier", Vec::from_iter(mean(&scores)), values)
        }
        Case::Calibration { sure, right, values } => {
            ("calibration", Vec::from_iter(calibration_error(sure.into_iter().zip(right))), values)
        }
    }
}

/// The largest difference and the number of cases, by kind.
fn differences(cases: Vec<Case>) -> BTreeMap<&'static str, (f64, usize)> {
    let mut differences = BTreeMap::new();
    for (place, case) in cases.into_iter().enumerate() {
        let (kind, given, wanted) = compared(case);
        assert_eq!(given.len(), wanted.len(), "case {place}, {kind}: {given:?} for {wanted:?}");
        let (most, n) = differences.entry(kind).or_insert((0.0_f64, 0));
        *n += 1;
        for (given, wanted) in given.iter().zip(&wanted) {
            let same = given.to_bits() == wanted.to_bits() || given.is_nan() && wanted.is_nan();
            let difference = if same { 0.0 } else { (given - wanted).abs() };
            assert!(!difference.is_nan(), "case {place}, {kind}: {given} for {wanted}");
            *most = most.max(difference);
        }
    }
    for (kind, (most, n)) in &differences {
        println!("{kind}: largest difference {most:e} over {n} cases");
    }
    differences
}

#[test]
fn metrics_are_those_of_the_libraries() {
    let cases = cases(include_str!("oracle/metric_table.jsonl"));
    assert!(cases.len() >= 2_000, "{} cases", cases.len());
    let differences = differences(cases);
    for (kind, allowed) in MOST {
        let (most, _) = differences[kind];
        assert!(most <= allowed, "{kind}: {most:e} is more than {allowed:e}");
    }
}

#[test]
fn the_pure_functions_are_what_the_metrics_give() {
    let task = Task::new("Rate", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let (gold, text) = (["1", "4", "5", "2"], ["2", "4", "1", "3"]);
    let items: Vec<Answered> = gold
        .iter()
        .zip(text)
        .map(|(gold, text)| Answered { response: Some(text.to_owned()), ..answered(gold, text) })
        .collect();
    let pairs: Vec<(f64, f64)> =
        gold.iter().zip(text).map(|(gold, text)| (gold.parse().unwrap(), text.parse().unwrap())).collect();
    let places = [(0, 1), (3, 3), (4, 0), (1, 2)].map(|(gold, given)| (Some(gold), Some(given)));
    assert_eq!(Metric::Mae.of_items(&task, &items), mae(&pairs));
    assert_eq!(Metric::Rmse.of_items(&task, &items), rmse(&pairs));
    assert_eq!(Metric::MacroF1.of_items(&task, &items), macro_f1(5, places));
    assert_eq!(mae(&pairs), Some(1.5));
}

/// Texts of one's own, scored by `make_metric_table.py --pairs`; skipped unless `RPM_METRIC_PAIRS` names them.
#[test]
fn own_texts_score_as_in_the_library() {
    let Ok(path) = std::env::var("RPM_METRIC_PAIRS") else {
        println!("skipped: RPM_METRIC_PAIRS names no file of scored pairs");
        return;
    };
    let differences = differences(cases(&std::fs::read_to_string(path).unwrap()));
    let (most, pairs) = differences["rouge"];
    assert!(pairs > 0 && most <= 1e-12, "{most:e} over {pairs} pairs");
}
