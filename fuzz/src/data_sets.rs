//! Published files of users with histories, as rpm-eval reads them.

use std::fs;

use rpm_eval::EvalError;
use rpm_eval::dataset::{Dataset, Format, ReadOptions, read};

use crate::files::folder;
use crate::steps::sync;
use crate::{first, is_discreet};

/// Stands between the files of one input.
const BETWEEN: u8 = 0x1e;

/// The first byte chooses the format; then come its files, and what stands beside them (labels, a task, outputs).
pub fn data_sets(data: &[u8]) {
    let (how, rest) = first(data);
    let mut files = rest.splitn(2, |byte| *byte == BETWEEN);
    let (main, beside) = (files.next().unwrap_or_default(), files.next());
    let format = Format::ALL[usize::from(how) % 4];
    let names = match (format, how / 4 % 2) {
        (Format::Jsonl, 0) => ("users.jsonl", "labels.json"),
        (Format::Jsonl, _) => ("users.jsonl", "task.json"),
        (Format::Lamp, _) => ("dev_questions.json", "dev_outputs.json"),
        (Format::Opinions, _) => ("opinions.csv", "unread"),
        _ => ("val.jsonl", "unread"),
    };
    let set = folder("set");
    for old in fs::read_dir(&set).unwrap().flatten() {
        let _ = fs::remove_file(old.path());
    }
    fs::write(set.join(names.0), main).unwrap();
    beside.map(|beside| fs::write(set.join(names.1), beside).unwrap());

    let mut options = ReadOptions::default();
    options.max_row_bytes = 1 << 16;
    options.max_skipped_named = 8;
    options.least_questions = 2;
    let path = if format == Format::Opinions { set.join(names.0) } else { set };
    let one = sync(|| read(&path, Some(format), &options));
    let other = read(&path, Some(format), &options);
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert!(format!("{one:?}") == format!("{other:?}"), "the same files are read in two ways");
            is_sound(&one);
        }
        (Err(one), Err(other)) => {
            // Ids are printed, so a text in an id's place is too.
            if ![Some(main), beside].into_iter().flatten().any(is_in_an_id) {
                is_discreet(&one);
            }
            assert_eq!(one.to_string(), other.to_string());
        }
        _ => panic!("the same files are read and refused"),
    }
}

fn is_in_an_id(file: &[u8]) -> bool {
    let text = String::from_utf8_lossy(file);
    let is_id = |key: &str| ["\"id", "\"user", "\"user_id", "\"group"].iter().any(|id| key.trim_end().ends_with(id));
    let mut places = text.match_indices(crate::CANARY);
    places.any(|(at, _)| text.get(..at).and_then(|before| before.rsplit_once("\":")).is_some_and(|(key, _)| is_id(key)))
}

fn is_sound(set: &Dataset) {
    assert!(!set.users.is_empty() && set.items() > 0, "an empty set is read");
    assert!(set.skipped.len() <= 8);
    assert!(set.skipped.iter().all(|skipped| !skipped.problem.contains(crate::CANARY)), "a problem quotes a row");
    for user in &set.users {
        assert!(!user.tests.is_empty());
        match set.history(user) {
            Ok(history) => assert_eq!(history.len(), user.history.len()),
            Err(error @ EvalError::Data { .. }) => panic!("a user that was read has no history: {error}"),
            Err(_) => {}
        }
        for test in &user.tests {
            set.task.check_query(&test.id, &test.query).expect("a query that was read fits the task");
            set.task.check_response(&test.id, &test.query, &test.gold).expect("a response that was read fits the task");
            let sum: f64 = test.shares.iter().sum();
            assert!(test.shares.is_empty() || (sum - 1.0).abs() < 1e-6, "shares do not add up");
        }
    }
}
