//! Cases and pages of users: chosen by rule from a run's records, and quoting nobody unless asked to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::films::{dataset, methods};
use rpm_core::{Query, ResponseSpace, Task};
use rpm_eval::dataset::Dataset;
use rpm_eval::report::{CaseKind, Report, ReportOptions};
use rpm_eval::run::{Run, Runner};

const NAMES: &str = "majority,median,knn,offline";

fn run(sets: &[Dataset], names: &str) -> Run {
    pollster::block_on(Runner::new().run(sets, &methods(names))).unwrap()
}

fn report(names: &str, options: &ReportOptions) -> Report {
    let sets = [dataset("films", 8)];
    Report::of(&run(&sets, names), &sets, options)
}

#[test]
fn a_case_is_what_its_kind_says_and_shows_ours_first_and_then_the_best_simple_baseline() {
    let report = report(NAMES, &ReportOptions::default());
    let set = &report.sets[0];
    let accuracy = |row: &&rpm_eval::report::MethodRow| row.scores[0].unwrap().value;
    let simple = set.methods.iter().filter(|row| row.method != "offline").map(|row| accuracy(&row)).fold(0.0, f64::max);
    assert!(!set.cases.is_empty());
    for case in &set.cases {
        let (ours, base) = (&case.item.answers[0], &case.item.answers[1]);
        assert_eq!(ours.method, "offline");
        let row = set.methods.iter().find(|row| row.method == base.method).unwrap();
        assert!((accuracy(&row) - simple).abs() < 1e-12, "{} is not the best", base.method);
        let right = (ours.right.unwrap(), base.right.unwrap());
        match case.kind {
            CaseKind::Gained => assert_eq!(right, (true, false)),
            CaseKind::Typical => assert_eq!(right, (true, true)),
            _ => assert!(!right.0),
        }
        for answer in &case.item.answers {
            assert_eq!(answer.right, Some(answer.response.as_deref() == Some(case.item.gold.as_str())));
        }
        assert!(ours.why.as_ref().unwrap().starts_with("basis: "));
    }
}

#[test]
fn a_run_without_a_method_of_ours_has_no_case_and_says_so() {
    let report = report("majority,median", &ReportOptions::default());
    assert!(report.sets[0].cases.is_empty());
    assert!(report.to_markdown().contains("None is shown: cases set a method of ours beside a simple baseline"));
}

#[test]
fn no_text_is_quoted_in_any_form_unless_texts_are_asked_for() {
    let quotes = |report: &Report| {
        let mut all = vec![report.to_markdown(), report.to_html().unwrap(), report.to_json().unwrap()];
        all.extend((0..report.users.len()).map(|place| report.user_html(place).unwrap().unwrap()));
        all.iter().filter(|text| text.contains("Seen by")).count()
    };
    let plain = report(NAMES, &ReportOptions::default().user_pages());
    assert_eq!((plain.users.len(), quotes(&plain)), (8, 0));
    assert!(plain.to_html().unwrap().contains("Users’ texts are not quoted"));
    let quoting = report(NAMES, &ReportOptions::default().user_pages().texts());
    assert_eq!(quotes(&quoting), 3 + 8);
    assert!(!quoting.to_html().unwrap().contains("Users’ texts are not quoted"));
}

#[test]
fn options_and_texts_are_told_by_place_and_length_where_texts_are_not_quoted() {
    let films = |space: ResponseSpace, options: &[&str], gold: &str| {
        let mut set = dataset("films", 1);
        set.task = Task::new("What would this person say?", space).unwrap();
        let query = |text: &str| {
            if options.is_empty() {
                Query::new(text).unwrap()
            } else {
                Query::with_options(text, options.iter().copied()).unwrap()
            }
        };
        let user = &mut set.users[0];
        user.history = (0..4)
            .map(|at| rpm_core::Interaction::new(format!("h{at}"), query("A town and its baker."), gold).unwrap())
            .collect();
        for test in &mut user.tests {
            (test.query, test.gold) = (query("A chase and a fight. Loud."), gold.to_owned());
        }
        let sets = [set];
        let names = if options.is_empty() { "first-sentence,offline" } else { "majority,offline" };
        let report = Report::of(&run(&sets, names), &sets, &ReportOptions::default().user_pages());
        report.users[0].items[0].gold.clone()
    };
    assert_eq!(films(ResponseSpace::Choices, &["never", "now and then"], "now and then"), "option 2 of 2");
    assert_eq!(films(ResponseSpace::text(200).unwrap(), &[], "Bread in winter"), "a text of 15 characters");
}

#[test]
fn a_page_of_a_user_has_every_item_with_every_methods_answer() {
    let report = report(NAMES, &ReportOptions::default().user_pages());
    for (page, user) in report.users.iter().zip(1..) {
        assert_eq!((page.set.as_str(), page.user.as_str()), ("films", format!("user {user}").as_str()));
        assert_eq!((page.items.len(), page.history), (3, 5));
        assert!(page.items.iter().all(|item| item.answers.len() == 4));
        for (method, score) in &page.scores {
            let right = page.items.iter().flat_map(|item| &item.answers).filter(|it| it.method == *method);
            let mean = right.map(|it| f64::from(u8::from(it.right.unwrap()))).sum::<f64>() / 3.0;
            assert!((score.unwrap() - mean).abs() < 1e-12, "{method} of {}", page.user);
        }
    }
}
