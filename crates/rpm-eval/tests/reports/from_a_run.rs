//! From a run to its report: every figure is one of the records', with its uncertainty.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::films::{dataset, methods};
use rpm_core::llm::Prices;
use rpm_eval::Record;
use rpm_eval::dataset::{Dataset, Limits, Skipped};
use rpm_eval::metric::Metric;
use rpm_eval::report::{Report, ReportOptions, SetReport};
use rpm_eval::run::{Run, Runner};

const NAMES: &str = "majority,median,knn,offline,offline:noise=0,offline:noise=0.5";

fn run(sets: &[Dataset]) -> Run {
    pollster::block_on(Runner::new().run(sets, &methods(NAMES))).unwrap()
}

fn report(users: usize) -> (Run, Report) {
    let sets = [dataset("films", users)];
    let run = run(&sets);
    let report = Report::of(&run, &sets, &ReportOptions::default());
    (run, report)
}

fn only(report: &Report) -> &SetReport {
    &report.sets[0]
}

#[test]
fn scores_are_those_of_the_records_with_an_interval_around_them() {
    let (run, report) = report(8);
    let set = only(&report);
    let task = dataset("films", 8).task;
    assert_eq!((set.users, set.items, set.interactions), (8, 24, 40));
    for row in &set.methods {
        let items = || {
            run.records.iter().filter_map(|record| match record {
                Record::Answered(item) if item.method == row.method => Some(item),
                _ => None,
            })
        };
        assert_eq!(row.answered, items().filter(|item| item.response.is_some()).count());
        for (metric, score) in
            Metric::of(&task).into_iter().filter(|it| set.metrics.iter().any(|m| m.name == it.name())).zip(&row.scores)
        {
            let value = score.map(|score| score.value);
            let wanted = metric.of_items(&task, items());
            assert_eq!(value.is_some(), wanted.is_some(), "{} of {}", metric.name(), row.method);
            assert!(
                value.zip(wanted).is_none_or(|(a, b)| (a - b).abs() < 1e-12),
                "{} of {}",
                metric.name(),
                row.method
            );
            if let Some(interval) = score.and_then(|score| score.interval) {
                assert!(interval.low <= value.unwrap() + 1e-12 && value.unwrap() <= interval.high + 1e-12);
            }
        }
    }
}

#[test]
fn differences_are_scores_less_the_bases_and_only_an_adjusted_p_decides() {
    let (_, report) = report(8);
    let set = only(&report);
    let score = |method: &str, metric: &str| {
        let at = set.metrics.iter().position(|it| it.name == metric).unwrap();
        set.methods.iter().find(|row| row.method == method).unwrap().scores[at].unwrap().value
    };
    assert!(set.comparisons.iter().all(|it| it.base == "majority"));
    assert_eq!(set.comparisons.len(), 2 * (NAMES.split(',').count() - 1));
    for it in &set.comparisons {
        let difference = score(&it.method, &it.metric) - score(&it.base, &it.metric);
        assert!((it.difference.value - difference).abs() < 1e-12);
        assert!(it.adjusted_p.unwrap() >= it.p.unwrap());
        assert_eq!(it.users_won + it.users_tied + it.users_lost, 8);
        // What is better on a scale's error is less.
        let better = if it.metric == "MAE" { difference < 0.0 } else { difference > 0.0 };
        assert!(!better || it.users_won > 0);
    }
}

#[test]
fn bases_are_those_named_and_no_pair_is_compared_twice() {
    let sets = [dataset("films", 8)];
    let options = ReportOptions::default().base("offline").base("knn").base("absent");
    let report = Report::of(&run(&sets), &sets, &options);
    let pairs: Vec<(&str, &str)> = only(&report)
        .comparisons
        .iter()
        .filter(|it| it.metric == "accuracy")
        .map(|it| (it.base.as_str(), it.method.as_str()))
        .collect();
    assert_eq!(pairs.len(), 5 + 4);
    assert!(pairs.contains(&("offline", "knn")) && !pairs.contains(&("knn", "offline")));
}

#[test]
fn methods_that_differ_in_one_number_make_a_curve() {
    let (_, report) = report(8);
    let curves = &only(&report).curves;
    assert_eq!(curves.len(), 1);
    assert_eq!(curves[0].lines.len(), 1);
    assert_eq!(curves[0].lines[0].method, "offline");
    assert_eq!(curves[0].lines[0].points.iter().map(|point| point.x).collect::<Vec<_>>(), [0.0, 0.5]);
}

#[test]
fn tiers_and_bins_hold_every_answer_once() {
    let (_, report) = report(8);
    let set = only(&report);
    let offline = set.tiers.iter().find(|it| it.method == "offline").unwrap();
    assert_eq!(offline.rows.iter().map(|row| row.answers).sum::<usize>(), 24);
    assert!((offline.rows.iter().map(|row| row.share).sum::<f64>() - 1.0).abs() < 1e-12);
    let offline = set.reliability.iter().find(|it| it.method == "offline").unwrap();
    assert_eq!(offline.bins.iter().map(|bin| bin.answers).sum::<usize>(), 24);
    assert!(set.tiers.iter().all(|it| it.method != "majority"));
}

#[test]
fn too_few_users_have_values_and_no_intervals() {
    let (_, report) = report(3);
    let set = only(&report);
    assert!(set.methods.iter().flat_map(|row| &row.scores).flatten().all(|score| score.interval.is_none()));
    assert!(set.comparisons.iter().all(|it| it.p.is_none() && it.adjusted_p.is_none()));
    let html = report.to_html().unwrap();
    // A note says what LaMP makes of "NaN"; no figure is one.
    assert!(html.contains("films") && !html.replace("reads NaN or infinity", "").contains("NaN"));
    assert!(serde_json::from_str::<Report>(&report.to_json().unwrap()).unwrap() == report);
}

#[test]
fn what_was_left_out_is_told() {
    let mut set = dataset("films", 8);
    set.skipped = (0..9).map(|row| Skipped { row: format!("row {row}"), problem: "no response".to_owned() }).collect();
    let sets = [set.limited(Limits { users: Some(7), tests: Some(2), ..Limits::default() })];
    let report = Report::of(&run(&sets), &sets, &ReportOptions::default().prices(Prices::per_million(1.0, 1.0)));
    let set = only(&report);
    assert_eq!((set.users, set.items, set.skipped_total, set.skipped.len()), (7, 14, 9, 5));
    assert_eq!(set.limits.as_deref(), Some("at most 7 users, the first 2 test items of each"));
    assert!(set.methods.iter().all(|row| row.dollars_per_1000.is_none()), "nothing is asked, so nothing is priced");
    assert!(report.to_markdown().contains("| row 0 | no response |"));
}

#[test]
fn a_run_that_was_not_finished_says_so_and_of_which_methods() {
    let sets = [dataset("films", 8)];
    let mut run = run(&sets);
    run.records.retain(|record| match record {
        Record::Learned(it) => it.method != "median" && (it.method != "knn" || it.user != "user 3"),
        Record::Answered(it) => it.method != "median" && (it.method != "knn" || it.user != "user 3" || it.item == "t0"),
        _ => true,
    });
    run.stopped = Some(rpm_core::llm::BudgetLimit::Money);
    let report = Report::of(&run, &sets, &ReportOptions::default());
    let unfinished: Vec<(&str, usize)> =
        only(&report).unfinished.iter().map(|it| (it.method.as_str(), it.users)).collect();
    assert_eq!(unfinished, [("median", 8), ("knn", 1)]);
    let knn = only(&report).comparisons.iter().find(|it| it.method == "knn").unwrap();
    assert_eq!((knn.users, knn.items), (7, 21));
    let told = "The run was not finished: median (8 users missing); knn (1 users missing).";
    assert_eq!(report.to_markdown().matches(told).count(), 2, "in short, and at the set");
}

#[test]
fn the_same_run_gives_the_same_report_to_the_byte() {
    let (one, two) = (report(8).1, report(8).1);
    assert_eq!(one.to_markdown(), two.to_markdown());
    assert_eq!(one.to_html().unwrap(), two.to_html().unwrap());
    assert_eq!(one.to_json().unwrap(), two.to_json().unwrap());
}
