//! A model that is paid for, and films to ask it about.

pub(crate) mod working;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use deadpool_postgres::{Manager, Pool};
use rpm_core::data::ItemId;
use rpm_core::{
    BackendError, Completion, CompletionRequest, Interaction, LlmBackend, Query, ResponseSpace, RpmPipeline, Task,
    UserId, async_trait,
};
use rpm_fleet::{Calls, Fleet, FleetBuilder};
use rpm_stores::PostgresStore;
use tokio_postgres::NoTls;

const KINDS: [&str; 5] = ["quiet", "loud", "seafaring", "wintry", "musical"];

pub(crate) fn task() -> Task {
    Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub(crate) fn item(id: &str) -> ItemId {
    ItemId::new(id).unwrap()
}

/// The film of a number: two kinds, which say how it is rated.
pub(crate) fn film(n: usize) -> Interaction {
    rated(n, ["5", "2", "4", "1"][n % 4])
}

pub(crate) fn rated(n: usize, rating: &str) -> Interaction {
    let time = i64::try_from(n).unwrap();
    Interaction::new(format!("film-{n}"), Query::new(text(n)).unwrap(), rating).unwrap().at(time)
}

fn text(n: usize) -> String {
    format!("A {} and {} film, the {n}th of its director.", KINDS[n % 5], KINDS[(n / 5 + 1) % 5])
}

/// A model that finds the two kinds of a film, and notes each request that it was paid for.
#[derive(Clone)]
pub(crate) struct Paid {
    pub(crate) notes: PathBuf,
    pub(crate) takes: Duration,
}

#[async_trait]
impl LlmBackend for Paid {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let about = request.about.first().cloned().unwrap_or_default();
        let note = |what: &str| {
            let mut notes = OpenOptions::new().append(true).create(true).open(&self.notes).unwrap();
            notes.write_all(format!("{what} {about} {}\n", std::process::id()).as_bytes()).unwrap();
        };
        note("begun");
        tokio::time::sleep(self.takes).await;
        note("paid");
        let n: usize = about.strip_prefix("film-").unwrap_or("0").parse().unwrap();
        let (text, first, second) = (text(n), KINDS[n % 5], KINDS[(n / 5 + 1) % 5]);
        assert!(text.contains(first) && text.contains(second));
        Ok(Completion::new(format!(
            r#"{{"items":[{{"about":"t1","features":[{{"name":"{first}","quote":"{first}"}},{{"name":"{second}","quote":"{second}"}}]}}]}}"#
        )))
    }
}

/// Features by the model, and all else computed.
pub(crate) fn prompted(backend: impl LlmBackend + 'static) -> RpmPipeline {
    RpmPipeline::builder(task())
        .backend(backend)
        .factor_model(rpm_core::factor::SimilarityFactorModel::default())
        .path_writer(rpm_core::reason::ComposedPathWriter::default())
        .answerer(rpm_core::answer::StatisticalAnswerer)
        .build()
        .unwrap()
}

pub(crate) async fn store(address: &str) -> PostgresStore {
    let manager = Manager::new(address.parse().unwrap(), NoTls);
    PostgresStore::open(Pool::builder(manager).max_size(8).build().unwrap()).await.unwrap()
}

/// A fleet that asks no model.
pub(crate) async fn offline(address: &str) -> Fleet {
    builder(address, |_| RpmPipeline::offline(task())).await.open().await.unwrap()
}

pub(crate) async fn builder(
    address: &str,
    make: impl Fn(&Calls) -> RpmPipeline + Send + Sync + 'static,
) -> FleetBuilder {
    Fleet::builder(store(address).await, address, move |calls| Ok(make(calls))).concurrency(2)
}
