//! What was begun before a user forgets is not kept after: paths, observations, models and logged replies.
#![cfg(feature = "response-log")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use crate::common::{blocks, history_of, interaction, obey, query, reply, scale_task};
use pollster::block_on;
use rpm_core::data::DataError;
use rpm_core::llm::{Message, ReplyCacheLimits, ResponseLog, Role, Stage};
use rpm_core::model::{PlaceKind, PlaceState, Probe, Receipt};
use rpm_core::personalizer::PersonalizerError;
use rpm_core::pipeline::{ObserveOutcome, PathPolicy};
use rpm_core::store::{StoreError, StoredModel, UserModelStore, Version};
use rpm_core::{
    BackendError, Completion, CompletionRequest, Forget, History, InMemoryStore, ItemId, LlmBackend, Personalizer,
    RpmPipeline, StoredError, StoredPipeline, UserId, UserModel, async_trait,
};
use serde_json::{Value, json};

/// A word of one film alone, which every path that this model writes speaks of.
const CANARY: &str = "zanzipol";

type Hook = Box<dyn FnOnce() + Send>;

/// A model that finds the canary where it stands and speaks of it in every path, and that does something else first, once.
#[derive(Clone, Default)]
struct Slow {
    before: Arc<Mutex<Option<(Stage, Hook)>>>,
    asked: Arc<Mutex<Vec<Stage>>>,
}

impl Slow {
    fn before(&self, stage: Stage, hook: impl FnOnce() + Send + 'static) {
        *self.before.lock().unwrap() = Some((stage, Box::new(hook)));
    }

    fn asked(&self, stage: Stage) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| **asked == stage).count()
    }
}

#[async_trait]
impl LlmBackend for Slow {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.asked.lock().unwrap().push(request.stage);
        let hook = {
            let mut before = self.before.lock().unwrap();
            let due = before.as_ref().is_some_and(|(stage, _)| *stage == request.stage);
            if due { before.take() } else { None }
        };
        if let Some((_, hook)) = hook {
            hook();
        }
        let mut said: Value = serde_json::from_str(&obey(request)).unwrap_or(Value::Null);
        match request.stage {
            Stage::Extract => {
                let asked = request.messages.iter().find(|message| message.role == Role::User).unwrap();
                for (id, _) in blocks(&asked.content).iter().filter(|(_, text)| text.to_lowercase().contains(CANARY)) {
                    let items = said["items"].as_array_mut().unwrap();
                    let item = items.iter_mut().find(|item| item["about"] == json!(id)).unwrap();
                    item["features"].as_array_mut().unwrap().push(json!({ "name": CANARY, "quote": CANARY }));
                }
            }
            Stage::WritePath => said["reasons"][0]["why"] = json!(format!("It is like the one by {CANARY}.")),
            _ => {}
        }
        Ok(reply(&said.to_string()))
    }
}

fn ana() -> UserId {
    UserId::new("ana").unwrap()
}

fn secret() -> ItemId {
    ItemId::new("g").unwrap()
}

/// Films of which the last one has the canary.
fn films() -> History {
    let texts = [
        ("A slow, quiet drama about a lighthouse keeper.", "5"),
        ("A loud chase through the city.", "2"),
        ("A slow film about a quiet town and its baker.", "5"),
        ("A loud sequel with one more chase.", "1"),
        ("Long quiet days at the harbour, slow and warm.", "4"),
        ("A chase with loud music and a thin plot.", "2"),
        ("A zanzipol of a film, slow and quiet, about a harbour.", "5"),
    ];
    history_of(&scale_task(), &texts)
}

fn pipeline(model: &Slow, log: Option<&ResponseLog>, paths: PathPolicy) -> RpmPipeline {
    let builder = RpmPipeline::builder(scale_task()).paths(paths).exemplars(3);
    match log {
        Some(log) => builder.backend(log.wrap(model.clone())).forgets_in(log).build().unwrap(),
        None => builder.backend(model.clone()).build().unwrap(),
    }
}

fn log() -> ResponseLog {
    ResponseLog::in_memory(ReplyCacheLimits::default())
}

fn says(model: &UserModel) -> bool {
    model.to_json().to_lowercase().contains(CANARY)
}

fn held(store: &Arc<InMemoryStore>) -> Arc<UserModel> {
    block_on(store.load(&ana())).unwrap().unwrap().model
}

fn forgets(pipeline: StoredPipeline, what: fn() -> Forget<'static>) -> impl FnOnce() + Send + 'static {
    move || {
        let receipt = block_on(pipeline.forget(&ana(), &what())).unwrap();
        assert_eq!(receipt.probe.found, 0, "{receipt}");
        assert!(receipt.items.contains(&secret()), "{receipt}");
    }
}

fn the_secret() -> Forget<'static> {
    Forget::Items(vec![secret()])
}

/// A store of learned films without paths, and a pipeline on it that writes them on first use.
fn on_first_use() -> (Slow, Arc<InMemoryStore>, StoredPipeline) {
    let (model, store) = (Slow::default(), Arc::new(InMemoryStore::new()));
    let stored = pipeline(&model, None, PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    block_on(stored.learn(&films())).unwrap();
    assert!(says(&held(&store)));
    (model, store, stored)
}

#[test]
fn a_path_that_is_being_written_while_its_user_forgets_is_not_kept() {
    let (model, store, stored) = on_first_use();
    // By another process on the same store.
    let other = pipeline(&Slow::default(), None, PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    model.before(Stage::WritePath, forgets(other, the_secret));
    let told = block_on(stored.personalize(&ana(), &query("A slow, quiet film."))).unwrap();
    assert!(!told.answer.written_paths.is_empty() && model.asked(Stage::WritePath) > 0, "else this shows nothing");
    assert_eq!(told.kept_paths.unwrap(), 0);
    assert!(!says(&held(&store)), "{}", held(&store).to_json());
    // What is begun after it is kept.
    let told = block_on(stored.personalize(&ana(), &query("A slow, quiet film."))).unwrap();
    assert!(told.kept_paths.unwrap() > 0);
}

#[test]
fn a_path_of_a_user_who_forgot_nothing_is_kept_whatever_else_changed() {
    let (model, store, stored) = on_first_use();
    let other = pipeline(&Slow::default(), None, PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    model.before(Stage::WritePath, move || {
        block_on(other.observe(&ana(), [interaction("new", "A loud film about a parser.", "2", 90)])).unwrap();
        block_on(other.snapshot(&ana())).unwrap();
    });
    let told = block_on(stored.personalize(&ana(), &query("A slow, quiet film."))).unwrap();
    assert_eq!(told.kept_paths.unwrap(), told.answer.written_paths.len());
    assert!(held(&store).memory().get(&ItemId::new("new").unwrap()).is_some());
}

#[test]
fn paths_that_a_host_carries_past_a_forgetting_are_refused_and_say_so() {
    let model = Slow::default();
    let plain = pipeline(&model, None, PathPolicy::OnFirstUse);
    let mut open = block_on(async { plain.open(plain.learn(&films()).await.unwrap().model).await }).unwrap();
    let answer = block_on(plain.personalize(&open, &query("A slow, quiet film."))).unwrap();
    assert!(answer.written_paths.len() > 1);
    let mut without = open.clone();
    block_on(plain.forget(&mut without, &the_secret())).unwrap();
    let stays: Vec<_> = answer.written_paths.iter().filter(|(id, _)| *id != secret()).cloned().collect();
    let before = without.model().to_json();
    let error = without.adopt_paths(stays.clone()).unwrap_err();
    assert!(matches!(&error, DataError::Overtaken { item } if *item == stays[0].0), "{error}");
    let mut bare = without.model().clone();
    assert!(matches!(bare.adopt_paths(stays.clone()), Err(DataError::Overtaken { .. })));
    // Also after it was written to a file and read, and after learning again.
    let mut read = UserModel::from_json(&before).unwrap();
    assert!(matches!(read.adopt_paths(stays.clone()), Err(DataError::Overtaken { .. })));
    let mut again = block_on(plain.relearn(&read)).unwrap().model;
    assert!(matches!(again.adopt_paths(stays.clone()), Err(DataError::Overtaken { .. })));
    assert_eq!((without.model().to_json(), says(without.model())), (before, false));
    // Going back to a snapshot takes out as well.
    let mark = open.snapshot();
    let new = interaction("new", "A quiet, slow zanzipol.", "5", 90);
    block_on(plain.observe(&mut open, [new])).unwrap();
    let answer = block_on(plain.personalize(&open, &query("A slow, quiet film."))).unwrap();
    assert!(!answer.written_paths.is_empty());
    block_on(plain.rollback(&mut open, mark)).unwrap();
    assert!(matches!(open.adopt_paths(answer.written_paths), Err(DataError::Overtaken { .. })));
}

#[test]
fn the_path_of_an_observation_that_is_being_written_while_its_user_forgets_is_not_kept() {
    let (model, store) = (Slow::default(), Arc::new(InMemoryStore::new()));
    let stored = pipeline(&Slow::default(), None, PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    block_on(stored.learn(&films())).unwrap();
    let eager = pipeline(&model, None, PathPolicy::Eager).with_store(Arc::clone(&store));
    model.before(Stage::WritePath, forgets(stored, the_secret));
    let new = interaction("new", "A slow and quiet film about nothing else.", "5", 90);
    let report = block_on(eager.observe(&ana(), [new])).unwrap();
    assert_eq!((report.taken_in(), report.paths_written), (1, 1));
    assert!(held(&store).memory().get(&ItemId::new("new").unwrap()).is_some());
    assert!(!says(&held(&store)));
}

#[test]
fn an_observation_that_is_under_way_while_its_user_forgets_is_named_and_not_taken_in() {
    let (model, log, store) = (Slow::default(), log(), Arc::new(InMemoryStore::new()));
    let stored = pipeline(&model, Some(&log), PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    // It asks by itself: through the log it would wait for the other's call.
    let own = RpmPipeline::builder(scale_task()).backend(Slow::default()).forgets_in(&log).build().unwrap();
    let own = own.with_store(Arc::clone(&store));
    block_on(stored.learn(&films())).unwrap();
    // Two observe the same; one is faster, and then the user forgets it.
    let again = || interaction("late", "A quiet zanzipol by the harbour.", "5", 90);
    let late = ItemId::new("late").unwrap();
    model.before(Stage::Extract, move || {
        block_on(own.observe(&ana(), [again()])).unwrap();
        let gone = Forget::Items(vec![secret(), ItemId::new("late").unwrap()]);
        assert_eq!(block_on(own.forget(&ana(), &gone)).unwrap().items.len(), 2);
    });
    let report = block_on(stored.observe(&ana(), [again()])).unwrap();
    assert_eq!((report.taken_in(), report.overtaken()), (0, 1));
    assert_eq!(report.items[0].outcome, ObserveOutcome::Overtaken);
    assert!(!says(&held(&store)) && held(&store).memory().get(&late).is_none());
    assert_eq!(log.purge(["late"]).unwrap(), 0, "nor is its reply in the log");
    // Whoever means it observes it again.
    assert_eq!(block_on(stored.observe(&ana(), [again()])).unwrap().taken_in(), 1);
}

#[test]
fn what_is_observed_while_its_user_forgets_everything_leaves_no_reply_and_what_else_was_paid_for_stays() {
    let other = || interaction("late", "A quiet film by the harbour.", "5", 90);
    for (everything, kept) in [(true, 0), (false, 1)] {
        let (model, log, store) = (Slow::default(), log(), Arc::new(InMemoryStore::new()));
        let stored = pipeline(&model, Some(&log), PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
        let own = pipeline(&Slow::default(), Some(&log), PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
        block_on(stored.learn(&films())).unwrap();
        let what: fn() -> Forget<'static> = if everything { || Forget::All } else { the_secret };
        model.before(Stage::Extract, forgets(own, what));
        assert_eq!(block_on(stored.observe(&ana(), [other()])).unwrap().overtaken(), 1);
        assert_eq!(log.purge(["late"]).unwrap(), kept, "everything: {everything}");
    }
}

#[test]
fn a_personalizer_says_that_a_record_was_overtaken_and_records_it_the_next_time() {
    let (model, store) = (Slow::default(), Arc::new(InMemoryStore::new()));
    let stored = pipeline(&model, None, PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    block_on(stored.learn(&films())).unwrap();
    let films = Personalizer::from(stored.clone());
    model.before(Stage::Extract, forgets(stored, the_secret));
    let error = block_on(films.record("ana", "A quiet walk.", 5)).unwrap_err();
    assert!(matches!(error, PersonalizerError::Overtaken { .. }) && error.is_transient(), "{error}");
    let id = block_on(films.record("ana", "A quiet walk.", 5)).unwrap();
    assert!(held(&store).memory().get(&id).is_some() && !says(&held(&store)));
    // An answer that is under way keeps no path either.
    let again = block_on(films.record("ana", "A quiet zanzipol.", 5)).unwrap();
    let other = films.clone();
    model.before(Stage::WritePath, move || drop(block_on(other.forget("ana", [again])).unwrap()));
    block_on(films.answer("ana", "A slow, quiet film.")).unwrap();
    assert!(model.asked(Stage::WritePath) > 0 && !says(&held(&store)));
}

#[test]
fn a_learning_that_is_under_way_while_its_user_forgets_is_not_saved() {
    let (model, store) = (Slow::default(), Arc::new(InMemoryStore::new()));
    let stored = pipeline(&model, None, PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    let bare = History::new(&scale_task(), "ana", films().interactions().iter().take(6).cloned()).unwrap();
    block_on(stored.learn(&bare)).unwrap();
    let other = stored.clone();
    // It comes and goes while the same is learned, so that the model is at the end as it was at the beginning.
    model.before(Stage::Extract, move || {
        block_on(other.observe(&ana(), films().interactions().iter().skip(6).cloned())).unwrap();
        block_on(other.forget(&ana(), &the_secret())).unwrap();
    });
    let error = block_on(stored.learn(&films())).unwrap_err();
    assert!(matches!(error, StoredError::NotSaved { .. }), "{error:?}");
    assert!(!says(&held(&store)));
}

#[test]
fn replies_that_were_asked_for_before_a_forgetting_are_answered_and_not_kept() {
    for stage in [Stage::Extract, Stage::WritePath, Stage::Answer] {
        let (model, log, store) = (Slow::default(), log(), Arc::new(InMemoryStore::new()));
        let stored = pipeline(&model, Some(&log), PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
        block_on(stored.learn(&films())).unwrap();
        // What is sent after it belongs to an answer that was begun before it, and holds the film's text.
        let own = pipeline(&Slow::default(), Some(&log), PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
        model.before(stage, forgets(own, the_secret));
        block_on(stored.personalize(&ana(), &query("A slow, quiet zither about a harbour."))).unwrap();
        assert!(model.asked(stage) > 0);
        assert_eq!(log.purge([secret().as_str()]).unwrap(), 0, "{stage:?}");
        assert!(log.stats().overtaken > 0, "{stage:?}");
        // The others' replies are there: nothing of them is paid for twice.
        assert!(log.purge(["a"]).unwrap() > 0, "{stage:?}");
    }
}

#[test]
fn a_clone_that_was_opened_before_a_forgetting_brings_nothing_back_into_the_log() {
    let (model, log) = (Slow::default(), log());
    let plain = pipeline(&model, Some(&log), PathPolicy::OnFirstUse);
    let mut open = block_on(async { plain.open(plain.learn(&films()).await.unwrap().model).await }).unwrap();
    let clone = open.clone();
    block_on(plain.forget(&mut open, &the_secret())).unwrap();
    block_on(plain.personalize(&clone, &query("A slow, quiet film about a harbour."))).unwrap();
    assert_eq!(log.purge([secret().as_str()]).unwrap(), 0);
    assert!(log.stats().overtaken > 0);
    let overtaken = log.stats().overtaken;
    block_on(plain.personalize(&open, &query("A slow, quiet film about a river."))).unwrap();
    assert_eq!(log.stats().overtaken, overtaken, "what is left is kept");
}

/// Waits until it is let go.
#[derive(Clone, Default)]
struct Gate {
    open: Arc<Mutex<bool>>,
    asked: Arc<Mutex<usize>>,
}

#[async_trait]
impl LlmBackend for Gate {
    async fn complete(&self, _: &CompletionRequest) -> Result<Completion, BackendError> {
        *self.asked.lock().unwrap() += 1;
        std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if *self.open.lock().unwrap() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        Ok(Completion::new("a reply"))
    }
}

fn asked(about: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::user("Which?")], 10).about([about])
}

fn poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    future.poll_unpin_once()
}

trait PollOnce: Future + Unpin {
    fn poll_unpin_once(&mut self) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(self).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}

impl<F: Future + Unpin> PollOnce for F {}

#[test]
fn a_shared_call_is_kept_for_whoever_erased_nothing_of_it() {
    // Who erases: whoever began the call, whoever follows, both.
    for (erased, kept) in [(vec!["mine"], 1), (vec!["yours"], 1), (vec!["mine", "yours"], 0), (vec!["nobody"], 1)] {
        let (gate, log) = (Gate::default(), log());
        let backend = log.wrap(gate.clone());
        let (mine, yours) = (asked("mine"), asked("yours"));
        let (mut first, mut second) = (backend.complete(&mine), backend.complete(&yours));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        assert_eq!(*gate.asked.lock().unwrap(), 1, "one call for both");
        assert_eq!(log.purge(&erased).unwrap(), 0);
        *gate.open.lock().unwrap() = true;
        assert_eq!(block_on(first).unwrap().text, "a reply");
        assert_eq!(block_on(second).unwrap().text, "a reply");
        assert_eq!(log.stats().records, kept, "{erased:?}");
        assert_eq!(log.purge(&erased).unwrap(), 0, "no record is about what was erased");
        assert_eq!(log.stats().overtaken, 1 - kept as u64);
        // What is asked after it is kept, whatever it is about.
        block_on(backend.complete(&mine)).unwrap();
        assert_eq!(log.stats().records, 1);
    }
}

#[test]
fn a_batch_keeps_all_but_what_is_erased_while_it_is_under_way() {
    use rpm_core::llm::SendMode;
    for sending in [SendMode::Batch, SendMode::Single { at_once: 2 }, SendMode::Single { at_once: 1 }] {
        let (gate, log) = (Gate::default(), log());
        let backend = log.wrap(gate.clone()).sending(sending);
        let about = |n: usize| {
            let text = Message::user(format!("Which of {n}?"));
            CompletionRequest::new(Stage::Answer, vec![text], 10).about([format!("i{n}")])
        };
        let requests: Vec<_> = (0..6).map(about).collect();
        let mut batch = backend.complete_batch(&requests);
        assert!(poll(&mut batch).is_pending());
        // One that is sent, and one that waits to be.
        log.purge(["i0", "i5"]).unwrap();
        *gate.open.lock().unwrap() = true;
        assert!(block_on(batch).iter().all(Result::is_ok));
        let stats = log.stats();
        assert_eq!((stats.records, stats.overtaken), (4, 2), "{sending:?}");
        assert_eq!(log.purge(["i0", "i5"]).unwrap(), 0);
    }
}

/// A store that does not say that it erases.
struct Plain(InMemoryStore);

#[async_trait]
impl UserModelStore for Plain {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        self.0.load(user).await
    }
    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.0.save(model, expected).await
    }
    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        self.0.reserve(user).await
    }
    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        self.0.delete(user).await
    }
    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        self.0.delete_version(user, expected).await
    }
    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        self.0.list(after, limit).await
    }
}

fn state(receipt: &Receipt, kind: PlaceKind) -> &PlaceState {
    &receipt.probe.places.iter().find(|place| place.kind == kind).unwrap().state
}

#[test]
fn a_receipt_names_every_place_with_what_was_done_there_and_what_is_to_do() {
    let log = log();
    let with_log = pipeline(&Slow::default(), Some(&log), PathPolicy::OnFirstUse);
    let stored = with_log.clone().with_store(InMemoryStore::new());
    block_on(stored.learn(&films())).unwrap();
    let receipt = block_on(stored.forget(&ana(), &the_secret())).unwrap();
    assert!(receipt.probe.bears_out() && receipt.probe.searched() == 2, "{receipt}");
    assert!(matches!(state(&receipt, PlaceKind::UserModel), PlaceState::Searched { bytes: 1.., found: 0 }));
    assert!(matches!(state(&receipt, PlaceKind::ResponseLog), PlaceState::Searched { bytes: 1.., found: 0 }));
    assert!(matches!(state(&receipt, PlaceKind::Store), PlaceState::Erased { .. }));
    assert!(receipt.to_string().contains("- copies: not reached (exports, packed models, back-ups"), "{receipt}");
    let again: Receipt = serde_json::from_str(&serde_json::to_string(&receipt).unwrap()).unwrap();
    assert_eq!(again, receipt);

    // One that erases nothing is named, and so is a log that the pipeline was not told of.
    let stored = pipeline(&Slow::default(), None, PathPolicy::OnFirstUse).with_store(Plain(InMemoryStore::new()));
    block_on(stored.learn(&films())).unwrap();
    let receipt = block_on(stored.forget(&ana(), &the_secret())).unwrap();
    assert!(!receipt.probe.bears_out() && receipt.probe.found == 0);
    let open: Vec<PlaceKind> = receipt.probe.open().map(|place| place.kind).collect();
    assert_eq!(open, [PlaceKind::ResponseLog, PlaceKind::Store]);
    assert!(receipt.to_string().contains("- store: not reached (the store does not say that it erases); to do:"));
    assert!(receipt.to_string().contains("name the log by `forgets_in`"), "{receipt}");

    // Without a store the host is told whose it is.
    let mut open = block_on(async { with_log.open(with_log.learn(&films()).await.unwrap().model).await }).unwrap();
    let receipt = block_on(with_log.forget(&mut open, &the_secret())).unwrap();
    assert!(matches!(state(&receipt, PlaceKind::Store), PlaceState::NotReached { .. }) && !receipt.probe.bears_out());
}

#[test]
fn a_receipt_that_searched_for_nothing_says_so() {
    let stored = RpmPipeline::offline(scale_task()).with_store(InMemoryStore::new());
    block_on(stored.learn(&films())).unwrap();
    let receipt = block_on(stored.forget(&ana(), &Forget::Before(-5))).unwrap();
    assert_eq!((receipt.items.len(), receipt.probe.needles), (0, 0));
    assert!(receipt.to_string().contains("nothing was searched for") && receipt.to_string().contains("no removal"));
    assert!(!receipt.probe.bears_out());
    // One of a version that did not write places down is read, and says that it does not know them.
    let mut old = serde_json::to_value(&receipt).unwrap();
    old["probe"] = json!({ "needles": 12, "bytes": 345, "found": 0 });
    let old: Receipt = serde_json::from_value(old).unwrap();
    assert_eq!((old.probe.needles, old.probe.bytes, old.probe.places.len()), (12, 345, 0));
    assert!(old.to_string().contains("which places were searched is not known") && !old.probe.bears_out(), "{old}");
    assert!(Probe::default().to_string().starts_with("nothing was searched for"));
}

#[test]
fn a_file_whose_last_forgetting_is_later_than_it_is_refused() {
    let learned = block_on(RpmPipeline::offline(scale_task()).learn(&films())).unwrap().model;
    let bad = learned.to_json().replacen("\"revision\": 1,", "\"revision\": 1,\n    \"forgotten_at\": 2,", 1);
    assert!(matches!(UserModel::from_json(&bad), Err(DataError::BadNumbers { what: "revision", .. })));
}

#[test]
fn whoever_is_deleted_leaves_no_reply_in_the_log_nor_does_what_was_under_way() {
    let (model, log, store) = (Slow::default(), log(), Arc::new(InMemoryStore::new()));
    let stored = pipeline(&model, Some(&log), PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    block_on(stored.learn(&films())).unwrap();
    assert!(log.stats().records > 0);
    let other = stored.clone();
    model.before(Stage::Extract, move || assert!(block_on(other.delete(&ana())).unwrap()));
    let error = block_on(stored.observe(&ana(), [interaction("late", "A quiet zanzipol.", "5", 90)])).unwrap_err();
    assert!(matches!(error, StoredError::Deleted { .. }), "{error:?}");
    assert_eq!(log.stats().records, 0);
    // Also of a first learning.
    let other = stored.clone();
    model.before(Stage::Extract, move || assert!(!block_on(other.delete(&ana())).unwrap()));
    assert!(matches!(block_on(stored.learn(&films())), Err(StoredError::Deleted { .. })));
    assert_eq!(log.stats().records, 0);
}

#[test]
fn a_forgetting_after_one_that_was_given_up_has_the_store_erase_all_the_same() {
    let stored = RpmPipeline::offline(scale_task()).with_store(InMemoryStore::new());
    block_on(stored.learn(&films())).unwrap();
    let all = Forget::Items(films().interactions().iter().map(|film| film.id().clone()).collect());
    // Polled until it is saved, and no further.
    let user = ana();
    let mut given_up = Box::pin(stored.forget(&user, &all));
    while !block_on(stored.load(&user)).unwrap().model.memory().is_empty() {
        assert!(poll(&mut given_up).is_pending());
    }
    drop(given_up);
    let receipt = block_on(stored.forget(&ana(), &Forget::All)).unwrap();
    assert!(receipt.items.is_empty());
    assert!(matches!(state(&receipt, PlaceKind::Store), PlaceState::Erased { .. }), "{receipt}");
}

#[test]
fn a_model_that_is_learned_again_is_later_than_all_that_was_kept_while_it_was() {
    let (model, store, stored) = on_first_use();
    let (other, held_then) = (stored.clone(), Arc::new(Mutex::new(0)));
    let told = Arc::clone(&held_then);
    let seen = Arc::clone(&store);
    model.before(Stage::Extract, move || {
        for asked in ["A slow, quiet film.", "A loud chase through the city.", "Long days with music and a thin plot."]
        {
            block_on(other.personalize(&ana(), &query(asked))).unwrap();
        }
        *told.lock().unwrap() = held(&seen).revision();
    });
    let before = held(&store).revision();
    block_on(stored.relearn(&ana())).unwrap();
    let then = *held_then.lock().unwrap();
    assert!(then >= before + 2, "else this shows nothing: {before}, {then}");
    assert!(held(&store).revision() > then, "{} after {then}", held(&store).revision());
}

#[test]
fn a_deletion_says_when_it_could_not_take_the_replies_out_of_the_logs() {
    let (log, store) = (log(), Arc::new(InMemoryStore::new()));
    let learning = pipeline(&Slow::default(), Some(&log), PathPolicy::OnFirstUse).with_store(Arc::clone(&store));
    block_on(learning.learn(&films())).unwrap();
    let other = RpmPipeline::offline_builder(crate::common::labels_task()).forgets_in(&log).build().unwrap();
    let deleted = block_on(other.with_store(Arc::clone(&store)).delete(&ana()));
    assert!(matches!(deleted, Err(StoredError::Operation(_))), "{deleted:?}");
    assert!(block_on(store.load(&ana())).unwrap().is_none(), "deleted all the same");
}

/// A store in which something else happens before a model is deleted, once.
struct BeforeDeleting {
    store: Arc<InMemoryStore>,
    before: Mutex<Option<Hook>>,
}

impl BeforeDeleting {
    fn others(&self) {
        let hook = self.before.lock().unwrap().take();
        if let Some(hook) = hook {
            hook();
        }
    }
}

#[async_trait]
impl UserModelStore for BeforeDeleting {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        self.store.load(user).await
    }
    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.store.save(model, expected).await
    }
    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        self.store.reserve(user).await
    }
    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        self.others();
        self.store.delete(user).await
    }
    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        self.others();
        self.store.delete_version(user, expected).await
    }
    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        self.store.list(after, limit).await
    }
}

/// A pipeline whose store does this before a model is deleted, given another pipeline on the same store and log.
fn deleting_after(log: &ResponseLog, hook: impl FnOnce(StoredPipeline) + Send + 'static) -> StoredPipeline {
    let store = Arc::new(InMemoryStore::new());
    let of = |model: &Slow| pipeline(model, Some(log), PathPolicy::OnFirstUse);
    let other = of(&Slow::default()).with_store(Arc::clone(&store));
    let before: Hook = Box::new(move || hook(other));
    of(&Slow::default()).with_store(BeforeDeleting { store, before: Mutex::new(Some(before)) })
}

#[test]
fn what_comes_in_between_a_deletions_forgetting_and_its_end_leaves_no_reply_in_the_log() {
    let log = log();
    let observed = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&observed);
    let stored = deleting_after(&log, move |other| {
        let report = block_on(other.observe(&ana(), [interaction("late", "A quiet zanzipol.", "5", 90)])).unwrap();
        *seen.lock().unwrap() = Some(report.items[0].outcome.clone());
    });
    block_on(stored.learn(&films())).unwrap();
    assert!(block_on(stored.delete(&ana())).unwrap());
    let observed = observed.lock().unwrap().take();
    assert!(matches!(observed, Some(ObserveOutcome::Learned { .. })), "else this shows nothing: {observed:?}");
    assert!(block_on(stored.load(&ana())).is_err(), "nobody is there");
    assert_eq!(log.stats().records, 0);
}

#[test]
fn a_first_learning_that_ends_while_its_user_is_deleted_leaves_no_reply_in_the_log() {
    let log = log();
    let stored = deleting_after(&log, |other| {
        block_on(other.learn(&films())).unwrap();
    });
    // Nobody is there yet, and somebody is learned before that is written down.
    assert!(block_on(stored.delete(&ana())).unwrap());
    assert!(block_on(stored.load(&ana())).is_err(), "nobody is there");
    assert_eq!(log.stats().records, 0);
}
