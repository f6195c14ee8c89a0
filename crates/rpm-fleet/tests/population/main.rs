//! The population of a fleet: refreshed as a job, to the byte what is learned of the same models, whoever is killed, deleted or forgotten meanwhile.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
mod people;
#[path = "../../../../tests/common/postgres.rs"]
mod postgres;

use std::sync::Arc;
use std::time::Duration;

use common::working::{block_on, start, until};
use common::{item, store, task, user};
use people::{at_once, fill, learned, opened, refresh};
use postgres::{Server, server};
use rpm_core::store::UserModelStore as _;
use rpm_core::{Forget, Query, ResponseSpace, RpmPipeline, Task};
use rpm_fleet::{Fleet, FleetError, NotFitted, Refresh};
use rpm_stores::postgres::Counting;
use tokio::runtime::{Builder, Runtime};

const USERS: usize = 60;
/// Of this many users what was counted is kept after every few pages.
const SMALL: usize = 3;

/// A worker with a runtime of its own, so that with that all ends that it began.
fn process_of_its_own(address: &str, refresh: Refresh) -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let address = address.to_owned();
    runtime.spawn(async move { opened(&address, refresh).await.worker().run(std::future::pending()).await });
    runtime
}

/// Kills it. How far the counting is then, once the server has done what it was asked to.
async fn killed(process: Runtime, fleet: &Fleet) -> Counting {
    process.shutdown_background();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let then = fleet.store().populations().counting().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(fleet.store().populations().counting().await.unwrap(), then, "nobody is at it");
    then
}

async fn version(fleet: &Fleet) -> Option<u64> {
    fleet.store().populations().version().await.unwrap()
}

/// The population of a fleet once it has this version and nothing is counted.
async fn made(fleet: &Fleet, which: u64) -> String {
    until("a population", || async { version(fleet).await >= Some(which) }).await;
    assert_eq!(version(fleet).await, Some(which));
    let counting = fleet.store().populations().counting().await.unwrap();
    assert!(counting.stage.is_none() && counting.after.is_none() && counting.sums.is_empty(), "{counting:?}");
    fleet.population().await.unwrap().unwrap().to_json()
}

/// Each keeping takes so long that a test finds the counting in the middle, and is noted.
fn slow(server: &Server, address: &str, seconds: f64) {
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS public.noted (place serial, stage text, last text);
         CREATE OR REPLACE FUNCTION public.slowly() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             INSERT INTO public.noted (stage, last) VALUES (NEW.stage, NEW.last);
             IF NEW.last IS NOT NULL THEN PERFORM pg_sleep({seconds}); END IF;
             RETURN NEW;
           END $$;
         DROP TRIGGER IF EXISTS slowly ON rpm.counting;
         CREATE TRIGGER slowly BEFORE UPDATE ON rpm.counting FOR EACH ROW EXECUTE FUNCTION public.slowly()"
    );
    server.psql(name(address), &sql);
}

fn name(address: &str) -> &str {
    address.rsplit('=').next().unwrap()
}

/// The stages that were kept, in their order, each as often as it follows on another.
fn stages(server: &Server, address: &str) -> String {
    let sql = "SELECT string_agg(stage, ' ' ORDER BY place) FROM (
        SELECT place, stage, lag(stage) OVER (ORDER BY place) AS before FROM public.noted) AS each
        WHERE stage IS DISTINCT FROM before";
    server.psql(name(address), sql)
}

/// Waits until some users but not all are counted in a stage.
async fn in_the_middle_of(fleet: &Fleet, stage: &str) {
    until(stage, || async {
        let counting = fleet.store().populations().counting().await.unwrap();
        counting.stage.as_deref() == Some(stage) && counting.after.is_some()
    })
    .await;
}

#[test]
fn a_refresh_gives_to_the_byte_what_is_learned_of_the_same_models_and_answers_use_it() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = opened(&address, refresh()).await;
        fill(fleet.store(), USERS).await;
        // Of a newcomer there is nothing to count.
        let new = RpmPipeline::offline(task()).newcomer(user("user-0305")).await.unwrap();
        fleet.store().save(&new, None).await.unwrap();
        assert!(fleet.population().await.unwrap().is_none());
        let query = Query::new("A quiet film in the snow.").unwrap();
        let alone = fleet.answer(&user("user-0305"), &query).await.unwrap();
        let running = start(&fleet);
        // The first is due at once.
        assert_eq!(made(&fleet, 1).await, at_once(fleet.store(), 5).await);
        let held = fleet.population().await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&held, &fleet.population().await.unwrap().unwrap()), "it is read once");
        let among = fleet.answer(&user("user-0305"), &query).await.unwrap();
        assert!(!alone.to_string().contains("others") && among.to_string() != alone.to_string(), "{alone}\n{among}");

        fleet.store().save(&learned(USERS), None).await.unwrap();
        fleet.refresh_population().await.unwrap();
        assert_eq!(made(&fleet, 2).await, at_once(fleet.store(), 5).await);
        assert_eq!(fleet.population().await.unwrap().unwrap().users(), USERS as u64 + 1);
        running.stop().await;
        let status = fleet.status().await.unwrap().population;
        assert_eq!((status.version, status.users, status.under_way, status.not_fitted), (Some(2), 61, false, None));
        // What was counted is gone from its table's file as well.
        assert!(fleet.store().examine().await.unwrap().findings.is_empty());
    });
}

#[test]
fn whoever_takes_over_from_one_that_was_killed_goes_on_and_makes_the_same() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = opened(&address, refresh()).await;
        fill(fleet.store(), USERS).await;
        slow(server, &address, 0.07);
        for stage in ["census", "first", "second"] {
            let process = process_of_its_own(&address, refresh());
            in_the_middle_of(&fleet, stage).await;
            let before = fleet.store().populations().counting().await.unwrap();
            let now = killed(process, &fleet).await;
            assert!(now.stage.is_some() && now.after.is_some(), "{stage}: it is where it was, or a little further");
            assert!(now.stage != before.stage || now.after >= before.after, "{stage}");
        }
        assert_eq!(version(&fleet).await, None);
        slow(server, &address, 0.0);
        let running = start(&fleet);
        assert_eq!(made(&fleet, 1).await, at_once(fleet.store(), 5).await);
        running.stop().await;
        assert_eq!(stages(server, &address), "census begin first second idle", "it never began anew");
    });
}

#[test]
fn who_is_deleted_or_forgets_while_it_is_counted_is_not_in_it() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = opened(&address, refresh()).await;
        fill(fleet.store(), USERS).await;
        slow(server, &address, 0.07);
        let running = start(&fleet);
        in_the_middle_of(&fleet, "census").await;
        assert!(fleet.delete(&user("user-000")).await.unwrap());
        in_the_middle_of(&fleet, "first").await;
        let forgotten = fleet.forget(&user("user-001"), &Forget::Items(vec![item("i0"), item("i1")])).await.unwrap();
        assert_eq!(forgotten.receipt.unwrap().items.len(), 2);
        let counting = fleet.store().populations().counting().await.unwrap();
        assert!(counting.stage.is_none_or(|stage| stage == "census"), "what was counted is void");
        in_the_middle_of(&fleet, "second").await;
        assert!(fleet.delete(&user("user-002")).await.unwrap());
        assert_eq!(version(&fleet).await, None);
        slow(server, &address, 0.0);
        assert_eq!(made(&fleet, 1).await, at_once(fleet.store(), 5).await);
        assert_eq!(fleet.population().await.unwrap().unwrap().users(), USERS as u64 - 2);
        running.stop().await;
    });
}

#[test]
fn a_population_is_made_while_users_are_deleted_all_the_time() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = opened(&address, refresh()).await;
        fill(fleet.store(), USERS).await;
        slow(server, &address, 0.02);
        let running = start(&fleet);
        // Without the erasure, which would wait for what is under way.
        let store = fleet.store().clone().erasing_when_told();
        let mut deleted = 0;
        while version(&fleet).await.is_none() {
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert!(store.delete(&user(&format!("user-{deleted:03}"))).await.unwrap());
            deleted += 1;
            assert!(deleted < 40, "it comes to an end");
        }
        assert!(deleted > 3, "it began anew at first");
        let counting = fleet.store().populations().counting().await.unwrap();
        assert_eq!((counting.stage, counting.sums.len()), (None, 0), "nothing is kept of those who went");
        // The next one, undisturbed, is of those who are there.
        fleet.refresh_population().await.unwrap();
        assert_eq!(made(&fleet, 2).await, at_once(fleet.store(), 5).await);
        running.stop().await;
    });
}

#[test]
fn whoever_is_deleted_at_whatever_moment_is_in_no_population_that_is_made_afterwards() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = opened(&address, refresh().page(2)).await;
        fill(fleet.store(), 40).await;
        let running = start(&fleet);
        made(&fleet, 1).await;
        for n in 0..5_usize {
            fleet.refresh_population().await.unwrap();
            tokio::time::sleep(Duration::from_millis(100 * n as u64)).await;
            // Without the erasure, which would wait for what is under way.
            assert!(fleet.store().clone().erasing_when_told().delete(&user(&format!("user-{n:03}"))).await.unwrap());
            let before = version(&fleet).await.unwrap();
            let expected = at_once(fleet.store(), 5).await;
            fleet.refresh_population().await.unwrap();
            until("the next", || async { version(&fleet).await > Some(before) }).await;
            assert_eq!(fleet.population().await.unwrap().unwrap().to_json(), expected, "deleted in round {n}");
            let idle = || async {
                server.psql(name(&address), "SELECT count(*) FROM rpm_queue._private_jobs WHERE key = 'refresh'") == "0"
            };
            until("no job", idle).await;
        }
        running.stop().await;
    });
}

#[test]
fn two_workers_make_one_population() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleets = [opened(&address, refresh()).await, opened(&address, refresh()).await];
        fill(fleets[0].store(), USERS).await;
        slow(server, &address, 0.02);
        let running = fleets.each_ref().map(start);
        let all = at_once(fleets[0].store(), 5).await;
        assert_eq!(made(&fleets[0], 1).await, all);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(made(&fleets[1], 1).await, all);
        for running in running {
            running.stop().await;
        }
        assert_eq!(stages(server, &address), "census begin first second idle");
    });
}

#[test]
fn one_that_was_only_slow_keeps_nothing_beside_who_took_over_and_leaves_it_to_them() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = opened(&address, refresh()).await;
        fill(fleet.store(), USERS).await;
        slow(server, &address, 0.07);
        let running = start(&fleet);
        in_the_middle_of(&fleet, "first").await;
        // As another worker does that takes this one for dead.
        let populations = fleet.store().populations();
        let taken_over = async || {
            let mut counting = populations.counting().await.unwrap();
            populations.keep(&mut counting).await.unwrap().then_some(counting)
        };
        let mut counting = None;
        while counting.is_none() {
            counting = taken_over().await;
        }
        let jobs = "SELECT count(*) FROM rpm_queue._private_jobs WHERE key = 'refresh'";
        until("it leaves", || async { server.psql(name(&address), jobs) == "0" }).await;
        assert_eq!(populations.counting().await.ok(), counting, "it is as the other one left it");
        running.stop().await;
        assert_eq!(version(&fleet).await, None);
        // That one is gone too, and whoever sweeps goes on.
        slow(server, &address, 0.0);
        let running = start(&fleet);
        assert_eq!(made(&fleet, 1).await, at_once(fleet.store(), 5).await);
        running.stop().await;
        assert_eq!(stages(server, &address), "census begin first second idle");
    });
}

#[test]
fn a_population_that_cannot_be_made_is_told_and_no_job_fails() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = opened(&address, refresh()).await;
        fill(fleet.store(), 4).await;
        let running = start(&fleet);
        let why = |fleet: Fleet| async move { fleet.status().await.unwrap().population.not_fitted };
        until("told", || async { why(fleet.clone()).await.is_some() }).await;
        assert_eq!(why(fleet.clone()).await, Some(NotFitted::TooFewUsers));
        running.stop().await;
        let status = fleet.status().await.unwrap();
        assert_eq!((status.jobs_failed, status.population.version, status.population.under_way), (0, None, false));
        assert!(status.to_string().contains("the last refresh made none: there are fewer users"), "{status}");
        assert!(fleet.failed_jobs(9).await.unwrap().is_empty());
        let left = server.psql(name(&address), "SELECT count(*) FROM rpm_queue._private_jobs WHERE key = 'refresh'");
        assert_eq!(left, "0");
        assert!(fleet.store().examine().await.unwrap().findings.is_empty(), "and what was counted is erased");

        let text = Task::new("What would this person say?", ResponseSpace::text(100).unwrap()).unwrap();
        let other = opened(&address, Refresh::of(text).every(Duration::ZERO)).await;
        let running = start(&other);
        other.refresh_population().await.unwrap();
        until("told", || async { why(other.clone()).await == Some(NotFitted::FreeText) }).await;
        running.stop().await;

        let without = Fleet::builder(store(&address).await, address.as_str(), |_| Ok(RpmPipeline::offline(task())));
        let without = without.open().await.unwrap();
        assert!(matches!(without.refresh_population().await, Err(FleetError::NoRefresh)));
    });
}

#[test]
fn a_refresh_that_stopped_under_other_settings_begins_anew() {
    let Some(server) = server() else { return };
    let address = server.database();
    block_on(async {
        let fleet = opened(&address, refresh()).await;
        fill(fleet.store(), USERS).await;
        slow(server, &address, 0.1);
        let process = process_of_its_own(&address, refresh());
        in_the_middle_of(&fleet, "first").await;
        assert_eq!(killed(process, &fleet).await.stage.as_deref(), Some("first"));
        slow(server, &address, 0.0);
        let other = opened(&address, refresh().k(7)).await;
        let running = start(&other);
        assert_eq!(made(&other, 1).await, at_once(other.store(), 7).await);
        running.stop().await;
    });
}

#[test]
fn a_census_of_a_sample_is_of_the_same_users_each_time_and_all_are_counted() {
    let Some(server) = server() else { return };
    block_on(async {
        let made_in = async |page: usize| {
            let fleet = opened(&server.database(), refresh().page(page).census_of(30)).await;
            fill(fleet.store(), USERS).await;
            let running = start(&fleet);
            let population = made(&fleet, 1).await;
            running.stop().await;
            (population, fleet.population().await.unwrap().unwrap())
        };
        let (first, population) = made_in(SMALL).await;
        let (second, _) = made_in(1_000).await;
        assert_eq!(first, second);
        assert_eq!(population.users(), USERS as u64);
    });
}
