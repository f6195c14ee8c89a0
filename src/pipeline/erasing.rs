//! The response logs that a pipeline forgets in: what is taken out of them, and the search of what remains.

use std::collections::BTreeSet;

use crate::data::{ItemId, MemoryItem};
use crate::model::{Needles, Place, PlaceKind, Probe};

use super::{Error, RpmPipeline};

/// Bytes that are searched between two pauses.
pub(super) const AT_ONCE: usize = 1 << 20;

/// Times that a log is searched which is written anew meanwhile.
#[cfg(feature = "response-log")]
const SEARCHES: usize = 4;

/// Keeps replies about what is being forgotten out of the logs until it is dropped, and all that were begun before that for good.
#[derive(Debug, Default)]
pub(super) struct ErasingLogs {
    #[cfg(feature = "response-log")]
    logs: Vec<crate::llm::Erasing>,
}

impl RpmPipeline {
    /// The names under which a log has replies about interactions that are not in a model.
    pub(super) fn names_of_ids<'a>(ids: impl IntoIterator<Item = &'a ItemId>) -> BTreeSet<String> {
        ids.into_iter().map(|id| id.as_str().to_owned()).collect()
    }
}

impl ErasingLogs {
    /// From now on replies about what went may be kept again.
    #[cfg_attr(not(feature = "response-log"), expect(clippy::unused_self, reason = "as with logs"))]
    pub(super) fn end(self) {
        #[cfg(feature = "response-log")]
        drop(self.logs);
    }
}

#[cfg(feature = "response-log")]
impl RpmPipeline {
    /// True when it knows of a log.
    pub(super) fn has_logs(&self) -> bool {
        !self.logs.is_empty()
    }

    /// The names under which a log has replies about these items, and their vectors.
    pub(super) fn names_of(&self, items: &[&MemoryItem]) -> BTreeSet<String> {
        let mut names = Self::names_of_ids(items.iter().map(|item| item.id()));
        for item in items {
            let texts = crate::retrieve::embedded_texts(item);
            let leaving = |text: String| self.redact.as_ref().map_or(text.clone(), |hook| hook(&text));
            names.extend(texts.into_iter().map(|text| crate::embed::name_of_text(&leaving(text))));
        }
        names
    }

    /// Removes the replies under these names from the logs. None is kept under them until what is given is dropped.
    pub(super) fn erase_in_logs(&self, names: BTreeSet<String>) -> Result<(usize, ErasingLogs), Error> {
        let names: Vec<String> = names.into_iter().collect();
        let (mut removed, mut erasing) = (0, ErasingLogs::default());
        for log in &self.logs {
            let (records, one) = log.erase(names.clone())?;
            removed += records;
            erasing.logs.push(one);
        }
        Ok((removed, erasing))
    }

    /// Searches the logs.
    pub(super) async fn probe_logs(&self, needles: &Needles, probe: &mut Probe) -> Result<(), Error> {
        for log in &self.logs {
            let mut searched = None;
            for _ in 0..SEARCHES {
                let (mut began, mut search, mut next) = (None, crate::model::Search::new(needles), Some(0));
                // Once it is written anew its places are others, and some of it would not be seen.
                let mut is_one = true;
                while let Some(from) = next.filter(|_| is_one) {
                    crate::pause::pause().await;
                    let (place, rewrites) = log.show(from, AT_ONCE as u64, |block| search.read(block))?;
                    is_one = *began.get_or_insert(rewrites) == rewrites;
                    next = place;
                }
                if is_one {
                    searched = Some(search.end());
                    break;
                }
            }
            probe.enter(match searched {
                Some((bytes, found)) => Place::searched(PlaceKind::ResponseLog, bytes, found),
                None => Place::not_reached(
                    PlaceKind::ResponseLog,
                    "others purged it again and again while it was searched",
                    "nothing for what was removed; for the proof, forget again when there is less to do",
                ),
            });
        }
        if self.logs.is_empty() && self.backend.is_some() {
            probe.enter(Place::not_reached(
                PlaceKind::ResponseLog,
                "the pipeline was told of none",
                "if replies or vectors are logged, name the log by `forgets_in`, or purge it",
            ));
        }
        Ok(())
    }
}

#[cfg(not(feature = "response-log"))]
#[expect(clippy::unnecessary_wraps, clippy::unused_self, clippy::unused_async, reason = "as with logs")]
impl RpmPipeline {
    pub(super) fn has_logs(&self) -> bool {
        false
    }

    pub(super) fn names_of(&self, items: &[&MemoryItem]) -> BTreeSet<String> {
        Self::names_of_ids(items.iter().map(|item| item.id()))
    }

    pub(super) fn erase_in_logs(&self, _names: BTreeSet<String>) -> Result<(usize, ErasingLogs), Error> {
        Ok((0, ErasingLogs::default()))
    }

    pub(super) async fn probe_logs(&self, _needles: &Needles, probe: &mut Probe) -> Result<(), Error> {
        if self.backend.is_some() {
            probe.enter(Place::not_reached(
                PlaceKind::ResponseLog,
                "response logs are not compiled in",
                "if replies are kept elsewhere, remove those about what was forgotten",
            ));
        }
        Ok(())
    }
}
