//! A fleet: what is recorded is observed once, what is forgotten or deleted is nowhere, what fails is seen, and outages pass.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code, missing_docs)]

mod common;
#[path = "../../../tests/common/postgres.rs"]
mod postgres;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::working::{block_on, start, until};
use common::{builder, film, item, offline, prompted, rated, task, user};
use deadpool_postgres::{Manager, Pool};
use postgres::{Server, server};
use rpm_core::store::UserModelStore as _;
use rpm_core::{BackendError, Completion, CompletionRequest, Forget, Query, RpmPipeline, UserId, backend_fn};
use rpm_fleet::{Fleet, Worked};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::Put;
use tokio::sync::Notify;
use tokio_postgres::NoTls;

/// Works until no job is left.
async fn work(fleet: &Fleet) -> Worked {
    let running = start(fleet);
    until("no job", || async {
        let status = fleet.status().await.unwrap();
        status.jobs_waiting + status.jobs_running == 0
    })
    .await;
    running.stop().await
}

async fn held(fleet: &Fleet, user: &UserId) -> Vec<String> {
    let stored = fleet.store().load(user).await.unwrap();
    let items = stored.map(|stored| stored.model.memory().items().to_vec()).unwrap_or_default();
    items.iter().map(|item| item.id().as_str().to_owned()).collect()
}

fn dump(server: &Server, address: &str) -> String {
    let dump = server.command("pg_dump").arg(address).output().unwrap();
    assert!(dump.status.success());
    String::from_utf8_lossy(&dump.stdout).into_owned()
}

#[test]
fn what_is_recorded_is_observed_once_of_users_who_need_not_be_known() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = offline(&address).await;
        let (ana, ben) = (user("ana"), user("ben"));
        assert_eq!(fleet.record(&ana, (0..5).map(film)).await.unwrap(), [Put::Waits; 5]);
        assert_eq!(fleet.record(&ana, (3..6).map(film)).await.unwrap(), [Put::Twice, Put::Twice, Put::Waits]);
        fleet.record(&ben, [film(7)]).await.unwrap();
        let before = fleet.status().await.unwrap();
        assert_eq!((before.jobs_waiting, before.inbox.users, before.inbox.interactions), (2, 2, 7));
        work(&fleet).await;
        assert_eq!(held(&fleet, &ana).await, (0..6).map(|n| format!("film-{n}")).collect::<Vec<_>>());
        assert_eq!(held(&fleet, &ben).await, ["film-7"]);
        // Recorded again after it was observed, it changes nothing.
        let version = fleet.store().version(&ana).await.unwrap();
        assert_eq!(fleet.record(&ana, [film(2)]).await.unwrap(), [Put::Waits]);
        work(&fleet).await;
        assert_eq!(fleet.store().version(&ana).await.unwrap(), version);
        let after = fleet.status().await.unwrap();
        assert_eq!((after.jobs_waiting, after.jobs_failed, after.inbox.interactions, after.pauses), (0, 0, 0, 0));

        let query = Query::new("A quiet and loud film.").unwrap();
        let told = fleet.answer(&ana, &query).await.unwrap();
        assert!(fleet.explain(&ana, &told).await.is_ok());
        assert!(fleet.profile(&ana).await.unwrap().to_string().contains("6 of your answers"));
        // Asking makes nobody known.
        fleet.answer(&user("nobody"), &query).await.unwrap();
        assert!(!dump(server, &address).contains("nobody"));
        fleet.relearn(&ana).await.unwrap();
        fleet.relearn(&user("nobody")).await.unwrap();
        work(&fleet).await;
        assert_eq!(held(&fleet, &ana).await.len(), 6);
        assert_eq!(fleet.failed_jobs(9).await.unwrap(), []);
    });
}

#[test]
fn a_nudge_that_was_lost_is_made_good_by_the_sweep_of_a_worker_that_starts() {
    let Some(server) = server() else { return };
    block_on(async {
        let fleet = offline(&server.database()).await;
        let ana = user("ana");
        fleet.store().inbox().put(&ana, &[film(1)]).await.unwrap();
        assert_eq!(fleet.status().await.unwrap().jobs_waiting, 0);
        let running = start(&fleet);
        until("observed", || async { held(&fleet, &ana).await == ["film-1"] }).await;
        running.stop().await;
    });
}

#[test]
fn what_is_forgotten_while_jobs_wait_is_never_observed_and_who_is_deleted_is_in_no_table() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = offline(&address).await;
        let (ana, gone) = (user("ana"), user("zanzipol"));
        fleet.record(&ana, (0..6).map(film)).await.unwrap();
        let forgotten = fleet.forget(&ana, &Forget::Items(vec![item("film-1"), item("film-99")])).await.unwrap();
        assert!(forgotten.receipt.is_none() && forgotten.waiting == [item("film-1")] && forgotten.erasure.is_erased());
        work(&fleet).await;
        assert_eq!(held(&fleet, &ana).await, ["film-0", "film-2", "film-3", "film-4", "film-5"]);
        assert_eq!(fleet.record(&ana, [film(1)]).await.unwrap(), [Put::Forgotten]);
        // What waits is looked at too.
        fleet.record(&ana, [film(10), film(11)]).await.unwrap();
        let forgotten = fleet.forget(&ana, &Forget::Before(3)).await.unwrap();
        assert_eq!(forgotten.receipt.unwrap().items, [item("film-0"), item("film-2")]);
        assert_eq!(forgotten.not_looked_at, 0);
        assert_eq!(held(&fleet, &ana).await, ["film-3", "film-4", "film-5", "film-10", "film-11"]);
        fleet.record(&ana, [film(12)]).await.unwrap();
        let forgotten = fleet.forget(&ana, &Forget::All).await.unwrap();
        assert_eq!((forgotten.waiting, forgotten.receipt.unwrap().items.len()), (vec![item("film-12")], 5));
        work(&fleet).await;
        assert_eq!(held(&fleet, &ana).await, [""; 0]);

        fleet.record(&gone, (0..3).map(film)).await.unwrap();
        work(&fleet).await;
        fleet.record(&gone, (3..6).map(film)).await.unwrap();
        fleet.relearn(&gone).await.unwrap();
        assert!(dump(server, &address).contains("observe:zanzipol"), "else this shows nothing");
        assert!(fleet.delete(&gone).await.unwrap());
        assert!(!dump(server, &address).contains("zanzipol"));
        work(&fleet).await;
        assert!(!fleet.delete(&gone).await.unwrap());
        assert!(!dump(server, &address).contains("zanzipol"));
    });
}

#[test]
fn who_is_deleted_while_a_worker_is_at_it_leaves_nothing() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begun, goes) = (asked.clone(), go.clone());
        let backend = Arc::new(backend_fn(move |_request: CompletionRequest| {
            let (begun, goes) = (begun.clone(), goes.clone());
            async move {
                begun.notify_one();
                goes.notified().await;
                Ok::<_, BackendError>(Completion::new(r#"{"items":[{"about":"t1","features":[]}]}"#))
            }
        }));
        let fleet =
            builder(&address, move |calls| prompted(calls.through(backend.clone()))).await.open().await.unwrap();
        let gone = user("zanzipol");
        fleet.record(&gone, (0..2).map(film)).await.unwrap();
        let running = start(&fleet);
        asked.notified().await;
        fleet.delete(&gone).await.unwrap();
        for _ in 0..2 {
            go.notify_one();
            let _ = tokio::time::timeout(Duration::from_millis(300), asked.notified()).await;
        }
        go.notify_one();
        until("no job", || async {
            let status = fleet.status().await.unwrap();
            status.jobs_waiting + status.jobs_running == 0
        })
        .await;
        running.stop().await;
        assert!(!dump(server, &address).contains("zanzipol"));
    });
}

#[test]
fn what_cannot_be_observed_is_set_aside_or_put_off_and_keeps_nothing_else_waiting() {
    let Some(server) = server() else { return };
    block_on(async {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let backend = Arc::new(backend_fn(move |request: CompletionRequest| {
            count.fetch_add(1, Ordering::SeqCst);
            let is_bad = request.about == ["film-3"];
            async move {
                if is_bad {
                    return Err(BackendError::permanent("refused"));
                }
                Ok(Completion::new(r#"{"items":[{"about":"t1","features":[]}]}"#))
            }
        }));
        let make = move |calls: &rpm_fleet::Calls| prompted(calls.through(backend.clone()));
        let fleet = builder(&server.database(), make).await.most_tries(2).open().await.unwrap();
        let ana = user("ana");
        fleet.record(&ana, [film(0)]).await.unwrap();
        work(&fleet).await;
        // One with the id of another, one whose rating is none, one that the model does not read, and some good ones.
        let all = [rated(0, "1"), film(1), rated(2, "9"), film(3), film(4)];
        fleet.record(&ana, all).await.unwrap();
        work(&fleet).await;
        assert_eq!(held(&fleet, &ana).await, ["film-0", "film-1", "film-4"]);
        let inbox = fleet.store().inbox();
        let aside = |found: Vec<rpm_stores::postgres::Aside>| {
            found.into_iter().map(|aside| (aside.item.to_string(), aside.why, aside.tries)).collect::<Vec<_>>()
        };
        let found = aside(inbox.aside(None, 9).await.unwrap());
        let expected = [("film-0", "conflicting", 1), ("film-2", "data", 1)].map(|(a, b, n)| (a.into(), b.into(), n));
        assert_eq!(found, expected);
        let depth = fleet.status().await.unwrap().inbox;
        assert_eq!((depth.users, depth.interactions, depth.aside), (1, 1, 2), "the one that is put off waits");
        // Tried again, it fails a last time.
        assert_eq!(fleet.forget(&ana, &Forget::Items(vec![item("film-0")])).await.unwrap().waiting, [item("film-0")]);
        assert_eq!(fleet.try_again(&ana).await.unwrap(), 2);
        let running = start(&fleet);
        until("a failed job", || async {
            fleet.failed_jobs(9).await.unwrap().iter().any(|job| job.why.contains("model"))
        })
        .await;
        running.stop().await;
        let failed = fleet.failed_jobs(9).await.unwrap();
        assert_eq!(
            (failed.len(), failed[0].user.as_ref().unwrap().as_str(), failed[0].task.as_str()),
            (1, "ana", "observe")
        );
        assert!(!failed[0].why.contains("director"), "{failed:?}");
    });
}

#[test]
fn a_database_that_is_stopped_and_started_again_loses_nothing_and_the_pause_is_told() {
    // One of its own: others use the shared one.
    let Some(server) = postgres::server_of_its_own() else { return };
    block_on(async {
        let builder = builder(&server.database(), |_| RpmPipeline::offline(task())).await;
        let fleet = builder.silent_after(Duration::from_secs(2)).open().await.unwrap();
        let running = start(&fleet);
        let users = ["ana", "ben", "eve"].map(user);
        for n in 0..90 {
            let whose = &users[n % 3];
            // Whoever is not told that it was recorded records it again.
            until("recorded", || async { fleet.record(whose, [film(n)]).await.is_ok() }).await;
            if n % 30 == 15 {
                tokio::task::block_in_place(|| server.stop());
                let error = fleet.record(whose, [film(n + 1_000)]).await.unwrap_err();
                assert!(error.is_transient(), "{error}");
                tokio::time::sleep(Duration::from_millis(400)).await;
                tokio::task::block_in_place(|| server.start_again());
                until("the pause is told", || async { fleet.pauses() > (n / 30) as u64 }).await;
                // Else the next would be part of the same pause.
                let nothing_waits =
                    || async { fleet.status().await.is_ok_and(|status| status.inbox.interactions == 0) };
                until("the worker is back", nothing_waits).await;
            }
        }
        until("all is observed", || async { fleet.status().await.is_ok_and(|status| status.inbox.interactions == 0) })
            .await;
        let worked = running.stop().await;
        assert!(worked.pauses >= 3 && worked.paused > Duration::from_secs(1), "{worked:?}");
        for (first, user) in users.iter().enumerate() {
            let expected: Vec<String> = (0..30).map(|n| format!("film-{}", first + 3 * n)).collect();
            assert_eq!(held(&fleet, user).await, expected);
        }
    });
}

#[test]
fn what_is_wrong_with_the_queues_address_is_told_and_not_tried_again() {
    let Some(server) = postgres::server() else { return };
    block_on(async {
        let pool = Pool::builder(Manager::new(server.database().parse().unwrap(), NoTls)).max_size(2).build().unwrap();
        let at = async |address: &str| {
            let store = PostgresStore::open(pool.clone()).await.unwrap();
            Fleet::builder(store, address, |_| Ok(RpmPipeline::offline(task()))).open().await.unwrap_err()
        };
        let unreadable = at("not an address").await;
        assert!(!unreadable.is_transient() && told(&unreadable).contains("cannot be read"), "{unreadable:?}");
        let missing = at(&server.address("no_such_database")).await;
        assert!(!missing.is_transient() && told(&missing).contains("3D000"), "{missing:?}");
        let nobody = at("host=/nowhere user=rpm dbname=rpm").await;
        assert!(nobody.is_transient() && told(&nobody).contains("cannot be reached"), "{nobody:?}");
    });
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut at = error.source();
    while let Some(source) = at {
        told = format!("{told}: {source}");
        at = source.source();
    }
    told
}
