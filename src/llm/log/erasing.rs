//! What a log erased, so that no reply that was begun before is kept after.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::key::Key;
use super::{LogError, ResponseLog};
use crate::llm::moment::Moment;

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

struct Erased {
    /// The erasures under way.
    open: usize,
    at: Moment,
}

/// Somebody who waits for the reply to a request.
struct Waiting {
    key: Key,
    about: Vec<String>,
    begun: Moment,
}

impl Erasures {
    fn open(&mut self, names: &[String]) {
        if self.by_name.len() + names.len() > MOST {
            self.floor = Some(Moment::now());
            self.by_name.retain(|_, erased| erased.open > 0);
        }
        for name in names {
            let erased = self.by_name.entry(name.clone()).or_insert_with(|| Erased { open: 0, at: Moment::now() });
            erased.open += 1;
        }
    }

    fn close(&mut self, names: &[String]) {
        let at = Moment::now();
        for name in names {
            if let Some(erased) = self.by_name.get_mut(name) {
                erased.open = erased.open.saturating_sub(1);
                erased.at = at;
            }
        }
    }

    fn allows(&self, about: &[String], begun: Moment) -> bool {
        let free = |name: &String| self.by_name.get(name).is_none_or(|erased| erased.open == 0 && erased.at < begun);
        self.floor.is_none_or(|floor| floor < begun) && about.iter().all(free)
    }

    /// What the reply to a request may be kept about: that of the one who asked, or of another who waits for the same; nothing when it
    /// is erased for all of them.
    pub(super) fn kept_about<'a>(&'a self, key: &Key, about: &'a [String], begun: Moment) -> Option<&'a [String]> {
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
    names: Vec<String>,
}

impl ResponseLog {
    /// Removes the replies about these names, and keeps none about them until the value that is given is dropped.
    ///
    /// # Errors
    /// Those of [`purge`](Self::purge).
    pub(crate) fn erase(&self, names: Vec<String>) -> Result<(usize, Erasing), LogError> {
        let mut kept = self.kept();
        kept.erasures.open(&names);
        let removed = kept.store.purge(&names.iter().map(String::as_str).collect::<Vec<_>>());
        drop(kept);
        let erasing = Erasing { log: self.clone(), names };
        Ok((removed?, erasing))
    }

    /// Enters that somebody waits for the reply to a request.
    pub(super) fn waiting(&self, key: Key, about: &[String], begun: Moment) -> Waits {
        let erasures = &mut self.kept().erasures;
        let number = erasures.next;
        erasures.next += 1;
        erasures.waiting.insert(number, Waiting { key, about: about.to_vec(), begun });
        Waits { log: self.clone(), number }
    }
}

impl Drop for Erasing {
    fn drop(&mut self) {
        self.log.kept().erasures.close(&self.names);
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
        let begun = Moment::now();
        for part in 0..3 {
            let names = names(part * (MOST / 2)..(part + 1) * (MOST / 2));
            erasures.open(&names);
            erasures.close(&names);
        }
        assert!(erasures.by_name.len() <= MOST);
        assert!(!erasures.allows(&names(0..1), begun) && !erasures.allows(&names(MOST..MOST + 1), begun));
        assert!(erasures.allows(&names(0..1), Moment::now()));
    }

    #[test]
    fn a_name_is_free_again_for_what_begins_when_its_last_erasure_is_over() {
        let (mut erasures, one) = (Erasures::default(), names(0..1));
        erasures.open(&one);
        erasures.open(&one);
        let during = Moment::now();
        erasures.close(&one);
        assert!(!erasures.allows(&one, during) && !erasures.allows(&one, Moment::now()));
        erasures.close(&one);
        assert!(!erasures.allows(&one, during) && erasures.allows(&one, Moment::now()));
    }
}
