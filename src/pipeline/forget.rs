//! Forgetting: what goes, from where, and the search for what is left.

use crate::data::{ItemId, MemoryItem};
use crate::llm::trace;
use crate::model::UserModel;
use crate::model::{Forget, Forgotten, Needles, Probe, Receipt};

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
        let digest_before = model.digest();
        let items = model.memory().items().iter();
        let touched: Vec<&MemoryItem> = items
            .filter(|item| gone.contains(item.id()) || item.features_once().iter().any(|f| keys.contains(&f.key())))
            .collect();
        let log_records = self.purge_logs(&touched)?;
        // Before the model is changed: a log that cannot be read is an error that leaves it as it was.
        let logs = self.logged()?;
        let (forgotten, change) = prepared.forget(gone, &keys);
        // An index that cannot be brought up to date is opened anew; the old one is gone either way.
        self.followed(prepared, &change).await;
        let model = prepared.model();
        let probe = probe(model, &forgotten, &logs, &self.catalog_texts());
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
            digest_after: model.digest(),
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

    /// The bytes of the logs.
    #[cfg(feature = "response-log")]
    fn logged(&self) -> Result<Vec<Vec<u8>>, Error> {
        Ok(self.logs.iter().map(crate::llm::ResponseLog::bytes).collect::<Result<_, _>>()?)
    }

    #[cfg(not(feature = "response-log"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as with logs")]
    fn logged(&self) -> Result<Vec<Vec<u8>>, Error> {
        Ok(Vec::new())
    }
}

/// Searches the model's file and the logs for the text that went. The words of a catalog are no user's.
fn probe(model: &UserModel, forgotten: &Forgotten, logs: &[Vec<u8>], catalog: &[String]) -> Probe {
    let own: Vec<&str> =
        std::iter::once(model.task().instruction()).chain(catalog.iter().map(String::as_str)).collect();
    let needles = Needles::new(&forgotten.items, &forgotten.features, model.memory().items(), &own);
    let json = model.to_json();
    let mut probe = Probe::new(needles.len(), json.len() as u64, needles.found_in(json.as_bytes()));
    for bytes in logs {
        probe.add(bytes.len() as u64, needles.found_in(bytes));
    }
    probe
}
