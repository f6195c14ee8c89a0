//! Every request names the interactions it holds text of, so that a host can find what to purge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::{ModelAtOnce as _, ScriptedBackend, blocks, cases, obey, reply, sent};
use pollster::block_on;
use rpm_core::answer::PromptedAnswerer;
use rpm_core::extract::PromptedExtractor;
use rpm_core::llm::{Role, Stage};
use rpm_core::pipeline::PathPolicy;
use rpm_core::stats::SupportThresholds;
use rpm_core::{CompletionRequest, History, Interaction, Query, RpmPipeline, Task};
use serde_json::json;

/// The marks, such as `zqa`, that a text holds. Each interaction has a mark of its own, named after its id.
fn marks(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| word.to_ascii_lowercase().strip_prefix("zq").map(str::to_owned)).collect()
}

/// A model that names features and argues with all the marks it was shown.
fn marking(request: &CompletionRequest) -> String {
    let asked = request.messages.iter().filter(|message| message.role == Role::User);
    let asked: String = asked.map(|message| message.content.as_str()).collect();
    match request.stage {
        Stage::Extract => {
            let items = blocks(&asked).into_iter().map(|(id, text)| {
                let marked = marks(&text).into_iter();
                let features: Vec<_> = marked
                    .map(|mark| json!({ "name": format!("word zq{mark}"), "quote": format!("zq{mark}") }))
                    .collect();
                let slow = text.contains("slow").then(|| json!({ "name": "slow pacing", "quote": "slow" }));
                json!({ "about": id, "features": features.into_iter().chain(slow).collect::<Vec<_>>() })
            });
            json!({ "items": items.collect::<Vec<_>>() }).to_string()
        }
        Stage::Group => {
            // Three words make a factor, so that a factor's label holds words of more than one interaction.
            let (own, others): (Vec<_>, Vec<_>) =
                blocks(&asked).into_iter().partition(|(_, text)| !marks(text).is_empty());
            let pairs = own.chunks(3).flat_map(|pair| {
                let words: Vec<String> =
                    pair.iter().flat_map(|(_, text)| marks(text)).map(|m| format!("zq{m}")).collect();
                let name = format!("as {}", words.join(" "));
                pair.iter().map(move |(id, _)| (id.clone(), json!(name)))
            });
            let others = others.iter().map(|(id, _)| (id.clone(), json!(format!("kind {id}"))));
            json!({ "factors": pairs.chain(others).collect::<serde_json::Map<_, _>>() }).to_string()
        }
        Stage::WritePath | Stage::Answer => {
            let all: Vec<String> = marks(&asked).into_iter().map(|mark| format!("zq{mark}")).collect();
            obey(request).replace("This person goes by it.", &format!("As in {}.", all.join(" ")))
        }
        _ => obey(request),
    }
}

fn marked(task: &Task, kind: &str, history: &History) -> History {
    let past = history.interactions().iter().map(|past| {
        let (id, mark) = (past.id().as_str(), format!("zq{}", past.id()));
        let options: Vec<String> = past.query().options().iter().map(|option| format!("{option} {mark}")).collect();
        let query = Query::with_options(format!("{} {mark}", past.query().text()), options).unwrap();
        let response = match kind {
            "choices" | "text" => format!("{} {mark}", past.response()),
            _ => past.response().to_owned(),
        };
        Interaction::new(id, query, response).unwrap().at(past.time().unwrap_or_default())
    });
    History::new(task, "ana", past).unwrap()
}

/// Marks of the request that its `about` does not name.
fn unnamed(request: &CompletionRequest) -> Vec<String> {
    marks(&sent(request)).into_iter().filter(|mark| !request.about.contains(mark)).collect()
}

#[test]
fn every_request_of_every_stage_names_whose_text_it_holds() {
    for (kind, task, history, new) in cases() {
        let history = marked(&task, kind, &history);
        let options: Vec<String> = new.options().iter().map(|option| format!("{option} zqquery")).collect();
        let new = Query::with_options(format!("{} slow zqquery", new.text()), options).unwrap();
        for policy in [PathPolicy::Eager, PathPolicy::OnFirstUse] {
            let backend = ScriptedBackend::new(|request| Ok(reply(&marking(request))));
            let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).paths(policy);
            let mut thresholds = SupportThresholds::default();
            (thresholds.least_similarity, thresholds.least_factors) = (0.0, 1);
            // So few that the paths of the exemplars speak of factors that are not shown.
            let answerer = PromptedAnswerer::default().factors_shown(1);
            let pipeline = builder.thresholds(thresholds).answerer(answerer).build().unwrap();
            let model = block_on(pipeline.learn(&history)).unwrap().model;
            block_on(pipeline.personalize_model(&model, &new)).unwrap();
            let requests = backend.take();
            let others = |request: &&CompletionRequest| marks(&sent(request)).len() > 1;
            assert!(requests.iter().filter(|r| r.stage == Stage::WritePath).filter(others).count() > 1, "{kind}");
            let mut stages = BTreeSet::new();
            for request in &requests {
                stages.insert(request.stage);
                assert_eq!(unnamed(request), Vec::<String>::new(), "{kind} {policy:?} {}", request.stage);
                let different: BTreeSet<&String> = request.about.iter().collect();
                assert_eq!(different.len(), request.about.len(), "{:?}", request.about);
                assert!(!request.about.is_empty(), "{kind} {}", request.stage);
                let known = |id: &String| id == "query" || history.interactions().iter().any(|i| i.id().as_str() == id);
                assert!(request.about.iter().all(known), "{:?}", request.about);
            }
            let judged = usize::from(kind == "text");
            assert_eq!(stages.len(), 4 + judged, "{kind} {stages:?}");
            let learning = requests.iter().filter(|r| r.stage == Stage::Extract && !r.about.contains(&"query".into()));
            let own: Vec<&[String]> = learning.map(|request| request.about.as_slice()).collect();
            let ids: Vec<[String; 1]> = history.interactions().iter().map(|past| [past.id().to_string()]).collect();
            assert_eq!(own, ids.iter().map(<[String; 1]>::as_slice).collect::<Vec<_>>(), "nothing else while learning");
            let answer = requests.iter().find(|request| request.stage == Stage::Answer).unwrap();
            assert_eq!(answer.about[0], "query");
            assert!(answer.about.len() > 2, "{kind} exemplars: {:?}", answer.about);
            let knowing = requests.iter().rfind(|request| request.stage == Stage::Extract).unwrap();
            assert_eq!(knowing.about[0], "query");
            assert!(knowing.about.len() > 1, "{kind} known factors: {:?}", knowing.about);
        }
    }
}

#[test]
fn an_answer_from_nothing_of_the_user_names_the_query_only() {
    for (_, task, history, new) in cases() {
        let backend = ScriptedBackend::obedient();
        let mut thresholds = SupportThresholds::default();
        thresholds.least_interactions = 99;
        let builder = RpmPipeline::builder(task).backend(Arc::clone(&backend)).thresholds(thresholds);
        let pipeline = builder.build().unwrap();
        let model = block_on(pipeline.learn(&history)).unwrap().model;
        block_on(pipeline.personalize_model(&model, &new)).unwrap();
        assert_eq!(backend.of(Stage::Answer)[0].about, ["query"]);
    }
}

#[test]
fn a_request_about_several_texts_names_each_and_a_reask_only_its_own() {
    for (_, task, history, _) in cases() {
        let backend = ScriptedBackend::except(|request| {
            // The second text of each request is left out.
            (request.stage == Stage::Extract && request.about.len() > 1)
                .then(|| obey(request).replace("\"t2\"", "\"t99\""))
        });
        let builder = RpmPipeline::builder(task).backend(Arc::clone(&backend));
        let pipeline = builder.extractor(PromptedExtractor::default().items_per_request(3)).build().unwrap();
        block_on(pipeline.learn(&history)).unwrap();
        let about: Vec<Vec<String>> = backend.of(Stage::Extract).into_iter().map(|request| request.about).collect();
        let ids: Vec<String> = history.interactions().iter().map(|past| past.id().to_string()).collect();
        let mut expected: Vec<Vec<String>> = ids.chunks(3).map(<[String]>::to_vec).collect();
        let missing = ids.chunks(3).filter(|chunk| chunk.len() > 1).map(|chunk| vec![chunk[1].clone()]);
        expected.extend(missing.collect::<Vec<_>>());
        assert_eq!(about, expected);
    }
}
