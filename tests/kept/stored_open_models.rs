//! The models that a stored pipeline keeps open: what was deleted or forgotten leaves memory, whoever did it and whenever.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::future::{Future, pending};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Waker};

use crate::common::{ScriptedBackend, interaction, query, scale_history, scale_task};
use pollster::block_on;
use rpm_core::pipeline::PathPolicy;
use rpm_core::store::{StoreError, StoredModel, UserModelStore, Version};
use rpm_core::{
    Forget, History, InMemoryStore, Interaction, RpmPipeline, StoredError, StoredPipeline, UserId, UserModel,
    async_trait,
};

type Once = Box<dyn FnOnce() + Send>;

/// A store whose models are copies of what is held, as those of a database are. It runs something of the test's once, behind a
/// load, and can save without ever saying so.
#[derive(Default)]
struct Slow {
    store: InMemoryStore,
    behind_a_load: Mutex<Option<Once>>,
    hangs: AtomicBool,
}

impl Slow {
    fn behind_a_load(&self, run: impl FnOnce() + Send + 'static) {
        *self.behind_a_load.lock().unwrap() = Some(Box::new(run));
    }
}

#[async_trait]
impl UserModelStore for Slow {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        let held = self.store.load(user).await?;
        let held = held.map(|held| StoredModel::new(Arc::new(UserModel::clone(&held.model)), held.version));
        let run = self.behind_a_load.lock().unwrap().take();
        if let Some(run) = run {
            run();
        }
        Ok(held)
    }
    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        self.store.version(user).await
    }
    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        let version = self.store.save(model, expected).await?;
        if self.hangs.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
        Ok(version)
    }
    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        self.store.reserve(user).await
    }
    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        self.store.delete(user).await
    }
    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        self.store.delete_version(user, expected).await
    }
    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        self.store.list(after, limit).await
    }
}

fn ana() -> UserId {
    UserId::new("ana").unwrap()
}

fn offline(store: &Arc<Slow>) -> StoredPipeline {
    RpmPipeline::offline(scale_task()).with_store(Arc::clone(store))
}

/// A store that holds Ana, and a pipeline over it.
fn with_ana() -> (Arc<Slow>, StoredPipeline) {
    let store = Arc::new(Slow::default());
    block_on(offline(&store).learn(&scale_history())).unwrap();
    let pipeline = offline(&store);
    (store, pipeline)
}

/// The model that is open, as long as it is.
fn open(pipeline: &StoredPipeline, user: &UserId) -> Weak<UserModel> {
    Arc::downgrade(&block_on(pipeline.load(user)).unwrap().model)
}

fn is_unknown<T>(result: &Result<T, StoredError>) -> bool {
    matches!(result, Err(StoredError::UnknownUser { .. }))
}

fn new() -> [Interaction; 1] {
    [interaction("new", "A slow film about a harbour.", "4", 900)]
}

#[test]
fn a_model_that_stays_is_kept_open() {
    let (_, pipeline) = with_ana();
    assert!(open(&pipeline, &ana()).upgrade().is_some(), "else the tests here show nothing");
}

#[test]
fn a_user_whom_another_process_deleted_leaves_memory_when_asked_about() {
    let (store, pipeline) = with_ana();
    let model = open(&pipeline, &ana());
    assert!(block_on(offline(&store).delete(&ana())).unwrap());
    assert!(is_unknown(&block_on(pipeline.load(&ana()))));
    assert!(model.upgrade().is_none());
}

#[test]
fn a_model_that_another_process_changed_leaves_memory_when_asked_about() {
    let (store, pipeline) = with_ana();
    let model = open(&pipeline, &ana());
    block_on(offline(&store).forget(&ana(), &Forget::All)).unwrap();
    assert!(block_on(pipeline.load(&ana())).unwrap().model.memory().is_empty());
    assert!(model.upgrade().is_none());
}

#[test]
fn a_user_who_is_deleted_while_loaded_does_not_come_back_into_memory() {
    let (store, pipeline) = with_ana();
    let deleting = pipeline.clone();
    store.behind_a_load(move || assert!(block_on(deleting.delete(&ana())).unwrap()));
    let model = open(&pipeline, &ana());
    assert!(model.upgrade().is_none());
    assert!(is_unknown(&block_on(pipeline.load(&ana()))));
}

#[test]
fn a_model_that_was_loaded_before_a_forgetting_does_not_come_back_into_memory() {
    let (store, pipeline) = with_ana();
    let pipeline = pipeline.keep_open(1);
    let bens = History::new(&scale_task(), "ben", scale_history().interactions().iter().cloned()).unwrap();
    block_on(pipeline.learn(&bens)).unwrap();
    let (forgetting, ben) = (pipeline.clone(), UserId::new("ben").unwrap());
    store.behind_a_load(move || {
        block_on(forgetting.forget(&ana(), &Forget::All)).unwrap();
        // Takes the one place there is, so that no newer model of Ana's is open.
        block_on(forgetting.open(&ben)).unwrap();
    });
    let model = open(&pipeline, &ana());
    assert!(model.upgrade().is_none());
}

#[test]
fn a_forgetting_that_nobody_waits_for_leaves_nothing_in_memory() {
    let (store, pipeline) = with_ana();
    let model = open(&pipeline, &ana());
    store.hangs.store(true, Ordering::SeqCst);
    {
        let ana = ana();
        let mut forgetting = Box::pin(pipeline.forget(&ana, &Forget::All));
        // Past all pauses of the work, up to the store, which saves and does not answer.
        for _ in 0..1_000 {
            assert!(forgetting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
    assert!(model.upgrade().is_none());
    assert!(block_on(pipeline.load(&ana())).unwrap().model.memory().is_empty(), "it was saved");
}

#[test]
fn clones_share_the_models_they_keep_open() {
    let (_, pipeline) = with_ana();
    let model = open(&pipeline, &ana());
    let clone = pipeline.clone().keep_open(3);
    assert!(model.upgrade().is_some());
    assert!(open(&clone, &ana()).ptr_eq(&model), "one model for both");
    assert!(block_on(clone.delete(&ana())).unwrap());
    assert!(model.upgrade().is_none());
}

#[test]
fn fewer_models_to_keep_open_close_the_others_of_all_clones() {
    let (_, pipeline) = with_ana();
    let model = open(&pipeline, &ana());
    let _clone = pipeline.clone().keep_open(0);
    assert!(model.upgrade().is_none());
    assert!(open(&pipeline, &ana()).upgrade().is_none());
}

#[test]
fn interactions_of_a_user_who_is_deleted_meanwhile_are_told_so() {
    let (store, pipeline) = with_ana();
    let other = offline(&store);
    store.behind_a_load(move || assert!(block_on(other.delete(&ana())).unwrap()));
    let observed = block_on(pipeline.observe(&ana(), new()));
    assert!(matches!(&observed, Err(StoredError::Deleted { user }) if *user == ana()), "{observed:?}");
    assert!(is_unknown(&block_on(pipeline.observe(&ana(), new()))), "there is nobody to begin with");
}

#[test]
fn paths_of_a_user_who_is_deleted_meanwhile_are_not_kept() {
    let store = Arc::new(Slow::default());
    let prompted = || {
        let built = RpmPipeline::builder(scale_task()).backend(ScriptedBackend::obedient());
        built.paths(PathPolicy::OnFirstUse).build().unwrap().with_store(Arc::clone(&store))
    };
    block_on(prompted().learn(&scale_history())).unwrap();
    let pipeline = prompted();
    let other = offline(&store);
    store.behind_a_load(move || assert!(block_on(other.delete(&ana())).unwrap()));
    let told = block_on(pipeline.personalize(&ana(), &query("A slow, quiet drama about a harbour."))).unwrap();
    assert!(!told.answer.written_paths.is_empty(), "else this shows nothing");
    assert!(matches!(told.kept_paths, Err(StoredError::Deleted { .. })), "{:?}", told.kept_paths);
}
