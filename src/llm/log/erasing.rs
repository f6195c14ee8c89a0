//! What a log erased, so that no reply that was begun before is kept after.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::key::Key;
use super::{LogError, ResponseLog};
use crate::llm::moment::{Begun, Moment};

/// The most erased names that are remembered one by one.
const MOST: usize = 1 << 16;

/// The names that were erased, each with the moment after which replies about it may be kept again; and who waits for a reply.
#[derive(Default)]
pub(super) struct Erasures {
    by_name: HashMap<String, Erased>,
    /// What was begun before this moment is not kept at all: more was erased since than is remembered.
    floor: Option<Moment>,
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
}

#[derive(Default)]
struct Erased {
    /// The erasures under way.
    open: usize,
    forgotten: Option<Moment>,
    purged: Option<Moment>,
}

/// Why names are erased.
#[derive(Clone, Copy)]
pub(super) enum Cause {
    /// A user forgot, so that a model from before then is an old one, however late it is asked about.
    Forgetting,
    /// The host asked for it. What is called afterwards may be kept again.
    Purge,
}

/// Somebody who waits for the reply to a request.
struct Waiting {
    key: Key,
    about: Vec<String>,
    begun: Begun,
}

impl Erasures {
    fn open(&mut self, names: &[String]) {
        if self.by_name.len() + names.len() > MOST {
            self.floor = Some(Moment::now());
            self.by_name.retain(|_, erased| erased.open > 0);
        }
        for name in names {
            self.by_name.entry(name.clone()).or_default().open += 1;
        }
    }

    fn close(&mut self, cause: Cause, names: &[String]) {
        let at = Some(Moment::now());
        for name in names {
            if let Some(erased) = self.by_name.get_mut(name) {
                erased.open = erased.open.saturating_sub(1);
                match cause {
                    Cause::Forgetting => erased.forgotten = at,
                    Cause::Purge => erased.purged = at,
                }
            }
        }
    }

    fn allows(&self, about: &[String], begun: Begun) -> bool {
        // None is before every moment.
        let is_free = |erased: &Erased| {
            erased.open == 0 && erased.forgotten < Some(begun.known) && erased.purged < Some(begun.called)
        };
        self.floor.is_none_or(|floor| floor < begun.known)
            && about.iter().all(|name| self.by_name.get(name).is_none_or(is_free))
    }

    /// What the reply to a request may be kept about: that of the one who asked, or of another who waits for the same; nothing when it
    /// is erased for all of them.
    pub(super) fn kept_about<'a>(&'a self, key: &Key, about: &'a [String], begun: Begun) -> Option<&'a [String]> {
        if self.allows(about, begun) {
            return Some(about);
        }
        let others = self.waiting.values().filter(|waiting| waiting.key == *key);
        others
            .map(|waiting| (&*waiting.about, waiting.begun))
            .find(|(about, begun)| self.allows(about, *begun))
            .map(|o| o.0)
    }
}

/// An erasure under way: until it is dropped, no reply about these names is kept in the log, and afterwards none that was begun before
/// that.
pub(crate) struct Erasing {
    log: ResponseLog,
    cause: Cause,
    names: Vec<String>,
}

impl ResponseLog {
    /// Removes the replies about these names, which a user forgot, and keeps none about them until the value that is given is dropped.
    ///
    /// # Errors
    /// Those of [`purge`](Self::purge).
    pub(crate) fn erase(&self, names: Vec<String>) -> Result<(usize, Erasing), LogError> {
        self.erase_as(Cause::Forgetting, names)
    }

    pub(super) fn erase_as(&self, cause: Cause, names: Vec<String>) -> Result<(usize, Erasing), LogError> {
        // Dropped after the lock, however the purge ends.
        let erasing = Erasing { log: self.clone(), cause, names };
        let mut kept = self.kept();
        kept.erasures.open(&erasing.names);
        let removed = kept.store.purge(&erasing.names.iter().map(String::as_str).collect::<Vec<_>>());
        kept.rewrites += u64::from(!matches!(removed, Ok(0)));
        drop(kept);
        Ok((removed?, erasing))
    }

    /// Enters that somebody waits for the reply to a request.
    pub(super) fn waiting(&self, key: Key, about: &[String], begun: Begun) -> Waits {
        let erasures = &mut self.kept().erasures;
        let number = erasures.next;
        erasures.next += 1;
        erasures.waiting.insert(number, Waiting { key, about: about.to_vec(), begun });
        Waits { log: self.clone(), number }
    }
}

impl Drop for Erasing {
    fn drop(&mut self) {
        self.log.kept().erasures.close(self.cause, &self.names);
    }
}

impl fmt::Debug for Erasing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erasing").field("names", &self.names.len()).finish_non_exhaustive()
    }
}

/// Waits for a reply as long as it lives.
pub(super) struct Waits {
    log: ResponseLog,
    number: u64,
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.log.kept().erasures.waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: std::ops::Range<usize>) -> Vec<String> {
        n.map(|n| format!("i{n}")).collect()
    }

    #[test]
    fn more_erased_names_than_are_remembered_hold_for_all_that_was_begun_before() {
        let mut erasures = Erasures::default();
        let begun = Begun::default();
        for part in 0..3 {
            let names = names(part * (MOST / 2)..(part + 1) * (MOST / 2));
            erasures.open(&names);
            erasures.close(Cause::Forgetting, &names);
        }
        assert!(erasures.by_name.len() <= MOST);
        assert!(!erasures.allows(&names(0..1), begun) && !erasures.allows(&names(MOST..MOST + 1), begun));
        assert!(erasures.allows(&names(0..1), Begun::default()));
    }

    #[test]
    fn a_name_is_free_again_for_what_begins_when_its_last_erasure_is_over() {
        let (mut erasures, one) = (Erasures::default(), names(0..1));
        erasures.open(&one);
        erasures.open(&one);
        let during = Begun::default();
        erasures.close(Cause::Forgetting, &one);
        assert!(!erasures.allows(&one, during) && !erasures.allows(&one, Begun::default()));
        erasures.close(Cause::Forgetting, &one);
        assert!(!erasures.allows(&one, during) && erasures.allows(&one, Begun::default()));
    }

    #[test]
    fn what_is_called_after_a_purge_may_be_kept_and_what_is_asked_of_a_model_from_before_a_forgetting_may_not() {
        let (mut erasures, one) = (Erasures::default(), names(0..1));
        let known = Moment::now();
        for (cause, kept) in [(Cause::Purge, true), (Cause::Forgetting, false)] {
            erasures.open(&one);
            erasures.close(cause, &one);
            assert_eq!(erasures.allows(&one, Begun { known, called: Moment::now() }), kept);
        }
    }
}
