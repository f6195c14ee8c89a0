//! Bad and odd input: each is handled or refused with its own error, and no error repeats the user's text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::common::{
    ModelAtOnce as _, OPTIONS, ReasonsOf as _, ScriptedBackend, causes, choices_task, interaction, labels_task, query,
    scale_history, scale_task, text_task, told,
};
use pollster::block_on;
use rpm_core::data::{MemoryItem, Span, limits};
use rpm_core::model::FORMAT_VERSION;
use rpm_core::{
    DataError, Error, Feature, History, Interaction, ItemId, Query, ResponseSpace, RpmPipeline, Task, UserId, UserModel,
};

/// Stands in every bad text, and must stand in no error.
const MARKER: &str = "zqmark";

fn refused(task: &Task, past: Vec<Interaction>) -> DataError {
    History::new(task, "ana", past).expect_err("this is refused")
}

fn one(text: &str, response: &str) -> Vec<Interaction> {
    vec![interaction("a", text, response, 1)]
}

fn chosen(options: &[&str], response: &str) -> Vec<Interaction> {
    let query = Query::with_options("Which?", options.iter().copied()).unwrap();
    vec![Interaction::new("a", query, response).unwrap()]
}

fn offline_model() -> UserModel {
    block_on(RpmPipeline::offline(scale_task()).learn(&scale_history())).unwrap().model
}

#[test]
fn unusable_histories_are_refused_with_the_item_named() {
    let long = format!("{MARKER}{}", "x".repeat(limits::RESPONSE_BYTES));
    let too_long = format!("{MARKER} {}", "x".repeat(81));
    let out_of =
        |item: &str, expected: &str| DataError::OutOfSpace { item: item.into(), expected: expected.to_owned() };
    let mut twice = one("A film zqmark.", "4");
    twice.extend(one("Another film zqmark.", "5"));
    let table: Vec<(&str, Task, Vec<Interaction>, DataError)> = vec![
        ("empty", scale_task(), vec![], DataError::EmptyHistory),
        ("twice", scale_task(), twice, DataError::DuplicateId { item: ItemId::new("a").unwrap() }),
        ("above", scale_task(), one("zqmark", "6"), out_of("a", "a whole number from 1 to 5")),
        ("below", scale_task(), one("zqmark", "0"), out_of("a", "a whole number from 1 to 5")),
        ("between", scale_task(), one("zqmark", "4.5"), out_of("a", "a whole number from 1 to 5")),
        ("words", scale_task(), one("zqmark", "zqmark"), out_of("a", "a whole number from 1 to 5")),
        ("no rating", scale_task(), one("zqmark", ""), out_of("a", "a whole number from 1 to 5")),
        ("huge", scale_task(), one("zqmark", "9".repeat(400).as_str()), out_of("a", "a whole number from 1 to 5")),
        ("label", labels_task(), one("zqmark", "zqmark"), out_of("a", "one of the task's labels")),
        ("option", choices_task(), chosen(&OPTIONS, "zqmark"), out_of("a", "one of the query's options")),
        ("title", text_task(), one("zqmark", &too_long), out_of("a", "a text of at most 80 characters")),
        ("no title", text_task(), one("zqmark", " \n\t"), out_of("a", "a text of at most 80 characters")),
        (
            "unseen title",
            text_task(),
            one("zqmark", "\u{200b}\u{feff}"),
            out_of("a", "a text of at most 80 characters"),
        ),
        ("nul title", text_task(), one("zqmark", "zqmark\0"), out_of("a", "a text of at most 80 characters")),
        (
            "long title",
            text_task(),
            one("zqmark", &long),
            DataError::TooLarge {
                item: "a".into(),
                what: "response in bytes",
                size: long.len(),
                limit: limits::RESPONSE_BYTES,
            },
        ),
        (
            "no options",
            choices_task(),
            one("zqmark", "zqmark"),
            DataError::MissingOptions { item: "a".into(), found: 0 },
        ),
        (
            "one option",
            choices_task(),
            chosen(&["zqmark"], "zqmark"),
            DataError::MissingOptions { item: "a".into(), found: 1 },
        ),
        (
            "options for a scale",
            scale_task(),
            chosen(&OPTIONS, "4"),
            DataError::BadOptions {
                item: "a".into(),
                problem: "gives options, but the task's response space is fixed",
            },
        ),
        (
            "options for labels",
            labels_task(),
            chosen(&OPTIONS, "drama"),
            DataError::BadOptions {
                item: "a".into(),
                problem: "gives options, but the task's response space is fixed",
            },
        ),
        (
            "options for text",
            text_task(),
            chosen(&OPTIONS, "A Title"),
            DataError::BadOptions {
                item: "a".into(),
                problem: "gives options, but the task's response space is fixed",
            },
        ),
    ];
    for (name, task, past, wanted) in table {
        let error = refused(&task, past);
        assert_eq!(error, wanted, "{name}");
        assert!(!told(&error).contains(MARKER), "{name}: {}", told(&error));
    }
}

#[test]
fn unusable_queries_are_refused_without_their_text() {
    let big = format!("{MARKER} {}", "slow ".repeat(20_000));
    let blank = DataError::Blank { item: "query".into(), what: "query text in bytes" };
    let control = |code, position| DataError::ControlCharacter {
        item: "query".into(),
        what: "query text in bytes",
        code,
        position,
    };
    let table = [
        (
            big.as_str(),
            DataError::TooLarge {
                item: "query".into(),
                what: "query text in bytes",
                size: big.len(),
                limit: limits::QUERY_BYTES,
            },
        ),
        ("", blank.clone()),
        (" \n\t\r\n", blank.clone()),
        ("\u{200b}\u{200d}\u{feff}\u{202e}\u{00ad}", blank),
        ("zqmark\0", control(0, 6)),
        ("zqmark \u{1b}[31m", control(0x1b, 7)),
        ("é\u{85}zqmark", control(0x85, 2)),
    ];
    for (text, wanted) in table {
        let error = Query::new(text).unwrap_err();
        assert_eq!(error, wanted);
        assert!(!told(&error).contains(MARKER));
    }
    assert!(Query::new("x".repeat(limits::QUERY_BYTES)).is_ok(), "the limit itself is allowed");
}

#[test]
fn unusable_options_are_refused_without_their_text() {
    for twins in [["zqmark", "zqmark"], ["zqmark one", " ZQMARK  one\u{200b}"], ["zqmark", "ｚｑｍａｒｋ"]] {
        let error = Query::with_options("Which?", twins).unwrap_err();
        assert!(matches!(error, DataError::BadOptions { .. }), "{error:?}");
        assert!(!told(&error).contains(MARKER));
    }
    let error = Query::with_options("Which?", ["zqmark", " "]).unwrap_err();
    assert!(matches!(error, DataError::Blank { what: "option in bytes", .. }));
    let error = Query::with_options("Which?", ["zqmark\0", "b"]).unwrap_err();
    assert!(matches!(error, DataError::ControlCharacter { code: 0, position: 6, .. }));
    let many: Vec<String> = (0..=limits::OPTIONS).map(|i| format!("zqmark {i}")).collect();
    let error = Query::with_options("Which?", many).unwrap_err();
    assert!(matches!(error, DataError::TooLarge { size: 257, limit: 256, .. }));
    assert!(!told(&error).contains(MARKER));
}

#[test]
fn unusable_ids_are_refused() {
    let long = "x".repeat(limits::ID_BYTES + 1);
    for id in ["", " ", "a\nb", "a\0", long.as_str()] {
        assert!(matches!(UserId::new(id), Err(DataError::BadId { what: "user", .. })), "{id:?}");
        let error = Interaction::new(id, query("x"), "4").unwrap_err();
        assert!(matches!(error, DataError::BadId { what: "interaction", .. }), "{id:?}");
        let past = vec![interaction("a", "A film.", "4", 1)];
        let error = History::new(&scale_task(), id, past).unwrap_err();
        assert!(matches!(error, DataError::BadId { what: "user", .. }), "{id:?}");
    }
    assert!(UserId::new("x".repeat(limits::ID_BYTES)).is_ok());
    assert!(UserId::new("ユーザー 1").is_ok());
}

#[test]
fn more_features_than_the_limit_are_refused_with_the_item() {
    let query = Query::new("word ".repeat(20)).unwrap();
    let feature = |i: usize| Feature::new(&query, format!("name {i}"), Span { start: 0, end: 4 }).unwrap();
    let interaction = || Interaction::new("m", query.clone(), "5").unwrap();
    assert!(MemoryItem::new(interaction(), (0..limits::FEATURES).map(feature).collect()).is_ok());
    let error = MemoryItem::new(interaction(), (0..=limits::FEATURES).map(feature).collect()).unwrap_err();
    let (size, limit) = (limits::FEATURES + 1, limits::FEATURES);
    assert_eq!(error, DataError::TooLarge { item: "m".to_owned(), what: "number of features", size, limit });
}

#[test]
fn unusable_tasks_are_refused() {
    let scale = ResponseSpace::scale(1, 5).unwrap();
    assert!(matches!(Task::new(" ", scale.clone()), Err(DataError::Blank { .. })));
    assert!(matches!(Task::new("a\0", scale.clone()), Err(DataError::ControlCharacter { .. })));
    let long = "x".repeat(limits::INSTRUCTION_BYTES + 1);
    assert!(matches!(Task::new(long, scale), Err(DataError::TooLarge { .. })));
    let spaces = [
        ResponseSpace::scale(5, 1),
        ResponseSpace::scale(0, 101),
        ResponseSpace::scale(i64::MIN, i64::MAX),
        ResponseSpace::labels(Vec::<String>::new()),
        ResponseSpace::labels(["one"]),
        ResponseSpace::labels(["one", "ONE"]),
        ResponseSpace::text(0),
        ResponseSpace::text(limits::RESPONSE_BYTES + 1),
    ];
    for space in spaces {
        assert!(matches!(space, Err(DataError::BadSpace { .. })), "{space:?}");
    }
    // The variants are public, so a task checks what it is given.
    let unchecked = ResponseSpace::Scale { min: 5, max: 1 };
    assert!(matches!(Task::new("Rate it", unchecked), Err(DataError::BadSpace { .. })));
}

#[test]
fn text_of_every_script_is_learned_and_answered_offline() {
    let texts = [
        ("فيلم هادئ وبطيء عن البحر 🌊🌊", "5"),
        ("静かでゆっくりした映画。とても良い。", "5"),
        ("Тихий и медленный фильм о море 🎬", "4"),
        ("👩‍👩‍👧‍👦🔥💥 loud!!! 爆発 انفجار", "1"),
        ("e\u{301}te\u{301} ﬁlm ＦＵＬＬ　ＷＩＤＴＨ", "3"),
        ("a\u{202e}txet deddiH\u{202c} with \u{200b}zero\u{200d}width\u{feff} marks", "2"),
        ("ไม่มีช่องว่างระหว่างคำ हिन्दी में एक फ़िल्म", "4"),
        ("🎬", "3"),
    ];
    let history = crate::common::history_of(&scale_task(), &texts);
    let pipeline = RpmPipeline::offline(scale_task());
    let learned = block_on(pipeline.learn(&history)).unwrap();
    assert_eq!(learned.report.failed(), 0);
    for text in texts.map(|(text, _)| text).into_iter().chain(["فيلم 映画 🎬 film", "\u{1F3F4}\u{E0067}", "ａ", "?!"])
    {
        let answer = block_on(pipeline.personalize_model(&learned.model, &query(text))).unwrap();
        let rating: i64 = answer.response.parse().unwrap();
        assert!((1..=5).contains(&rating));
        assert!(!answer.reasons_of(&learned.model).to_string().is_empty());
    }
    let copy = UserModel::from_json(&learned.model.to_json()).unwrap();
    assert!(copy == learned.model);
}

#[test]
fn text_of_every_script_is_learned_and_answered_with_a_model() {
    let texts = [("فيلم slow 映画 🌊", "5"), ("a\u{202e}quiet\u{202c} \u{200b}film", "4"), ("loud 💥\u{200d}💥", "1")];
    let backend = ScriptedBackend::obedient();
    let pipeline = RpmPipeline::builder(scale_task()).backend(backend).build().unwrap();
    let learned = block_on(pipeline.learn(&crate::common::history_of(&scale_task(), &texts))).unwrap();
    assert_eq!(learned.report.learned(), 3);
    let answer = block_on(pipeline.personalize_model(&learned.model, &query("slow 映画 فيلم"))).unwrap();
    assert_eq!(answer.features.len(), 1);
}

#[test]
fn long_text_within_the_limit_is_learned_and_answered() {
    let long: String = (0..).map(|i| format!("word{} slow quiet ", i % 997)).take(3_000).collect();
    assert!(long.len() > 50_000 && long.len() < limits::QUERY_BYTES);
    let history =
        crate::common::history_of(&scale_task(), &[(&long, "5"), ("A loud film.", "1"), ("A slow film.", "4")]);
    let pipeline = RpmPipeline::offline(scale_task());
    let learned = block_on(pipeline.learn(&history)).unwrap();
    block_on(pipeline.personalize_model(&learned.model, &query(&long))).unwrap();
}

#[test]
fn a_query_that_does_not_fit_the_task_is_refused() {
    let pipeline = RpmPipeline::offline(scale_task());
    let new = Query::with_options("zqmark?", ["zqmark", "b"]).unwrap();
    let error = block_on(pipeline.personalize_model(&offline_model(), &new)).unwrap_err();
    assert!(matches!(error, Error::Data(DataError::BadOptions { .. })), "{error:?}");
    assert!(error.stage().is_none() && !error.is_transient());
    assert!(!causes(&error).contains(MARKER));

    let history = crate::common::choices_history();
    let pipeline = RpmPipeline::offline(choices_task());
    let model = block_on(pipeline.learn(&history)).unwrap().model;
    let error = block_on(pipeline.personalize_model(&model, &query("zqmark?"))).unwrap_err();
    assert!(matches!(error, Error::Data(DataError::MissingOptions { found: 0, .. })), "{error:?}");
    assert!(!causes(&error).contains(MARKER));
}

#[test]
fn options_never_seen_before_are_answered_with_one_of_them() {
    let pipeline = RpmPipeline::offline(choices_task());
    let model = block_on(pipeline.learn(&crate::common::choices_history())).unwrap().model;
    let new = Query::with_options("A slow film?", ["Nein", "いいえ"]).unwrap();
    let answer = block_on(pipeline.personalize_model(&model, &new)).unwrap();
    assert!(new.options().contains(&answer.response));
}

#[test]
fn a_history_checked_against_another_task_is_refused() {
    let wide = Task::new("Rate it", ResponseSpace::scale(1, 10).unwrap()).unwrap();
    let history = History::new(&wide, "ana", one("A zqmark film.", "9")).unwrap();
    let error = block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap_err();
    assert!(matches!(&error, Error::Data(DataError::OutOfSpace { item, .. }) if item == "a"), "{error:?}");
    assert!(!causes(&error).contains(MARKER));
}

#[test]
fn a_model_of_another_task_is_refused() {
    let error =
        block_on(RpmPipeline::offline(labels_task()).personalize_model(&offline_model(), &query("x y"))).unwrap_err();
    assert!(matches!(error, Error::OtherTask));
    let renamed = scale_task().response_name("stars").unwrap();
    let error = block_on(RpmPipeline::offline(renamed).personalize_model(&offline_model(), &query("x y"))).unwrap_err();
    assert!(matches!(error, Error::OtherTask));
}

#[test]
fn a_model_of_another_user_is_told_apart() {
    let model = offline_model();
    assert_eq!(model.check_user(&UserId::new("ana").unwrap()), Ok(()));
    for other in ["bo", "Ana", "ana ", "an"] {
        assert_eq!(model.check_user(&UserId::new(other).unwrap()), Err(DataError::OtherUser), "{other:?}");
    }
}

#[test]
fn a_file_of_a_later_version_is_told_apart() {
    let file = offline_model().to_json();
    let (ours, later) = (FORMAT_VERSION, FORMAT_VERSION + 1);
    let newer =
        file.replacen(&format!("\"version\": {ours}"), &format!("\"version\": {later}, \"new_field\": \"zqmark\""), 1);
    let wanted = DataError::FutureVersion { found: later, supported: ours };
    assert_eq!(UserModel::from_json(&newer).unwrap_err(), wanted);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let file = offline_model().to_json();
    let whole = file.trim_end().len();
    for end in (0..whole).step_by(61).chain([whole - 1]).filter(|end| file.is_char_boundary(*end)) {
        let error = UserModel::from_json(&file[..end]).unwrap_err();
        // A number cut at its point is not JSON either.
        assert!(matches!(error, DataError::NotAUserModel { .. }), "{end}: {error:?}");
    }
    assert!(UserModel::from_json(file.trim_end()).is_ok());
}

#[test]
fn a_file_that_is_no_user_model_is_refused_without_its_text() {
    for file in ["zqmark", "{}", "[]", "null", "{\"format\":\"zqmark\",\"version\":1}", "{\"format\":1}", "\u{feff}{}"]
    {
        let error = UserModel::from_json(file).unwrap_err();
        assert!(matches!(error, DataError::NotAUserModel { .. }), "{file}: {error:?}");
        assert!(!told(&error).contains(MARKER));
    }
    let file = offline_model().to_json();
    let error = UserModel::from_json(&format!("{file} zqmark")).unwrap_err();
    assert!(matches!(error, DataError::NotAUserModel { problem: "it is not JSON", .. }));
}

/// The file with one place changed; fails when the place is not there.
fn flipped(file: &str, from: &str, to: &str) -> Result<UserModel, DataError> {
    let changed = file.replacen(from, to, 1);
    assert!(changed != *file, "{from} is not in the file:\n{file}");
    UserModel::from_json(&changed)
}

#[test]
fn a_file_with_one_field_changed_is_refused() {
    let file = format!("{:#}", crate::common::whole_file(&offline_model()));
    assert!(UserModel::from_json(&file).is_ok());
    let refused = [
        ("\"user\": \"ana\"", "\"user\": \"\""),
        ("\"user\": \"ana\"", "\"user\": 7"),
        ("\"user\": \"ana\"", "\"zqmark\": \"ana\""),
        ("\"revision\": 1", "\"revision\": -1"),
        ("\"min\": 1", "\"min\": 9"),
        ("\"max\": 5", "\"max\": 4"),
        ("\"kind\": \"scale\"", "\"kind\": \"zqmark\""),
        ("\"instruction\": \"How", "\"instruction\": \"\\u0000How"),
        ("\"response\": \"5\"", "\"response\": \"zqmark\""),
        ("\"coverage\": ", "\"coverage\": -"),
        ("\"text\": \"A slow, quiet drama about a lighthouse keeper.\"", "\"text\": \"A\""),
        ("\"text\": \"A slow, quiet drama about a lighthouse keeper.\"", "\"text\": \" \""),
        ("\"id\": \"b\"", "\"id\": \"a\""),
        ("\"start\": ", "\"start\": 9999"),
        ("\"kappa\": ", "\"kappa\": null, \"zqmark\": "),
    ];
    for (from, to) in refused {
        let error = flipped(&file, from, to).expect_err(from);
        assert!(!told(&error).contains(MARKER), "{from}: {}", told(&error));
    }
    let error = flipped(&file, "\"response\": \"2\"", "\"response\": \"9\"").unwrap_err();
    assert!(matches!(&error, DataError::OutOfSpace { item, .. } if item == "b"), "{error:?}");
    let error = flipped(&file, "\"id\": \"b\"", "\"id\": \"a\"").unwrap_err();
    assert!(matches!(error, DataError::DuplicateId { .. }), "{error:?}");
}

#[test]
fn a_file_with_a_calibration_out_of_range_is_refused() {
    let file = offline_model().to_json();
    for (field, value) in [("kappa", "-3.0"), ("factors", "-7.0"), ("factors", "12.0")] {
        let result = flipped(&file, &format!("\"{field}\": "), &format!("\"{field}\": {value}, \"zq\": "));
        assert!(result.is_err(), "unknown fields are refused");
        let line = file.lines().find(|line| line.contains(&format!("\"{field}\": "))).unwrap();
        let result = flipped(&file, line, &format!("      \"{field}\": {value},"));
        assert!(result.is_err(), "{field} {value}");
    }
}

#[test]
fn a_file_whose_totals_are_below_zero_is_refused() {
    let file = format!("{:#}", crate::common::whole_file(&offline_model()));
    assert!(flipped(&file, "\"interactions\": ", "\"interactions\": -").is_err());
}

#[test]
fn a_task_with_an_unusable_name_is_refused() {
    for name in ["zq\0mark".to_owned(), "zqmark".repeat(limits::ID_BYTES), String::new(), " \u{200b}".to_owned()] {
        for error in [scale_task().query_name(&name).unwrap_err(), scale_task().response_name(&name).unwrap_err()] {
            assert!(error.to_string().starts_with("task: ") && !told(&error).contains(MARKER), "{error}");
        }
    }
    let task = scale_task().response_name("two\nlines").unwrap();
    let history = History::new(&task, "ana", one("A slow film.", "4")).unwrap();
    let model = block_on(RpmPipeline::offline(task).learn(&history)).unwrap().model;
    assert!(UserModel::from_json(&model.to_json()).is_ok());
}

#[test]
fn a_response_is_kept_when_another_differs_by_quotes_only() {
    for (labels, response) in [(["5", "5'"], "5'"), (["\"big\"", "big"], "\"big\""), (["big", "\"big\""], "\"big\"")] {
        let task = Task::new("Tag it", ResponseSpace::labels(labels).unwrap()).unwrap();
        let found = task.parse_response(&query("x"), response);
        assert_eq!(found.as_deref(), Some(response), "{labels:?}");
    }
}

#[test]
fn a_response_read_once_reads_the_same_again() {
    let task = text_task();
    for text in ["plain", "\"quoted\"", "\" 'twice' \"", "“ ‘ \"thrice\" ’ ”", "it's 'fine'", "`a` b"] {
        let first = task.parse_response(&query("x"), text).unwrap();
        assert_eq!(task.parse_response(&query("x"), &first).as_deref(), Some(first.as_str()), "{text}");
    }
}

#[test]
fn a_span_outside_its_query_or_inside_a_character_is_refused() {
    let text = query("é zqmark");
    for (start, end) in [(0, 0), (3, 2), (0, 1), (1, 3), (0, 99), (usize::MAX, usize::MAX)] {
        let error = Feature::new(&text, "a name", Span { start, end }).unwrap_err();
        assert!(matches!(error, DataError::BadFeature { .. }), "{start}..{end}");
        assert!(!told(&error).contains(MARKER));
    }
    for name in [String::new(), " \u{200b}".to_owned(), "x".repeat(limits::ID_BYTES + 1)] {
        assert!(Feature::new(&text, name, Span { start: 0, end: 2 }).is_err());
    }
}
