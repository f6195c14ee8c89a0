//! A process that is killed while it holds the locks of a log and a store leaves both free: nobody has to remove anything.
#![cfg(all(unix, feature = "redb"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rpm_core::llm::{LogError, ResponseLog};
use rpm_core::store::StoreError;
use rpm_stores::RedbStore;

const FOLDER: &str = "RPM_LOCK_KILL_TEST_FOLDER";

#[test]
#[ignore = "the other test of this file starts it as a process of its own"]
fn holds_both_locks() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let _log = ResponseLog::open(folder.join("replies")).unwrap();
    let _store = RedbStore::open(folder.join("users")).unwrap();
    fs::write(folder.join("held"), "").unwrap();
    // Longer than any test waits for it.
    std::thread::sleep(Duration::from_secs(300));
}

#[test]
fn a_lock_is_released_when_its_process_is_killed() {
    let folder = std::env::temp_dir().join(format!("rpm-core-lock-kill-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_both_locks", "--ignored"])
        .env(FOLDER, &folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !folder.join("held").exists() {
        assert!(process.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(start.elapsed() < Duration::from_secs(60), "it does not get on");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(matches!(ResponseLog::open(folder.join("replies")), Err(LogError::InUse)));
    assert!(matches!(RedbStore::open(folder.join("users")), Err(StoreError::InUse)));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(folder.join("replies.lock").exists() && folder.join("users.lock").exists());
    ResponseLog::open(folder.join("replies")).unwrap();
    RedbStore::open(folder.join("users")).unwrap();
    fs::remove_dir_all(folder).unwrap();
}
