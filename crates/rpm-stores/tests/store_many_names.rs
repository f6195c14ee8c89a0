//! A store is one file, whatever it is called: by a link, through a linked folder, after it was renamed.
#![cfg(all(unix, feature = "redb"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/mod.rs"]
mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use common::scale_task;
use pollster::block_on;
use rpm_core::store::{StoreError, UserModelStore};
use rpm_core::{History, Interaction, Query, RpmPipeline, UserModel};
use rpm_stores::RedbStore;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rpm-core-store-names-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("data")).unwrap();
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn holds(&self, text: &str) -> bool {
        let within = |folder: PathBuf| {
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
                path.is_file() && fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes())
            })
        };
        within(self.0.clone()) || within(self.at("data"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn model(user: &str) -> UserModel {
    let interaction = |n: usize| {
        let text = format!("Film {n} of canary-{user}: a baker, a harbour in fog, told slowly.");
        Interaction::new(format!("i{n:02}"), Query::new(text).unwrap(), ["2", "4"][n % 2]).unwrap()
    };
    let history = History::new(&scale_task(), user, (0..8).map(interaction)).unwrap();
    block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap().model
}

fn holds(store: &RedbStore, user: &str) -> bool {
    block_on(store.load(model(user).user())).unwrap().is_some_and(|held| *held.model == model(user))
}

#[test]
fn a_store_that_is_open_is_in_use_under_every_name() {
    let folder = Folder::new();
    let path = folder.at("data/users");
    let store = RedbStore::open(&path).unwrap();
    block_on(store.save(&model("ana"), None)).unwrap();
    symlink(&path, folder.at("link")).unwrap();
    symlink(folder.at("data"), folder.at("other")).unwrap();
    fs::hard_link(&path, folder.at("data/second")).unwrap();
    for alias in ["link", "other/users", "data/../data/./users", "data/second"] {
        assert!(matches!(RedbStore::open(folder.at(alias)), Err(StoreError::InUse)), "{alias} is opened beside it");
    }
    fs::remove_file(folder.at("data/second")).unwrap();
    block_on(store.compact()).unwrap();
    fs::remove_file(folder.at("data/users.lock")).unwrap();
    assert!(matches!(RedbStore::open(&path), Err(StoreError::InUse)), "without its lock file");
    drop(store);
    assert!(holds(&RedbStore::open(folder.at("link")).unwrap(), "ana"));
}

#[test]
fn a_store_compacted_through_a_link_is_still_one_store() {
    for alias in ["link", "other/users"] {
        let folder = Folder::new();
        let path = folder.at("data/users");
        symlink(&path, folder.at("link")).unwrap();
        symlink(folder.at("data"), folder.at("other")).unwrap();
        let store = RedbStore::open(folder.at(alias)).unwrap();
        block_on(store.save(&model("ana"), None)).unwrap();
        block_on(store.save(&model("ben"), None)).unwrap();
        assert!(block_on(store.delete(model("ana").user())).unwrap());
        block_on(store.compact()).unwrap();
        block_on(store.save(&model("cleo"), None)).unwrap();
        drop(store);
        assert!(!folder.holds("canary-ana"), "{alias}: what was deleted is still in the file itself");
        assert!(fs::symlink_metadata(folder.at("link")).unwrap().is_symlink(), "{alias}: the link is still one");
        let store = RedbStore::open(&path).unwrap();
        assert!(holds(&store, "ben") && holds(&store, "cleo"), "{alias}: the store is split");
    }
}

#[test]
fn a_store_with_two_hard_links_is_refused_and_the_way_out_is_named() {
    let folder = Folder::new();
    let path = folder.at("data/users");
    let store = RedbStore::open(&path).unwrap();
    block_on(store.save(&model("ana"), None)).unwrap();
    fs::hard_link(&path, folder.at("second")).unwrap();
    assert!(block_on(store.delete(model("ana").user())).unwrap());
    let said = block_on(store.compact()).unwrap_err().to_string();
    assert!(said.contains("2 names") && said.contains("remove"), "{said}");
    drop(store);
    for name in [&path, &folder.at("second")] {
        let said = RedbStore::open(name).unwrap_err().to_string();
        assert!(said.contains("2 names"), "{said}");
    }
    fs::remove_file(folder.at("second")).unwrap();
    let store = RedbStore::open(&path).unwrap();
    block_on(store.compact()).unwrap();
    assert!(!folder.holds("canary-ana"));
}

#[test]
fn a_store_that_was_renamed_while_it_is_open_is_not_written_anew_elsewhere() {
    let folder = Folder::new();
    let path = folder.at("data/users");
    let store = RedbStore::open(&path).unwrap();
    block_on(store.save(&model("ana"), None)).unwrap();
    fs::rename(&path, folder.at("data/yesterday")).unwrap();
    let said = block_on(store.compact()).unwrap_err().to_string();
    assert!(said.contains("moved") && said.contains("open it again"), "{said}");
    assert!(!path.exists() && !folder.at("data/users.tmp").exists());
    // Saves go where the file went.
    block_on(store.save(&model("ben"), None)).unwrap();
    drop(store);
    let store = RedbStore::open(folder.at("data/yesterday")).unwrap();
    assert!(holds(&store, "ana") && holds(&store, "ben"));
    block_on(store.compact()).unwrap();
}

#[test]
fn a_compaction_follows_no_link_that_was_put_in_its_way() {
    let folder = Folder::new();
    let store = RedbStore::open(folder.at("data/users")).unwrap();
    block_on(store.save(&model("ana"), None)).unwrap();
    fs::write(folder.at("precious"), "another program's file").unwrap();
    symlink(folder.at("precious"), folder.at("data/users.tmp")).unwrap();
    block_on(store.compact()).unwrap();
    assert_eq!(fs::read_to_string(folder.at("precious")).unwrap(), "another program's file");
    assert!(holds(&store, "ana"));
}
