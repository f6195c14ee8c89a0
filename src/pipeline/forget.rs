//! Forgetting: what goes, from where, and the search for what is left.

use crate::data::{ItemId, MemoryItem};
use crate::llm::Moment;
use crate::model::UserModel;
use crate::model::{Forget, Forgotten, Needles, Place, PlaceKind, Probe, Receipt, Search};
use crate::operation::{self, Operation};
use crate::pause::pause;

use super::erasing::{AT_ONCE, ErasingLogs};
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
    /// What was begun before it is not kept after it: a reasoning path that was written from the model as it was is refused
    /// ([`DataError::Overtaken`](crate::data::DataError::Overtaken)), and a reply to a request about what went is given to whoever waits
    /// for it and not kept in those logs. Clones of the prepared model stay as they are; replies that they ask for about what went are
    /// not kept either.
    ///
    /// # Errors
    /// [`Error::OtherTask`]; [`Error::Data`] for an interaction or factor that is not there; [`Error::Log`] when a log
    /// cannot be read or written. The model is not changed then, but replies may be gone from the logs: forget again.
    ///
    /// # Cancellation
    /// Dropping the future leaves the model whole: as it was, or without what was to go.
    pub async fn forget(&self, prepared: &mut Prepared, what: &Forget<'_>) -> Result<Receipt, Error> {
        let (receipt, erasing) = self.forget_until(prepared, what).await?;
        erasing.end();
        // Only now: what was known before may be of what is gone.
        prepared.known_as_of(Moment::now());
        Ok(receipt)
    }

    /// The same, with what keeps replies about what went out of the logs until it is dropped: when the model is where it is kept.
    pub(super) async fn forget_until(
        &self,
        prepared: &mut Prepared,
        what: &Forget<'_>,
    ) -> Result<(Receipt, ErasingLogs), Error> {
        Operation::named("forget").run(self.forgetting(prepared, what)).await
    }

    async fn forgetting(&self, prepared: &mut Prepared, what: &Forget<'_>) -> Result<(Receipt, ErasingLogs), Error> {
        let model = prepared.model();
        self.check_task(model)?;
        let (gone, keys) = model.selected(what)?;
        let digest_before = model.digest_in_steps().await;
        pause().await;
        let items = model.memory().items().iter();
        let has = |item: &MemoryItem| item.features_once().iter().any(|feature| keys.contains(&feature.key()));
        let touched: Vec<&MemoryItem> =
            items.filter(|item| gone.contains(item.id()) || (!keys.is_empty() && has(item))).collect();
        let (log_records, erasing) = self.erase_in_logs(self.names_of(&touched))?;
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
        operation::interactions(forgotten.items.len() as u64);
        let model = prepared.model();
        let ids = |items: &[MemoryItem]| -> Vec<ItemId> { items.iter().map(|item| item.id().clone()).collect() };
        let paths = forgotten.items.iter().filter(|item| item.path().is_some()).count();
        let receipt = Receipt {
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
        };
        Ok((receipt, erasing))
    }

    /// Searches the model's file and the logs for the text that went. The words of a catalog are no user's.
    async fn probed(&self, model: &UserModel, forgotten: &Forgotten) -> Result<Probe, Error> {
        let catalog = self.catalog_texts();
        let own: Vec<&str> =
            std::iter::once(model.task().instruction()).chain(catalog.iter().map(String::as_str)).collect();
        let needles = Needles::in_steps(&forgotten.items, &forgotten.features, model.memory().items(), &own).await;
        pause().await;
        let json = model.to_json_in_steps().await;
        pause().await;
        let mut search = Search::new(&needles);
        for block in json.as_bytes().chunks(AT_ONCE) {
            pause().await;
            search.read(block);
        }
        let (bytes, found) = search.end();
        let mut probe = Probe::of(needles.len());
        probe.enter(Place::searched(PlaceKind::UserModel, bytes, found));
        probe.enter(Place::erased(PlaceKind::Index, "it is in memory, and made of what remains"));
        self.probe_logs(&needles, &mut probe).await?;
        probe.enter(Place::not_reached(
            PlaceKind::Store,
            "this pipeline has none, the host keeps the model",
            "save the model where it is kept, and erase what it was there before",
        ));
        probe.enter(Place::not_reached(
            PlaceKind::Copies,
            "exports, packed models, back-ups and what a provider keeps are the host's",
            "remove them, or write them anew",
        ));
        Ok(probe)
    }
}
