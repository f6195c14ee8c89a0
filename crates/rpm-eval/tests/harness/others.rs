//! Runs in which methods learn from others: who teaches, by when, and what the report says of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::films::{dataset, methods};
use rpm_core::Interaction;
use rpm_eval::dataset::{Dataset, Mark};
use rpm_eval::report::{Report, ReportOptions};
use rpm_eval::run::{Run, Runner};
use rpm_eval::{Answered, EvalError, Record};

const NAMES: &str = "offline:own=0,offline:others=4:own=0:shared=2,offline:own=2,offline:others=4:own=2:shared=2,offline,\
                     offline:others=4:shared=2";

/// With others only, for what they teach.
const WITH: &str = "offline:others=4:own=0:shared=2,offline:others=4:shared=2";

/// The films' users, whose interactions are of times 10, 20, … and whose questions of 25, 45 and 65.
fn timed(users: usize) -> Dataset {
    let mut set = dataset("films", users);
    for user in &mut set.users {
        for (past, time) in user.history.iter_mut().zip((10..).step_by(10)) {
            *past = past.clone().at(time);
        }
        for (item, time) in user.tests.iter_mut().zip((25..).step_by(20)) {
            item.time = Some(time);
        }
    }
    set
}

fn run(set: &Dataset, names: &str) -> Run {
    pollster::block_on(Runner::new().run(std::slice::from_ref(set), &methods(names))).unwrap()
}

/// Everything that was answered to the items of one id, by one user.
fn answers(run: &Run, user: &str, item: &str) -> Vec<Answered> {
    let answered = run.records.iter().filter_map(|record| match record {
        Record::Answered(it) if it.user == user && it.item == item => Some(it.clone()),
        _ => None,
    });
    answered.map(|it| Answered { milliseconds: 0.0, ..it }).collect()
}

#[test]
fn nothing_that_others_said_at_the_time_of_a_question_or_later_moves_its_answer() {
    let set = timed(9);
    let whole = run(&set, WITH);
    for (item, asked) in [("t0", 25), ("t1", 45), ("t2", 65)] {
        let mut turned = set.clone();
        // Users 1, 5 and 9 are of one fold.
        for user in turned.users.iter_mut().enumerate().filter(|(place, _)| place % 4 != 0).map(|(_, user)| user) {
            for past in user.history.iter_mut().filter(|past| past.time().is_some_and(|time| time >= asked)) {
                let other = Interaction::new(past.id().as_str(), past.query().clone(), "3").unwrap();
                *past = other.at(past.time().unwrap());
            }
        }
        let turned = run(&turned, WITH);
        for user in ["user 1", "user 5", "user 9"] {
            assert_eq!(answers(&whole, user, item), answers(&turned, user, item), "{user}, {item}");
        }
    }
    let mut earlier = set.clone();
    for user in &mut earlier.users[1..4] {
        for past in &mut user.history {
            *past = Interaction::new(past.id().as_str(), past.query().clone(), "3").unwrap().at(past.time().unwrap());
        }
    }
    let earlier = run(&earlier, WITH);
    assert_ne!(answers(&whole, "user 1", "t2"), answers(&earlier, "user 1", "t2"), "what was said before does");
}

#[test]
fn a_later_question_is_answered_with_what_was_said_in_between() {
    let set = timed(9);
    let mut late = set.clone();
    for past in late.users.iter_mut().skip(1).flat_map(|user| &mut user.history) {
        if past.time() == Some(40) {
            *past = Interaction::new(past.id().as_str(), past.query().clone(), "3").unwrap().at(40);
        }
    }
    let (whole, late) = (run(&set, WITH), run(&late, WITH));
    assert_eq!(answers(&whole, "user 1", "t0"), answers(&late, "user 1", "t0"));
    assert_ne!(answers(&whole, "user 1", "t1"), answers(&late, "user 1", "t1"));
}

#[test]
fn of_whom_nothing_is_known_is_answered_all_the_same_and_like_anyone_of_whom_nothing_is() {
    let run = run(&timed(9), NAMES);
    let blank = |user: &str| {
        let of = |it: Answered| (it.method, it.probabilities, it.error);
        let all = answers(&run, user, "t1").into_iter().filter(|it| it.method.contains("own=0"));
        all.map(of).collect::<Vec<_>>()
    };
    // Users 1 and 7 are asked and were asked the same.
    let (one, other) = (blank("user 1"), blank("user 7"));
    assert_eq!(one.len(), 2);
    assert!(one.iter().all(|(_, probabilities, error)| probabilities.len() == 5 && error.is_none()), "{one:?}");
    assert_eq!(one[0], other[0]);
    assert_ne!(one[0].1, one[1].1, "what others say is all that moves it");
}

#[test]
fn the_report_has_a_row_for_each_number_of_own_interactions_and_says_what_others_add() {
    let set = timed(9);
    let run = run(&set, NAMES);
    let report = Report::of(&run, std::slice::from_ref(&set), &ReportOptions::default());
    let found = &report.sets[0];
    let steps: Vec<Option<usize>> = found.learning[0].steps.clone();
    assert_eq!(steps, [Some(0), Some(2), None]);
    let lines: Vec<(&str, usize)> = found.learning[0]
        .lines
        .iter()
        .map(|line| (line.method.as_str(), line.points.iter().flatten().count()))
        .collect();
    assert_eq!(lines, [("offline", 3), ("offline:others=4:shared=2", 3)]);
    for learning in &found.learning {
        let at = found.metrics.iter().position(|metric| metric.name == learning.metric).unwrap();
        let score = |method: &str| found.methods.iter().find(|row| row.method == method).unwrap().scores[at];
        assert_eq!(learning.lines[1].points[1], score("offline:others=4:own=2:shared=2"));
        assert_eq!(learning.lines[0].points[2], score("offline"));
    }
    // Accuracy and the mean error decide on a scale.
    let own: Vec<Option<usize>> = found.with_others.iter().map(|it| it.own).collect();
    assert_eq!(own, [Some(0), Some(2), None, Some(0), Some(2), None]);
    assert!(found.comparisons.is_empty(), "no base was named, and the methods alone are the bases");
    for it in &found.with_others {
        assert_eq!(it.comparison.base, it.comparison.method.replace(":others=4", "").replace(":shared=2", ""));
        assert!(it.comparison.adjusted_p.unwrap() >= it.comparison.p.unwrap() && it.comparison.items == 27);
        // At the time of the first question each had said two things.
        assert!((it.taught - 1.0).abs() < 1e-12);
    }
    assert!(report.to_markdown().contains("With others not told apart from alone"));
}

#[test]
fn a_difference_that_is_asked_for_twice_is_adjusted_once_and_alike() {
    let set = timed(9);
    let run = run(&set, "offline,offline:others=4:shared=2,majority");
    let options = ReportOptions::default().base("offline");
    let found = &Report::of(&run, std::slice::from_ref(&set), &options).sets[0];
    for it in &found.with_others {
        let same = found.comparisons.iter().find(|other| {
            (&other.base, &other.method, &other.metric)
                == (&it.comparison.base, &it.comparison.method, &it.comparison.metric)
        });
        assert_eq!(same, Some(&it.comparison));
    }
}

#[test]
fn those_of_another_set_teach_and_a_run_with_others_of_its_own_is_another_run() {
    let mut set = timed(4);
    let mut more = timed(12);
    for (place, user) in more.users.iter_mut().enumerate() {
        user.marks = vec![Mark::id(&place.to_string())];
        // Their histories are their own, apart from their first four.
        if place >= 4 {
            user.history.remove(place % 5);
        }
    }
    set.users[0].marks = vec![Mark::id("7")];
    more.sha256 = "of more".to_owned();
    let beside = set.clone().beside(&more).unwrap();
    let teachers = beside.teachers.as_ref().unwrap();
    assert_eq!((teachers.histories.len(), teachers.left_out), (7, 5));
    let named = "offline:others=set:shared=2";
    let done = run(&beside, named);
    assert_eq!(done.manifest.sets["films"].teachers.as_deref(), Some("of more"));
    assert!(answers(&done, "user 1", "t1").iter().all(|it| it.error.is_none()));
    let alone = run(&set, named);
    let error = answers(&alone, "user 1", "t1");
    assert!(alone.records.iter().any(|record| matches!(record, Record::Learned(it) if it.error.is_none())));
    assert!(error.iter().all(|it| it.error.as_deref() == Some("NoTeachers")), "{error:?}");

    let folder = std::env::temp_dir().join(format!("rpm-eval-others-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let go = |set: &Dataset| {
        pollster::block_on(Runner::new().resume(&folder).run(std::slice::from_ref(set), &methods("offline")))
    };
    go(&beside).unwrap();
    assert!(matches!(go(&set), Err(EvalError::OtherRun { .. })));
    std::fs::remove_dir_all(&folder).unwrap();
}
