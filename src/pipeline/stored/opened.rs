//! The models that a stored pipeline keeps open.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::data::UserId;
use crate::pipeline::Prepared;
use crate::store::Version;

/// A bounded number of open models, each the newest version that was seen of its user. The one that was used longest ago
/// goes first.
#[derive(Debug)]
pub(super) struct OpenModels {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts uses.
    uses: u64,
    models: HashMap<UserId, Open>,
}

#[derive(Debug)]
struct Open {
    version: Version,
    prepared: Prepared,
    used: u64,
}

impl OpenModels {
    /// Keeps at most this many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// The open model of this version.
    pub(super) fn get(&self, user: &UserId, version: Version) -> Option<Prepared> {
        let mut state = self.state();
        state.uses += 1;
        let used = state.uses;
        let open = state.models.get_mut(user).filter(|open| open.version == version)?;
        open.used = used;
        Some(open.prepared.clone())
    }

    /// Keeps a model open, unless a newer version is.
    pub(super) fn put(&self, version: Version, prepared: Prepared) {
        if self.most == 0 {
            return;
        }
        let mut state = self.state();
        state.uses += 1;
        let (used, user) = (state.uses, prepared.model().user().clone());
        if state.models.get(&user).is_some_and(|open| open.version.number() > version.number()) {
            return;
        }
        state.models.insert(user, Open { version, prepared, used });
        while state.models.len() > self.most {
            let oldest = state.models.iter().min_by_key(|(_, open)| open.used).map(|(user, _)| user.clone());
            let Some(oldest) = oldest else { break };
            state.models.remove(&oldest);
        }
    }

    /// Drops what is kept of a user.
    pub(super) fn remove(&self, user: &UserId) {
        self.state().models.remove(user);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step above leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
