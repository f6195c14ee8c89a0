//! What a client can do besides calling tools: show forms, read resources, hear of changes, and give a call up.

use std::time::Duration;

use rmcp::ServiceError;
use rmcp::model::{
    ElicitRequestParams, ElicitResult, ElicitationAction, ErrorCode, ReadResourceRequestParams, ResourceContents,
    SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rpm_mcp::Server;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::people::{
    Client, Person, connect, connect_in, done, refused, seen, server, taught, with_initialize, without_initialize,
};

pub(crate) const STRANGE: [&str; 4] = ["A strange garden", "A strange castle", "A strange ship", "A strange night"];

pub(crate) fn candidates() -> Value {
    json!({"candidates": STRANGE.map(|film| json!({"query": film})).to_vec()})
}

/// Both ways in which the protocol has had forms.
pub(crate) async fn both(server: &Server, person: &Person) -> [Client; 2] {
    let session = || server.session("ana".try_into().unwrap());
    let first = connect_in(session(), person.clone(), with_initialize()).await;
    [first, connect_in(session(), person.clone(), without_initialize()).await]
}

#[tokio::test]
async fn a_question_is_put_to_the_user_and_what_they_answer_is_recorded() {
    for place in 0..2 {
        let (server, person) = (server(), Person::who_accepts(json!({"response": "2"})));
        let client = &both(&server, &person).await[place];
        let asked = done(client, "next_question", candidates()).await;
        assert_eq!((&asked["user_said"], &asked["recorded"]["response"]), (&json!("accept"), &json!("2")));
        let shown = person.shown.lock().unwrap().clone();
        let [ElicitRequestParams::FormElicitationParams { message, requested_schema, .. }] = &shown[..] else {
            panic!("{} forms", shown.len())
        };
        assert!(message.contains("How would this person rate the film?") && message.contains("A strange"), "{message}");
        let form = serde_json::to_value(requested_schema).unwrap();
        assert_eq!(form["properties"]["response"]["enum"], json!(["1", "2", "3", "4", "5"]));
        assert_eq!(done(client, "profile", json!({})).await["past_answers"], 1);
        done(client, "record", seen()).await;
        let gone = done(client, "forget", json!({"interactions": [asked["recorded"]["interaction"]]})).await;
        assert_eq!(gone["forgotten"], true);
    }
}

#[tokio::test]
async fn who_does_not_answer_a_question_is_left_alone() {
    for (action, said) in [(ElicitationAction::Decline, "decline"), (ElicitationAction::Cancel, "cancel")] {
        let (server, person) = (server(), Person::who(ElicitResult::new(action)));
        for client in &both(&server, &person).await {
            let asked = done(client, "next_question", candidates()).await;
            assert_eq!((&asked["user_said"], asked.get("recorded")), (&json!(said), None));
            assert_eq!(done(client, "profile", json!({})).await["past_answers"], 0);
        }
    }
}

#[tokio::test]
async fn a_form_that_comes_back_with_something_else_records_nothing() {
    let (server, person) = (server(), Person::who_accepts(json!({"response": "zebra"})));
    for client in &both(&server, &person).await {
        let why = refused(client, "next_question", candidates()).await;
        assert!(why.contains("whole number from 1 to 5") && !why.contains("zebra"), "{why}");
        assert_eq!(done(client, "profile", json!({})).await["past_answers"], 0);
    }
}

#[tokio::test]
async fn a_question_is_only_told_where_it_is_not_to_be_asked() {
    let (server, person) = (server(), Person::who_accepts(json!({"response": "2"})));
    let [client, _] = both(&server, &person).await;
    let mut arguments = candidates();
    arguments["ask"] = json!(false);
    assert_eq!(done(&client, "next_question", arguments).await.get("user_said"), None);
    assert!(person.shown.lock().unwrap().is_empty());
}

#[tokio::test]
async fn everything_is_forgotten_only_when_the_user_says_so_too() {
    let everything = json!({"everything": true, "confirm": "forget everything"});
    let yes = Person::who_accepts(json!({"confirm": true}));
    let not =
        [Person::who_accepts(json!({"confirm": false})), Person::who(ElicitResult::new(ElicitationAction::Decline))];
    for place in 0..2 {
        let server = server();
        taught(&server, "ana", Person::silent()).await;
        for person in &not {
            let client = &both(&server, person).await[place];
            let asked = done(client, "forget", everything.clone()).await;
            assert_eq!((&asked["forgotten"], &asked["user_said"]), (&json!(false), &json!("decline")));
            assert_eq!(done(client, "profile", json!({})).await["past_answers"], 12);
        }
        let client = &both(&server, &yes).await[place];
        assert_eq!(done(client, "forget", everything.clone()).await["forgotten"], true);
        assert_eq!(done(client, "profile", json!({})).await["past_answers"], 0);
    }
}

async fn read(client: &Client, uri: &str) -> (String, String) {
    let read = client.read_resource(ReadResourceRequestParams::new(uri)).await.unwrap();
    match read.contents.into_iter().next() {
        Some(ResourceContents::TextResourceContents { mime_type, text, .. }) => (mime_type.unwrap(), text),
        _ => panic!("no text"),
    }
}

#[tokio::test]
async fn the_profile_is_read_as_text_as_data_and_as_a_page() {
    let client = taught(&server(), "ana", Person::silent()).await;
    let listed = client.list_all_resources().await.unwrap();
    assert_eq!(listed.len(), 3);
    let (kind, text) = read(&client, "rpm://profile").await;
    assert!(kind == "text/markdown" && text.contains("* quiet (+3.3)"), "{text}");
    let (kind, data) = read(&client, "rpm://profile.json").await;
    let data: Value = serde_json::from_str(&data).unwrap();
    assert_eq!((kind.as_str(), &data["interactions"], data.get("user")), ("application/json", &json!(12), None));
    let (kind, page) = read(&client, "rpm://profile.html").await;
    assert!(kind == "text/html" && page.contains("quiet") && page.contains("</html>"));
    let error = client.read_resource(ReadResourceRequestParams::new("rpm://zebra")).await.unwrap_err();
    let ServiceError::McpError(error) = error else { panic!("{error}") };
    assert_eq!(error.code, ErrorCode::RESOURCE_NOT_FOUND);
    assert!(!error.message.contains("zebra"));
}

#[tokio::test]
async fn nobody_between_may_keep_a_profile() {
    let server = server();
    taught(&server, "ana", Person::silent()).await;
    let session = server.session("ana".try_into().unwrap());
    let client = connect_in(session, Person::silent(), without_initialize()).await;
    let read = client.read_resource(ReadResourceRequestParams::new("rpm://profile")).await.unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap()["cacheScope"], "private");
}

#[tokio::test]
#[allow(deprecated, reason = "clients of the older protocol subscribe so")]
async fn who_subscribed_hears_of_changes_of_their_own_profile_alone() {
    let (server, (told, mut heard)) = (server(), mpsc::unbounded_channel());
    let here = connect(server.session("ana".try_into().unwrap()), Person { told, ..Person::silent() }).await;
    here.subscribe(SubscribeRequestParams::new("rpm://profile")).await.unwrap();
    taught(&server, "bob", Person::silent()).await;
    let there = taught(&server, "ana", Person::silent()).await;
    assert_eq!(heard.recv().await.unwrap(), "rpm://profile");
    assert!(heard.try_recv().is_err(), "bob's change is not told");
    done(&there, "set_factor", json!({"factor": "quiet", "change": "pin"})).await;
    assert_eq!(heard.recv().await.unwrap(), "rpm://profile");
    here.unsubscribe(UnsubscribeRequestParams::new("rpm://profile")).await.unwrap();
    done(&there, "forget", json!({"factor": "loud"})).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(heard.try_recv().is_err());
    assert!(here.subscribe(SubscribeRequestParams::new("rpm://zebra")).await.is_err());
}

#[tokio::test]
async fn who_listens_by_the_newer_protocol_hears_of_changes_too() {
    let server = server();
    let session = server.session("ana".try_into().unwrap());
    let here = connect_in(session, Person::silent(), without_initialize()).await;
    let wanted = SubscriptionFilter::builder().resource_subscriptions(["rpm://profile", "rpm://zebra"]).build();
    let mut heard = here.listen(wanted).await.unwrap();
    assert_eq!(heard.acknowledged().resource_subscriptions, Some(vec!["rpm://profile".to_owned()]));
    // At once, for what changed since they read it, and then of each change.
    for change in 0..2 {
        if change == 1 {
            taught(&server, "ana", Person::silent()).await;
        }
        let change = tokio::time::timeout(Duration::from_secs(10), heard.next()).await.unwrap().unwrap();
        assert!(serde_json::to_string(&change).unwrap().contains("rpm://profile"));
    }
}
