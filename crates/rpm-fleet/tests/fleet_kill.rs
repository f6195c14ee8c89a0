//! Workers that are killed over and over: each event is in effect once, and no reply is paid for twice but those under way.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code, missing_docs)]

mod common;
#[path = "../../../tests/common/postgres.rs"]
mod postgres;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Paid, builder, film, prompted, user};
use rpm_core::UserId;
use rpm_core::store::UserModelStore as _;
use rpm_fleet::Fleet;
use tokio::runtime::Builder;

const ADDRESS: &str = "RPM_FLEET_KILL_TEST_ADDRESS";
const NOTES: &str = "RPM_FLEET_KILL_TEST_NOTES";
const WORKERS: usize = 4;
/// Users that a worker works on at a time, each of whom asks one thing after another.
const AT_A_TIME: usize = 2;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

async fn fleet(address: &str, notes: &Path) -> Fleet {
    let model = Paid { notes: notes.to_owned(), takes: Duration::from_millis(3) };
    let builder = builder(address, move |calls| prompted(calls.through(model.clone()))).await;
    builder.concurrency(AT_A_TIME).batch(16).silent_after(Duration::from_secs(5)).open().await.unwrap()
}

/// The process that is killed: this same program, told by its environment where to work.
#[test]
#[ignore = "the other tests of this file start it as a process of its own"]
fn works_where_it_is_told_to() {
    if let (Ok(address), Some(notes)) = (std::env::var(ADDRESS), std::env::var_os(NOTES)) {
        block_on(async { fleet(&address, Path::new(&notes)).await.worker().run(std::future::pending()).await });
    }
}

/// Workers as processes, which are killed at the end.
struct Workers {
    address: String,
    notes: PathBuf,
    processes: Vec<Child>,
    killed: BTreeSet<u32>,
}

impl Workers {
    fn start(&self) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "works_where_it_is_told_to", "--ignored"])
            .env(ADDRESS, &self.address)
            .env(NOTES, &self.notes)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn kill(&mut self, which: usize) {
        self.processes[which].kill().unwrap();
        self.processes[which].wait().unwrap();
        self.killed.insert(self.processes[which].id());
        self.processes[which] = self.start();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// By whom something is noted of each item.
fn noted(notes: &Path, what: &str) -> BTreeMap<String, Vec<u32>> {
    let mut found: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for line in fs::read_to_string(notes).unwrap_or_default().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == what {
            found.entry(words[1].to_owned()).or_default().push(words[2].parse().unwrap());
        }
    }
    found
}

/// The user whose a film is.
fn whose(n: usize, users: usize) -> UserId {
    // Some have much more than others.
    user(&format!("user-{}", (n * n + n / 7) % users))
}

/// The digest of each user's model that learns the same without a store and a kill, in one step.
async fn undisturbed(events: usize, users: usize, notes: &Path) -> BTreeMap<UserId, String> {
    let pipeline = prompted(Paid { notes: notes.to_owned(), takes: Duration::ZERO });
    let mut films: BTreeMap<UserId, Vec<_>> = BTreeMap::new();
    (0..events).for_each(|n| films.entry(whose(n, users)).or_default().push(film(n)));
    let mut digests = BTreeMap::new();
    for (user, films) in films {
        let mut prepared = pipeline.open(pipeline.newcomer(user.clone()).await.unwrap()).await.unwrap();
        pipeline.observe(&mut prepared, films).await.unwrap();
        digests.insert(user, prepared.model().digest());
    }
    digests
}

async fn observed(fleet: &Fleet, notes: &Path, events: usize) -> Duration {
    let start = Instant::now();
    let limit = Duration::from_secs(60 + events as u64 / 20);
    loop {
        let status = fleet.status().await.unwrap();
        if status.inbox.interactions == 0 && status.jobs_waiting + status.jobs_running == 0 {
            return start.elapsed();
        }
        assert!(start.elapsed() < limit, "{status:?}, {} paid", noted(notes, "paid").len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn killed(events: usize, users: usize, kills: usize, mut seed: u64) {
    let Some(server) = postgres::server_of_its_own() else { return };
    let folder = std::env::temp_dir().join(format!("rpm-fleet-kill-{kills}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (address, notes) = (server.database(), folder.join("notes"));
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    block_on(async {
        let fleet = Arc::new(fleet(&address, &notes).await);
        let mut workers = Workers { address, notes: notes.clone(), processes: Vec::new(), killed: BTreeSet::new() };
        workers.processes = (0..WORKERS).map(|_| workers.start()).collect();
        let start = Instant::now();
        for n in 0..events {
            fleet.record(&whose(n, users), [film(n)]).await.unwrap();
            // Once more, now and then, as a host does that was not told.
            if random(10) == 0 {
                fleet.record(&whose(n, users), [film(n)]).await.unwrap();
            }
            if (n + 1) * (kills + 1) / events > n * (kills + 1) / events && n + 1 < events {
                tokio::time::sleep(Duration::from_micros(random(300_000))).await;
                workers.kill(usize::try_from(random(WORKERS as u64)).unwrap());
            }
        }
        let after = observed(&fleet, &notes, events).await;
        let paid = noted(&notes, "paid");
        let twice: usize = paid.values().map(|by| by.len() - 1).sum();
        // By one who was killed before the reply was kept, and by one more.
        for (item, by) in &paid {
            let [before @ .., _] = &by[..] else { continue };
            assert!(before.iter().all(|process| workers.killed.contains(process)), "{item} was paid for by {by:?}");
        }
        let count = |what| noted(&notes, what).values().map(Vec::len).sum::<usize>();
        let cut = count("begun") - count("paid");
        let status = fleet.status().await.unwrap();
        eprintln!(
            "{events} events of {users} users, {WORKERS} workers, {kills} kills, which cut off {cut} requests, in {:.0} s: all \
             observed {:.1} s after the last was recorded; {} replies paid for, {twice} of them twice; {status:?}",
            start.elapsed().as_secs_f64(),
            after.as_secs_f64(),
            paid.len(),
        );
        assert_eq!(paid.len(), events);
        assert!(twice <= kills * AT_A_TIME, "{twice} replies were paid for twice");
        assert_eq!((status.jobs_failed, status.inbox.aside), (0, 0));
        for (user, digest) in undisturbed(events, users, &folder.join("others")).await {
            let held = fleet.store().load(&user).await.unwrap().unwrap();
            assert_eq!(held.model.digest(), digest, "{user}");
        }
    });
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn six_kills_of_four_workers_lose_nothing_and_do_nothing_twice() {
    killed(400, 7, 6, 20_261_130);
}

#[test]
#[ignore = "the version with six kills is enough for each change"]
fn fifty_kills_of_four_workers_lose_nothing_and_do_nothing_twice() {
    killed(10_000, 40, 50, 7);
}
