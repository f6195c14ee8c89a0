//! Users of two kinds, a fleet that refreshes their population, and what is learned of them at once.

use std::time::Duration;

use rpm_core::data::MemoryItem;
use rpm_core::stats::population::Population;
use rpm_core::store::UserModelStore as _;
use rpm_core::{History, Interaction, Query, RpmPipeline, UserModel};
use rpm_fleet::{Fleet, Refresh};
use rpm_stores::PostgresStore;

use crate::SMALL;
use crate::common::{store, task};

/// No refresh but those that are asked for, once the first is over.
const LONG: Duration = Duration::from_secs(86_400);

pub(crate) fn refresh() -> Refresh {
    Refresh::of(task()).k(5).every(LONG).page(SMALL)
}

pub(crate) async fn opened(address: &str, refresh: Refresh) -> Fleet {
    let make = |calls: &rpm_fleet::Calls| {
        let pipeline = RpmPipeline::offline_builder(task());
        Ok(match calls.population() {
            Some(population) => pipeline.population(population).build()?,
            None => pipeline.build()?,
        })
    };
    Fleet::builder(store(address).await, address, make)
        .concurrency(2)
        .silent_after(Duration::from_secs(1))
        .population(refresh)
        .open()
        .await
        .unwrap()
}

/// What a user rates: those of even numbers like what is quiet, and everybody has a few words of their own.
pub(crate) fn learned(n: usize) -> UserModel {
    let (quiet, loud) = if n.is_multiple_of(2) { ("5", "2") } else { ("1", "4") };
    let films = [
        ("A quiet film about a lighthouse", quiet),
        ("A loud chase through the harbour", loud),
        ("A quiet drama in two rooms", quiet),
        ("A loud and wintry film", loud),
        ("A musical on a ship", ["3", "4", "5"][n % 3]),
    ];
    let interactions = films.iter().enumerate().map(|(place, (text, rating))| {
        let query = Query::new(format!("{text}, with number{n} and place{place}.")).unwrap();
        Interaction::new(format!("i{place}"), query, *rating).unwrap().at(i64::try_from(place).unwrap())
    });
    let history = History::new(&task(), format!("user-{n:03}"), interactions).unwrap();
    pollster(RpmPipeline::offline(task()).learn(&history)).unwrap().model
}

pub(crate) fn pollster<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

pub(crate) async fn fill(store: &PostgresStore, users: usize) {
    for n in 0..users {
        store.save(&learned(n), None).await.unwrap();
    }
}

/// What is learned of all models of a store at once.
pub(crate) async fn at_once(store: &PostgresStore, k: usize) -> String {
    let mut models = Vec::new();
    for user in store.list(None, 10_000).await.unwrap() {
        models.push(store.load(&user).await.unwrap().unwrap().model);
    }
    let histories: Vec<&[MemoryItem]> = models.iter().map(|model| model.memory().items()).collect();
    Population::learn(&task(), &histories, k).unwrap().to_json()
}
