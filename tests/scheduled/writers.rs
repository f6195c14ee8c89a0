//! Writers of one user's stored model: nothing that was acknowledged is lost, and what was forgotten or deleted stays gone.

use std::sync::{Arc, Mutex, OnceLock};

use pollster::block_on;
use rpm_core::data::EditRecord;
use rpm_core::pipeline::ObserveOutcome;
use rpm_core::store::{StoreError, StoredModel, UserModelStore, Version};
use rpm_core::{
    Edit, Forget, InMemoryStore, ItemId, RpmPipeline, StoredError, StoredPipeline, UserId, UserModel, async_trait,
};

use super::common::{interaction, scale_history, scale_task};
use super::explorer::{Bounds, Check, Task, every_schedule, others_run};

/// A store behind a network: before each of its steps others may run, and after it, when it is done and nobody knows yet.
#[derive(Default)]
pub(crate) struct Remote(InMemoryStore);

#[async_trait]
impl UserModelStore for Remote {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        others_run().await;
        let held = self.0.load(user).await;
        others_run().await;
        held
    }
    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        self.0.version(user).await
    }
    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        others_run().await;
        let saved = self.0.save(model, expected).await;
        others_run().await;
        saved
    }
    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        others_run().await;
        self.0.reserve(user).await
    }
    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        others_run().await;
        let gone = self.0.delete(user).await;
        others_run().await;
        gone
    }
    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        others_run().await;
        let gone = self.0.delete_version(user, expected).await;
        others_run().await;
        gone
    }
    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        self.0.list(after, limit).await
    }
}

pub(crate) fn ana() -> UserId {
    UserId::new("ana").unwrap()
}

/// Ana's model, which is learned once.
fn learned() -> &'static UserModel {
    static MODEL: OnceLock<UserModel> = OnceLock::new();
    MODEL.get_or_init(|| block_on(RpmPipeline::offline(scale_task()).learn(&scale_history())).unwrap().model)
}

/// A store that holds Ana's model, and pipelines of two processes over it.
pub(crate) fn two_processes() -> (Arc<Remote>, [StoredPipeline; 2]) {
    let store = Arc::new(Remote::default());
    let process = || RpmPipeline::offline(scale_task()).with_store(Arc::clone(&store));
    let processes = [process(), process()];
    block_on(store.0.save(learned(), None)).unwrap();
    (store, processes)
}

fn observing(process: &StoredPipeline, id: &'static str, done: &Arc<Mutex<Vec<&'static str>>>) -> Task {
    let (process, done) = (process.clone(), Arc::clone(done));
    Box::pin(async move {
        let new = interaction(id, "A slow film about a baker.", "4", 900);
        match process.observe(&ana(), [new]).await {
            Ok(report) if report.taken_in() == 1 => done.lock().unwrap().push(id),
            // The user forgot something meanwhile: it is named, and not kept.
            Ok(report) => {
                assert!(matches!(report.items[0].outcome, ObserveOutcome::Overtaken), "{report:?}");
                done.lock().unwrap().push("overtaken");
            }
            Err(StoredError::UnknownUser { .. } | StoredError::Deleted { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    })
}

#[test]
fn what_is_acknowledged_is_kept_in_every_schedule_of_writers_in_two_processes() {
    for (bounds, least) in [(Bounds { switches: 1, drops: 0 }, 100), (Bounds { switches: 0, drops: 1 }, 100)] {
        let run = every_schedule(bounds, 100_000, || {
            let (_, processes) = two_processes();
            let done = Arc::new(Mutex::new(Vec::new()));
            let factor = learned().factors().iter().next().unwrap().id().clone();
            let (first, second) = (processes[0].clone(), processes[1].clone());
            let (forgotten, muted) = (Arc::clone(&done), Arc::clone(&done));
            let of = factor.clone();
            let tasks: Vec<Task> = vec![
                observing(&processes[0], "x", &done),
                observing(&processes[1], "y", &done),
                Box::pin(async move {
                    let what = Forget::Items(vec![ItemId::new("a").unwrap()]);
                    first.forget(&ana(), &what).await.unwrap();
                    forgotten.lock().unwrap().push("a");
                }),
                Box::pin(async move {
                    // The factor may be gone with what was forgotten.
                    let edited = second.edit(&ana(), Edit::Mute { factor: of }).await;
                    muted.lock().unwrap().push(if edited.is_ok() { "muted" } else { "refused" });
                }),
            ];
            let check: Check = Box::new(move |dropped| {
                let held = block_on(processes[0].load(&ana())).unwrap().model;
                let has = |id: &str| held.memory().get(&ItemId::new(id).unwrap()).is_some();
                let done = done.lock().unwrap();
                assert_eq!(done.len() + dropped.iter().filter(|dropped| **dropped).count(), 4);
                assert!(done.iter().all(|id| {
                    match *id {
                        "a" => !has("a"),
                        "refused" | "overtaken" => true,
                        "muted" => held
                            .edits_in_force()
                            .into_iter()
                            .map(EditRecord::edit)
                            .any(|edit| *edit == Edit::Mute { factor: factor.clone() }),
                        id => has(id),
                    }
                }));
                let again = UserModel::from_json(&held.to_json()).unwrap();
                assert!(again == *held, "what is held can be read");
            });
            (tasks, check)
        });
        eprintln!("{run} schedules");
        assert!(run > least, "{run}");
    }
}

#[test]
fn a_deleted_user_stays_deleted_in_every_schedule_of_late_writers() {
    for bounds in [Bounds { switches: 2, drops: 0 }, Bounds { switches: 1, drops: 1 }] {
        let run = every_schedule(bounds, 100_000, || {
            let (store, processes) = two_processes();
            let done = Arc::new(Mutex::new(Vec::new()));
            let (deleting, gone) = (processes[1].clone(), Arc::new(Mutex::new(false)));
            let told = Arc::clone(&gone);
            let tasks: Vec<Task> = vec![
                observing(&processes[0], "x", &done),
                observing(&processes[1], "y", &done),
                Box::pin(async move {
                    assert!(deleting.delete(&ana()).await.unwrap());
                    *told.lock().unwrap() = true;
                }),
            ];
            let check: Check = Box::new(move |_| {
                let held = block_on(store.load(&ana())).unwrap();
                assert!(held.is_none() || !*gone.lock().unwrap(), "a deleted user came back");
            });
            (tasks, check)
        });
        eprintln!("{run} schedules");
        assert!(run > 100, "{run}");
    }
}

#[test]
fn a_first_learning_that_a_deletion_overtakes_does_not_bring_the_user_back() {
    for bounds in [Bounds { switches: 4, drops: 0 }, Bounds { switches: 2, drops: 1 }] {
        let run = every_schedule(bounds, 100_000, || {
            let store = Arc::new(Remote::default());
            let process = || RpmPipeline::offline(scale_task()).with_store(Arc::clone(&store));
            let (learning, deleting) = (process(), process());
            let learned = Arc::new(Mutex::new(None));
            let told = Arc::clone(&learned);
            let tasks: Vec<Task> = vec![
                Box::pin(async move {
                    let result = learning.learn(&scale_history()).await;
                    assert!(result.is_ok() || matches!(result, Err(StoredError::Deleted { .. })), "{result:?}");
                    *told.lock().unwrap() = Some(result.is_ok());
                }),
                Box::pin(async move {
                    let _ = deleting.delete(&ana()).await.unwrap();
                }),
            ];
            let check: Check = Box::new(move |dropped| {
                let held = block_on(store.load(&ana())).unwrap().is_some();
                match *learned.lock().unwrap() {
                    Some(false) => assert!(!held, "a learning that failed left a model"),
                    // A deletion may come after it, and may be done although nobody waited for its answer.
                    Some(true) => {}
                    None => assert!(dropped[0]),
                }
            });
            (tasks, check)
        });
        eprintln!("{run} schedules");
        assert!(run > 20, "{run}");
    }
}
