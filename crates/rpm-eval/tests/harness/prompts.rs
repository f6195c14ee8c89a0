//! Every request that the harness's methods send, word for word, against files in `tests/golden`. `RPM_UPDATE_GOLDEN=1`
//! rewrites them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use crate::common::{ScriptedBackend, cases, obey, reply, sent};
use pollster::block_on;
use rpm_core::llm::Stage;
use rpm_core::{CompletionRequest, History, LlmBackend, Query, Task};
use rpm_eval::method::{Bench, named};
use serde_json::json;

/// A model that does as asked, by the schema of the reply.
fn answering(request: &CompletionRequest) -> String {
    let schema = request.schema.as_ref().unwrap();
    let properties = &schema.schema["properties"];
    match schema.name {
        "text" => {
            let told = &request.messages[0].content;
            let texts =
                [("Explain", "It is slow."), ("Describe", "A friend of slow films."), ("question", "1. Is it slow?")];
            let (_, text) = texts.iter().find(|(word, _)| told.contains(word)).unwrap();
            json!({ "text": text }).to_string()
        }
        "answer" if properties.get("first").is_some() => {
            let response = properties["response"]["enum"].get(0).cloned();
            json!({ "first": "It is slow.", "response": response.unwrap_or_else(|| json!("A Plain Title")) })
                .to_string()
        }
        _ => obey(request),
    }
}

/// All requests of a method that is made ready for a user and asked one query.
fn requests(spec: &str, task: &Task, history: &History, query: &Query) -> Vec<CompletionRequest> {
    let backend = ScriptedBackend::new(|request| Ok(reply(&answering(request))));
    let mut bench = Bench::new(task, &[]);
    bench.backend = Some(Arc::clone(&backend) as Arc<dyn LlmBackend>);
    let method = named(&spec.parse().unwrap()).unwrap();
    assert!(method.applies(task) && method.asks_model());
    let said = block_on(async { method.learn(history, &bench).await?.answer(query, &bench).await }).unwrap();
    assert!(said.response.is_some());
    backend.take()
}

fn compare(name: &str, requests: &[CompletionRequest]) {
    let mut found = String::new();
    for (number, request) in (1..).zip(requests) {
        let seed = request.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
        let (stage, tokens, temperature) = (request.stage, request.max_tokens, request.temperature);
        let _ = writeln!(
            found,
            "=== request {number}: stage {stage}, at most {tokens} tokens, temperature {temperature}{seed}\n{}",
            sent(request)
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("eval_{name}.txt"));
    if std::env::var_os("RPM_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(found == wanted, "the requests of {name} changed; found:\n{found}");
}

#[test]
fn requests_of_methods_read_as_in_the_files() {
    let [(_, scale, ratings, film), _, (_, choices, chosen, question), (_, text, titles, paper)] = cases();
    for (name, spec) in [
        ("cot", "cot"),
        ("self_consistency", "self-consistency:n=2"),
        ("self_consistency_examples", "self-consistency:n=1:k=2"),
        ("rag", "rag-bm25:k=2"),
        ("few_shot_cot", "few-shot-cot:k=2"),
        ("least_to_most", "least-to-most:k=2"),
        ("pag", "pag:k=2"),
    ] {
        compare(&format!("{name}_scale"), &requests(spec, &scale, &ratings, &film));
    }
    compare("few_shot_cot_choices", &requests("few-shot-cot:k=2", &choices, &chosen, &question));
    compare("least_to_most_choices", &requests("least-to-most:k=2", &choices, &chosen, &question));
    compare("pag_text", &requests("pag:k=2", &text, &titles, &paper));
    compare("cot_text", &requests("cot", &text, &titles, &paper));
}

#[test]
fn generic_paths_are_asked_for_as_in_the_files() {
    for (kind, task, history, query) in cases() {
        if !matches!(kind, "scale" | "text") {
            continue;
        }
        let mut requests = requests("rpm:gate=off:k=2:paths=generic", &task, &history, &query);
        requests.retain(|request| request.stage == Stage::WritePath);
        requests.truncate(1);
        assert_eq!(requests.len(), 1);
        compare(&format!("generic_path_{kind}"), &requests);
    }
}
