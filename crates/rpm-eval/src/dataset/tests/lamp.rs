//! The reader of LaMP.

use super::*;
use rpm_core::ResponseSpace;

#[test]
fn tags_are_those_most_questions_list_and_a_question_with_others_is_named() {
    let set = read(&fixture("LaMP_2"), None, &ReadOptions::default()).unwrap();
    assert_sound(&set);
    assert_eq!(set.task.space(), &ResponseSpace::labels(["action", "classic", "comedy"]).unwrap());
    assert_eq!(set.name, "LaMP_2");
    let user = &set.users[0];
    assert_eq!((user.id.as_str(), user.history.len()), ("user 2", 2));
    assert_eq!(user.tests[0].query.text(), "A clown's description: late for the train.");
    assert_eq!((user.tests[0].gold.as_str(), user.history[1].response()), ("comedy", "action"));
    let expected = [
        ("dev_questions.json, question 110", "lists other tags than most questions do"),
        ("dev_questions.json, question 111, entry 3", "the response is not one of the task's labels"),
        ("dev_questions.json, question 113", "is left without a history"),
    ];
    assert_eq!(skipped(&set), expected);
    assert_eq!(set.users.len(), 2);
}

#[test]
fn questions_of_one_user_with_one_profile_are_one_user_and_those_of_one_owner_one_person() {
    let set = read(&fixture("LaMP_3/train_questions.json"), None, &ReadOptions::default()).unwrap();
    assert_sound(&set);
    assert_eq!(set.name, "LaMP_3 train");
    let users: Vec<_> = set.users.iter().map(|user| (user.id.as_str(), user.history.len(), user.tests.len())).collect();
    assert_eq!(users, [("user 1", 2, 2), ("user 3", 1, 1)]);
    let times: Vec<_> = set.users[0].history.iter().map(|past| (past.time(), past.response())).collect();
    assert_eq!(times, [(Some(14_730), "4"), (Some(15_400), "1")]);
    assert_eq!(set.users[0].tests[1].query.text(), "It rusts.");
    // Another profile of the same owner is another user, and the same person.
    assert_eq!(people(&set.users), [0, 0]);
}

#[test]
fn headlines_and_titles_keep_what_follows_the_first_opening() {
    let headline = read(&fixture("LaMP_4"), None, &ReadOptions::default()).unwrap();
    assert_eq!(headline.users[0].tests[0].query.text(), "The bridge: it opened.");
    let title = read(&fixture("LaMP_5"), None, &ReadOptions::default()).unwrap();
    assert_eq!(title.users[0].tests[0].query.text(), "We count geese: twice.");
    assert_eq!(title.users[0].history[0].response(), "Counting Ducks");
    assert_eq!(title.users[0].history[0].time(), Some(14_245));
}

const OUTPUTS: &str = r#"{"task":"LaMP_3","golds":[{"id":"a","output":"5"},{"id":"b","output":"4"}]}"#;

fn question(id: &str) -> String {
    format!(r#"{{"id":"{id}","input":"review: x","profile":[{{"text":"y","score":3}}]}}"#)
}

fn folder(questions: &str, outputs: &str) -> Folder {
    Folder::of(&[("dev_questions.json", questions), ("dev_outputs.json", outputs)])
}

fn problem(questions: &str, outputs: &str) -> String {
    match folder(questions, outputs).read() {
        Err(EvalError::Format { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tasks_without_a_history_of_responses_are_refused_with_the_reason() {
    let outputs = |task: &str| format!(r#"{{"task":"{task}","golds":[]}}"#);
    for (task, reason) in [
        ("LaMP_1", "without a choice between references"),
        ("LaMP-7", "without what they paraphrase"),
        ("LaMP_6", "not public"),
        ("SECRET", "names a task that is none of"),
    ] {
        let said = problem("[]", &outputs(task));
        assert!(said.contains(reason) && !said.contains("SECRET"), "{said}");
    }
}

#[test]
fn ids_that_do_not_match_are_an_error_that_names_the_first_few() {
    let questions = |ids: &[&str]| format!("[{}]", ids.iter().map(|id| question(id)).collect::<Vec<_>>().join(","));
    let said = problem(&questions(&["a"]), OUTPUTS);
    assert_eq!(said, "is not of the same questions: 1 outputs have no question, such as b");
    let said = problem(&questions(&["a", "b", "c", "d", "e", "f"]), OUTPUTS);
    assert_eq!(said, "is not of the same questions: 4 questions have no output, such as c, d, e");
}

#[test]
fn each_malformed_row_is_named_and_the_rest_is_read() {
    let questions = [
        question("a"),
        "{\"SECRET\" 1}".to_owned(),
        question("a"),
        r#"{"id":"c","input":"SECRET","profile":[]}"#.to_owned(),
        r#"{"id":"d","input":"review: x","profile":"SECRET"}"#.to_owned(),
        r#"{"id":"e","input":"review: x","profile":["SECRET",{"text":"y","score":9},{"text":"y"},{"text":"y","score":2,"date":"SECRET"},{"text":"y","score":"2.0","date":""}]}"#.to_owned(),
        r#"{"id":"f","input":"review: x","profile":[{"text":"y","score":3}]}"#.to_owned(),
    ];
    let outputs = r#"{"task":"LaMP_3","golds":[{"id":"a","output":"5"},{"id":"b","output":"4"},{"id":"c","output":"1"},
        {"id":"d","output":"1"},{"id":"e","output":"1"},{"id":"f","output":"SECRET"},{"id":"a","output":"1"},{"id":[]}]}"#;
    let set = folder(&format!("[{}]", questions.join(",\n")), outputs).read().unwrap();
    assert_sound(&set);
    assert_eq!(set.users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["user 1", "user 6"]);
    assert_eq!(set.users[1].history[0].response(), "2");
    let expected = [
        ("dev_outputs.json, output 7", "has the id of an earlier one"),
        ("dev_outputs.json, output 8", "has a field id that is not text"),
        ("dev_questions.json, element 2", "is not JSON from column 11 on"),
        ("dev_questions.json, question a", "has the id of an earlier one"),
        ("dev_questions.json, question c", "has no \"review:\" in its input"),
        ("dev_questions.json, question d", "has a field profile that is not a list"),
        ("dev_questions.json, question e, entry 1", "has no field text"),
        ("dev_questions.json, question e, entry 2", "the response is not a whole number from 1 to 5"),
        ("dev_questions.json, question e, entry 3", "has no field score"),
        ("dev_questions.json, question e, entry 4", "has a date that is not like 2010-05-01"),
        ("dev_questions.json, question f", "the response is not a whole number from 1 to 5"),
    ];
    assert_eq!(skipped(&set), expected);
}

#[test]
fn a_file_that_is_cut_off_is_an_error() {
    let whole = format!("[{},{}]", question("a"), question("b"));
    assert!(folder(&whole, OUTPUTS).read().is_ok());
    for end in [0, 1, 9, whole.len() / 2 + 3, whole.len() - 1] {
        let said = problem(&whole[..end], OUTPUTS);
        assert!(said.contains("cut off") || said.contains("not a JSON array"), "{said}");
    }
    assert!(problem(&whole, &OUTPUTS[..OUTPUTS.len() - 1]).contains("is not JSON"));
}

#[test]
fn marks_line_ends_and_an_element_over_the_limit_are_tolerated() {
    let long = question("a").replace('y', &"SECRET".repeat(50));
    let text = format!("\u{feff}[\r\n{long},\r\n{}\r\n]\r\n", question("b"));
    let folder = folder(&text, &format!("\u{feff}{OUTPUTS}\r\n"));
    let set = read(&folder.0, None, &ReadOptions { max_row_bytes: 200, ..ReadOptions::default() }).unwrap();
    assert_eq!(skipped(&set), [("dev_questions.json, element 1", "is over the limit for a row")]);
    assert_eq!(set.users[0].tests[0].gold, "4");
}

#[test]
fn a_part_without_outputs_names_the_file_that_is_missing() {
    let folder = Folder::of(&[("test_questions.json", "[]")]);
    let error = read(&folder.0.join("test_questions.json"), None, &ReadOptions::default()).unwrap_err();
    assert!(matches!(&error, EvalError::Io { path, .. } if path.ends_with("test_outputs.json")), "{error}");
}

#[test]
fn without_user_ids_questions_of_one_profile_are_one_user_and_a_profile_within_another_is_one_person() {
    let question = |id: &str, person: &str, entries: usize| {
        let entry = |n: usize| format!(r#"{{"id":"{id}{n}","text":"{person} {n}","score":3}}"#);
        let profile: Vec<String> = (0..entries).map(entry).collect();
        format!(r#"{{"id":"{id}","input":"review: {id}","profile":[{}]}}"#, profile.join(","))
    };
    let same = question("b", "x", 4).replace("\"id\":\"b", "\"id\":\"a").replace("\"id\":\"a\"", "\"id\":\"b\"");
    let questions = [question("a", "x", 4), same, question("c", "x", 6), question("d", "y", 4), question("e", "x", 2)];
    let ids = ["a", "b", "c", "d", "e"].map(|id| format!(r#"{{"id":"{id}","output":"5"}}"#));
    let outputs = format!(r#"{{"task":"LaMP_3","golds":[{}]}}"#, ids.join(","));
    let set = folder(&format!("[{}]", questions.join(",")), &outputs).read().unwrap();
    assert_eq!(set.users.iter().map(|user| user.tests.len()).collect::<Vec<_>>(), [2, 1, 1, 1]);
    assert_eq!(people(&set.users), [0, 0, 1, 2]);
    assert_eq!(
        set.notes,
        [
            "1 without an owner's id, with the profile of an earlier question: taken as of its user",
            "1 without an owner's id, with a profile that is part of another's: taken as that person",
        ]
    );
}
