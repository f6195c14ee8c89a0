//! The file of a catalog.

use rpm_core::catalog::Catalog;

use crate::made::{TEXTS, history, query, task};
use crate::steps::{run, sync};
use crate::{CANARY, is_discreet, text};

/// Reads a catalog, changes it, and reads texts by it.
pub fn catalogs(data: &[u8]) {
    let json = text(data);
    let catalog = match sync(|| Catalog::from_json(&json)) {
        // A catalog is the host's own and its errors may name a factor, which a text that is not JSON cannot have.
        Err(error) => {
            if serde_json::from_str::<serde_json::Value>(&json).is_err() || !json.contains(CANARY) {
                is_discreet(&error);
            }
            return;
        }
        Ok(catalog) => catalog,
    };
    let file = catalog.to_json();
    let again = Catalog::from_json(&file).expect("what loads saves and loads");
    assert!(again == catalog && again.to_json() == file, "a catalog changes by being saved");
    for words in TEXTS.iter().copied().chain(catalog.factors().iter().take(4).map(|factor| factor.label())) {
        let found = sync(|| catalog.assign(words));
        assert!(found.iter().all(|assigned| words.get(assigned.span().start..assigned.span().end).is_some()));
    }
    let ids: Vec<_> = catalog.factors().iter().map(|factor| factor.id().clone()).collect();
    let changes = [
        ids.first().and_then(|id| catalog.renamed(id, "another name").ok()),
        ids.first().zip(ids.last()).and_then(|(one, other)| catalog.merged(one, other).ok()),
        ids.first().and_then(|id| catalog.without(id).ok()),
    ];
    for changed in changes.iter().flatten() {
        assert!(&Catalog::from_json(&changed.to_json()).expect("what was changed loads") == changed);
    }
    if ids.len() > 64 {
        return;
    }
    let pipeline = rpm_core::RpmPipeline::offline_builder(task(0)).catalog(catalog).build().unwrap();
    let mut learned = run(pipeline.learn(&history(0))).unwrap().model;
    learned = crate::models::saved_and_loaded(&learned, "learning with a catalog");
    if let Some(changed) = changes.into_iter().flatten().next() {
        learned.move_to(&changed);
        learned = crate::models::saved_and_loaded(&learned, "moving to another catalog");
    }
    let prepared = rpm_core::RpmPipeline::offline(task(0));
    let open = run(prepared.open(learned)).unwrap();
    let _ = run(prepared.personalize(&open, &query(0, "A quiet zebra.").unwrap())).unwrap();
}
