//! Calls of a store, many at a time, as a host would make them.

use std::future::Future;
use std::sync::Arc;

use rpm_core::data::MemoryItem;
use rpm_core::store::UserModelStore;
use rpm_core::{UserId, UserModel};
use tokio::runtime::Runtime;

use crate::Failed;
use crate::kept::CALLS;

/// A loaded model, as what a sum over users reads.
#[derive(Clone)]
pub(crate) struct Loaded(pub(crate) Arc<UserModel>);

impl AsRef<[MemoryItem]> for Loaded {
    fn as_ref(&self) -> &[MemoryItem] {
        self.0.memory().items()
    }
}

/// Does something for each of these, [`CALLS`] at a time, and gives what comes of it in their order.
pub(crate) fn each<T, R, F>(
    runtime: &Runtime,
    of: Vec<T>,
    work: impl Fn(T) -> F + Send + Sync + 'static,
) -> Result<Vec<R>, Failed>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Future<Output = Result<R, Failed>> + Send,
{
    let (work, size) = (Arc::new(work), of.len().div_ceil(CALLS).max(1));
    let (mut of, mut running) = (of.into_iter(), Vec::new());
    loop {
        let share: Vec<T> = of.by_ref().take(size).collect();
        if share.is_empty() {
            break;
        }
        let work = Arc::clone(&work);
        running.push(runtime.spawn(async move {
            let mut done = Vec::with_capacity(share.len());
            for one in share {
                done.push(work(one).await?);
            }
            Ok::<_, Failed>(done)
        }));
    }
    let mut all = Vec::new();
    for share in running {
        all.extend(runtime.block_on(share)??);
    }
    Ok(all)
}

/// The models of these users.
pub(crate) fn load(
    runtime: &Runtime,
    store: &Arc<dyn UserModelStore>,
    users: Vec<UserId>,
) -> Result<Vec<Loaded>, Failed> {
    let store = Arc::clone(store);
    each(runtime, users, move |user| {
        let store = Arc::clone(&store);
        async move { Ok(Loaded(store.load(&user).await?.ok_or("a user is gone")?.model)) }
    })
}
