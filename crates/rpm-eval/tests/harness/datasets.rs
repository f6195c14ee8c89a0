//! Reading data sets through the public interface: the small ones here, and the real ones where they are at hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

use rpm_eval::EvalError;
use rpm_eval::dataset::{Dataset, Format, Limits, ReadOptions, read};
use rpm_eval::method::named;
use rpm_eval::report::{Report, ReportOptions};
use rpm_eval::run::Runner;
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/eval").join(name)
}

fn counts(set: &Dataset) -> (usize, usize, usize) {
    (set.users.len(), set.users.iter().map(|user| user.history.len()).sum(), set.items())
}

#[test]
fn every_format_is_guessed_and_read() {
    let mut options = ReadOptions::default();
    options.least_questions = 5;
    for (name, format, expected) in [
        ("rating", Format::Jsonl, (2, 4, 3)),
        ("opinion", Format::Jsonl, (1, 1, 1)),
        ("LaMP_2", Format::Lamp, (2, 4, 2)),
        ("LaMP_4", Format::Lamp, (1, 1, 1)),
        ("goqa", Format::Opinions, (2, 8, 2)),
        ("longlamp", Format::LongLamp, (1, 1, 1)),
    ] {
        let path = fixture(name);
        assert_eq!(Format::guess(&path), Some(format), "{name}");
        let set = read(&path, None, &options).unwrap();
        assert_eq!(counts(&set), expected, "{name}");
        assert_eq!(set.sha256.len(), 64);
        for user in &set.users {
            set.history(user).unwrap();
        }
    }
}

#[test]
fn limits_leave_users_their_names() {
    let set = read(&fixture("rating"), None, &ReadOptions::default()).unwrap();
    let limited = set.limited(Limits { skip_users: 1, only_unseen: true, ..Limits::default() });
    assert_eq!(counts(&limited), (1, 2, 1));
    assert_eq!(limited.users[0].id.as_str(), "user 2");
}

#[test]
fn a_folder_of_no_format_asks_for_one() {
    let error = read(&fixture(""), None, &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, EvalError::Format { .. }));
    assert!(error.to_string().contains("choose jsonl, lamp, goqa or longlamp"), "{error}");
}

/// Folder, users, interactions, test items; from the folders' own descriptions.
const REAL: [(&str, (usize, usize, usize)); 5] = [
    ("rating", (39, 598, 207)),
    ("rating_critics", (64, 2539, 673)),
    ("title", (60, 1619, 430)),
    ("opinion", (43, 2496, 642)),
    ("votes", (24, 3491, 1174)),
];

#[test]
fn the_real_sets_have_the_users_and_items_their_descriptions_say() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("RPM_DATA").map_or_else(beside, PathBuf::from);
    for (name, expected) in REAL {
        let path = folder.join(name);
        if !path.is_dir() {
            println!("skipped: {name} is not here; RPM_DATA may name the folder it is in");
            continue;
        }
        let set = read(&path, None, &ReadOptions::default()).unwrap();
        assert_eq!(counts(&set), expected, "{name}");
        assert!(set.skipped.is_empty(), "{name}: {:?}", set.skipped.first());
        let shares = set.users.iter().flat_map(|user| &user.tests).filter(|item| !item.shares.is_empty()).count();
        assert_eq!(shares, if name == "opinion" { expected.2 } else { 0 });
        let seen = set.users.iter().flat_map(|user| &user.tests).filter(|item| item.seen == Some(true)).count();
        assert_eq!(seen, if name == "votes" { 334 } else { 0 });
    }
}

/// LaMP-3 of six people with six questions each, of whom each profile has `entries` of their question's number.
fn lamp(name: &str, with_ids: bool, entries: impl Fn(usize) -> usize) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let (mut questions, mut golds) = (Vec::new(), Vec::new());
    for (person, n) in (0..6).flat_map(|person| (0..6).map(move |n| (person, n))) {
        let entry =
            |at| json!({"id": at, "text": format!("Thing {at} of shelf {person}"), "score": 1 + (person + at) % 5});
        let profile: Vec<Value> = (0..entries(n)).map(entry).collect();
        let id = format!("{person}{n}");
        let mut question = json!({"id": id, "input": format!("review: Thing {n} again"), "profile": profile});
        if with_ids {
            question["user_id"] = json!(person.to_string());
        }
        questions.push(question);
        golds.push(json!({"id": id, "output": (1 + (person + n) % 5).to_string()}));
    }
    std::fs::write(folder.join("dev_questions.json"), json!(questions).to_string()).unwrap();
    std::fs::write(folder.join("dev_outputs.json"), json!({"task": "LaMP_3", "golds": golds}).to_string()).unwrap();
    folder
}

#[test]
fn questions_of_one_person_are_no_independent_users_whether_ids_say_so_or_profiles() {
    for (name, growing) in [("same_profiles", false), ("growing_profiles", true)] {
        let figures = [true, false].map(|with_ids| {
            let folder = lamp(&format!("{name}_{with_ids}"), with_ids, |n| if growing { 4 + n } else { 6 });
            let sets = [read(&folder, None, &ReadOptions::default()).unwrap()];
            assert_eq!(sets[0].notes.is_empty(), with_ids, "{:?}", sets[0].notes);
            let methods = ["majority", "mean"].map(|name| named(&name.parse().unwrap()).unwrap());
            let run = pollster::block_on(Runner::new().run(&sets, &methods)).unwrap();
            let report = Report::of(&run, &sets, &ReportOptions::default().base("majority"));
            let found = report.sets[0].comparisons.iter().find(|it| it.metric == "MAE").unwrap();
            assert_eq!((report.sets[0].people, found.users, found.items), (6, 6, 36));
            (found.p, found.difference)
        });
        assert_eq!(figures[0], figures[1], "{name}");
    }
}
