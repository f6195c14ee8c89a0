//! Each tool as a client sees it: what it gives, what it refuses, and what it leaves alone.

use rmcp::ServiceError;
use rmcp::model::ErrorCode;
use rpm_core::{Personalizer, Query, ResponseSpace, Task};
use rpm_mcp::{Server, limits};
use serde_json::{Value, json};

use crate::people::{Person, call, connect, done, films, refused, seen, server, taught};

const LIGHTHOUSE: &str = "A quiet film about two lighthouse keepers";

#[tokio::test]
async fn what_is_recorded_is_answered_from() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let told = done(&client, "answer", json!({"query": LIGHTHOUSE})).await;
    assert_eq!((&told["response"], &told["past_answers"], &told["by_model"]), (&json!("4"), &json!(12), &json!(false)));
    assert!(
        told["reasons"].as_array().unwrap().iter().any(|it| it["name"] == "quiet" && it["factor"].is_string()),
        "{told}"
    );
    let words = crate::people::words(&call(&client, "answer", json!({"query": LIGHTHOUSE})).await.unwrap());
    assert!(words.starts_with("rating: 4.") && words.contains("quiet"), "{words}");
}

#[tokio::test]
async fn answers_recorded_in_one_call_are_in_the_order_they_were_given() {
    let server = server();
    let client = connect(server.session("ana".try_into().unwrap()), Person::silent()).await;
    let first = done(&client, "record", seen()).await;
    let ids: Vec<&str> = first["interactions"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(ids.len(), 12);
    assert!(ids.is_sorted());
    let second = done(&client, "record", json!({"records": [{"query": "Quiet drama", "response": 4}]})).await;
    assert!(
        ids[11] < second["interactions"][0].as_str().unwrap(),
        "a number is taken as a response, and the same again counts again"
    );
    let profile = done(&client, "profile", json!({})).await;
    assert_eq!(profile["past_answers"], 13);
}

#[tokio::test]
async fn the_last_answer_is_explained_and_so_is_any_question() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let why = refused(&client, "explain", json!({})).await;
    assert!(why.starts_with("`query`:"), "{why}");
    done(&client, "answer", json!({"query": LIGHTHOUSE})).await;
    let last = done(&client, "explain", json!({"what_if": true})).await;
    assert_eq!(last["query"], LIGHTHOUSE);
    let without = last["what_if"].as_array().unwrap();
    assert!(without.iter().any(|it| it["name"] == "quiet" && it["effect"].as_f64().unwrap() > 0.0), "{last}");
    assert!(!last["similar"].as_array().unwrap().is_empty());
    let other = done(&client, "explain", json!({"query": "A loud quarrel"})).await;
    assert_eq!((&other["query"], other.get("what_if")), (&json!("A loud quarrel"), None));
}

#[tokio::test]
async fn what_was_forgotten_is_in_no_explanation_of_the_answer_before() {
    let server = server();
    let (here, there) = (taught(&server, "ana", Person::silent()).await, "ana".try_into().unwrap());
    let there = connect(server.session(there), Person::silent()).await;
    done(&here, "answer", json!({"query": LIGHTHOUSE})).await;
    done(&there, "forget", json!({"everything": true, "confirm": "forget everything"})).await;
    refused(&here, "explain", json!({})).await;
    done(&here, "record", seen()).await;
    let before = done(&here, "explain", json!({"query": LIGHTHOUSE})).await;
    let gone = before["similar"][0]["interaction"].clone();
    done(&there, "forget", json!({"interactions": [gone]})).await;
    done(&here, "answer", json!({"query": LIGHTHOUSE})).await;
    let after = done(&here, "explain", json!({})).await;
    assert!(after["similar"].as_array().unwrap().iter().all(|it| it["interaction"] != gone), "{after}");
}

#[tokio::test]
async fn a_factor_is_set_aside_and_taken_back() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let before = done(&client, "answer", json!({"query": LIGHTHOUSE})).await;
    let muted = done(&client, "set_factor", json!({"factor": "quiet", "change": "mute"})).await;
    let known = done(&client, "profile", json!({})).await;
    assert_eq!(known["set_aside"], json!([{"factor": muted["factor"], "label": "quiet"}]));
    assert_eq!(known["edits"], json!([{"edit": muted["edit"], "change": "mute"}]));
    let aside = done(&client, "answer", json!({"query": LIGHTHOUSE})).await;
    assert!(aside["reasons"].as_array().unwrap().iter().all(|it| it["name"] != "quiet"), "{aside}");
    done(&client, "set_factor", json!({"change": "undo", "edit": muted["edit"]})).await;
    assert_eq!(done(&client, "answer", json!({"query": LIGHTHOUSE})).await, before);
}

#[tokio::test]
async fn a_factor_is_pinned_boosted_renamed_and_merged() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let ask = async |query: &str| done(&client, "answer", json!({"query": query})).await;
    let points = |told: &Value, name: &str| {
        let reason = told["reasons"].as_array().unwrap().iter().find(|it| it["name"] == name);
        reason.map(|it| it["points"].as_f64().unwrap())
    };
    let first = async || done(&client, "profile", json!({})).await["factors"][0].clone();
    assert_ne!(first().await["label"], "loud");
    let pinned = done(&client, "set_factor", json!({"factor": "loud", "change": "pin"})).await;
    assert_eq!(first().await["label"], "loud");
    done(&client, "set_factor", json!({"change": "undo", "edit": pinned["edit"]})).await;
    let quiet = first().await["factor"].clone();
    let before = ask(LIGHTHOUSE).await;
    done(&client, "set_factor", json!({"factor": "quiet", "change": "boost", "by": 2})).await;
    let boosted = ask(LIGHTHOUSE).await;
    assert!(points(&boosted, "quiet") > points(&before, "quiet"), "{before} {boosted}");
    done(&client, "set_factor", json!({"factor": "quiet", "change": "rename", "label": "calm films"})).await;
    assert_eq!(first().await["label"], "calm films");
    assert!(points(&ask("A loud quarrel").await, "loud") < Some(0.0));
    done(&client, "set_factor", json!({"factor": "loud", "change": "not_me"})).await;
    assert_eq!(points(&ask("A loud quarrel").await, "loud"), None);
    assert_eq!(done(&client, "profile", json!({})).await["set_aside"][0]["label"], "loud");
    let merged = done(&client, "set_factor", json!({"factor": "loud", "change": "merge", "into": "calm films"})).await;
    assert_eq!(merged["factor"], quiet);
}

#[tokio::test]
async fn what_is_taken_back_is_gone() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let why = done(&client, "explain", json!({"query": LIGHTHOUSE})).await;
    let id = why["similar"][0]["interaction"].clone();
    let gone = done(&client, "forget", json!({"interactions": [id]})).await;
    assert_eq!((&gone["forgotten"], &gone["interactions"]), (&json!(true), &json!([id])));
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 11);
    let factor = done(&client, "forget", json!({"factor": "loud"})).await;
    assert_eq!(factor["stripped"].as_array().unwrap().len(), 6);
    let known = done(&client, "profile", json!({})).await;
    assert!(!known.to_string().contains("\"loud\""), "{known}");
    let all = done(&client, "forget", json!({"everything": true, "confirm": "forget everything"})).await;
    assert_eq!(all["forgotten"], true);
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 0);
    let again = done(&client, "forget", json!({"everything": true, "confirm": "forget everything"})).await;
    assert_eq!(again["forgotten"], false);
}

#[tokio::test]
async fn everything_is_forgotten_only_when_it_is_said_twice() {
    let client = taught(&server(), "ana", Person::silent()).await;
    for half in [json!({"everything": true}), json!({"everything": true, "confirm": "yes"})] {
        let why = refused(&client, "forget", half).await;
        assert!(why.starts_with("`confirm`:"), "{why}");
    }
    for unclear in [json!({}), json!({"everything": true, "confirm": "forget everything", "factor": "quiet"})] {
        refused(&client, "forget", unclear).await;
    }
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 12);
}

#[tokio::test]
async fn a_client_without_forms_is_told_which_question_to_ask() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let candidates: Vec<Value> = ["A quiet picnic", "A strange garden", "A strange castle", "A strange ship"]
        .map(|film| json!({"query": film}))
        .to_vec();
    let found = done(&client, "next_question", json!({"candidates": candidates})).await;
    let question = &found["question"];
    assert!(question["query"].as_str().unwrap().starts_with("A strange"), "{found}");
    assert_eq!(question["responses"], json!(["1", "2", "3", "4", "5"]));
    assert_eq!((found.get("user_said"), found.get("recorded")), (None, None));
    let asked = done(&client, "next_question", json!({"candidates": [{"query": "Quiet drama"}]})).await;
    assert_eq!(asked.get("question"), None, "it was answered before");
}

#[tokio::test]
async fn the_questions_of_the_host_stand_in_for_candidates() {
    let questions = ["A strange garden", "A strange castle", "A strange ship"].map(|film| Query::new(film).unwrap());
    let server = Server::with_questions(Personalizer::offline(films()), questions).unwrap();
    let client = connect(server.session("new".try_into().unwrap()), Person::silent()).await;
    let found = done(&client, "next_question", json!({})).await;
    assert!(found["question"]["query"].as_str().unwrap().starts_with("A strange"), "{found}");
    let optioned = Query::with_options("Which one?", ["a", "b"]).unwrap();
    assert!(Server::with_questions(Personalizer::offline(films()), [optioned]).is_err());
}

#[tokio::test]
async fn options_come_with_each_question_where_the_task_has_them() {
    let task = Task::new("Which would this person choose?", ResponseSpace::choices()).unwrap();
    let server = Server::new(Personalizer::offline(task));
    let client = connect(server.session("ana".try_into().unwrap()), Person::silent()).await;
    let meal = json!({"query": "Dinner on Friday", "options": ["Soup", "Cake"]});
    done(&client, "record", json!({"records": [{"query": "Lunch", "options": ["Soup", "Cake"], "response": "cake"}]}))
        .await;
    let told = done(&client, "answer", meal.clone()).await;
    assert!(["Soup", "Cake"].contains(&told["response"].as_str().unwrap()), "{told}");
    let found =
        done(&client, "next_question", json!({"candidates": [meal, {"query": "Tea", "options": ["Milk", "Lemon"]}]}))
            .await;
    assert!(found["question"]["responses"].as_array().unwrap().len() == 2, "{found}");
    let why = refused(&client, "answer", json!({"query": "Dinner"})).await;
    assert!(why.contains("options"), "{why}");
    let why = refused(&client, "explain", json!({"options": ["Soup", "Cake"]})).await;
    assert!(why.starts_with("`options`: is for the question"), "{why}");
}

#[tokio::test]
async fn free_text_has_no_next_question() {
    let task = Task::new("Which title would this person give?", ResponseSpace::text(80).unwrap()).unwrap();
    let server = Server::new(Personalizer::offline(task));
    let client = connect(server.session("ana".try_into().unwrap()), Person::silent()).await;
    let text = json!({"records": [{"query": "A story of a ship in the ice.", "response": "Ship in the ice"}]});
    done(&client, "record", text).await;
    done(&client, "answer", json!({"query": "A story of a train in the snow."})).await;
    done(&client, "profile", json!({})).await;
    let found = done(&client, "next_question", json!({"candidates": [{"query": "A story."}]})).await;
    assert_eq!(found.get("question"), None);
}

#[tokio::test]
async fn a_user_of_whom_nothing_is_known_is_answered_and_shown_as_such() {
    let client = connect(server().session("new".try_into().unwrap()), Person::silent()).await;
    assert_eq!(done(&client, "answer", json!({"query": LIGHTHOUSE})).await["past_answers"], 0);
    assert_eq!(done(&client, "profile", json!({})).await["factors"], json!([]));
    let why = refused(&client, "set_factor", json!({"factor": "quiet", "change": "mute"})).await;
    assert!(why.contains("call `record` first"), "{why}");
    refused(&client, "forget", json!({"factor": "quiet"})).await;
}

#[tokio::test]
async fn a_refusal_names_the_argument_and_quotes_nothing() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let long = "zebra ".repeat(limits::QUERY_BYTES / 6 + 1);
    let many = vec![json!({"query": "zebra", "response": "3"}); limits::RECORDS + 1];
    let pool = vec![json!({"query": "zebra"}); limits::CANDIDATES + 1];
    let cases = [
        ("record", json!({}), "`records`"),
        ("record", json!({"records": []}), "`records`"),
        ("record", json!({"records": many}), "`records`"),
        ("record", json!({"records": "zebra"}), "`records`"),
        ("record", json!({"records": ["zebra"]}), "`records[0]`"),
        ("record", json!({"records": [{"query": "zebra", "response": "6"}]}), "records[0].response"),
        ("record", json!({"records": [{"query": "zebra", "response": "zebra"}]}), "records[0].response"),
        ("record", json!({"records": [{"query": "zebra"}]}), "`records[0].response`"),
        ("record", json!({"records": [{"query": " ", "response": "3"}]}), "`records[0]`"),
        ("record", json!({"records": [{"query": "zebra", "response": "3", "zebra": 1}]}), "`records[0]`"),
        ("answer", json!({"query": long}), "`query`"),
        ("answer", json!({"query": 7}), "`query`"),
        ("answer", json!({}), "`query`"),
        ("answer", json!({"query": "zebra\u{0}"}), "query"),
        ("answer", json!({"query": "zebra", "options": ["zebra", "ape"]}), "`query`"),
        ("explain", json!({"query": "zebra", "what_if": "zebra"}), "`what_if`"),
        ("explain", json!({"options": ["zebra", "ape"]}), "does not know"),
        ("profile", json!({"zebra": 1}), "does not know"),
        ("set_factor", json!({"change": "zebra"}), "`change`"),
        ("set_factor", json!({"factor": "zebra", "change": "mute"}), "`factor`"),
        ("set_factor", json!({"factor": "quiet", "change": "merge", "into": "zebra"}), "`into`"),
        ("set_factor", json!({"factor": "quiet", "change": "boost", "by": 9}), "`by`"),
        ("set_factor", json!({"factor": "quiet", "change": "mute", "label": "zebra"}), "`label`"),
        ("set_factor", json!({"factor": "quiet", "change": "rename", "label": "\u{7}zebra"}), "label"),
        ("set_factor", json!({"change": "undo", "edit": 99}), "edit"),
        ("set_factor", json!({"change": "undo", "edit": "zebra"}), "`edit`"),
        ("forget", json!({"interactions": ["zebra"]}), "`interactions`"),
        ("forget", json!({"factor": "zebra"}), "`factor`"),
        ("next_question", json!({}), "`candidates`"),
        ("next_question", json!({"candidates": pool}), "`candidates`"),
    ];
    for (tool, arguments, named) in cases {
        let why = refused(&client, tool, arguments).await;
        assert!(why.contains(named), "{tool}: {why}");
        assert!(!why.to_lowercase().contains("zebra"), "{tool}: {why}");
    }
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 12, "a refused call changes nothing");
}

#[tokio::test]
async fn no_argument_names_another_user() {
    let server = server();
    let ana = taught(&server, "ana", Person::silent()).await;
    let bob = connect(server.session("bob".try_into().unwrap()), Person::silent()).await;
    for tool in bob.list_all_tools().await.unwrap() {
        assert!(
            !Value::Object((*tool.input_schema).clone())["properties"].to_string().contains("user\""),
            "{}",
            tool.name
        );
        assert_eq!(tool.input_schema["additionalProperties"], false);
        for name in ["user", "user_id", "userId"] {
            let why = refused(&bob, &tool.name, json!({name: "ana"})).await;
            assert!(why.contains("fixed by the host"), "{}: {why}", tool.name);
        }
    }
    assert_eq!(done(&bob, "profile", json!({})).await["past_answers"], 0);
    assert_eq!(done(&ana, "profile", json!({})).await["past_answers"], 12);
}

#[tokio::test]
async fn tools_are_annotated_as_they_are() {
    let client = connect(server().session("ana".try_into().unwrap()), Person::silent()).await;
    let tools = client.list_all_tools().await.unwrap();
    let hints: Vec<(String, [Option<bool>; 4])> = tools
        .into_iter()
        .map(|tool| {
            let of = tool.annotations.unwrap();
            (tool.name.into_owned(), [of.read_only_hint, of.destructive_hint, of.idempotent_hint, of.open_world_hint])
        })
        .collect();
    let hint = |name: &str, hints: [bool; 4]| (name.to_owned(), hints.map(Some));
    assert_eq!(
        hints,
        [
            hint("record", [false, false, false, false]),
            hint("answer", [true, false, true, false]),
            hint("explain", [true, false, true, false]),
            hint("profile", [true, false, true, false]),
            hint("set_factor", [false, true, false, false]),
            hint("forget", [false, true, true, false]),
            hint("next_question", [false, false, false, false]),
        ]
    );
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_of_the_protocol() {
    let client = connect(server().session("ana".try_into().unwrap()), Person::silent()).await;
    let error = call(&client, "zebra", json!({})).await.unwrap_err();
    let ServiceError::McpError(error) = error else { panic!("{error}") };
    assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
    assert!(!error.message.contains("zebra"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_of_what_many_sessions_of_one_user_record_at_once() {
    let server = server();
    let mut sessions = tokio::task::JoinSet::new();
    for of in 0..8 {
        let session = server.session("ana".try_into().unwrap());
        sessions.spawn(async move {
            let client = connect(session, Person::silent()).await;
            // The same answer at the same moment, too.
            for film in ["Quiet drama".to_owned(), format!("Loud chase {of}"), format!("Quiet walk {of}")] {
                done(&client, "record", json!({"records": [{"query": film, "response": "3"}]})).await;
            }
        });
    }
    sessions.join_all().await;
    let client = connect(server.session("ana".try_into().unwrap()), Person::silent()).await;
    let known = done(&client, "profile", json!({})).await["past_answers"].as_u64().unwrap();
    // Two sessions that record the same in the same words at one revision recorded it once.
    assert!((17..=24).contains(&known), "{known}");
}

#[tokio::test]
async fn debug_shows_no_text_of_a_user() {
    let server = server();
    let client = taught(&server, "ana", Person::silent()).await;
    done(&client, "answer", json!({"query": LIGHTHOUSE})).await;
    let session = server.session("ana".try_into().unwrap());
    let shown = format!("{server:?} {session:?} {server:#?}");
    assert!(shown.contains("ana"));
    for text in [LIGHTHOUSE, "quiet", "Quiet", "drama", "loud"] {
        assert!(!shown.contains(text), "{shown}");
    }
}
