//! The reader of `GlobalOpinionQA`.

use super::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;

fn options(least: usize) -> ReadOptions {
    ReadOptions { least_questions: least, ..ReadOptions::default() }
}

#[test]
fn groups_become_users_whose_answer_is_the_first_of_the_most_chosen() {
    let set = read(&fixture("goqa"), None, &options(5)).unwrap();
    assert_sound(&set);
    assert_eq!((set.name.as_str(), set.users.len(), set.items()), ("goqa", 2, 2));
    for user in &set.users {
        assert_eq!((user.history.len(), user.tests.len()), (4, 1));
        let said = if user.id.as_str() == "user 1" { "Yes" } else { "Don't know" };
        assert!(user.history.iter().all(|past| past.response() == said));
        assert_eq!((user.tests[0].gold.as_str(), user.tests[0].seen), (said, Some(false)));
        let sum: f64 = user.tests[0].shares.iter().sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }
    let expected = [
        ("global_opinions.csv, row 5, group 3", "has 2 shares for 3 options"),
        ("global_opinions.csv, row 6", "has two options that read the same"),
        ("group 3", "has 0 usable questions, fewer than 5"),
    ];
    assert_eq!(skipped(&set), expected);
}

/// A file of `questions` about one group each of `groups`.
fn table(questions: usize, groups: &[&str]) -> String {
    let mut text = "question,selections,options\n".to_owned();
    for n in 0..questions {
        let shares: Vec<String> = groups.iter().map(|group| format!("'{group}': [0.4, 0.6]")).collect();
        writeln!(text, "Question {n}?,\"{{{}}}\",\"['a', 'b']\"", shares.join(", ")).unwrap();
    }
    text
}

fn parts(set: &Dataset, user: usize) -> (Vec<String>, Vec<String>) {
    let user = &set.users[user];
    let history = user.history.iter().map(|past| past.query().text().to_owned()).collect();
    (history, user.tests.iter().map(|item| item.query.text().to_owned()).collect())
}

#[test]
fn the_split_is_by_seed_covers_all_questions_and_does_not_depend_on_other_groups() {
    let folder = Folder::of(&[("one.csv", table(50, &["A"])), ("two.csv", table(50, &["B", "A"]))]);
    let read =
        |file: &str, seed| read(&folder.0.join(file), None, &ReadOptions { seed, ..ReadOptions::default() }).unwrap();
    let (history, tests) = parts(&read("one.csv", 3), 0);
    assert_eq!((history.len(), tests.len()), (40, 10));
    assert_eq!(history.iter().chain(&tests).collect::<BTreeSet<_>>().len(), 50);
    assert_eq!(parts(&read("one.csv", 3), 0), (history.clone(), tests.clone()));
    assert_eq!(parts(&read("two.csv", 3), 1), (history, tests.clone()));
    assert_ne!(parts(&read("one.csv", 4), 0).1, tests);
    assert_ne!(parts(&read("two.csv", 3), 0).1, tests);
}

#[test]
fn variants_of_a_country_are_users_of_their_own_who_do_not_teach_each_other() {
    let names = ["India (Current national sample)", "Indonesia", "India (Non-national sample)", "India"];
    let folder = Folder::of(&[("x.csv", table(20, &names))]);
    let set = read(&folder.0.join("x.csv"), None, &ReadOptions::default()).unwrap();
    assert_eq!(people(&set.users), [0, 1, 0, 0]);
}

#[test]
fn a_question_asked_twice_is_marked_as_seen() {
    let twice = table(1, &["A"]);
    let row = twice.lines().nth(1).unwrap();
    let folder = Folder::of(&[("x.csv", format!("{twice}{row}\n"))]);
    let set = read(&folder.0.join("x.csv"), None, &options(2)).unwrap();
    assert_eq!(set.users[0].tests[0].seen, Some(true));
}

#[test]
fn each_malformed_row_is_named_and_the_rest_is_read() {
    let rows = [
        r"one?,{'A': [1]},['only']",
        r#"two?,"{'A': [0.5, 0.5]}","['a', SECRET]""#,
        r#"three?,"{'A': [0.5, 0.5]","['a', 'b']""#,
        r#"four?,"{'A': [nan, 0.5], 'B': SECRET}","['a', 'b']""#,
        r#"five?,"{'A': [nan, 0.5], 'B': 'SECRET'}","['a', 'b']""#,
        r#"six?,"[1]","['a', 'b']""#,
        "seven?",
        r#",{'A': [0.5]},"['a', 'b']""#,
        r#"nine?,"{'A': [0, 0], 'A': [1, 0]}","['a', 'b']""#,
        r#"ten?,"{'A': [0, 0], 7: [1, 0]}","['a', None]""#,
    ];
    let text = format!("\u{feff}{}{}\r\n", table(20, &["A"]), rows.join("\r\n"));
    let folder = Folder::of(&[("x.csv", text)]);
    let set = read(&folder.0.join("x.csv"), None, &ReadOptions::default()).unwrap();
    assert_sound(&set);
    assert_eq!((set.users.len(), set.users[0].history.len()), (1, 16));
    let expected = [
        ("x.csv, row 21", "gives 1 options where at least two are needed"),
        ("x.csv, row 22", "its options are no Python literal: a word that is no literal at byte 6"),
        ("x.csv, row 23", "its selections are no Python literal: a dict that does not end at byte 16"),
        ("x.csv, row 24", "its selections are no Python literal: a word that is no literal at byte 23"),
        ("x.csv, row 25, group 1", "has shares that are not numbers from 0 on with a sum above 0"),
        ("x.csv, row 25, group 2", "its shares are not a list"),
        ("x.csv, row 26", "its selections are not a dict"),
        ("x.csv, row 27", "has no selections in UTF-8"),
        ("x.csv, row 28", "query text in bytes is blank"),
        ("x.csv, row 29", "names a group twice"),
        ("x.csv, row 30", "has an option that is not text"),
        ("group 2", "has 0 usable questions, fewer than 20"),
    ];
    assert_eq!(skipped(&set), expected);
}

#[test]
fn a_row_over_the_limit_is_named_and_one_without_end_is_an_error() {
    let long = format!("{},\"{{}}\",\"['a', 'b']\"\n", "SECRET".repeat(100));
    let folder = Folder::of(&[
        ("x.csv", format!("{}{long}", table(20, &["A"]))),
        ("y.csv", format!("question,selections,options\n\"{}", "SECRET".repeat(100_000))),
        ("z.csv", "a,b\n1,2\n".to_owned()),
    ]);
    let options = ReadOptions { max_row_bytes: 300, ..ReadOptions::default() };
    let set = read(&folder.0.join("x.csv"), None, &options).unwrap();
    assert_eq!(skipped(&set), [("x.csv, row 21", "is over the limit for a row")]);
    let error = read(&folder.0.join("y.csv"), None, &options).unwrap_err();
    assert!(matches!(error, EvalError::Io { .. }) && !whole(&error).contains("SECRET"));
    let error = read(&folder.0.join("z.csv"), None, &options).unwrap_err();
    assert!(whole(&error).contains("has no column question"), "{error}");
}
