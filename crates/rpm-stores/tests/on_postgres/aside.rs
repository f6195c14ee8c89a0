//! The inbox beside a Postgres store: a save takes out what the model holds and no more, and what fails is put off and set aside.

use rpm_core::store::{StoreError, UserModelStore as _};
use rpm_core::{Interaction, ItemId, Query, ResponseSpace, RpmPipeline, StoredError, StoredPipeline, Task, UserId};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::{NoLongerWaiting, Put};

use crate::{opened, postgres};

fn film(n: i64) -> Interaction {
    let query = Query::new(format!("A quiet film, number {n}.")).unwrap();
    Interaction::new(format!("film-{n}"), query, "4").unwrap().at(n)
}

fn item(n: i64) -> ItemId {
    ItemId::new(format!("film-{n}")).unwrap()
}

fn with_store(work: impl AsyncFnOnce(PostgresStore, UserId)) {
    let Some(server) = postgres::server() else { return };
    let (runtime, store, _) = opened(server);
    runtime.block_on(work(store, UserId::new("ana").unwrap()));
}

fn pipeline(store: impl rpm_core::store::UserModelStore + 'static) -> StoredPipeline {
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    RpmPipeline::offline(task).with_store(store)
}

#[test]
fn a_save_takes_out_what_the_model_holds_and_is_refused_where_the_rest_no_longer_waits() {
    with_store(async |store, ana| {
        let inbox = store.inbox();
        inbox.put(&ana, &[film(1), film(2), film(3)]).await.unwrap();
        let waiting = inbox.waiting(&ana, 9).await.unwrap();
        let taking = store.taking(&ana, &waiting);
        let stored = pipeline(taking.clone());
        // A model that holds none of them takes none.
        stored.newcomer(&ana).await.unwrap();
        assert_eq!((taking.left().len(), inbox.waiting(&ana, 9).await.unwrap().len()), (3, 3));
        stored.observe(&ana, [film(1)]).await.unwrap();
        assert_eq!(taking.left().interactions, [film(2), film(3)]);
        assert_eq!(inbox.waiting(&ana, 9).await.unwrap(), taking.left());
        // One that was read was forgotten: nothing is saved, also of the others.
        let gone = inbox.forget(&ana, Some(&[item(3)])).await.unwrap();
        assert_eq!((gone.items, gone.replies), (vec![item(3)], 0));
        let version = store.version(&ana).await.unwrap();
        let refused = stored.observe(&ana, [film(2)]).await.unwrap_err();
        let StoredError::Store(StoreError::Transient { source }) = &refused else { panic!("{refused:?}") };
        assert!(source.is::<NoLongerWaiting>());
        assert_eq!(store.version(&ana).await.unwrap(), version);
        let waiting = inbox.waiting(&ana, 9).await.unwrap();
        let taking = store.taking(&ana, &waiting);
        pipeline(taking.clone()).observe(&ana, waiting.interactions).await.unwrap();
        assert!(taking.has_taken() && inbox.waiting(&ana, 9).await.unwrap().is_empty());
        // Of a user who was deleted, not even the newcomer is saved by who has read what waited.
        inbox.put(&ana, &[film(4)]).await.unwrap();
        let taking = store.taking(&ana, &inbox.waiting(&ana, 9).await.unwrap());
        store.delete(&ana).await.unwrap();
        assert!(pipeline(taking).newcomer(&ana).await.is_err());
        assert!(store.version(&ana).await.unwrap().is_none());
        assert_eq!(store.examine().await.unwrap().reserved, 0, "nor is a place left");
    });
}

#[test]
fn what_is_put_off_lets_others_go_first_and_is_set_aside_in_the_end_where_it_is_seen() {
    with_store(async |store, ana| {
        let inbox = store.inbox();
        inbox.put(&ana, &[film(1), film(2), film(3)]).await.unwrap();
        inbox.put_off(&ana, &[(item(1), "extract")], 2).await.unwrap();
        assert_eq!(inbox.waiting(&ana, 9).await.unwrap().interactions, [film(2), film(3)]);
        inbox.put_off(&ana, &[(item(1), "extract")], 2).await.unwrap();
        inbox.put_off(&ana, &[(item(2), "data")], 0).await.unwrap();
        let aside = inbox.aside(None, 9).await.unwrap();
        let told: Vec<_> = aside.iter().map(|one| (one.item.as_str(), one.why.as_str(), one.tries)).collect();
        assert_eq!(told, [("film-1", "extract", 2), ("film-2", "data", 1)]);
        assert_eq!(inbox.aside(aside.first(), 9).await.unwrap(), aside[1..]);
        let depth = inbox.depth().await.unwrap();
        assert_eq!((depth.users, depth.interactions, depth.aside), (1, 1, 2));
        assert_eq!(inbox.put(&ana, &[film(1)]).await.unwrap(), [Put::Twice], "it is there");
        assert_eq!(inbox.of(&ana).await.unwrap(), 3);
        let waiting = inbox.waiting(&ana, 9).await.unwrap();
        inbox.discard(&ana, &waiting).await.unwrap();
        assert!(inbox.users(None, 9).await.unwrap().is_empty(), "nobody waits");
        assert_eq!(inbox.try_again(&ana).await.unwrap(), 2);
        assert_eq!(inbox.waiting(&ana, 9).await.unwrap().interactions, [film(1), film(2)]);
        assert_eq!(inbox.aside(None, 9).await.unwrap(), []);
    });
}
