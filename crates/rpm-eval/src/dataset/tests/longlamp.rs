//! The reader of `LongLaMP`.

use super::*;

#[test]
fn a_profiles_fields_tell_the_task_and_long_texts_are_named_not_cut() {
    let set = read(&fixture("longlamp"), None, &ReadOptions::default()).unwrap();
    assert_sound(&set);
    assert_eq!((set.users.len(), set.task.response_name_str()), (1, "abstract"));
    let user = &set.users[0];
    assert_eq!((user.history[0].query().text(), user.history[0].response()), ("Ducks", "We count ducks."));
    assert!(user.tests[0].query.text().starts_with("Generate an abstract"));
    let expected = [
        ("val.jsonl, line 1, entry 2", "response in bytes is 10000, over the limit of 8192"),
        ("val.jsonl, line 2", "response in bytes is 12000, over the limit of 8192"),
        ("val.jsonl, line 3", "is of another task than the first question"),
    ];
    assert_eq!(skipped(&set), expected);
}

#[test]
fn each_kind_of_profile_is_read() {
    for (profile, name, query) in [
        (
            r#"{"overall":5.0,"description":"A pan","summary":"Good","reviewText":"It fries."}"#,
            "review",
            "Rating: 5.0\nProduct: A pan\nSummary: Good",
        ),
        (r#"{"summary":"On tea","content":"It steeps."}"#, "post", "On tea"),
        (r#"{"title":"Tea","text":"It steeps."}"#, "text", "Tea"),
    ] {
        let line = format!(r#"{{"query":"q","response":"r","profile":[{profile}]}}"#);
        let set = Folder::of(&[("dev.jsonl", line)]).read().unwrap();
        assert_eq!(set.task.response_name_str(), name);
        assert_eq!((set.users[0].history[0].query().text(), set.users[0].tests[0].gold.as_str()), (query, "r"));
    }
}

#[test]
fn rows_of_one_user_with_one_profile_are_one_user() {
    let line = |author: &str, text: &str| {
        format!(
            r#"{{"author":"{author}","input":"{text}","output":"r","profile":[{{"summary":"s","content":"{author}"}}]}}"#
        )
    };
    let text = [line("a", "1"), line("b", "2"), line("a", "3")].join("\r\n");
    let set = Folder::of(&[("test.jsonl", format!("\u{feff}{text}\r\n\r\n"))]).read().unwrap();
    let users: Vec<_> = set.users.iter().map(|user| (user.id.as_str(), user.tests.len())).collect();
    assert_eq!(users, [("user 1", 2), ("user 2", 1)]);
}

#[test]
fn each_malformed_row_is_named_and_the_rest_is_read() {
    let text = [
        "SECRET",
        r#"{"input":"SECRET","output":"r","profile":[]}"#,
        r#"{"input":"SECRET","output":"r"}"#,
        r#"{"input":"SECRET","profile":[{"title":"a","text":"b"}]}"#,
        r#"{"input":"q","output":"r","profile":[{"title":"a","text":"b"},{"title":"SECRET"},{"title":"a","text":"b","date":"SECRET"}]}"#,
        r#"{"input":"q","output":"r","user_id":[],"profile":[{"title":"a","text":"b"}]}"#,
    ];
    let set = Folder::of(&[("val.jsonl", text.join("\n"))]).read().unwrap();
    assert_eq!((set.users.len(), set.users[0].id.as_str()), (1, "user 5"));
    let expected = [
        ("val.jsonl, line 1", "is not JSON from column 1 on"),
        ("val.jsonl, line 2", "has no profile entry with abstract, reviewText, content or text"),
        ("val.jsonl, line 3", "has no field profile"),
        ("val.jsonl, line 4", "has no field output"),
        ("val.jsonl, line 5, entry 2", "has no field text"),
        ("val.jsonl, line 5, entry 3", "has a date that is not like 2010-05-01"),
        ("val.jsonl, line 6", "has a field user_id that is not text"),
    ];
    assert_eq!(skipped(&set), expected);
}
