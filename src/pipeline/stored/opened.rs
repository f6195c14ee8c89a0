//! The models that a stored pipeline keeps open.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::data::UserId;
use crate::pipeline::Prepared;
use crate::store::Version;

/// A bounded number of open models, each the newest version that was seen of its user. The one that was used longest ago
/// goes first. Nothing that was taken away comes back: what was loaded before is not kept after ([`Opening`]).
#[derive(Debug)]
pub(super) struct OpenModels(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    most: usize,
    /// Counts uses.
    uses: u64,
    models: HashMap<UserId, Open>,
    /// Whose they are, by their last use.
    by_use: BTreeMap<u64, UserId>,
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
        Self(Mutex::new(State { most, ..State::default() }))
    }

    /// Keeps at most this many from now on.
    pub(super) fn resize(&self, most: usize) {
        let mut state = self.state();
        state.most = most;
        state.shrink();
    }

    /// The open model of this version. One of an earlier version goes.
    pub(super) fn get(&self, user: &UserId, version: Version) -> Option<Prepared> {
        self.state().get(user, version)
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
    fn get(&mut self, user: &UserId, version: Version) -> Option<Prepared> {
        let open = self.models.get_mut(user)?;
        if open.version != version {
            if open.version.number() < version.number() {
                self.let_go(user);
            }
            return None;
        }
        self.uses += 1;
        if let Some(user) = self.by_use.remove(&open.used) {
            self.by_use.insert(self.uses, user);
        }
        open.used = self.uses;
        Some(open.prepared.clone())
    }

    fn let_go(&mut self, user: &UserId) {
        if let Some(open) = self.models.remove(user) {
            self.by_use.remove(&open.used);
        }
    }

    fn remove(&mut self, user: &UserId) {
        self.let_go(user);
        if let Some(loads) = self.loads.get_mut(user) {
            loads.ended += 1;
        }
    }

    /// Keeps a model open, unless a newer version is.
    fn put(&mut self, user: &UserId, version: Version, prepared: Prepared) {
        if self.models.get(user).is_some_and(|open| open.version.number() > version.number()) {
            return;
        }
        self.let_go(user);
        self.uses += 1;
        self.by_use.insert(self.uses, user.clone());
        self.models.insert(user.clone(), Open { version, prepared, used: self.uses });
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.models.len() > self.most {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};

    fn prepared() -> Prepared {
        let task = Task::new("How?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        let one = Interaction::new("a", Query::new("A quiet film.").unwrap(), "4").unwrap();
        let history = History::new(&task, "ana", [one]).unwrap();
        let pipeline = RpmPipeline::offline(task);
        let model = pollster::block_on(pipeline.learn(&history)).unwrap().model;
        pollster::block_on(pipeline.open(model)).unwrap()
    }

    proptest! {
        #[test]
        fn the_models_that_were_used_last_are_open_and_no_others(
            steps in prop::collection::vec((0_u8..3, 0_u64..6), 0..60),
            most in 0_usize..4,
        ) {
            let (open, prepared) = (OpenModels::new(most), prepared());
            let version = Version::new(1, 1);
            // By their last use, the newest last.
            let mut expected: Vec<u64> = Vec::new();
            for (step, n) in steps {
                let user = UserId::new(format!("u{n}")).unwrap();
                match step {
                    0 => {
                        let opening = open.opening(&user);
                        opening.put(version, prepared.clone());
                        expected.retain(|other| *other != n);
                        expected.push(n);
                        expected.drain(..expected.len().saturating_sub(most));
                    }
                    1 => {
                        let there = expected.contains(&n);
                        prop_assert_eq!(open.get(&user, version).is_some(), there);
                        if there {
                            expected.retain(|other| *other != n);
                            expected.push(n);
                        }
                    }
                    _ => {
                        open.remove(&user);
                        expected.retain(|other| *other != n);
                    }
                }
                let state = open.state();
                prop_assert_eq!(state.models.len(), state.by_use.len());
                let kept: BTreeSet<String> = state.models.keys().map(ToString::to_string).collect();
                prop_assert_eq!(kept, expected.iter().map(|n| format!("u{n}")).collect::<BTreeSet<_>>());
            }
        }
    }
}
