//! Many processes on one database lose no update.

use std::process::{Command, Stdio};
use std::time::Instant;

use pollster::block_on;
use rpm_core::store::UserModelStore;
use rpm_core::{RpmPipeline, UserId};
use rpm_stores::PostgresStore;

use crate::common::{self, scale_task};
use crate::postgres::server;
use crate::{model_with, name, opened, pool, runtime};

const WORK: &str = "RPM_TEST_UPDATES";

/// Not a test of its own: what each process of the others does, where it is told so.
#[test]
fn updates_as_told() {
    let Ok(told) = std::env::var(WORK) else { return };
    let mut fields = told.split('|');
    let address = fields.next().unwrap();
    let [first, writers, updates, users]: [u64; 4] = std::array::from_fn(|_| fields.next().unwrap().parse().unwrap());
    let runtime = runtime();
    let store = runtime.block_on(PostgresStore::open(pool(address, 16))).unwrap();
    let pipeline = RpmPipeline::offline(scale_task()).with_store(store);
    std::thread::scope(|scope| {
        for writer in first..first + writers {
            let pipeline = pipeline.clone();
            scope.spawn(move || {
                for update in 0..updates {
                    // Each writer's updates go round all users, each beginning at another one.
                    let user = UserId::new(format!("u{}", (writer * 7 + update) % users)).unwrap();
                    let updated = block_on(pipeline.update(&user, |model| {
                        let path = common::a_path(model);
                        model.adopt_paths([path])?;
                        Ok(())
                    }));
                    updated.unwrap();
                }
            });
        }
    });
}

/// So many writers in so many processes, each making so many updates; every update counts a user's revision up by one.
fn in_processes(processes: u64, writers: u64, updates: u64, users: u64) {
    let Some(server) = server() else { return };
    let (_runtime, store, address) = opened(server);
    for n in 0..users {
        block_on(store.save(&model_with(&format!("u{n}"), "quiet"), None)).unwrap();
    }
    let start = Instant::now();
    let each = writers / processes;
    let running: Vec<_> = (0..processes)
        .map(|process| {
            let told = format!("{address}|{}|{each}|{updates}|{users}", process * each);
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["processes::updates_as_told", "--exact"]).env(WORK, told).stdout(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    for mut process in running {
        assert!(process.wait().unwrap().success());
    }
    let revisions: u64 = (0..users)
        .map(|n| block_on(store.load(&UserId::new(format!("u{n}")).unwrap())).unwrap().unwrap().model.revision())
        .sum();
    let saves = server.psql(name(&address), "SELECT last_value FROM rpm.versions");
    eprintln!(
        "{processes} processes, {writers} writers × {updates} updates on {users} users: {} of {} updates, {saves} numbers given, {:.1} s",
        revisions - users,
        writers * updates,
        start.elapsed().as_secs_f64(),
    );
    assert_eq!(revisions - users, writers * updates);
}

#[test]
fn writers_in_four_processes_lose_no_update() {
    in_processes(4, 16, 10, 10);
}

#[test]
#[ignore = "the one with fewer writers is enough for each change"]
fn sixty_four_writers_in_four_processes_lose_none_of_two_hundred_updates_each_on_a_hundred_users() {
    in_processes(4, 64, 200, 100);
}
