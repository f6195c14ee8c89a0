//! A pipeline by user id: no update is lost, nobody comes back, and paid work is not thrown away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::{ScriptedBackend, a_path, causes, query, scale_history, scale_task};
use pollster::block_on;
use rpm_core::data::PathStep;
use rpm_core::pipeline::PathPolicy;
use rpm_core::store::{StoreError, StoredModel, UserModelStore, Version};
use rpm_core::{
    DataError, Error, History, InMemoryStore, ItemId, ReasoningPath, RpmPipeline, StoredError, StoredPipeline, UserId,
    UserModel, async_trait,
};

fn ana() -> UserId {
    UserId::new("ana").unwrap()
}

fn offline(store: impl UserModelStore + 'static) -> StoredPipeline {
    RpmPipeline::offline(scale_task()).with_store(store)
}

fn shorter(n: usize) -> History {
    History::new(&scale_task(), "ana", scale_history().interactions().iter().take(n).cloned()).unwrap()
}

type Before = Box<dyn FnMut() + Send>;

/// A store in memory that runs something of the test's before the n-th save, and counts loads, which cost, but not questions for
/// a version, which do not.
#[derive(Default)]
struct Watched {
    store: Arc<InMemoryStore>,
    saves: AtomicUsize,
    loads: AtomicUsize,
    before: Mutex<Vec<(usize, Before)>>,
}

impl Watched {
    fn new(store: &Arc<InMemoryStore>, before: Vec<(usize, Before)>) -> Self {
        Self { store: Arc::clone(store), before: Mutex::new(before), ..Self::default() }
    }

    /// Loads since this was asked last.
    fn loads(&self) -> usize {
        self.loads.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl UserModelStore for Watched {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.store.load(user).await
    }
    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        self.store.version(user).await
    }
    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        let n = self.saves.fetch_add(1, Ordering::SeqCst);
        for (_, run) in self.before.lock().unwrap().iter_mut().filter(|(at, _)| *at == n) {
            run();
        }
        self.store.save(model, expected).await
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

/// Learns, while `meanwhile` happens between the end of the learning and its save.
fn learn_while(
    store: &Arc<InMemoryStore>,
    history: &History,
    meanwhile: impl FnMut() + Send + 'static,
) -> Result<rpm_core::pipeline::Learned, StoredError> {
    block_on(offline(Watched::new(store, vec![(0, Box::new(meanwhile))])).learn(history))
}

#[test]
fn a_user_is_learned_answered_and_deleted_by_id() {
    let pipeline = offline(InMemoryStore::new());
    let learned = block_on(pipeline.learn(&scale_history())).unwrap();
    assert_eq!(*block_on(pipeline.load(&ana())).unwrap().model, learned.model);
    let told = block_on(pipeline.personalize(&ana(), &query("A slow, quiet town."))).unwrap();
    let open = block_on(pipeline.pipeline().open(learned.model)).unwrap();
    let direct = block_on(pipeline.pipeline().personalize(&open, &query("A slow, quiet town."))).unwrap();
    assert_eq!(told.answer, direct);
    assert_eq!(told.answer.reasons(&told.prepared), direct.reasons(&open));
    assert!(block_on(pipeline.delete(&ana())).unwrap() && !block_on(pipeline.delete(&ana())).unwrap());
}

#[test]
fn an_unknown_user_is_told() {
    let pipeline = offline(InMemoryStore::new());
    let unknown = |error: StoredError| matches!(&error, StoredError::UnknownUser { user } if *user == ana());
    assert!(unknown(block_on(pipeline.load(&ana())).unwrap_err()));
    assert!(unknown(block_on(pipeline.personalize(&ana(), &query("A film."))).unwrap_err()));
    assert!(unknown(block_on(pipeline.update(&ana(), |_| Ok(()))).unwrap_err()));
}

#[test]
fn an_update_that_meets_another_writer_is_made_again_from_what_is_held() {
    let store = Arc::new(InMemoryStore::new());
    let path = a_path(&block_on(offline(Arc::clone(&store)).learn(&scale_history())).unwrap().model);
    let other = offline(Arc::clone(&store));
    let again = path.clone();
    let adopt: Before = Box::new(move || {
        block_on(other.update(&ana(), |model| Ok(model.adopt_paths([again.clone()])?))).unwrap();
    });
    let watched = offline(Watched::new(&store, vec![(0, adopt)]));
    let mut seen = Vec::new();
    let told = block_on(watched.update(&ana(), |model| {
        seen.push(model.revision());
        model.adopt_paths([path.clone()])?;
        Ok(model.revision())
    }));
    assert_eq!((told.unwrap(), seen), (3, vec![1, 2]));
    assert_eq!(block_on(watched.load(&ana())).unwrap().model.revision(), 3);
}

#[test]
fn an_update_that_fails_or_changes_nothing_saves_nothing() {
    let pipeline = offline(InMemoryStore::new());
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let before = block_on(pipeline.load(&ana())).unwrap();
    assert_eq!(block_on(pipeline.update(&ana(), |model| Ok(model.memory().len()))).unwrap(), 6);
    let failed = block_on(pipeline.update(&ana(), |model| {
        model.adopt_paths([a_path(model)])?;
        Err::<(), Error>(DataError::EmptyHistory.into())
    }));
    assert!(matches!(failed, Err(StoredError::Operation(Error::Data(DataError::EmptyHistory)))));
    // Another user's model in the place of this one's.
    let bens = History::new(&scale_task(), "ben", scale_history().interactions().iter().cloned()).unwrap();
    let bens = block_on(pipeline.pipeline().learn(&bens)).unwrap().model;
    let exchanged = block_on(pipeline.update(&ana(), |model| {
        *model = bens.clone();
        Ok(())
    }));
    assert!(matches!(exchanged, Err(StoredError::Operation(Error::Data(DataError::OtherUser)))));
    assert_eq!(block_on(pipeline.load(&ana())).unwrap(), before);
    assert_eq!(*before.model, model);
    assert_eq!(block_on(pipeline.store().list(None, 9)).unwrap(), [ana()]);
}

#[test]
fn a_user_who_is_deleted_while_learned_stays_deleted() {
    for known_before in [false, true] {
        let store = Arc::new(InMemoryStore::new());
        if known_before {
            block_on(offline(Arc::clone(&store)).learn(&shorter(4))).unwrap();
        }
        let deleting = Arc::clone(&store);
        let result = learn_while(&store, &scale_history(), move || {
            assert_eq!(block_on(deleting.delete(&ana())).unwrap(), known_before);
        });
        assert!(matches!(&result, Err(StoredError::Deleted { user }) if *user == ana()), "{result:?}");
        assert!(block_on(store.load(&ana())).unwrap().is_none());
    }
}

#[test]
fn a_user_who_is_deleted_and_learned_again_keeps_the_new_model() {
    for known_before in [false, true] {
        let store = Arc::new(InMemoryStore::new());
        if known_before {
            block_on(offline(Arc::clone(&store)).learn(&scale_history())).unwrap();
        }
        let new_life = offline(Arc::clone(&store));
        let result = learn_while(&store, &scale_history(), move || {
            block_on(new_life.delete(&ana())).unwrap();
            block_on(new_life.learn(&shorter(3))).unwrap();
        });
        assert!(matches!(result, Err(StoredError::Deleted { .. })));
        assert_eq!(block_on(store.load(&ana())).unwrap().unwrap().model.memory().len(), 3);
    }
}

#[test]
fn a_learning_that_would_undo_another_change_hands_its_model_over() {
    let store = Arc::new(InMemoryStore::new());
    block_on(offline(Arc::clone(&store)).learn(&shorter(3))).unwrap();
    let other = offline(Arc::clone(&store));
    let result = learn_while(&store, &shorter(5), move || {
        block_on(other.learn(&scale_history())).unwrap();
    });
    let Err(StoredError::NotSaved { learned, user, source }) = result else { panic!("{result:?}") };
    assert!(matches!(*source, StoreError::Conflict));
    assert_eq!((user, learned.model.memory().len()), (ana(), 5));
    let held = block_on(store.load(&ana())).unwrap().unwrap();
    assert_eq!(held.model.memory().len(), 6);
    // The host decides that the paid model is the one to keep.
    block_on(store.save(&learned.model, Some(held.version))).unwrap();
}

#[test]
fn the_same_history_learned_twice_at_once_is_no_conflict() {
    for known_before in [false, true] {
        let store = Arc::new(InMemoryStore::new());
        if known_before {
            block_on(offline(Arc::clone(&store)).learn(&shorter(3))).unwrap();
        }
        let other = offline(Arc::clone(&store));
        let result = learn_while(&store, &scale_history(), move || {
            block_on(other.learn(&scale_history())).unwrap();
        });
        let held = block_on(store.load(&ana())).unwrap().unwrap();
        assert_eq!(held.model.to_json(), result.unwrap().model.to_json());
    }
}

/// A prompted pipeline that writes paths when they are first used, and the model it asks.
fn on_first_use(store: impl UserModelStore + 'static) -> (StoredPipeline, Arc<ScriptedBackend>) {
    let model = ScriptedBackend::obedient();
    let built = RpmPipeline::builder(scale_task()).backend(model.clone()).paths(PathPolicy::OnFirstUse).build();
    (built.unwrap().with_store(store), model)
}

const ASKED: &str = "A slow, quiet drama about a harbour.";

#[test]
fn paths_that_an_answer_wrote_are_kept_and_not_written_again() {
    let (pipeline, model) = on_first_use(InMemoryStore::new());
    block_on(pipeline.learn(&scale_history())).unwrap();
    let first = block_on(pipeline.personalize(&ana(), &query(ASKED))).unwrap();
    let written = first.answer.written_paths.len();
    assert!(written > 0, "else this shows nothing");
    assert_eq!(first.kept_paths.unwrap(), written);
    assert_eq!(block_on(pipeline.load(&ana())).unwrap().model.revision(), 2, "one save for all of them");
    model.take();
    let second = block_on(pipeline.personalize(&ana(), &query(ASKED))).unwrap();
    assert_eq!((second.answer.written_paths.len(), second.kept_paths.unwrap()), (0, 0));
    assert!(model.of(rpm_core::llm::Stage::WritePath).is_empty());
}

#[test]
fn paths_kept_while_a_user_is_learned_again_are_taken_over() {
    let store = Arc::new(InMemoryStore::new());
    let (pipeline, _) = on_first_use(Arc::clone(&store));
    block_on(pipeline.learn(&scale_history())).unwrap();
    let answering = pipeline.clone();
    let answer: Before = Box::new(move || {
        assert!(block_on(answering.personalize(&ana(), &query(ASKED))).unwrap().kept_paths.unwrap() > 0);
    });
    let (again, _) = on_first_use(Watched::new(&store, vec![(0, answer)]));
    let learned = block_on(again.learn(&scale_history())).unwrap().model;
    assert!(learned.memory().items().iter().any(|item| item.path().is_some()));
    assert_eq!(*block_on(store.load(&ana())).unwrap().unwrap().model, learned);
}

/// A store whose saves fail, or whose user is deleted before each.
struct Failing {
    store: InMemoryStore,
    deletes: bool,
    broken: Arc<AtomicUsize>,
}

#[async_trait]
impl UserModelStore for Failing {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        self.store.load(user).await
    }
    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        if self.broken.load(Ordering::SeqCst) > 0 {
            if self.deletes {
                self.store.delete(model.user()).await?;
                self.store.save(model, None).await?;
                return Err(StoreError::Conflict);
            }
            return Err(StoreError::transient("the connection was lost"));
        }
        self.store.save(model, expected).await
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

#[test]
fn an_answer_comes_although_its_paths_could_not_be_kept() {
    for deletes in [false, true] {
        let broken = Arc::new(AtomicUsize::new(0));
        let (pipeline, _) = on_first_use(Failing { store: InMemoryStore::new(), deletes, broken: Arc::clone(&broken) });
        block_on(pipeline.learn(&scale_history())).unwrap();
        broken.store(1, Ordering::SeqCst);
        let told = block_on(pipeline.personalize(&ana(), &query(ASKED))).unwrap();
        assert!(!told.answer.written_paths.is_empty());
        match told.kept_paths {
            // What was made from the life before is not written into the new one.
            Err(StoredError::Deleted { .. }) => assert!(deletes),
            Err(error) => assert!(!deletes && error.is_transient(), "{error}"),
            Ok(kept) => panic!("{kept} kept"),
        }
    }
}

#[test]
fn whoever_cannot_be_emptied_first_is_deleted_all_the_same_where_changes_are_told() {
    for deletes in [false, true] {
        let (broken, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let failing = Failing { store: InMemoryStore::new(), deletes, broken: Arc::clone(&broken) };
        let tell = Arc::clone(&told);
        let pipeline = offline(failing).told_of_changes(move |change| {
            tell.lock().unwrap().push((change.before.len(), change.after.len()));
        });
        block_on(pipeline.learn(&shorter(3))).unwrap();
        broken.store(1, Ordering::SeqCst);
        assert!(block_on(pipeline.delete(&ana())).unwrap());
        assert!(matches!(block_on(pipeline.load(&ana())), Err(StoredError::UnknownUser { .. })));
        // What was not saved was not told.
        assert_eq!(*told.lock().unwrap(), [(0, 3)]);
    }
}

#[test]
fn what_was_learned_and_paid_for_is_handed_over_when_the_store_fails() {
    let broken = Arc::new(AtomicUsize::new(1));
    let failing = Failing { store: InMemoryStore::new(), deletes: false, broken };
    let error = block_on(offline(failing).learn(&scale_history())).unwrap_err();
    assert!(error.is_transient());
    let StoredError::NotSaved { learned, source, .. } = error else { panic!("{error:?}") };
    assert!(matches!(*source, StoreError::Transient { .. }));
    assert_eq!(learned.model, block_on(RpmPipeline::offline(scale_task()).learn(&scale_history())).unwrap().model);
}

#[test]
fn writers_without_end_are_told_after_many_attempts() {
    let store = Arc::new(InMemoryStore::new());
    let path = a_path(&block_on(offline(Arc::clone(&store)).learn(&shorter(3))).unwrap().model);
    let others = (0..2_000).map(|n| {
        let (other, path) = (offline(Arc::clone(&store)), path.clone());
        let save: Before = Box::new(move || {
            block_on(other.update(&ana(), |model| Ok(model.adopt_paths([path.clone()])?))).unwrap();
        });
        (n, save)
    });
    let watched = offline(Watched::new(&store, others.collect()));
    let error = block_on(watched.update(&ana(), |model| Ok(model.adopt_paths([path.clone()])?))).unwrap_err();
    assert!(matches!(error, StoredError::Contended { attempts: 1_000, .. }) && error.is_transient());
}

#[test]
fn errors_and_debug_say_whose_and_not_what() {
    let store = Arc::new(InMemoryStore::new());
    block_on(offline(Arc::clone(&store)).learn(&shorter(3))).unwrap();
    let other = offline(Arc::clone(&store));
    let superseded = learn_while(&store, &shorter(5), move || {
        block_on(other.learn(&scale_history())).unwrap();
    });
    let error = superseded.unwrap_err();
    let held = block_on(store.load(&ana())).unwrap();
    for text in [format!("{error} {error:?}"), format!("{held:?} {:?}", offline(Arc::clone(&store)))] {
        assert!(!text.contains("quiet") && !text.contains("chase"), "{text}");
    }
    assert!(error.to_string().contains("ana"));
    let wrong = |model: &mut UserModel| {
        let (id, _) = a_path(model);
        let step = PathStep { feature: 0, factor: None, text: "quiet words of the user's".to_owned() };
        let path = ReasoningPath::new(vec![step], "5", rpm_core::data::PathOrigin::Model, &[], |_| None);
        assert!(path.is_err());
        model.adopt_paths([(ItemId::new("unknown").unwrap(), a_path(model).1), (id, a_path(model).1)])?;
        Ok(())
    };
    match block_on(offline(store).update(&ana(), wrong)).unwrap_err() {
        StoredError::Operation(error) => assert!(!causes(&error).contains("quiet")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_are_small() {
    assert!(std::mem::size_of::<StoreError>() <= 64 && std::mem::size_of::<StoredError>() <= 64);
}

fn more(writer: usize, n: usize) -> rpm_core::Interaction {
    let text = ["A slow drama.", "A loud chase.", "A quiet harbour town."][(writer + n) % 3];
    crate::common::interaction(
        &format!("w{writer:02}-{n:02}"),
        text,
        ["1", "3", "5"][(writer * n) % 3],
        100 + i64::try_from(n).unwrap(),
    )
}

#[test]
fn writers_that_observe_at_once_lose_nothing_and_leave_what_learning_at_once_leaves() {
    let pipeline = RpmPipeline::offline(crate::common::scale_task());
    let stored = pipeline.clone().with_store(InMemoryStore::new());
    block_on(stored.learn(&crate::common::scale_history())).unwrap();
    let user = crate::common::scale_history().user().clone();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (stored, user) = (stored.clone(), user.clone());
            scope.spawn(move || {
                for n in 0..6 {
                    let report = block_on(stored.observe(&user, [more(writer, n)])).unwrap();
                    assert_eq!(report.taken_in(), 1);
                }
            });
        }
    });
    let held = block_on(stored.load(&user)).unwrap().model;
    let mut all = crate::common::scale_history().interactions().to_vec();
    all.extend((0..8).flat_map(|writer| (0..6).map(move |n| more(writer, n))));
    let history = rpm_core::History::new(&crate::common::scale_task(), user.as_str(), all).unwrap();
    assert_eq!(held.digest(), block_on(pipeline.learn(&history)).unwrap().model.digest());
    assert_eq!(held.revision(), 1 + 48);
}

#[test]
fn what_another_writer_took_in_meanwhile_is_known_and_not_counted_twice() {
    let store = Arc::new(InMemoryStore::new());
    let other = offline(Arc::clone(&store));
    block_on(other.learn(&scale_history())).unwrap();
    let before: Before = Box::new(move || {
        let report = block_on(other.observe(&ana(), [more(1, 1)])).unwrap();
        assert_eq!(report.taken_in(), 1);
    });
    let slow = offline(Watched::new(&store, vec![(0, before)]));
    let report = block_on(slow.observe(&ana(), [more(1, 1)])).unwrap();
    assert_eq!(report.items[0].outcome, rpm_core::pipeline::ObserveOutcome::Known);
    assert_eq!(block_on(slow.load(&ana())).unwrap().model.memory().len(), 7);
}

#[test]
fn edits_hold_through_learning_again_and_forgetting_is_by_user_id() {
    let stored = RpmPipeline::offline(crate::common::scale_task()).with_store(InMemoryStore::new());
    block_on(stored.learn(&crate::common::scale_history())).unwrap();
    let user = crate::common::scale_history().user().clone();
    let model = block_on(stored.load(&user)).unwrap().model;
    let factor = model.factors().iter().next().unwrap().id().clone();
    let mark = block_on(stored.snapshot(&user)).unwrap();
    block_on(stored.edit(&user, rpm_core::Edit::Mute { factor: factor.clone() })).unwrap();
    block_on(stored.learn(&crate::common::scale_history())).unwrap();
    let model = block_on(stored.load(&user)).unwrap().model;
    assert!(model.set_aside().get(&factor).is_some() && model.revision() > 3);
    let gone = vec![model.memory().items()[0].id().clone()];
    let receipt = block_on(stored.forget(&user, &rpm_core::Forget::Items(gone.clone()))).unwrap();
    assert_eq!((receipt.items, receipt.probe.found), (gone, 0));
    assert_eq!(block_on(stored.load(&user)).unwrap().model.memory().len(), 5);
    // Learning again ended the snapshot.
    assert!(block_on(stored.rollback(&user, mark)).is_err());
    let nobody = rpm_core::UserId::new("nobody").unwrap();
    let error = block_on(stored.observe(&nobody, [more(0, 0)])).unwrap_err();
    assert!(matches!(error, StoredError::UnknownUser { .. }));
}

fn learned_in(store: &Arc<Watched>, users: &[&str]) {
    for user in users {
        let history = History::new(&scale_task(), *user, scale_history().interactions().to_vec()).unwrap();
        block_on(offline(Arc::clone(store)).learn(&history)).unwrap();
    }
    store.loads();
}

#[test]
fn a_user_who_is_answered_again_is_not_loaded_again_until_somebody_changes_the_model() {
    let store = Arc::new(Watched::default());
    learned_in(&store, &["ana"]);
    let (pipeline, other) = (offline(Arc::clone(&store)), offline(Arc::clone(&store)));
    let ask = || block_on(pipeline.personalize(&ana(), &query(ASKED))).unwrap().answer;
    let first = ask();
    assert_eq!((store.loads(), ask() == first, store.loads()), (1, true, 0));
    // Own changes leave the changed model open.
    block_on(pipeline.observe(&ana(), [more(0, 0)])).unwrap();
    ask();
    assert_eq!(store.loads(), 0);
    // Another's are seen.
    block_on(other.observe(&ana(), [more(1, 1)])).unwrap();
    store.loads();
    assert_eq!(block_on(pipeline.load(&ana())).unwrap().model.memory().len(), 8);
    assert_eq!((ask(), store.loads()).1, 1);
    // A deleted user is unknown at once, and learned again is another.
    block_on(other.delete(&ana())).unwrap();
    assert!(matches!(block_on(pipeline.load(&ana())), Err(StoredError::UnknownUser { .. })));
    learned_in(&store, &["ana"]);
    assert_eq!(ask(), first);
    assert_eq!(store.loads(), 1);
}

#[test]
fn open_models_are_bounded_and_the_one_used_longest_ago_goes() {
    let store = Arc::new(Watched::default());
    learned_in(&store, &["ana", "ben", "cy"]);
    let pipeline = offline(Arc::clone(&store)).keep_open(2);
    let ask = |user: &str| {
        block_on(pipeline.personalize(&UserId::new(user).unwrap(), &query(ASKED))).unwrap();
        store.loads()
    };
    assert_eq!(["ana", "ben", "ana", "cy", "ana", "ben"].map(ask), [1, 1, 0, 1, 0, 1]);
    let none = offline(Arc::clone(&store)).keep_open(0);
    let ask = |_| (block_on(none.personalize(&ana(), &query(ASKED))).unwrap(), store.loads()).1;
    assert_eq!([0, 1].map(ask), [1, 1]);
}

#[test]
fn what_a_pipeline_can_do_with_a_model_it_can_do_by_id() {
    let pipeline = offline(InMemoryStore::new());
    let learned = block_on(pipeline.learn(&scale_history())).unwrap();
    let plain = pipeline.pipeline();
    let open = block_on(plain.open(learned.model.clone())).unwrap();
    let answer = block_on(pipeline.personalize(&ana(), &query(ASKED))).unwrap().answer;
    let options = rpm_core::explain::ExplainOptions::default();
    let by_id = block_on(pipeline.explain(&ana(), &answer, &options)).unwrap();
    assert_eq!(by_id, block_on(plain.explain(&open, &answer)).unwrap());
    assert_eq!(block_on(pipeline.proposals(&ana())).unwrap(), learned.model.proposals());
    let cost = block_on(pipeline.cost_of_learning(&scale_history())).unwrap();
    assert_eq!(cost, block_on(plain.cost_of_learning(&scale_history())).unwrap());
    let cost = block_on(pipeline.cost_of_answer(&ana(), &query(ASKED))).unwrap();
    assert_eq!(cost, block_on(plain.cost_of_answer(&open, &query(ASKED))).unwrap());
    let number = block_on(pipeline.edit(&ana(), rpm_core::Edit::Mute { factor: a_factor(&learned.model) })).unwrap();
    let again = block_on(pipeline.relearn(&ana())).unwrap();
    assert_eq!(again.model.edits().last().unwrap().number(), number, "edits hold");
    let held = block_on(pipeline.load(&ana())).unwrap();
    assert_eq!(*held.model, again.model);
    let nobody = UserId::new("nobody").unwrap();
    assert!(matches!(block_on(pipeline.relearn(&nobody)), Err(StoredError::UnknownUser { .. })));
}

fn a_factor(model: &UserModel) -> rpm_core::FactorId {
    model.factors().iter().next().unwrap().id().clone()
}
