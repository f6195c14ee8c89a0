//! The methods' requests to a model, and their use of its replies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{ScriptedBackend, history_of, obey, query, reply, scale_history, scale_task, sent};
use pollster::block_on;
use rpm_core::llm::AskError;
use rpm_core::llm::Stage;
use rpm_core::{CompletionRequest, History, Interaction, LlmBackend, Query, Task};
use rpm_eval::method::{Bench, Method, MethodError, Prediction, Session, named, names};
use serde_json::json;

const FILM: &str = "A slow and quiet film with one loud chase.";

/// Replies with these ratings one after another over the answers asked for, and with a text where one is asked for.
fn rating(request: &CompletionRequest, point: u64) -> String {
    match request.schema.as_ref().unwrap().name {
        "text" => json!({ "text": "It is slow." }).to_string(),
        "answer" if request.stage == Stage::Answer => {
            json!({ "first": "So.", "response": point.to_string() }).to_string()
        }
        _ => obey(request),
    }
}

fn backend(point: impl Fn(&CompletionRequest) -> u64 + Send + Sync + 'static) -> Arc<ScriptedBackend> {
    ScriptedBackend::new(move |request| Ok(reply(&rating(request, point(request)))))
}

fn bench<'a>(task: &'a Task, backend: &Arc<ScriptedBackend>) -> Bench<'a> {
    let mut bench = Bench::new(task, &[]);
    bench.backend = Some(Arc::clone(backend) as Arc<dyn LlmBackend>);
    bench
}

fn method(spec: &str) -> Arc<dyn Method> {
    named(&spec.parse().unwrap()).unwrap()
}

fn ready(spec: &str, history: &History, bench: &Bench<'_>) -> Box<dyn Session> {
    block_on(method(spec).learn(history, bench)).unwrap()
}

fn answer(session: &mut dyn Session, text: &str, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
    block_on(session.answer(&query(text), bench))
}

/// The methods that ask with a wording of their own: requests to learn, for a query, and for the same one again.
const REQUESTS: [(&str, u64, u64, u64); 7] = [
    ("cot", 0, 1, 1),
    ("self-consistency:n=3", 0, 3, 3),
    ("self-consistency:k=2:n=2", 0, 2, 2),
    ("rag-bm25:k=2", 0, 1, 1),
    ("few-shot-cot:k=2", 0, 3, 1),
    ("least-to-most:k=2", 0, 2, 2),
    ("pag:k=2", 1, 1, 1),
];

#[test]
fn each_method_asks_as_often_as_it_says_and_accounts_for_it() {
    let (task, history) = (scale_task(), scale_history());
    for (spec, learning, first, again) in REQUESTS {
        let backend = backend(|_| 4);
        let bench = bench(&task, &backend);
        let mut session = ready(spec, &history, &bench);
        assert_eq!(session.usage().total().calls, learning, "{spec}");
        for expected in [first, again] {
            assert_eq!(answer(&mut *session, FILM, &bench).unwrap().response.as_deref(), Some("4"));
            let usage = session.usage().total();
            assert_eq!((usage.calls, usage.input_tokens), (expected, 100 * expected), "{spec}");
        }
        assert_eq!(session.usage().total().calls, 0, "usage is told once");
        assert_eq!(backend.take().len() as u64, learning + first + again, "{spec}");
    }
}

#[test]
fn a_reply_outside_the_tasks_space_is_asked_again_once_and_then_an_error() {
    let (task, history) = (scale_task(), scale_history());
    for (spec, _, requests, _) in REQUESTS {
        let backend = backend(|_| 99);
        let bench = bench(&task, &backend);
        let mut session = ready(spec, &history, &bench);
        session.usage();
        let error = answer(&mut *session, FILM, &bench).unwrap_err();
        assert!(matches!(&error, MethodError::Ask(AskError::Unusable { attempts: 2, .. })), "{spec}: {error:?}");
        let answers = backend.of(Stage::Answer).len() as u64;
        let samples = if spec.starts_with("self") { requests } else { 1 };
        assert_eq!(answers, 2 * samples, "{spec}");
        assert_eq!(session.usage().total().reasks, samples, "{spec}: a failed answer is accounted for too");
    }
}

#[test]
fn a_second_reply_that_can_be_used_is_used() {
    let (task, history) = (scale_task(), scale_history());
    for (spec, ..) in REQUESTS {
        let backend = backend(|request| if request.messages.len() > 2 { 3 } else { 0 });
        let bench = bench(&task, &backend);
        let mut session = ready(spec, &history, &bench);
        assert_eq!(answer(&mut *session, FILM, &bench).unwrap().response.as_deref(), Some("3"), "{spec}");
    }
}

#[test]
fn the_same_seed_and_replies_give_the_same_requests_and_predictions() {
    let (task, history) = (scale_task(), scale_history());
    for name in names().iter().filter(|name| method(name).asks_model()) {
        let run = |seed| {
            let backend = backend(|request| 1 + request.seed.unwrap_or(3) % 5);
            let mut bench = bench(&task, &backend);
            bench.seed = seed;
            let mut session = ready(name, &history, &bench);
            let said = [FILM, "A loud chase."].map(|text| answer(&mut *session, text, &bench).unwrap());
            let requests: Vec<String> = backend.take().iter().map(|r| format!("{:?} {}", r.seed, sent(r))).collect();
            (said, requests)
        };
        assert!(run(7) == run(7), "{name}");
    }
}

#[test]
fn samples_differ_in_their_seeds_and_their_shares_are_the_probabilities() {
    let (task, history) = (scale_task(), scale_history());
    let backend = backend(|request| [5, 2, 2, 5, 1][usize::try_from(request.seed.unwrap() - 40).unwrap()]);
    let mut bench = bench(&task, &backend);
    bench.seed = 40;
    let said = answer(&mut *ready("self-consistency", &history, &bench), FILM, &bench).unwrap();
    assert_eq!(said.response.as_deref(), Some("5"), "the earliest of equals");
    assert_eq!(said.probabilities, [0.2, 0.4, 0.0, 0.0, 0.4]);
    let requests = backend.take();
    let seeds: Vec<u64> = requests.iter().filter_map(|request| request.seed).collect();
    assert_eq!(seeds, [40, 41, 42, 43, 44]);
    assert!(requests.iter().all(|request| (request.temperature - 0.7).abs() < 1e-6));
}

#[test]
fn a_sample_without_a_usable_reply_is_left_out() {
    let (task, history) = (scale_task(), scale_history());
    let backend = backend(|request| if request.seed == Some(0) { 99 } else { 2 });
    let bench = bench(&task, &backend);
    let said = answer(&mut *ready("self-consistency:n=3", &history, &bench), FILM, &bench).unwrap();
    assert_eq!(said.probabilities, [0.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn what_is_learned_is_asked_of_the_model_that_learns() {
    let (task, history) = (scale_task(), scale_history());
    for (spec, learned) in [("pag:k=2", 1), ("few-shot-cot:k=2", 2)] {
        let (user, learner) = (backend(|_| 4), backend(|_| 1));
        let mut bench = bench(&task, &user);
        bench.learner = Some(Arc::clone(&learner) as Arc<dyn LlmBackend>);
        let mut session = ready(spec, &history, &bench);
        assert_eq!(answer(&mut *session, FILM, &bench).unwrap().response.as_deref(), Some("4"));
        assert_eq!((learner.take().len(), user.take().len()), (learned, 1), "{spec}");
        assert_eq!(session.usage().total().calls, 1 + learned as u64);
    }
}

#[test]
fn a_rationale_is_written_from_nothing_but_its_own_interaction() {
    let (task, history) = (scale_task(), scale_history());
    let backend = backend(|_| 4);
    let bench = bench(&task, &backend);
    answer(&mut *ready("few-shot-cot:k=3", &history, &bench), FILM, &bench).unwrap();
    let written: Vec<CompletionRequest> = backend.take().into_iter().filter(|r| r.stage != Stage::Answer).collect();
    assert_eq!(written.len(), 3);
    for request in written {
        let text = sent(&request);
        let shown = history.interactions().iter().filter(|past| text.contains(past.query().text()));
        assert_eq!(shown.count(), 1);
        assert!(!text.contains(FILM));
    }
}

#[test]
fn a_long_history_is_summarized_from_its_latest_texts() {
    let task = scale_task();
    let texts: Vec<String> = (10..99).map(|n| format!("film number {n} {}", "is slow and quiet ".repeat(10))).collect();
    let pairs: Vec<(&str, &str)> = texts.iter().rev().take(26).rev().map(|text| (text.as_str(), "4")).collect();
    let long = "word ".repeat(3_000);
    for (history, least, most) in [(history_of(&task, &pairs), 20, 26), (history_of(&task, &[(&long, "2")]), 1, 1)] {
        let backend = backend(|_| 4);
        let session = ready("pag", &history, &bench(&task, &backend));
        let summarized = session.counts()[0].1;
        assert!((least..=most).contains(&summarized), "{summarized}");
        let asked = sent(&backend.take()[0]);
        let last = history.interactions().last().unwrap().query().text();
        assert!(asked.contains(last.trim_end()));
    }
    let texts: Vec<String> = texts.iter().take(26).map(|text| format!("{text} {}", "and loud ".repeat(60))).collect();
    let pairs: Vec<(&str, &str)> = texts.iter().map(|text| (text.as_str(), "4")).collect();
    let (history, backend) = (history_of(&task, &pairs), backend(|_| 4));
    let session = ready("pag", &history, &bench(&task, &backend));
    let summarized = session.counts()[0].1;
    assert!((5..26).contains(&summarized), "{summarized}");
    let asked = sent(&backend.take()[0]);
    assert!(asked.contains(texts.last().unwrap().trim_end()) && !asked.contains(texts.first().unwrap().trim_end()));
}

#[test]
fn without_a_model_every_method_that_asks_one_says_so() {
    let (task, history) = (scale_task(), scale_history());
    let bench = Bench::new(&task, &[]);
    for name in names().iter().filter(|name| method(name).asks_model()) {
        let said = block_on(async { method(name).learn(&history, &bench).await?.answer(&query(FILM), &bench).await });
        assert!(matches!(said.unwrap_err(), MethodError::NoBackend), "{name}");
    }
}

#[test]
fn generic_paths_see_no_factor_are_kept_and_are_shown_in_the_answer() {
    let (task, history) = (scale_task(), scale_history());
    let backend = ScriptedBackend::obedient();
    let bench = bench(&task, &backend);
    let mut session = ready("rpm:gate=off:k=2:paths=generic", &history, &bench);
    assert!(backend.take().iter().all(|request| request.stage != Stage::WritePath));
    answer(&mut *session, FILM, &bench).unwrap();
    let requests = backend.take();
    let paths: Vec<String> = requests.iter().filter(|r| r.stage == Stage::WritePath).map(sent).collect();
    assert_eq!(paths.len(), 2);
    for text in paths {
        assert!(!text.to_lowercase().contains("factor") && !text.contains("n="), "{text}");
    }
    let answered = requests.iter().find(|request| request.stage == Stage::Answer).map(sent).unwrap();
    assert!(answered.contains("Reasoning:\n- x1: \"This person goes by it.\""), "{answered}");
    answer(&mut *session, FILM, &bench).unwrap();
    assert!(backend.take().iter().all(|request| request.stage != Stage::WritePath), "a path is written once");
}

#[test]
fn a_query_that_is_like_nothing_is_asked_without_examples() {
    let (task, history) = (scale_task(), scale_history());
    let asked = Query::new("Zebra").unwrap();
    for (spec, ..) in REQUESTS {
        let backend = backend(|_| 4);
        let bench = bench(&task, &backend);
        let mut session = ready(spec, &history, &bench);
        block_on(session.answer(&asked, &bench)).unwrap();
        assert!(!backend.of(Stage::Answer)[0].messages[1].content.contains("Example"), "{spec}");
    }
}

#[test]
fn paths_that_were_written_are_kept_when_others_have_said_more() {
    let (task, history) = (scale_task(), scale_history());
    let said = |n: usize, from: i64| {
        let past = |at: i64| {
            let text = if at % 2 == 0 { "A slow and quiet film." } else { "A loud chase." };
            let item = Interaction::new(format!("h{at}"), query(text), if at % 2 == 0 { "5" } else { "1" }).unwrap();
            item.at(from + at)
        };
        (0..4 + i64::try_from(n).unwrap()).map(past).collect::<Vec<_>>()
    };
    let population: Vec<Vec<Interaction>> = (0..8).map(|n| said(n, if n < 4 { 0 } else { 100 })).collect();
    let asked = vec![vec![50, 200]; 8];
    let backend = ScriptedBackend::obedient();
    let mut bench = bench(&task, &backend);
    (bench.user, bench.asked, bench.population) = (Some(0), &asked, &population);
    let mut session = ready("rpm:gate=off:k=2:others=4:shared=2", &history, &bench);
    for (now, written) in [(50, 2), (200, 0)] {
        bench.before = Some(now);
        answer(&mut *session, FILM, &bench).unwrap();
        assert_eq!(backend.of(Stage::WritePath).len(), written, "at {now}");
        backend.take();
    }
    let counts: std::collections::BTreeMap<_, _> = session.counts().into_iter().collect();
    assert_eq!(counts["answers with others"], 2);
}
