//! A process that is killed while it saves, over and over, loses no save that it acknowledged.
#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{a_path, interaction, scale_task};
use pollster::block_on;
use rpm_core::store::UserModelStore;
use rpm_core::{History, RpmPipeline, UserId, UserModel};
use rpm_stores::RedbStore;

const FOLDER: &str = "RPM_STORE_KILL_TEST_FOLDER";
const USERS: usize = 3;

/// Models of three sizes, so that saves take pages of several sizes; the largest has some 300 kB.
fn first_model(user: usize) -> UserModel {
    let interactions = (0..[3, 30, 150][user]).map(|n| {
        let text = format!("Film {n}: slow and quiet. {}", "It rains at the harbour, and nobody speaks. ".repeat(40));
        interaction(&format!("i{n}"), &text, ["5", "2", "4"][usize::try_from(n).unwrap() % 3], n)
    });
    let history = History::new(&scale_task(), format!("user {user}"), interactions).unwrap();
    block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap().model
}

/// Saves one revision after another and writes down each that was acknowledged. Now and then writes the file anew.
fn write_in(folder: &Path) {
    let store = RedbStore::open(folder.join("users")).unwrap();
    let mut acknowledged = OpenOptions::new().append(true).create(true).open(folder.join("acknowledged")).unwrap();
    let mut models: Vec<_> = (0..USERS)
        .map(|user| {
            let id = UserId::new(format!("user {user}")).unwrap();
            match block_on(store.load(&id)).unwrap() {
                Some(stored) => (UserModel::clone(&stored.model), Some(stored.version)),
                None => (first_model(user), None),
            }
        })
        .collect();
    for round in 1_u64.. {
        for (user, (model, version)) in models.iter_mut().enumerate() {
            if version.is_some() {
                model.adopt_paths([a_path(model)]).unwrap();
            }
            *version = Some(block_on(store.save(model, *version)).unwrap());
            let line = format!("{user} {}\n", model.revision());
            acknowledged.write_all(line.as_bytes()).unwrap();
        }
        if round.is_multiple_of(4) {
            block_on(store.compact()).unwrap();
        }
    }
}

/// The process that is killed: this same program, told by its environment where to work.
#[test]
#[ignore = "the other tests of this file start it as a process of its own"]
fn writes_where_it_is_told_to() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_in(Path::new(&folder));
    }
}

/// The revisions that were acknowledged: how many, and each user's last one.
fn acknowledged(folder: &Path) -> (usize, BTreeMap<usize, u64>) {
    let text = fs::read_to_string(folder.join("acknowledged")).unwrap_or_default();
    let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let (mut count, mut last) = (0, BTreeMap::new());
    for line in lines {
        let (user, revision) = line.split_once(' ').unwrap();
        let (user, revision) = (user.parse().unwrap(), revision.parse().unwrap());
        assert!(last.insert(user, revision).is_none_or(|before| before < revision), "the revision went back");
        count += 1;
    }
    (count, last)
}

fn start_and_kill(folder: &Path, random: &mut impl FnMut(u64) -> u64) {
    let (before, _) = acknowledged(folder);
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_where_it_is_told_to", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // One in six is killed while it opens the file, the others after some saves and a part of the next one.
    let saves = if random(6) == 0 { 0 } else { usize::try_from(1 + random(20)).unwrap() };
    let start = Instant::now();
    while acknowledged(folder).0 < before + saves {
        assert!(process.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(start.elapsed() < Duration::from_secs(60), "it does not get on");
        std::thread::sleep(Duration::from_micros(300));
    }
    std::thread::sleep(Duration::from_micros(random(30_000)));
    process.kill().unwrap();
    process.wait().unwrap();
}

/// The store must hold the saves that were acknowledged, or one save more of each user.
fn check(folder: &Path, firsts: &[UserModel], seen: &mut [u64]) -> usize {
    let (_, last) = acknowledged(folder);
    let store = RedbStore::open(folder.join("users")).unwrap();
    let mut further = 0;
    for (user, first) in firsts.iter().enumerate() {
        let acknowledged = last.get(&user).copied().unwrap_or(0);
        let Some(held) = block_on(store.load(first.user())).unwrap() else {
            assert_eq!(acknowledged, 0, "an acknowledged save is missing");
            continue;
        };
        let revision = held.model.revision();
        assert!(revision >= acknowledged && revision <= acknowledged + 1, "{revision} and {acknowledged}");
        assert!(revision >= seen[user], "the revision went back");
        let mut then = first.clone();
        if revision > 1 {
            then.adopt_paths([a_path(first)]).unwrap();
        }
        let now = format!("\"revision\": {},", then.revision());
        let expected = then.to_json().replacen(&now, &format!("\"revision\": {revision},"), 1);
        assert!(held.model.to_json() == expected, "the model is torn");
        (further, seen[user]) = (further + usize::from(revision > acknowledged), revision);
        // A save that was not acknowledged counts as one from here on.
        if revision > acknowledged {
            let mut file = OpenOptions::new().append(true).create(true).open(folder.join("acknowledged")).unwrap();
            file.write_all(format!("{user} {revision}\n").as_bytes()).unwrap();
        }
    }
    further
}

fn killed(name: &str, kills: usize, seed: u64) {
    let folder: PathBuf = std::env::temp_dir().join(format!("rpm-core-store-kill-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let firsts: Vec<UserModel> = (0..USERS).map(first_model).collect();
    let mut state = seed;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut seen, mut further, mut rewrites_cut) = (vec![0; USERS], 0, 0);
    for _ in 0..kills {
        start_and_kill(&folder, &mut random);
        rewrites_cut += usize::from(folder.join("users.tmp").exists());
        further += check(&folder, &firsts, &mut seen);
    }
    let (count, _) = acknowledged(&folder);
    eprintln!(
        "{kills} kills, {count} saves: every acknowledged one there, none torn; {further} were whole in the file and not \
         yet acknowledged; {rewrites_cut} kills while the file was written anew"
    );
    assert!(count > kills, "too few saves to tell anything");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn ten_kills_lose_no_acknowledged_save() {
    killed("ten", 10, 20_261_125);
}

#[test]
#[ignore = "the version with ten kills is enough for each change"]
fn fifty_kills_lose_no_acknowledged_save() {
    killed("fifty", 50, 7);
}
