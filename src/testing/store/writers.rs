//! Stores with several writers at once, and with writers that give up.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::held::{distinct, holds};
use crate::data::DataError;
use crate::model::UserModel;
use crate::store::{StoreError, StoredModel, UserModelStore, Version};
use crate::testing::stored_models::Models;
use crate::testing::tally::Tally;
use crate::testing::wait::wait;

/// Writers who all load, then all save, again and again.
pub(super) async fn turns(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    let model = models.of("in turns")?;
    let user = model.user();
    store.save(&model, None).await.ok();
    let mut done = 0;
    for _ in 0..8 {
        let mut loaded = Vec::new();
        for _ in 0..4 {
            loaded.extend(store.load(user).await.ok().flatten());
        }
        let mut winners = 0;
        for StoredModel { model, version } in &loaded {
            winners += u64::from(store.save(&models.changed(model)?, Some(*version)).await.is_ok());
        }
        run.check("writers in turns: one of those that loaded the same", winners == 1);
        done += winners;
    }
    let last = store.load(user).await.ok().flatten().map(|stored| stored.model.revision());
    run.check("writers in turns: no update is lost", last == Some(model.revision() + done));
    Ok(())
}

pub(super) fn on_threads(run: &mut Tally, store: &impl UserModelStore, models: &Models) -> Result<(), DataError> {
    const WRITERS: u64 = 4;
    const UPDATES: u64 = 8;
    let model = models.of("on threads")?;
    let user = model.user();
    let saved = wait(store.save(&model, None)).is_ok();
    let update = || async {
        // Each failed attempt is another writer's success; more than all of them is a store that fails by itself.
        for _ in 0..=WRITERS * UPDATES {
            let Ok(Some(stored)) = store.load(user).await else { return None };
            let changed = models.changed(&stored.model).ok()?;
            match store.save(&changed, Some(stored.version)).await {
                Ok(version) => return Some(version.number()),
                Err(StoreError::Conflict) => {}
                Err(_) => return None,
            }
        }
        None
    };
    let numbers: Vec<Option<u64>> = thread::scope(|scope| {
        let writer = || (0..UPDATES).map(|_| wait(update())).collect::<Vec<_>>();
        let started: Vec<_> = (0..WRITERS).map(|_| scope.spawn(writer)).collect();
        started.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let given: Vec<u64> = numbers.iter().copied().flatten().collect();
    run.check("writers on threads: every update succeeds", saved && given.len() as u64 == WRITERS * UPDATES);
    run.check("writers on threads: every version once", distinct(&given));
    let last = wait(store.load(user)).ok().flatten().map(|stored| stored.model.revision());
    run.check("writers on threads: no update is lost", last == Some(model.revision() + WRITERS * UPDATES));
    Ok(())
}

/// Drops the future of a save, or of a delete, after every number of polls it takes.
pub(super) async fn dropped<S: UserModelStore>(
    run: &mut Tally,
    make: &mut impl FnMut() -> S,
    models: &Models,
) -> Result<(), DataError> {
    let old = models.of("dropped")?;
    let new = models.changed(&old)?;
    let later = models.changed(&new)?;
    for polls in 0..POLLS {
        let store = make();
        let version = store.save(&old, None).await.ok();
        let ended = give_up(store.save(&new, version), polls).await;
        settle().await;
        let found = store.load(old.user()).await.ok().flatten();
        let json = found.as_ref().map(|found| found.model.to_json());
        let whole = json.as_ref() == Some(&old.to_json()) || json.as_ref() == Some(&new.to_json());
        run.check(&format!("a save dropped after {polls} polls: the old model or the new one, whole"), whole);
        let fresh =
            found.as_ref().is_some_and(|found| (json == Some(old.to_json())) == (Some(found.version) == version));
        run.check(&format!("a save dropped after {polls} polls: its version too"), fresh);
        // Where the work is done elsewhere it may be done still, before the next save or never.
        let next = overwrite(&store, &later).await;
        let name = format!("a save dropped after {polls} polls: the next one succeeds and stays");
        run.check(&name, holds(&store, &later, next).await);

        give_up(store.delete(old.user()), polls).await;
        settle().await;
        let left = store.load(old.user()).await.map(|found| found.map(|found| found.model.to_json()));
        let whole = left.is_ok_and(|left| left.is_none_or(|left| left == later.to_json()));
        run.check(&format!("a delete dropped after {polls} polls: all or nothing"), whole);
        if ended {
            break;
        }
    }
    Ok(())
}

/// Saves over whatever is held.
async fn overwrite(store: &impl UserModelStore, model: &UserModel) -> Option<Version> {
    for _ in 0..3 {
        let held = store.load(model.user()).await.ok()?;
        match store.save(model, held.map(|held| held.version)).await {
            Err(StoreError::Conflict) => {}
            result => return result.ok(),
        }
    }
    None
}

/// The most polls of a future before it is dropped.
const POLLS: usize = 20;

/// Polls a future so many times and drops it; true when it was done.
async fn give_up<T>(future: impl Future<Output = T>, polls: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        settle().await;
    }
    false
}

/// Lets whatever else the thread's executor runs get on.
async fn settle() {
    let mut left = 2;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    thread::yield_now();
}
