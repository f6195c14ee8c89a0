//! A model names the factors of a computed catalog: what it is asked, what that costs, and that users keep what they said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{ScriptedBackend, interaction, reply, scale_task, sent};
use pollster::block_on;
use rpm_core::catalog::{Catalog, CatalogBuilder, CatalogFactor, CatalogNamer, NamedCatalog, NamingError};
use rpm_core::llm::{BudgetLimit, Stage};
use rpm_core::{BackendError, Budget, CompletionRequest, Edit, FactorId, History, RpmPipeline};
use serde_json::{Map, Value, json};

/// Texts that a catalog of so many factors is computed from; `zqmark` is in one text each and so in no term.
fn texts(factors: usize) -> Vec<String> {
    let word = |n: usize| {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        format!("b{}{}rq", letter(n / 26), letter(n))
    };
    let of = |n: usize| (0..5).map(move |time| format!("A {} here, zqmark{n}x{time}.", word(n)));
    (0..factors).flat_map(of).collect()
}

fn computed(factors: usize) -> Catalog {
    let catalog = CatalogBuilder::default().topics(factors).texts(texts(factors)).build().unwrap();
    assert_eq!(catalog.factors().len(), factors);
    catalog
}

/// The labels that a request shows, by alias.
fn shown(request: &CompletionRequest) -> Vec<(String, String)> {
    let lines = request.messages[1].content.lines();
    let pair = |line: &str| {
        let (id, rest) = line.strip_prefix('[')?.split_once("] \"")?;
        Some((id.to_owned(), rest.split_once('"')?.0.to_owned()))
    };
    lines.filter_map(pair).collect()
}

/// Calls every factor big.
fn big(request: &CompletionRequest) -> String {
    let named = |(id, label): (String, String)| {
        (id, json!({ "name": format!("big {label}"), "about": format!("All that has a {label} in it.") }))
    };
    let factors: Map<String, Value> = shown(request).into_iter().map(named).collect();
    json!({ "factors": factors, "merge": [], "split": [] }).to_string()
}

fn model() -> Arc<ScriptedBackend> {
    ScriptedBackend::new(|request| Ok(reply(&big(request))))
}

fn pass(pipeline: &RpmPipeline, catalog: &Catalog) -> Result<NamedCatalog, NamingError> {
    block_on(pipeline.name_catalog(catalog, &CatalogNamer::default().texts(texts(catalog.factors().len()))))
}

#[test]
fn one_call_names_twenty_factors_and_shows_no_text_and_no_id() {
    let (backend, catalog) = (model(), computed(45));
    let pipeline = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).build().unwrap();
    let named = pass(&pipeline, &catalog).unwrap();
    let requests = backend.take();
    assert_eq!(requests.iter().map(|request| shown(request).len()).collect::<Vec<_>>(), [20, 20, 5]);
    assert!(requests.iter().all(|request| request.stage == Stage::Group && request.about.is_empty()));
    for request in &requests {
        let text = sent(request);
        assert!(
            !text.contains("zqmark") && catalog.factors().iter().all(|f| !text.contains(f.id().as_str())),
            "{text}"
        );
    }
    assert_eq!((named.changes.len(), named.described, named.refused.len()), (45, 45, 0));
    assert_eq!((named.catalog.version(), named.usage.total().calls), (2, 3));
    assert_eq!(named.usage.total().input_tokens, 300);
    assert!(named.catalog.factors().iter().all(|factor| factor.label().starts_with("big ")));
    assert_eq!(Catalog::from_json(&named.catalog.to_json()).unwrap(), named.catalog);
}

#[test]
fn a_failed_call_leaves_its_factors_and_the_others_are_named() {
    let catalog = computed(25);
    let backend = ScriptedBackend::new(|request| match shown(request).len() {
        20 => Ok(reply(&big(request))),
        _ => Err(BackendError::permanent("down")),
    });
    let pipeline = RpmPipeline::builder(scale_task()).backend(backend).build().unwrap();
    let named = pass(&pipeline, &catalog).unwrap();
    assert_eq!((named.changes.len(), named.unanswered.len()), (20, 5));
    for open in &named.unanswered {
        assert_eq!(named.catalog.get(&open.factor), catalog.get(&open.factor));
    }
    let down = ScriptedBackend::new(|_| Err(BackendError::transient("down")));
    let pipeline = RpmPipeline::builder(scale_task()).backend(down).build().unwrap();
    assert!(pass(&pipeline, &catalog).unwrap_err().is_transient());
}

#[test]
fn what_a_budget_paid_for_stands_and_the_rest_says_which_limit_was_reached() {
    let catalog = computed(25);
    let pipeline =
        |calls| RpmPipeline::builder(scale_task()).backend(model()).budget(Budget::default().calls(calls)).build();
    let named = pass(&pipeline(1).unwrap(), &catalog).unwrap();
    assert_eq!((named.changes.len(), named.unanswered.len()), (20, 5));
    assert!(named.unanswered.iter().all(|open| open.error.budget_reached() == Some(BudgetLimit::Calls)));
    let error = pass(&pipeline(0).unwrap(), &catalog).unwrap_err();
    assert_eq!(error.budget_reached(), Some(BudgetLimit::Calls));
}

#[test]
fn the_model_of_grouping_names_and_no_other_is_asked() {
    let (own, other) = (model(), model());
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&other));
    let pipeline = builder.backend_for(Stage::Group, Arc::clone(&own)).build().unwrap();
    pass(&pipeline, &computed(3)).unwrap();
    assert_eq!((own.take().len(), other.take().len()), (1, 0));
}

#[test]
fn what_the_redaction_hook_takes_out_is_not_shown() {
    let backend = model();
    let hook = |text: &str| text.replace("baarq", "[gone]");
    let pipeline = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).redact(hook).build().unwrap();
    pass(&pipeline, &computed(3)).unwrap();
    let text = sent(&backend.take()[0]);
    assert!(text.contains("[gone]") && !text.contains("baarq"), "{text}");
}

#[cfg(feature = "response-log")]
#[test]
fn a_pass_is_paid_for_once_whatever_the_replies_were() {
    use rpm_core::llm::{ReplyCacheLimits, ResponseLog};

    let catalog = computed(25);
    let useless = ScriptedBackend::new(|_| Ok(reply("I would rather not.")));
    for (backend, paid) in [(model(), 2), (useless, 4)] {
        let log = ResponseLog::in_memory(ReplyCacheLimits::default());
        let pipeline = RpmPipeline::builder(scale_task()).backend(log.wrap(Arc::clone(&backend))).build().unwrap();
        let first = pass(&pipeline, &catalog).unwrap();
        assert_eq!(backend.take().len(), paid);
        let second = pass(&pipeline, &catalog).unwrap();
        assert_eq!(backend.take().len(), 0);
        assert_eq!(second.catalog.to_json(), first.catalog.to_json());
        assert_eq!((second.refused, second.unanswered.len()), (first.refused, first.unanswered.len()));
    }
}

#[test]
fn a_user_model_follows_with_what_the_user_said() {
    let (chase, light) = ("A car chase.", "Natural light.");
    let takes =
        |n: usize| [format!("{chase} Take {n}."), format!("{light} Take {n}."), format!("x{n}"), format!("y{n}")];
    let scenes: Vec<String> = (0..4).flat_map(takes).collect();
    let catalog = CatalogBuilder::default().least_texts(3).texts(scenes.clone()).build().unwrap();
    let id = |catalog: &Catalog, label: &str| -> FactorId {
        catalog.factors().iter().find(|factor| factor.label().to_lowercase() == label).unwrap().id().clone()
    };
    let (chase, light) = (id(&catalog, "car chase"), id(&catalog, "natural light"));
    let past = scenes.iter().enumerate().map(|(n, text)| interaction(&format!("i{n}"), text, "3", 0));
    let offline = RpmPipeline::offline_builder(scale_task()).catalog(catalog.clone()).build().unwrap();
    let history = History::new(offline.task(), "ana", past).unwrap();
    let mut ana = block_on(offline.learn(&history)).unwrap().model;
    ana.edit(Edit::Mute { factor: chase.clone() }).unwrap();
    ana.edit(Edit::Pin { factor: light.clone() }).unwrap();

    let pipeline = RpmPipeline::builder(scale_task()).backend(model()).build().unwrap();
    let named = block_on(pipeline.name_catalog(&catalog, &CatalogNamer::default().texts(scenes))).unwrap();
    assert_eq!(named.changes.len(), 2);
    ana.move_to(&named.catalog);
    assert_eq!(ana.edits().len(), 2);
    assert!(ana.factors().get(&chase).is_none());
    assert_eq!(
        ana.set_aside().get(&chase).map(|factor| factor.label().to_lowercase()).as_deref(),
        Some("big car chase")
    );
    let pinned = ana.factors().get(&light).unwrap();
    assert!(pinned.is_pinned() && pinned.label().to_lowercase() == "big natural light");
    assert!((pinned.stats().coverage - 4.0).abs() < 1e-9);
}

#[test]
fn factors_that_a_host_wrote_are_neither_shown_nor_changed() {
    let own = Catalog::of([CatalogFactor::new("stunts").with_terms(["stunt", "fall"])]).unwrap();
    let catalog = computed(3).joined(own.clone()).unwrap();
    let backend = model();
    let pipeline = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).build().unwrap();
    let named = block_on(pipeline.name_catalog(&catalog, &CatalogNamer::default())).unwrap();
    let stunts = own.factors()[0].clone();
    assert_eq!(named.catalog.get(stunts.id()), Some(&stunts));
    assert!(!sent(&backend.take()[0]).contains("stunt"));
    assert_eq!(named.changes.len(), 3);
}
