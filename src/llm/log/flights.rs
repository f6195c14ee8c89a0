//! Calls under way, so that equal requests at the same time share one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, Shared, WeakShared};

use super::key::Key;
use crate::llm::{BackendError, Completion};

/// The result of a flight, for each who waits for it.
pub(super) type Landed = Result<Completion, Arc<BackendError>>;
/// A call under way. Whoever waits for it drives it, so it goes on when the one who began it is gone, and ends when all
/// are.
pub(super) type Flight = Shared<BoxFuture<'static, Landed>>;

/// The calls under way, by the request.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    under_way: HashMap<Key, (u64, WeakShared<BoxFuture<'static, Landed>>)>,
}

/// The next step for a request.
pub(super) enum Joined<T> {
    /// Nothing: the answer came in the meantime.
    Known(T),
    /// Wait for a call that was begun for an equal request.
    Follow(Flight),
    /// Wait for the call that begins with it.
    Lead(Flight),
}

impl Flights {
    /// Joins the calls that are under way for these distinct keys, or begins some. `known` is asked before a call is begun
    /// and while none can land. `begin` gets the places of the keys to begin calls for and gives one call for each.
    pub(super) fn join<T>(
        &self,
        keys: &[Key],
        known: impl Fn(&Key) -> Option<T>,
        begin: impl FnOnce(&[usize]) -> Vec<BoxFuture<'static, Landed>>,
    ) -> Vec<Joined<T>> {
        let mut table = self.table();
        let mut led = Vec::new();
        let mut joined: Vec<Option<Joined<T>>> = Vec::with_capacity(keys.len());
        for (place, key) in keys.iter().enumerate() {
            let flight = table.under_way.get(key).and_then(|(_, flight)| flight.upgrade());
            joined.push(flight.map(Joined::Follow).or_else(|| known(key).map(Joined::Known)));
            if joined.last().is_some_and(Option::is_none) {
                led.push(place);
            }
        }
        let calls = if led.is_empty() { Vec::new() } else { begin(&led) };
        for (place, call) in led.into_iter().zip(calls) {
            let (Some(key), Some(slot)) = (keys.get(place), joined.get_mut(place)) else { continue };
            *slot = Some(Joined::Lead(self.depart(&mut table, *key, call)));
        }
        joined.into_iter().flatten().collect()
    }

    fn depart(&self, table: &mut Table, key: Key, call: BoxFuture<'static, Landed>) -> Flight {
        let number = table.next;
        table.next += 1;
        let landing = Landing { flights: self.clone(), key, number };
        let flight = async move {
            let landed = call.await;
            drop(landing);
            landed
        };
        let flight = flight.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            table.under_way.insert(key, (number, weak));
        }
        flight
    }

    /// Returns the number of calls that the table holds.
    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.table().under_way.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a flight out of the table when it lands, fails or is given up.
struct Landing {
    flights: Flights,
    key: Key,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut table = self.flights.table();
        // One that was given up may have been followed by another already.
        if table.under_way.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            table.under_way.remove(&self.key);
        }
    }
}

/// The error as the backend gave it for one who waited alone; else one of the same kind that leads to the same causes.
pub(super) fn own(error: Arc<BackendError>) -> BackendError {
    Arc::try_unwrap(error).unwrap_or_else(|error| same(&error))
}

fn same(error: &Arc<BackendError>) -> BackendError {
    let source = Box::new(SharedCause(Arc::clone(error)));
    match &**error {
        BackendError::Transient { retry_after, .. } => BackendError::Transient { retry_after: *retry_after, source },
        BackendError::Permanent { .. } => BackendError::Permanent { source },
        BackendError::Unsupported { form, .. } => BackendError::Unsupported { form: *form, source },
        BackendError::NoLogprobs { .. } => BackendError::NoLogprobs { source },
        BackendError::PromptTooLong { .. } => BackendError::PromptTooLong { source },
        BackendError::Budget { limit } => BackendError::Budget { limit: *limit },
        BackendError::NotLogged { stage, about } => BackendError::NotLogged { stage: *stage, about: about.clone() },
    }
}

/// The failure of a call that several requests waited for.
struct SharedCause(Arc<BackendError>);

impl fmt::Debug for SharedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedCause")
    }
}

impl fmt::Display for SharedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call for an equal request failed")
    }
}

impl std::error::Error for SharedCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::future::join;

    use crate::llm::log::{ReplyCacheLimits, ResponseLog};
    use crate::llm::{Completion, CompletionRequest, Ledger, LlmBackend, Message, Stage, backend_fn};

    #[test]
    fn a_call_is_in_the_account_of_who_began_it_and_reused_by_the_others() {
        let log = ResponseLog::in_memory(ReplyCacheLimits::default());
        let backend = log.wrap(backend_fn(|_| async {
            let mut polls = 0;
            std::future::poll_fn(|cx| {
                polls += 1;
                cx.waker().wake_by_ref();
                if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            Ok(Completion::new("a reply"))
        }));
        let asked = |ledger: &Ledger| {
            let mut request = CompletionRequest::new(Stage::Answer, vec![Message::user("a")], 1);
            request = request.entered(ledger);
            [request.clone(), request]
        };
        let ledgers = [Ledger::new(), Ledger::new()];
        let (one, two) = (asked(&ledgers[0]), asked(&ledgers[1]));
        pollster::block_on(join(backend.complete_batch(&one), backend.complete_batch(&two)));
        let used = ledgers.map(|ledger| ledger.report().total());
        assert_eq!(used.map(|used| (used.calls, used.reused)), [(1, 1), (0, 2)]);
        assert_eq!(log.flights.under_way(), 0);
    }
}
