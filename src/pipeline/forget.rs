//! Forgetting: what goes, from where, and the search for what is left.

use crate::data::{ItemId, MemoryItem};
use crate::llm::trace;
use crate::model::UserModel;
use crate::model::{Forget, Forgotten, Needles, Probe, Receipt, Search};
use crate::pause::pause;

use super::{Error, Prepared, RpmPipeline};

impl RpmPipeline {
    /// Takes interactions, or what was learned of a factor, out of a user model and all that was derived from it:
    /// features, counts, factors that nothing else holds, reasoning paths, vectors and index postings, and, in the logs
    /// that the pipeline [knows of](crate::RpmPipelineBuilder::forgets_in), the replies about them. The model is then
    /// the one that the remaining interactions make; snapshots cannot bring back what went.
    ///
    /// The receipt says what went, and searches what remains for its text. Asks no model. To forget a whole user,
    /// remove the model with what it is stored in, and the user's log.
    ///
    /// # Errors
    /// [`Error::OtherTask`]; [`Error::Data`] for an interaction or factor that is not there; [`Error::Log`] when a log
    /// cannot be read or written. The model is not changed then, but replies may be gone from the logs: forget again.
    ///
    /// # Cancellation
    /// Dropping the future leaves the model whole: as it was, or without what was to go.
    pub async fn forget(&self, prepared: &mut Prepared, what: &Forget<'_>) -> Result<Receipt, Error> {
        trace::operation("forget", self.forgetting(prepared, what)).await
    }

    async fn forgetting(&self, prepared: &mut Prepared, what: &Forget<'_>) -> Result<Receipt, Error> {
        let model = prepared.model();
        self.check_task(model)?;
        let (gone, keys) = model.selected(what)?;
        let digest_before = model.digest_in_steps().await;
        pause().await;
        let items = model.memory().items().iter();
        let has = |item: &MemoryItem| item.features_once().iter().any(|feature| keys.contains(&feature.key()));
        let touched: Vec<&MemoryItem> =
            items.filter(|item| gone.contains(item.id()) || (!keys.is_empty() && has(item))).collect();
        let log_records = self.purge_logs(&touched)?;
        pause().await;
        // On a copy, whose model is another once it is changed: a log that cannot be read is an error that leaves the model as it
        // was, and so does whoever drops the future.
        let mut without = prepared.clone();
        let (forgotten, change) = without.forget(gone, &keys).await;
        pause().await;
        let probe = self.probed(without.model(), &forgotten).await?;
        *prepared = without;
        // An index that cannot be brought up to date is opened anew; the old one is gone either way.
        self.followed(prepared, &change).await;
        pause().await;
        let model = prepared.model();
        let ids = |items: &[MemoryItem]| -> Vec<ItemId> { items.iter().map(|item| item.id().clone()).collect() };
        let paths = forgotten.items.iter().filter(|item| item.path().is_some()).count();
        Ok(Receipt {
            items: ids(&forgotten.items),
            stripped: ids(&forgotten.stripped),
            features: forgotten.features.len(),
            paths: forgotten.paths + paths,
            factors: forgotten.factors,
            log_records,
            digest_before,
            digest_after: model.digest_in_steps().await,
            revision: model.revision(),
            probe,
        })
    }

    /// Removes the replies about these items from the logs, and their vectors.
    #[cfg(feature = "response-log")]
    fn purge_logs(&self, items: &[&MemoryItem]) -> Result<usize, Error> {
        let mut names: std::collections::BTreeSet<String> =
            items.iter().map(|item| item.id().as_str().to_owned()).collect();
        for item in items {
            let texts = crate::retrieve::embedded_texts(item);
            let leaving = |text: String| self.redact.as_ref().map_or(text.clone(), |hook| hook(&text));
            names.extend(texts.into_iter().map(|text| crate::embed::name_of_text(&leaving(text))));
        }
        let mut removed = 0;
        for log in &self.logs {
            removed += log.purge(&names)?;
        }
        Ok(removed)
    }

    #[cfg(not(feature = "response-log"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as with logs")]
    fn purge_logs(&self, _items: &[&MemoryItem]) -> Result<usize, Error> {
        Ok(0)
    }

    /// Searches the model's file and the logs for the text that went. The words of a catalog are no user's.
    async fn probed(&self, model: &UserModel, forgotten: &Forgotten) -> Result<Probe, Error> {
        let catalog = self.catalog_texts();
        let own: Vec<&str> =
            std::iter::once(model.task().instruction()).chain(catalog.iter().map(String::as_str)).collect();
        let needles = Needles::new(&forgotten.items, &forgotten.features, model.memory().items(), &own);
        pause().await;
        let json = model.to_json();
        let mut search = Search::new(&needles);
        for block in json.as_bytes().chunks(AT_ONCE) {
            pause().await;
            search.read(block);
        }
        let (bytes, found) = search.end();
        let mut probe = Probe::new(needles.len(), bytes, found);
        self.probe_logs(&needles, &mut probe).await?;
        Ok(probe)
    }

    #[cfg(feature = "response-log")]
    async fn probe_logs(&self, needles: &Needles, probe: &mut Probe) -> Result<(), Error> {
        for log in &self.logs {
            let (mut search, mut next) = (Search::new(needles), Some(0));
            while let Some(from) = next {
                pause().await;
                next = log.show(from, AT_ONCE as u64, |block| search.read(block))?;
            }
            let (bytes, found) = search.end();
            probe.add(bytes, found);
        }
        Ok(())
    }

    #[cfg(not(feature = "response-log"))]
    #[expect(clippy::unused_async, reason = "as with logs")]
    async fn probe_logs(&self, _needles: &Needles, _probe: &mut Probe) -> Result<(), Error> {
        Ok(())
    }
}

/// Bytes that are searched between two pauses.
const AT_ONCE: usize = 1 << 20;
