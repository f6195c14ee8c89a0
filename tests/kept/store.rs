//! Every store keeps the contract, and the suite finds the ones that do not.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests fail loudly")]

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use pollster::block_on;
use rpm_core::store::{StoreError, StoredModel, UserModelStore, Version};
use rpm_core::testing::{ConformanceError, durable_user_model_store_conformance, user_model_store_conformance};
use rpm_core::{InMemoryStore, UserId, UserModel, async_trait};

const CHECKS: usize = 529;

#[test]
fn the_store_in_memory_conforms() {
    assert_eq!(block_on(user_model_store_conformance(InMemoryStore::new)).unwrap(), CHECKS);
    let shared = || Arc::new(InMemoryStore::new()) as Arc<dyn UserModelStore>;
    assert_eq!(block_on(user_model_store_conformance(shared)).unwrap(), CHECKS);
}

#[test]
fn a_store_that_outlives_its_opening_conforms() {
    let kept = Arc::new(InMemoryStore::new());
    assert_eq!(block_on(durable_user_model_store_conformance(|| Arc::clone(&kept))).unwrap(), 9);
}

#[test]
fn loading_from_memory_shares_the_model() {
    let store = InMemoryStore::new();
    let model = model("ana");
    block_on(store.save(&model, None)).unwrap();
    let load = || block_on(store.load(model.user())).unwrap().unwrap().model;
    assert!(Arc::ptr_eq(&load(), &load()));
}

fn model(user: &str) -> UserModel {
    use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let films = [("A slow, quiet drama.", "5"), ("A loud chase.", "2"), ("A slow film about a quiet town.", "5")];
    let interaction = |(n, (text, rating)): (i64, (&str, &str))| {
        Interaction::new(format!("i{n}"), Query::new(text).unwrap(), rating).unwrap().at(n)
    };
    let history = History::new(&task, user, (0..).zip(films).map(interaction)).unwrap();
    block_on(RpmPipeline::offline(task).learn(&history)).unwrap().model
}

/// What is wrong with a store that is otherwise the sound one in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    ComparesNothing,
    NothingExpectedOverwrites,
    ComparesRevisionsInstead,
    SavesAndSaysConflict,
    ComparesThenWrites,
    SameVersionAgain,
    VersionsByUser,
    DeleteOnlyHides,
    DeleteSaysThereWas,
    DeleteTakesTheNeighbour,
    DeletesAnyVersion,
    DeletesAndSaysConflict,
    OneLife,
    LivesByTheSave,
    ReservesForever,
    ReservationIsListed,
    ReservationOutlivesDelete,
    ReservationBlocksSaves,
    NewReservationEachTime,
    DescendingList,
    AfterIncluded,
    NoLimit,
    StopsAtTheLastPage,
    CaseBlind,
    TrimsIds,
    CutsLongIds,
    DropsPaths,
    RefusesLargeModels,
    WritesInTwoSteps,
    NeverGivesAnythingBack,
}

struct Faulty {
    fault: Fault,
    sound: InMemoryStore,
    counter: AtomicU64,
    /// What a faulty store remembers beside the sound one.
    beside: Mutex<BTreeMap<String, Version>>,
    hidden: Mutex<BTreeMap<String, (UserModel, Version)>>,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        let (beside, hidden) = (Mutex::default(), Mutex::default());
        Self { fault, sound: InMemoryStore::new(), counter: AtomicU64::new(0), beside, hidden }
    }

    fn key(&self, user: &UserId) -> String {
        match self.fault {
            Fault::CaseBlind => user.as_str().to_lowercase(),
            Fault::TrimsIds => user.as_str().trim().to_owned(),
            Fault::CutsLongIds => user.as_str().chars().take(255).collect(),
            _ => user.as_str().to_owned(),
        }
    }

    /// The version that this store tells, for the one that the sound store has.
    fn told(&self, user: &UserId, version: Version) -> Version {
        match self.fault {
            Fault::SameVersionAgain => Version::new(version.life(), version.life()),
            Fault::OneLife => Version::new(1, version.number()),
            Fault::LivesByTheSave => Version::new(version.number(), version.number()),
            Fault::VersionsByUser => {
                // As a column `revision` that each row begins at 1.
                let mut beside = self.beside.lock().unwrap();
                let first = *beside.entry(self.key(user)).or_insert(version);
                Version::new(1, version.number() - first.number() + 1)
            }
            _ => version,
        }
    }
}

/// Gives the executor one turn.
async fn pause() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl UserModelStore for Faulty {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        if self.fault == Fault::NeverGivesAnythingBack {
            return Ok(None);
        }
        let blurred = matches!(self.fault, Fault::CaseBlind | Fault::TrimsIds | Fault::CutsLongIds);
        if blurred {
            let held = self.hidden.lock().unwrap().get(&self.key(user)).cloned();
            return Ok(held.map(|(model, version)| StoredModel::new(Arc::new(model), version)));
        }
        let found = self.sound.load(user).await?;
        Ok(found.map(|found| StoredModel::new(found.model, self.told(user, found.version))))
    }

    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        let user = model.user();
        let held = self.sound.load(user).await?.map(|held| held.version);
        let matches = held.map(|held| self.told(user, held)) == expected;
        match self.fault {
            Fault::CaseBlind | Fault::TrimsIds | Fault::CutsLongIds => {
                let mut hidden = self.hidden.lock().unwrap();
                let number = self.counter.fetch_add(1, Ordering::SeqCst) + 1;
                let held = hidden.get(&self.key(user)).map(|(_, version)| *version);
                if held != expected && held.is_some_and(|_| expected.is_some()) {
                    return Err(StoreError::Conflict);
                }
                let version = Version::new(held.map_or(number, Version::life), number);
                hidden.insert(self.key(user), (model.clone(), version));
                Ok(version)
            }
            Fault::ComparesNothing => self.sound.save(model, held).await,
            Fault::NothingExpectedOverwrites if expected.is_none() => self.sound.save(model, held).await,
            Fault::ComparesRevisionsInstead => {
                let newer = match self.sound.load(user).await? {
                    Some(held) => held.model.revision() < model.revision(),
                    None => expected.is_none(),
                };
                if newer { self.sound.save(model, held).await } else { Err(StoreError::Conflict) }
            }
            Fault::SavesAndSaysConflict if !matches => {
                self.sound.save(model, held).await?;
                Err(StoreError::Conflict)
            }
            Fault::ComparesThenWrites => {
                if !matches && (held.is_some() || self.sound.reserve(user).await.ok() != expected) {
                    return Err(StoreError::Conflict);
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
                let held = self.sound.load(user).await?.map(|held| held.version);
                self.sound.save(model, held.or(expected)).await
            }
            Fault::SameVersionAgain | Fault::OneLife | Fault::LivesByTheSave | Fault::VersionsByUser => {
                if !matches && held.is_some() {
                    return Err(StoreError::Conflict);
                }
                let version = self.sound.save(model, if matches { held } else { expected }).await?;
                Ok(self.told(user, version))
            }
            Fault::ReservationBlocksSaves if expected.is_none() && held.is_none() => {
                if self.beside.lock().unwrap().contains_key(&self.key(user)) {
                    return Err(StoreError::Conflict);
                }
                self.sound.save(model, None).await
            }
            Fault::DropsPaths => {
                let items = model.memory().items().iter();
                let bare = items.map(|item| {
                    rpm_core::data::MemoryItem::new(item.interaction().clone(), item.features().to_vec()).unwrap()
                });
                let (task, factors) = (model.task().clone(), model.factors().clone());
                let memory = rpm_core::data::ReasoningMemory::new(bare);
                let (calibration, provenance) = (model.calibration().clone(), model.provenance().clone());
                let bare = UserModel::new(user.clone(), task, factors, memory, calibration, provenance).unwrap();
                self.sound.save(&bare, expected).await
            }
            Fault::RefusesLargeModels if model.to_json().len() > 1_000_000 => {
                Err(StoreError::permanent("the packet is too large"))
            }
            Fault::WritesInTwoSteps if held.is_some() && matches => {
                self.sound.delete(user).await?;
                pause().await;
                self.sound.save(model, None).await
            }
            _ => self.sound.save(model, expected).await,
        }
    }

    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        let held = self.sound.load(user).await?.is_some();
        match self.fault {
            Fault::NewReservationEachTime if !held => {
                self.sound.delete(user).await?;
                self.sound.reserve(user).await
            }
            Fault::ReservesForever if held => Ok(Version::new(1, 1)),
            Fault::ReservationBlocksSaves | Fault::ReservationIsListed => {
                let version = self.sound.reserve(user).await?;
                self.beside.lock().unwrap().insert(self.key(user), version);
                Ok(version)
            }
            _ => Ok(self.told(user, self.sound.reserve(user).await?)),
        }
    }

    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        match self.fault {
            Fault::CaseBlind | Fault::TrimsIds | Fault::CutsLongIds => {
                Ok(self.hidden.lock().unwrap().remove(&self.key(user)).is_some())
            }
            Fault::DeleteOnlyHides => Ok(self.sound.load(user).await?.is_some()),
            Fault::DeleteSaysThereWas => self.sound.delete(user).await.map(|_| true),
            Fault::DeleteTakesTheNeighbour => {
                let there = self.sound.delete(user).await?;
                if let Some(next) = self.sound.list(Some(user), 1).await?.first() {
                    self.sound.delete(next).await?;
                }
                Ok(there)
            }
            Fault::ReservationOutlivesDelete if self.sound.load(user).await?.is_none() => Ok(false),
            _ => self.sound.delete(user).await,
        }
    }

    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        match self.fault {
            Fault::CaseBlind | Fault::TrimsIds | Fault::CutsLongIds | Fault::DeletesAnyVersion => {
                self.delete(user).await.map(|_| ())
            }
            Fault::DeletesAndSaysConflict => {
                let compared = self.sound.delete_version(user, expected).await;
                self.sound.delete(user).await?;
                compared
            }
            _ => self.sound.delete_version(user, expected).await,
        }
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        match self.fault {
            Fault::CaseBlind | Fault::TrimsIds | Fault::CutsLongIds => {
                let hidden = self.hidden.lock().unwrap();
                let after = after.map(|user| self.key(user));
                let keys = hidden.keys().filter(|key| after.as_ref().is_none_or(|after| *key > after));
                Ok(keys.take(limit).map(|key| UserId::new(key.as_str()).unwrap()).collect())
            }
            Fault::DescendingList => {
                let mut users = self.sound.list(after, limit).await?;
                users.reverse();
                Ok(users)
            }
            Fault::AfterIncluded => {
                let mut users = self.sound.list(after, limit).await?;
                if let Some(after) = after {
                    users.insert(0, after.clone());
                    users.truncate(limit);
                }
                Ok(users)
            }
            Fault::NoLimit => self.sound.list(after, usize::MAX).await,
            Fault::StopsAtTheLastPage => {
                let users = self.sound.list(after, limit).await?;
                Ok(if users.len() < limit && after.is_some() { Vec::new() } else { users })
            }
            Fault::ReservationIsListed => {
                let mut users = self.sound.list(None, usize::MAX).await?;
                users.extend(self.beside.lock().unwrap().keys().map(|key| UserId::new(key.as_str()).unwrap()));
                users.sort();
                users.dedup();
                let from = users.iter().position(|user| after.is_none_or(|after| user > after));
                Ok(users.into_iter().skip(from.unwrap_or(usize::MAX)).take(limit).collect())
            }
            _ => self.sound.list(after, limit).await,
        }
    }
}

/// The checks that found the fault.
fn found(fault: Fault) -> Vec<String> {
    match block_on(user_model_store_conformance(|| Faulty::new(fault))) {
        Err(ConformanceError::Broken { failed, .. }) => failed,
        other => panic!("{fault:?} was not found: {other:?}"),
    }
}

#[track_caller]
fn caught(fault: Fault, by: &str) {
    let failed = found(fault);
    assert!(failed.iter().any(|line| line.contains(by)), "{fault:?} was found by something else: {failed:#?}");
}

#[test]
fn a_store_that_only_passes_on_conforms() {
    assert_eq!(block_on(user_model_store_conformance(|| Faulty::new(Fault::None))).unwrap(), CHECKS);
}

#[test]
fn a_lost_update_is_found() {
    caught(Fault::ComparesNothing, "the version before: a conflict");
    caught(Fault::ComparesNothing, "writers in turns");
    caught(Fault::NothingExpectedOverwrites, "nothing expected where a model is held");
    caught(Fault::ComparesRevisionsInstead, "an older revision may be saved");
    caught(Fault::SavesAndSaysConflict, "after conflicts: the model and its version are the same");
    caught(Fault::ComparesThenWrites, "writers on threads: no update is lost");
}

#[test]
fn a_version_that_is_used_again_is_found() {
    caught(Fault::SameVersionAgain, "the same model again: another version");
    caught(Fault::VersionsByUser, "another user's version: a conflict");
    caught(Fault::VersionsByUser, "no version is given twice");
    caught(Fault::OneLife, "no life is given twice");
    caught(Fault::LivesByTheSave, "begins and goes on");
}

#[test]
fn a_user_who_comes_back_or_goes_too_soon_is_found() {
    caught(Fault::DeleteOnlyHides, "is gone");
    caught(Fault::DeleteSaysThereWas, "has nothing to delete");
    caught(Fault::DeleteTakesTheNeighbour, "beside");
    caught(Fault::ReservationOutlivesDelete, "a reservation that was deleted");
    caught(Fault::DeletesAnyVersion, "deleting the version before: a conflict");
    caught(Fault::DeletesAndSaysConflict, "after conflicts of deletions: the model is there");
    caught(Fault::NeverGivesAnythingBack, "comes back to the byte");
}

#[test]
fn a_wrong_reservation_is_found() {
    caught(Fault::NewReservationEachTime, "a reservation: is given again");
    caught(Fault::ReservesForever, "its version for a reservation");
    caught(Fault::ReservationIsListed, "a reservation: is no model");
    caught(Fault::ReservationBlocksSaves, "a reserved place: holds no model");
}

#[test]
fn a_wrong_list_is_found() {
    caught(Fault::DescendingList, "in the order of their bytes");
    caught(Fault::AfterIncluded, "everybody once, in order");
    caught(Fault::NoLimit, "no longer than asked for");
    caught(Fault::StopsAtTheLastPage, "everybody once, in order");
}

#[test]
fn users_who_are_mixed_up_are_found() {
    caught(Fault::CaseBlind, "has its own model");
    caught(Fault::TrimsIds, "has its own model");
    caught(Fault::CutsLongIds, "has its own model");
}

#[test]
fn a_model_that_does_not_come_back_whole_is_found() {
    caught(Fault::DropsPaths, "comes back to the byte");
    caught(Fault::RefusesLargeModels, "a model of over 1 MB: is saved");
    caught(Fault::WritesInTwoSteps, "a save dropped after 1 polls: the old model or the new one");
}

/// A store that writes down less than it should. Reopened, it is what was written down.
fn reopened(forget: impl Fn(&InMemoryStore) -> InMemoryStore) -> Vec<String> {
    let kept = Mutex::new(Arc::new(InMemoryStore::new()));
    let open = || {
        let mut kept = kept.lock().unwrap();
        *kept = Arc::new(forget(&kept));
        Arc::clone(&kept)
    };
    match block_on(durable_user_model_store_conformance(open)) {
        Err(ConformanceError::Broken { failed, .. }) => failed,
        other => panic!("was not found: {other:?}"),
    }
}

#[test]
fn what_is_lost_when_a_store_is_closed_is_found() {
    let all = reopened(|_| InMemoryStore::new());
    assert!(all.iter().any(|line| line.contains("what was saved")), "{all:?}");
    // The models are kept, and the counter begins at the highest version held, as `max(version) + 1` does.
    let counter = reopened(|before| {
        let after = InMemoryStore::new();
        let users = block_on(before.list(None, 100)).unwrap();
        for user in users {
            let held = block_on(before.load(&user)).unwrap().unwrap();
            block_on(after.save(&held.model, None)).unwrap();
        }
        after
    });
    assert!(counter.iter().any(|line| line.contains("a reservation")), "{counter:?}");
    assert!(counter.iter().any(|line| line.contains("a new version")), "{counter:?}");
}
