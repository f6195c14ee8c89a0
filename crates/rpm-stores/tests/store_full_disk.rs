//! A full disk refuses what it has no room for and costs nothing else. A process whose files may not grow beyond a size
//! stands for it.
#![cfg(all(unix, feature = "redb"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::scale_task;
use pollster::block_on;
use rpm_core::store::{StoreError, UserModelStore};
use rpm_core::{History, Interaction, Query, RpmPipeline, UserModel};
use rpm_stores::RedbStore;

const FOLDER: &str = "RPM_STORE_FULL_DISK_TEST_FOLDER";

/// A model of several pages of the file: in a file of small ones a deletion may need room as well.
fn model(user: usize) -> UserModel {
    let interaction = |n: usize| {
        let text =
            format!("Film {n}: a baker, a harbour in fog and the night train that nobody takes any more, told slowly.");
        Interaction::new(format!("i{n:02}"), Query::new(text.repeat(2)).unwrap(), ["2", "4"][n % 2]).unwrap()
    };
    let interactions = (0..32).map(interaction);
    let history = History::new(&scale_task(), format!("user {user:04}"), interactions).unwrap();
    block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap().model
}

fn holds(store: &RedbStore, user: usize) -> bool {
    let model = model(user);
    block_on(store.load(model.user())).unwrap().is_some_and(|held| *held.model == model)
}

#[test]
#[ignore = "another test of this file starts it as a process of its own"]
fn fills_the_disk() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let store = RedbStore::open(folder.join("users")).unwrap();
    let mut kept = 0;
    let error = loop {
        match block_on(store.save(&model(kept), None)) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 2_000, "files are not limited");
    };
    assert!(matches!(error, StoreError::Full { .. }) && error.is_transient(), "{error:?}");
    eprintln!("{kept} kept in {} bytes", fs::metadata(folder.join("users")).unwrap().len());
    assert!(kept > 10);
    // The same opening goes on: what was saved is there, what was not is not, and again there is no room for it.
    assert!((0..kept).all(|user| holds(&store, user)));
    assert!(!holds(&store, kept));
    assert!(matches!(block_on(store.save(&model(kept), None)), Err(StoreError::Full { .. })));
    assert!(matches!(block_on(store.compact()), Err(StoreError::Full { .. }) | Ok(_)));
    assert!(!folder.join("users.tmp").exists());
    assert!((0..kept).all(|user| holds(&store, user)));
    // With room again, it saves again.
    for user in 0..5 {
        assert!(block_on(store.delete(model(user).user())).unwrap());
    }
    block_on(store.save(&model(kept), None)).unwrap();
    assert!((5..=kept).all(|user| holds(&store, user)));
    fs::write(folder.join("kept"), kept.to_string()).unwrap();
}

#[test]
fn a_full_disk_refuses_a_save_and_costs_no_other() {
    let folder = std::env::temp_dir().join(format!("rpm-core-store-full-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let output = Command::new("sh")
        // Blocks of 512 bytes, of 1,024 by some shells.
        .args(["-c", "trap '' XFSZ; ulimit -f 800; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "fills_the_disk", "--ignored", "--nocapture"])
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    eprintln!("{}", said.lines().filter(|line| line.contains(" bytes")).collect::<Vec<_>>().join("\n"));
    let kept: usize = fs::read_to_string(folder.join("kept")).unwrap().parse().unwrap();
    let store = RedbStore::open(folder.join("users")).unwrap();
    assert!((5..=kept).all(|user| holds(&store, user)) && !holds(&store, kept + 1));
    drop(store);
    fs::remove_dir_all(folder).unwrap();
}
