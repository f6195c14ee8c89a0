//! The reader of JSON lines.

use sha2::{Digest, Sha256};

use super::*;
use rpm_core::ResponseSpace;
use rpm_core::data::hex;

const LABELS: (&str, &str) = ("labels.json", r#"["1", "2", "3"]"#);
const GOOD: &str =
    r#"{"task":"rating","history":[{"query":"a","response":"1"}],"test":[{"query":"b","response":"2"}]}"#;

#[test]
fn users_and_items_are_numbered_and_times_kept_oldest_first() {
    let set = read(&fixture("rating"), None, &ReadOptions::default()).unwrap();
    assert_sound(&set);
    assert_eq!((set.name.as_str(), set.users.len(), set.items()), ("rating", 2, 3));
    assert_eq!(set.task.space(), &ResponseSpace::scale(1, 5).unwrap());
    let user = &set.users[0];
    assert_eq!(user.id.as_str(), "user 1");
    let history: Vec<_> = user.history.iter().map(|past| (past.id().as_str(), past.response(), past.time())).collect();
    assert_eq!(history, [("h000001", "2", Some(10)), ("h000002", "5", Some(20))]);
    assert_eq!((user.tests[0].id.as_str(), user.tests[0].seen), ("t0001", Some(false)));
    assert_eq!(set.users[1].tests.iter().map(|item| item.seen).collect::<Vec<_>>(), [None, Some(true)]);
    let expected = [
        ("users.jsonl, line 2, history 3", "the response is not a whole number from 1 to 5"),
        ("users.jsonl, line 3", "is left without a history"),
    ];
    assert_eq!(skipped(&set), expected);
}

#[test]
fn a_distribution_goes_to_the_test_items_shares_in_the_options_order_and_nowhere_else() {
    let set = read(&fixture("opinion"), None, &ReadOptions::default()).unwrap();
    assert_sound(&set);
    let item = &set.users[0].tests[0];
    assert_eq!(item.query.options(), ["Yes", "No", "Unsure"]);
    assert_eq!(item.shares, [0.5, 0.25, 0.25]);
    assert!(!serde_json::to_string(&set.users[0].history).unwrap().contains("0.8"));
    assert!(!serde_json::to_string(&item.query).unwrap().contains("0.5"));
}

#[test]
fn a_task_beside_the_users_goes_before_the_built_in_wording() {
    let set = read(&fixture("given_task"), None, &ReadOptions::default()).unwrap();
    assert_eq!((set.task.instruction(), set.task.query_name_str()), ("Name the dish.", "food"));
    assert_eq!(set.users[0].tests[0].gold, "A quick pot");
}

#[test]
fn each_malformed_row_is_named_and_the_rest_is_read() {
    let lines = [
        GOOD,
        "{\"SECRET",
        "[\"SECRET\"]",
        r#"{"task":"rating","history":"SECRET","test":[]}"#,
        r#"{"task":"SECRET","history":[],"test":[]}"#,
        r#"{"history":[],"test":[]}"#,
        r#"{"task":"rating","history":[{"query":"a","response":"1"}],"test":[{"query":"SECRET","response":"SECRET"}]}"#,
        r#"{"task":"rating","history":[{"query":"a","response":"1","timestamp":"SECRET"},7,{"query":" ","response":"1"},{"query":"a\u0000","response":"1"},{"query":"a","response":["SECRET"]},{"query":"a","response":"1"}],"test":[{"query":"b","response":"2","seen_text":"SECRET"},{"query":"b","response":"2","options":[[]]},{"query":"b","response":"3.0"}]}"#,
    ];
    let set = Folder::of(&[("users.jsonl", lines.join("\n").as_str()), LABELS]).read().unwrap();
    assert_sound(&set);
    assert_eq!(set.users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["user 1", "user 8"]);
    assert_eq!(set.users[1].tests[0].gold, "3");
    let expected = [
        ("users.jsonl, line 2", "is not JSON from column 8 on"),
        ("users.jsonl, line 3", "has no field task"),
        ("users.jsonl, line 4", "has a field history that is not a list"),
        ("users.jsonl, line 5", "is of another task than the first user"),
        ("users.jsonl, line 6", "has no field task"),
        ("users.jsonl, line 7, test 1", "the response is not a whole number from 1 to 3"),
        ("users.jsonl, line 7", "is left without a test item"),
        ("users.jsonl, line 8, history 1", "has a timestamp that is not a whole number"),
        ("users.jsonl, line 8, history 2", "has no field query"),
        ("users.jsonl, line 8, history 3", "query text in bytes is blank"),
        ("users.jsonl, line 8, history 4", "query text in bytes holds control character U+0000 at byte 1"),
        ("users.jsonl, line 8, history 5", "has a field response that is not text"),
        ("users.jsonl, line 8, test 1", "has a field seen_text that is not true or false"),
        ("users.jsonl, line 8, test 2", "has an option that is not text"),
    ];
    assert_eq!(skipped(&set), expected);
}

#[test]
fn a_distribution_that_is_none_is_named() {
    let item = |shares: &str| {
        format!(
            r#"{{"task":"opinion","history":[{{"query":"a","options":["x","y"],"response":"x"}}],"test":[{{"query":"b","options":["x","y"],"response":"y","distribution":{shares}}}]}}"#
        )
    };
    let lines = ["[1, 3]", r#"{"x": 1, "z": 2}"#, "[1]", "[0, 0]", "[-1, 2]", "[\"SECRET\", 1]", "null"].map(item);
    let set = Folder::of(&[("users.jsonl", lines.join("\n"))]).read().unwrap();
    assert_eq!(set.users[0].tests[0].shares, [0.25, 0.75]);
    assert!(set.users[1].tests[0].shares.is_empty());
    assert_eq!((set.users.len(), set.skipped.len()), (2, 2 * 5));
    assert!(!format!("{:?}", set.skipped).contains("SECRET"));
}

#[test]
fn a_byte_order_mark_line_ends_and_blank_lines_change_no_user() {
    let plain = Folder::of(&[("users.jsonl", [GOOD, GOOD].join("\n").as_str()), LABELS]).read().unwrap();
    let marked = format!("\u{feff}\r\n{GOOD}\r\n\r\n{GOOD}\r\n");
    let marked =
        Folder::of(&[("users.jsonl", marked.as_str()), ("labels.json", "\u{feff}[1, 2, 3]\r\n")]).read().unwrap();
    let users = |set: &Dataset| {
        let user =
            |user: &crate::dataset::EvalUser| (user.id.clone(), user.history.clone(), user.tests[0].gold.clone());
        set.users.iter().map(user).collect::<Vec<_>>()
    };
    assert_eq!(users(&plain), users(&marked));
    assert_eq!(plain.task, marked.task);
    assert!(marked.skipped.is_empty());
}

#[test]
fn a_row_over_the_limit_is_named_and_the_next_is_read() {
    let long = GOOD.replace("\"a\"", &format!("\"{}\"", "SECRET".repeat(60)));
    let folder = Folder::of(&[("users.jsonl", format!("{long}\n{GOOD}\n").as_str()), LABELS]);
    let options = ReadOptions { max_row_bytes: 200, ..ReadOptions::default() };
    let set = read(&folder.0, Some(Format::Jsonl), &options).unwrap();
    assert_eq!(set.users[0].id.as_str(), "user 2");
    assert_eq!(skipped(&set), [("users.jsonl, line 1", "is over the limit for a row")]);
    let options = ReadOptions { max_file_bytes: 200, ..ReadOptions::default() };
    let error = read(&folder.0, None, &options).unwrap_err();
    assert!(
        matches!(&error, EvalError::Format { problem, .. } if problem.contains("over the limit of 200")),
        "{error}"
    );
}

#[test]
fn the_hash_is_of_the_bytes_of_all_files_in_the_order_they_are_read() {
    let files = [("users.jsonl", GOOD), LABELS];
    let set = Folder::of(&files).read().unwrap();
    let mut digest = Sha256::new();
    digest.update(LABELS.1);
    digest.update(GOOD);
    assert_eq!(set.sha256, hex(&digest.finalize()));
    assert_eq!(Folder::of(&files).read().unwrap().sha256, set.sha256);
    let blank = format!("{GOOD}\n\n");
    assert_ne!(Folder::of(&[("users.jsonl", blank.as_str()), LABELS]).read().unwrap().sha256, set.sha256);
}

#[test]
fn rows_beyond_those_named_are_counted() {
    let text = format!("{GOOD}\n{}", "x\n".repeat(5));
    let folder = Folder::of(&[("users.jsonl", text.as_str()), LABELS]);
    let set = read(&folder.0, None, &ReadOptions { max_skipped_named: 2, ..ReadOptions::default() }).unwrap();
    assert_eq!((set.skipped.len(), set.skipped_unnamed), (2, 3));
}

#[test]
fn a_set_without_a_user_or_a_task_is_an_error_that_says_so() {
    let read = |users: &str, labels: &str| Folder::of(&[("users.jsonl", users), ("labels.json", labels)]).read();
    assert!(matches!(read("\n", "[1, 2]"), Err(EvalError::Empty { rows: 0, .. })));
    assert!(matches!(read("x\ny", "[1, 2]"), Err(EvalError::Empty { rows: 2, .. })));
    assert!(matches!(read(GOOD, "[]"), Err(EvalError::Data { .. })));
    assert!(matches!(read(GOOD, "[\"good\"]"), Err(EvalError::Data { .. })));
    assert!(matches!(read(GOOD, "7"), Err(EvalError::Format { .. })));
    let task = Folder::of(&[("users.jsonl", GOOD), ("task.json", "{\"SECRET\": 1}")]).read().unwrap_err();
    assert!(matches!(task, EvalError::Format { .. }) && !whole(&task).contains("SECRET"));
}

#[test]
fn lines_of_one_id_or_group_are_of_one_person_and_no_name_is_kept() {
    let line = |fields: &str| GOOD.replacen('{', &format!("{{{fields}"), 1);
    let lines = [
        line(r#""user_id":"SECRET","#),
        line(r#""user_id":7,"group":"India","#),
        line(r#""user_id":"SECRET","group":null,"#),
        line(r#""user_id":["SECRET"],"group":" ","#),
        line(r#""user_id":8,"group":"India","#),
        line(r#""user_id":9,"group":["SECRET"],"#),
    ];
    let set = Folder::of(&[("users.jsonl", lines.join("\n").as_str()), LABELS]).read().unwrap();
    assert_eq!(people(&set.users), [0, 1, 0, 2, 1]);
    assert_eq!(skipped(&set), [("users.jsonl, line 6", "has a field group that is not text")]);
    assert!(!format!("{:?}", set.users).contains("SECRET"));
}

#[test]
fn who_is_in_both_sets_does_not_teach() {
    let line = |id: &str, query: &str| {
        GOOD.replacen('{', &format!("{{\"user_id\":\"{id}\","), 1)
            .replace("\"query\":\"a\"", &format!("\"query\":\"{query}\""))
    };
    let of = |lines: &[String]| Folder::of(&[("users.jsonl", lines.join("\n").as_str()), LABELS]).read().unwrap();
    let (ours, theirs) = (of(&[line("ana", "a")]), of(&[line("ana", "b"), line("ben", "a"), line("caro", "c")]));
    let set = ours.clone().beside(&theirs).unwrap();
    let teachers = set.teachers.unwrap();
    // Ana has another history there, and Ben says what Ana says here.
    assert_eq!((teachers.histories.len(), teachers.left_out, teachers.sha256), (1, 2, theirs.sha256.clone()));
    assert_eq!(teachers.histories[0][0].query().text(), "c");
    assert!(matches!(ours.clone().beside(&ours), Err(EvalError::NoTeachers { .. })));
    let wider = Folder::of(&[("users.jsonl", GOOD), ("labels.json", "[1, 5]")]).read().unwrap();
    assert!(matches!(ours.beside(&wider), Err(EvalError::OtherResponses { .. })));
}
