//! Forms that go wrong, replies that fit no form, and what has to be confirmed.

use rmcp::model::{CallToolResponse, CallToolResult, InputResponses};
use rmcp::serve_server;
use rpm_mcp::Server;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::client::{STRANGE, both, candidates};
use crate::people::{
    Client, Person, connect, connect_in, done, params, refused, seen, server, taught, with_initialize,
    without_initialize, words,
};

fn everything() -> Value {
    json!({"everything": true, "confirm": "forget everything"})
}

/// Calls by the newer protocol, and is asked to show a form; gives what is to be sent again.
async fn asked(client: &Client, tool: &str, arguments: Value) -> String {
    match client.call_tool_once(params(tool, arguments)).await.unwrap() {
        CallToolResponse::InputRequired(asked) => asked.request_state.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Calls again with this reply and state.
async fn again(
    client: &Client,
    tool: &str,
    arguments: Value,
    reply: impl Into<Option<InputResponses>>,
    state: Option<&str>,
) -> CallToolResult {
    let mut call = params(tool, arguments);
    if let Some(reply) = reply.into() {
        call = call.with_input_responses(reply);
    }
    if let Some(state) = state {
        call = call.with_request_state(state);
    }
    client.call_tool(call).await.unwrap()
}

fn reply(form: Value) -> InputResponses {
    [("form".to_owned(), form)].into()
}

fn accepted(content: &Value) -> InputResponses {
    reply(json!({"action": "accept", "content": content}))
}

#[tokio::test]
async fn a_form_that_goes_wrong_in_whatever_way_confirms_nothing() {
    let server = server();
    taught(&server, "ana", Person::silent()).await;
    let yes = Person::who_accepts(json!({"confirm": true}));
    let breaks = Person { breaks: true, ..yes.clone() };
    let session = || server.session("ana".try_into().unwrap());
    for lifecycle in [with_initialize(), without_initialize()] {
        let client = connect_in(session(), breaks.clone(), lifecycle).await;
        // By the newer protocol rmcp's client ends the call itself.
        if let Ok(said) = client.call_tool(params("forget", everything())).await {
            assert_eq!(said.is_error, Some(true), "{said:?}");
        }
    }
    let client = connect_in(session(), yes, without_initialize()).await;
    let state = asked(&client, "forget", everything()).await;
    let yes = accepted(&json!({"confirm": true}));
    let cases = [
        (Some(reply(json!({}))), Some(state.as_str())),
        (Some(reply(json!({"zebra": 1}))), Some(&state)),
        (Some(reply(json!("accept"))), Some(&state)),
        (Some(reply(Value::Null)), Some(&state)),
        (Some(InputResponses::new()), Some(&state)),
        (None, Some(&state)),
        (Some(yes.clone()), None),
        (Some(yes.clone()), Some("everything")),
    ];
    // A client that says nothing of forms any more when it calls again, too.
    let without = connect_in(session(), Person::silent(), without_initialize()).await;
    for client in [&client, &without] {
        for (reply, state) in &cases {
            let said = again(client, "forget", everything(), reply.clone(), *state).await;
            assert_eq!(said.is_error, Some(true), "{reply:?} {state:?}: {said:?}");
            assert!(words(&said).contains("nothing was forgotten"), "{said:?}");
        }
    }
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 12);
    let said = again(&client, "forget", everything(), yes, Some(&state)).await;
    assert_eq!(said.structured_content.unwrap()["forgotten"], true);
}

/// Calls by the older protocol, line by line, and replies to the form with this; gives the result of the call.
async fn replied_by_hand(server: &Server, reply: &Value) -> Value {
    let (here, there) = tokio::io::duplex(1 << 16);
    let session = server.session("ana".try_into().unwrap());
    tokio::spawn(async move { Box::pin(serve_server(session, here)).await.unwrap().waiting().await });
    let (output, mut input) = tokio::io::split(there);
    let mut output = BufReader::new(output).lines();
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "test", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "forget", "arguments": everything()}}),
    ];
    for line in &lines {
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    loop {
        let said: Value = serde_json::from_str(&output.next_line().await.unwrap().unwrap()).unwrap();
        if said["method"] == "elicitation/create" {
            let mut line = reply.clone();
            line["jsonrpc"] = json!("2.0");
            line["id"] = said["id"].clone();
            input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        } else if said["id"] == 2 {
            return said["result"].clone();
        }
    }
}

#[tokio::test]
async fn a_reply_of_another_shape_confirms_nothing() {
    let server = server();
    let client = taught(&server, "ana", Person::silent()).await;
    let yes = json!({"confirm": true});
    for wrong in [
        json!({"error": {"code": -32603, "message": "no form"}}),
        json!({"error": {"code": -32601, "message": "no such method"}}),
        json!({"result": {}}),
        json!({"result": {"zebra": 1}}),
        json!({"result": {"action": "maybe", "content": yes}}),
        json!({"result": {"content": yes}}),
        json!({"result": {"action": "accept"}}),
        json!({"result": {"action": "accept", "content": {"confirm": "true"}}}),
    ] {
        let said = replied_by_hand(&server, &wrong).await;
        assert!(said["isError"] == true || said["structuredContent"]["forgotten"] == false, "{wrong}: {said}");
        assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 12, "{wrong}");
    }
    let said = replied_by_hand(&server, &json!({"result": {"action": "accept", "content": yes}})).await;
    assert_eq!(said["structuredContent"]["forgotten"], true, "{said}");
}

#[tokio::test]
async fn a_question_whose_form_goes_wrong_is_told() {
    let server = server();
    let person = Person { breaks: true, ..Person::who_accepts(json!({"response": "3"})) };
    let client = connect(server.session("ana".try_into().unwrap()), person.clone()).await;
    let told = done(&client, "next_question", candidates()).await;
    assert!(told["question"].is_object() && told.get("user_said").is_none(), "{told}");
    let client = connect_in(server.session("ana".try_into().unwrap()), person, without_initialize()).await;
    let state = asked(&client, "next_question", candidates()).await;
    let told = again(&client, "next_question", candidates(), reply(json!({})), Some(&state)).await;
    let told = told.structured_content.unwrap();
    assert!(told["question"].is_object() && told.get("recorded").is_none(), "{told}");
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 0);
}

#[tokio::test]
async fn a_reply_that_comes_twice_is_recorded_once() {
    let server = server();
    let person = Person::who_accepts(json!({"response": "3"}));
    let client = connect_in(server.session("ana".try_into().unwrap()), person, without_initialize()).await;
    let state = asked(&client, "next_question", candidates()).await;
    let mut recorded = Vec::new();
    for _ in 0..2 {
        let reply = accepted(&json!({"response": "3"}));
        let said = again(&client, "next_question", candidates(), reply, Some(&state)).await;
        recorded.push(said.structured_content.unwrap()["recorded"]["interaction"].clone());
    }
    assert_eq!(recorded[0], recorded[1]);
    let other = again(&client, "next_question", candidates(), accepted(&json!({"response": "4"})), Some(&state)).await;
    assert_eq!(other.is_error, Some(true), "another answer to the same form: {other:?}");
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 1);
    done(&client, "record", seen()).await;
    assert_eq!(
        again(&client, "next_question", candidates(), accepted(&json!({"response": "3"})), Some(&state)).await.is_error,
        Some(false)
    );
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 13, "nor is it after more was recorded");
    // A user who was forgotten since is not brought back by it.
    let here = connect(server.session("ana".try_into().unwrap()), Person::silent()).await;
    let late = asked(&client, "next_question", candidates()).await;
    done(&here, "forget", everything()).await;
    let said = again(&client, "next_question", candidates(), accepted(&json!({"response": "3"})), Some(&late)).await;
    assert_eq!(said.is_error, Some(true), "{said:?}");
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 0);
}

#[tokio::test]
async fn a_reply_to_another_question_is_refused() {
    let server = server();
    let person = Person::who_accepts(json!({"response": "3"}));
    let client = connect_in(server.session("ana".try_into().unwrap()), person.clone(), without_initialize()).await;
    let state = asked(&client, "next_question", candidates()).await;
    let parts: Vec<&str> = state.split('.').collect();
    let (place, revision, mark) = (parts[0].parse::<usize>().unwrap(), parts[1], parts[2]);
    let mut states = vec![
        None,
        Some(String::new()),
        Some(place.to_string()),
        Some(format!("{}.{revision}.{mark}", (place + 1) % STRANGE.len())),
        Some(format!("99.{revision}.{mark}")),
        Some(format!("{place}.99.{mark}")),
        Some(format!("{place}.{revision}.{}", &mark[1..])),
        Some(format!("{state}.1")),
        Some(format!("+{state}")),
    ];
    let yes = || accepted(&json!({"response": "3"}));
    for state in states.drain(..) {
        let said = again(&client, "next_question", candidates(), yes(), state.as_deref()).await;
        assert!(
            said.is_error == Some(true) && words(&said).contains("call again from the start"),
            "{state:?}: {said:?}"
        );
    }
    // Other candidates at the same place, and another user.
    let loud = json!({"candidates": STRANGE.map(|film| json!({"query": format!("{film} at sea")})).to_vec()});
    assert_eq!(again(&client, "next_question", loud, yes(), Some(&state)).await.is_error, Some(true));
    let bob = connect_in(server.session("bob".try_into().unwrap()), person, without_initialize()).await;
    assert_eq!(again(&bob, "next_question", candidates(), yes(), Some(&state)).await.is_error, Some(true));
    for client in [&client, &bob] {
        assert_eq!(done(client, "profile", json!({})).await["past_answers"], 0);
    }
}

#[tokio::test]
async fn many_answers_and_all_of_them_go_only_when_it_is_confirmed() {
    let server = server();
    let client = connect(server.session("ana".try_into().unwrap()), Person::silent()).await;
    let ids = done(&client, "record", seen()).await["interactions"].as_array().unwrap().clone();
    for (ids, words) in [(&ids[..9], "forget these"), (&ids[..], "forget everything")] {
        for wrong in [Value::Null, json!("forget it")] {
            let why = refused(&client, "forget", json!({"interactions": ids, "confirm": wrong})).await;
            assert!(why.starts_with("`confirm`:") && why.contains(words), "{why}");
        }
    }
    let why = refused(&client, "forget", json!({"interactions": ids, "confirm": "forget these"})).await;
    assert!(why.starts_with("`confirm`:"), "{why}");
    // The user is asked for these too, where the client can.
    let many = json!({"interactions": ids[..9], "confirm": "forget these"});
    let not = Person::who_accepts(json!({"confirm": false}));
    for asking in &both(&server, &not).await {
        assert_eq!(done(asking, "forget", many.clone()).await["forgotten"], false);
    }
    assert_eq!(not.shown.lock().unwrap().len(), 2);
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 12);
    done(&client, "forget", json!({"interactions": ids[..8]})).await;
    let rest = json!({"interactions": ids[8..]});
    let why = refused(&client, "forget", rest.clone()).await;
    assert!(why.starts_with("`confirm`:"), "few, and all that are left: {why}");
    let [asking, _] = both(&server, &Person::who_accepts(json!({"confirm": true}))).await;
    let rest = json!({"interactions": rest["interactions"], "confirm": "forget everything"});
    assert_eq!(done(&asking, "forget", rest).await["user_said"], "accept");
    assert_eq!(done(&client, "profile", json!({})).await["past_answers"], 0);
}

#[tokio::test]
async fn a_name_that_fits_two_factors_means_neither() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let known = done(&client, "profile", json!({})).await;
    let id = |label: &str| {
        let factors = known["factors"].as_array().unwrap();
        factors.iter().find(|it| it["label"] == label).unwrap()["factor"].clone()
    };
    let (quiet, loud) = (id("quiet"), id("loud"));
    done(&client, "set_factor", json!({"factor": loud, "change": "rename", "label": "Quiet"})).await;
    let why = refused(&client, "forget", json!({"factor": "quiet"})).await;
    assert!(why.starts_with("`factor`: fits more than one"), "{why}");
    refused(&client, "set_factor", json!({"factor": "quiet", "change": "mute"})).await;
    // An id means its factor, whatever another one is called.
    done(&client, "set_factor", json!({"factor": loud, "change": "rename", "label": quiet})).await;
    let gone = done(&client, "forget", json!({"factor": quiet})).await;
    assert_eq!(gone["factors"], json!([quiet]));
}
