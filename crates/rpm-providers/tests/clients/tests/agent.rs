//! An agent of rig that answers as one user or another: the model only calls the tool and repeats what it is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use rig_agent::AgentBuilder;
use rig_core::providers::openai::OpenAIConfig;
use rig_core::tool::PortableTool;
use rig_reqwest::ReqwestClient;
use rpm_clients::http;
use rpm_core::data::{ResponseSpace, Task, UserId};
use rpm_core::testing::{Canned, MockServer, Sent, Setup};
use rpm_core::{Personalizer, RpmPipeline, backend_fn};
use rpm_providers::AnswerTool;
use serde_json::{Value, json};

/// One of those who has rated.
async fn films() -> Personalizer {
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let films = Personalizer::offline(task);
    for (user, quiet, loud) in [("ana", 5, 1), ("ben", 1, 5)] {
        for scene in ["drama", "walk", "summer", "village", "friends", "romance"] {
            films.record(user, format!("Quiet {scene} by the sea"), quiet).await.unwrap();
            films.record(user, format!("Loud {scene} with robots"), loud).await.unwrap();
        }
    }
    films
}

/// A model that calls the tool with these arguments, and then says what it was told.
fn model(arguments: Value) -> MockServer {
    let answer = move |sent: &Sent| {
        let last = sent.body["messages"].as_array().and_then(|messages| messages.last()).cloned().unwrap_or_default();
        let (message, finish) = if last["role"] == "tool" {
            let told = last["content"]
                .as_str()
                .map_or_else(|| last["content"][0]["text"].as_str().unwrap_or_default().into(), String::from);
            (json!({ "role": "assistant", "content": told }), "stop")
        } else {
            let call = json!({ "name": "answer_as_user", "arguments": arguments.to_string() });
            (
                json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": "1", "type": "function", "function": call }] }),
                "tool_calls",
            )
        };
        let choice = json!({ "index": 0, "finish_reason": finish, "message": message });
        Canned::new(
            200,
            json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice] })
                .to_string(),
        )
    };
    MockServer::start(answer).unwrap()
}

async fn asked(tool: AnswerTool, arguments: Value) -> String {
    let server = model(arguments);
    let setup = Setup::new(format!("{}/v1", server.url()));
    let mut config = OpenAIConfig::new(setup.key.clone());
    config.base_url.clone_from(&setup.base_url);
    let model = config.connect(ReqwestClient::from(http(setup.timeout))).chat("m");
    // The one line.
    let agent = AgentBuilder::new(model).tool(tool).build();
    agent.prompt("What would they give the film?").max_turns(3).await.expect("an answer").output().clone()
}

#[tokio::test]
async fn an_agent_answers_as_each_of_two_users_and_says_why() {
    let films = films().await;
    let question = json!({ "query": "A quiet film about two lighthouse keepers" });
    let mut told = Vec::new();
    for user in ["ana", "ben"] {
        let tool = AnswerTool::new(films.clone(), UserId::new(user).unwrap());
        let said = asked(tool, question.clone()).await;
        let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
        assert_eq!((&said["personal"], &said["past_answers"]), (&json!(true), &json!(12)));
        assert!(said["because"].as_str().unwrap().contains("quiet"), "{said}");
        told.push(said["response"].as_str().unwrap().parse::<i32>().unwrap());
    }
    assert!(told[0] >= 4 && told[1] <= 2, "{told:?}");
    // Asking recorded nothing.
    assert_eq!(films.profile("ana").await.unwrap().interactions, 12);
}

#[tokio::test]
async fn a_model_cannot_ask_as_another_user() {
    let tool = AnswerTool::new(films().await, UserId::new("ana").unwrap());
    let said = asked(tool.clone(), json!({ "query": "A quiet film", "user": "ben" })).await;
    assert!(said.contains("unknown field") && !said.contains("response"), "{said}");
    assert!(!tool.parameters().to_string().contains("user"));
}

#[tokio::test]
async fn an_agent_is_not_told_what_the_user_set_aside() {
    let films = films().await;
    films.ignore("ana", "loud").await.unwrap();
    let question = json!({ "query": "A loud film with robots" });
    assert!(films.answer("ana", "A loud film with robots").await.unwrap().reasons.in_words().contains("et aside"));
    let said = asked(AnswerTool::new(films, UserId::new("ana").unwrap()), question).await;
    assert!(said.contains("because") && !said.contains("et aside"), "{said}");
}

#[tokio::test]
async fn a_query_that_cannot_be_used_is_told_and_a_backend_that_fails_by_its_kind_alone() {
    let tool = AnswerTool::new(films().await, UserId::new("ana").unwrap());
    let said = asked(tool, json!({ "query": "   " })).await;
    assert!(said.contains("blank"), "{said}");

    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let failing = backend_fn(|_| async { Err(rpm_core::BackendError::permanent("secret words")) });
    let pipeline = RpmPipeline::builder(task).backend(Arc::new(failing)).build().unwrap();
    let tool = AnswerTool::new(Personalizer::new(pipeline), UserId::new("ana").unwrap());
    let said = asked(tool, json!({ "query": "A quiet film" })).await;
    assert!(!said.contains("secret") && !said.contains("\"response\""), "{said}");
}

#[tokio::test]
async fn options_are_asked_for_where_they_come_with_the_query() {
    let task = Task::new("Which would this person choose?", ResponseSpace::Choices).unwrap();
    let tool = AnswerTool::new(Personalizer::offline(task), UserId::new("ana").unwrap());
    assert_eq!(tool.parameters()["required"], json!(["query", "options"]));
    let said = asked(tool, json!({ "query": "Which?", "options": ["Yes", "No"] })).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["personal"], json!(false));
    assert!(["Yes", "No"].contains(&said["response"].as_str().unwrap()));
}
