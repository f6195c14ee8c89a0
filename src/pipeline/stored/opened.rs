//! The models that a stored pipeline keeps open.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::data::UserId;
use crate::pipeline::Prepared;
use crate::store::Version;

/// A bounded number of open models, each the newest version that was seen of its user. The one that was used longest ago
/// goes first. Nothing that was taken away comes back: what was loaded before is not kept after ([`Opening`]).
#[derive(Debug)]
pub(super) struct OpenModels(Mutex<State>);

#[derive(Debug)]
struct State {
    most: usize,
    /// Counts uses.
    uses: u64,
    models: HashMap<UserId, Open>,
    /// The loads under way, by user: only while there are some.
    loads: HashMap<UserId, Loads>,
}

#[derive(Debug)]
struct Open {
    version: Version,
    prepared: Prepared,
    used: u64,
}

#[derive(Debug, Default)]
struct Loads {
    /// The number under way.
    open: usize,
    /// The times that something was taken away since the first of them began.
    ended: u64,
}

impl OpenModels {
    /// Keeps at most this many.
    pub(super) fn new(most: usize) -> Self {
        Self(Mutex::new(State { most, uses: 0, models: HashMap::new(), loads: HashMap::new() }))
    }

    /// Keeps at most this many from now on.
    pub(super) fn resize(&self, most: usize) {
        let mut state = self.state();
        state.most = most;
        state.shrink();
    }

    /// The open model of this version. One of an earlier version goes.
    pub(super) fn get(&self, user: &UserId, version: Version) -> Option<Prepared> {
        let mut state = self.state();
        state.uses += 1;
        let used = state.uses;
        match state.models.get_mut(user) {
            Some(open) if open.version == version => {
                open.used = used;
                Some(open.prepared.clone())
            }
            Some(open) if open.version.number() < version.number() => {
                state.models.remove(user);
                None
            }
            _ => None,
        }
    }

    /// Begins to open a user's model: to be called before anything is asked of the store.
    pub(super) fn opening<'a>(&'a self, user: &'a UserId) -> Opening<'a> {
        let mut state = self.state();
        let loads = state.loads.entry(user.clone()).or_default();
        loads.open += 1;
        Opening { models: self, user, ended: loads.ended }
    }

    /// Begins to take a user's model away, or to put another in its place.
    pub(super) fn ending<'a>(&'a self, user: &'a UserId) -> Ending<'a> {
        Ending { models: self, user }
    }

    /// Drops what is kept of a user, and what is being loaded.
    pub(super) fn remove(&self, user: &UserId) {
        self.state().remove(user);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step leaves the state half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, user: &UserId) {
        self.models.remove(user);
        if let Some(loads) = self.loads.get_mut(user) {
            loads.ended += 1;
        }
    }

    /// Keeps a model open, unless a newer version is.
    fn put(&mut self, user: &UserId, version: Version, prepared: Prepared) {
        self.uses += 1;
        if self.models.get(user).is_some_and(|open| open.version.number() > version.number()) {
            return;
        }
        self.models.insert(user.clone(), Open { version, prepared, used: self.uses });
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.models.len() > self.most {
            let oldest = self.models.iter().min_by_key(|(_, open)| open.used).map(|(user, _)| user.clone());
            let Some(oldest) = oldest else { break };
            self.models.remove(&oldest);
        }
    }
}

/// A model that is being loaded.
pub(super) struct Opening<'a> {
    models: &'a OpenModels,
    user: &'a UserId,
    ended: u64,
}

impl Opening<'_> {
    /// Keeps the loaded model open, unless the user's model was taken away or replaced since the load began.
    pub(super) fn put(&self, version: Version, prepared: Prepared) {
        let mut state = self.models.state();
        if state.loads.get(self.user).is_some_and(|loads| loads.ended == self.ended) {
            state.put(self.user, version, prepared);
        }
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        let mut state = self.models.state();
        let Some(loads) = state.loads.get_mut(self.user) else { return };
        loads.open = loads.open.saturating_sub(1);
        if loads.open == 0 {
            state.loads.remove(self.user);
        }
    }
}

/// A model that is being deleted or replaced. What is kept of its user goes when this is dropped, however the work ends:
/// the store may have done it although nobody waited for its answer.
pub(super) struct Ending<'a> {
    models: &'a OpenModels,
    user: &'a UserId,
}

impl Ending<'_> {
    /// Keeps the model that was saved in the place of the old one.
    pub(super) fn replace(self, version: Version, prepared: Prepared) {
        let (models, user) = (self.models, self.user);
        drop(self);
        models.state().put(user, version, prepared);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.models.remove(self.user);
    }
}
