//! What would not load again is not saved, and nobody is told that it was.

use std::sync::Arc;

use pollster::block_on;
use rpm_core::context::StageContext;
use rpm_core::data::{PathOrigin, PathStep};
use rpm_core::reason::{PathRequest, PathWriter, WriteError};
use rpm_core::store::UserModelStore;
use rpm_core::{
    DataError, Error, History, InMemoryStore, ReasoningPath, RpmPipeline, StoredError, UserId, async_trait,
};

use crate::common::{scale_history, scale_task};

/// Writes paths to a response that the user did not give.
struct ToAnother;

#[async_trait]
impl PathWriter for ToAnother {
    async fn write(&self, request: PathRequest<'_>, _: &StageContext<'_>) -> Result<ReasoningPath, WriteError> {
        let features = request.item.features();
        let factor = features.first().and_then(|first| request.beliefs.factors().factor_of(&first.key()));
        let factor = factor.map(|factor| factor.id().clone());
        let steps = features.iter().take(1).map(|_| PathStep { feature: 0, factor: factor.clone(), text: "so".into() });
        Ok(ReasoningPath::new(steps.collect(), "another", PathOrigin::Model, features, |_| factor.clone())?)
    }
}

#[test]
fn a_model_that_would_not_load_again_is_refused_before_it_is_saved() {
    let store = Arc::new(InMemoryStore::new());
    let user = |name: &str| UserId::new(name).unwrap();
    let history =
        |name: &str| History::new(&scale_task(), name, scale_history().interactions().iter().cloned()).unwrap();
    block_on(RpmPipeline::offline(scale_task()).with_store(Arc::clone(&store)).learn(&history("ana"))).unwrap();
    let before = block_on(store.load(&user("ana"))).unwrap().unwrap();

    let unsound = RpmPipeline::offline_builder(scale_task()).path_writer(ToAnother).build().unwrap();
    let unsound = unsound.with_store(Arc::clone(&store));
    for name in ["ana", "ben"] {
        let refused = block_on(unsound.learn(&history(name))).unwrap_err();
        assert!(
            matches!(&refused, StoredError::Operation(Error::Data(DataError::BadFeature { .. }))),
            "{name}: {refused:?}"
        );
    }
    let after = block_on(store.load(&user("ana"))).unwrap().unwrap();
    assert!(after.model == before.model && after.version == before.version, "the store keeps what it had");
    assert!(block_on(store.load(&user("ben"))).unwrap().is_none(), "a refused model is there");
}
