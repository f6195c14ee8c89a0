//! Reading data sets through the public interface: the small ones here, and the real ones where they are at hand.

use std::path::{Path, PathBuf};

use rpm_eval::EvalError;
use rpm_eval::dataset::{Dataset, Format, Limits, ReadOptions, read};

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
