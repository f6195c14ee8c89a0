//! Whole operations whose requests a model answers with whatever the bytes say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rpm_core::catalog::{Catalog, CatalogBuilder, CatalogNamer};
use rpm_core::testing::ScriptedBackend;
use rpm_core::{Answer, Completion, CompletionRequest, LlmBackend, Preset, RpmPipeline, UserModel, async_trait};

use crate::made::{beginning, model, query, task};
use crate::steps::run;
use crate::{first, is_discreet, text};

/// Stands between the replies of one input.
const BETWEEN: char = '\u{1e}';

/// A model that gives these replies one after another; in place of an empty one, and after the last, a reply as it should be.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<(Vec<String>, usize)>>);

impl Scripted {
    fn begin(&self, replies: &[String]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (replies.to_vec(), 0);
    }
}

#[async_trait]
impl LlmBackend for Scripted {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, rpm_core::BackendError> {
        let reply = {
            let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            script.1 += 1;
            script.0.get(script.1 - 1).filter(|reply| !reply.is_empty()).cloned()
        };
        let reply = reply.map_or_else(|| ScriptedBackend::made_up(request), Completion::new);
        // In pieces, as far as somebody listens.
        let mut rest = reply.text.as_str();
        while let Some(next) = rest.chars().next() {
            let at = rest.char_indices().nth(7).map_or(rest.len(), |(at, _)| at).max(next.len_utf8());
            let (piece, left) = rest.split_at(at);
            request.hear(piece);
            rest = left;
        }
        Ok(reply)
    }
}

fn pipeline(kind: u8, preset: u8) -> (Scripted, RpmPipeline) {
    static MADE: OnceLock<Mutex<HashMap<(u8, u8), (Scripted, RpmPipeline)>>> = OnceLock::new();
    let mut made = MADE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let key = (kind % 4, preset % 4);
    let build = || {
        let backend = Scripted::default();
        let preset = [Preset::Paper, Preset::Balanced, Preset::Frugal, Preset::Fused][usize::from(key.1)];
        let builder = RpmPipeline::builder(task(key.0)).backend(backend.clone()).preset(preset);
        (backend, builder.build().unwrap())
    };
    made.entry(key).or_insert_with(build).clone()
}

/// The first byte chooses task and preset, the second the operation: learning, answering at once and streamed, or naming a catalog.
pub fn model_replies(data: &[u8]) {
    let (kind, rest) = first(data);
    let (operation, rest) = first(rest);
    let replies: Vec<String> = text(rest).split(BETWEEN).take(16).map(str::to_owned).collect();
    let (backend, pipeline) = pipeline(kind, kind / 4);
    backend.begin(&replies);
    match operation % 3 {
        0 => learns(kind, &backend, &pipeline, &replies),
        1 => answers(kind, &backend, &pipeline, &replies),
        _ => names(&backend, &pipeline, &replies),
    }
}

fn learns(kind: u8, backend: &Scripted, pipeline: &RpmPipeline, replies: &[String]) {
    let learned = run(pipeline.learn(&beginning(kind, 3)));
    backend.begin(replies);
    let again = run(pipeline.learn(&beginning(kind, 3)));
    match (learned, again) {
        (Ok(learned), Ok(again)) => {
            let file = learned.model.to_json();
            assert_eq!(learned.report.items.len(), 3, "an interaction is in no report");
            assert!(file == again.model.to_json(), "the same replies make two models");
            let read = UserModel::from_json(&file).expect("what was learned loads");
            assert!(read.to_json() == file, "a model changes by being saved");
            let shown = run(pipeline.open(read)).expect("what loads can be opened").profile().to_string();
            is_clean(&shown);
        }
        (Err(error), Err(_)) => is_discreet(&error),
        _ => panic!("the same replies succeed and fail"),
    }
}

fn answers(kind: u8, backend: &Scripted, pipeline: &RpmPipeline, replies: &[String]) {
    let prepared = run(pipeline.open(model(kind % 4).clone())).unwrap();
    let query = query(kind, "A quiet, slow walk with a zebra.").unwrap();
    let answer = run(pipeline.personalize(&prepared, &query));
    backend.begin(replies);
    let streamed = run(pipeline.personalize_streaming(&prepared, &query, |piece| drop(format!("{piece:?}"))));
    match (answer, streamed) {
        (Ok(answer), Ok(streamed)) => {
            assert!(answer == streamed, "an answer that is listened to is another");
            is_sound(&answer, pipeline, &prepared);
        }
        (Err(error), Err(_)) => is_discreet(&error),
        _ => panic!("the same replies succeed and fail"),
    }
}

fn is_sound(answer: &Answer, pipeline: &RpmPipeline, prepared: &rpm_core::Prepared) {
    let fixed = pipeline.task().space().fixed_responses();
    assert!(fixed.is_none_or(|all| all.contains(&answer.response)), "a response outside of the task");
    for step in answer.path.steps() {
        assert!(step.feature < answer.features.len(), "a reason cites what is not there");
    }
    let reasons = answer.reasons(prepared);
    is_clean(&reasons.to_string());
    is_clean(&reasons.in_words());
    assert!(!format!("{answer:?}").contains(crate::CANARY), "Debug quotes a reply");
}

/// Fails where a terminal would obey.
fn is_clean(shown: &str) {
    let odd = shown.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'));
    assert_eq!(odd, None, "a control character reaches a terminal");
}

fn names(backend: &Scripted, pipeline: &RpmPipeline, replies: &[String]) {
    static MADE: OnceLock<Catalog> = OnceLock::new();
    let scenes = ["a car chase", "a long car chase", "cars in pursuit", "a quiet walk", "a long quiet walk"];
    let catalog = MADE.get_or_init(|| CatalogBuilder::default().least_texts(2).texts(scenes).build().unwrap());
    let named = run(pipeline.name_catalog(catalog, &CatalogNamer::default()));
    backend.begin(replies);
    let again = run(pipeline.name_catalog(catalog, &CatalogNamer::default()));
    match (named, again) {
        (Ok(named), Ok(again)) => {
            assert!(named.catalog == again.catalog, "the same replies name otherwise");
            let file = named.catalog.to_json();
            assert!(Catalog::from_json(&file).expect("a named catalog loads") == named.catalog);
            named.unanswered.iter().for_each(|left| is_discreet(&left.error));
        }
        (Err(error), Err(_)) => is_discreet(&error),
        _ => panic!("the same replies succeed and fail"),
    }
}
