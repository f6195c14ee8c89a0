//! A response log is one file, whatever it is called: by a link, through a linked folder, after it was renamed.
#![cfg(all(unix, feature = "response-log"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::ScriptedBackend;
use pollster::block_on;
use rpm_core::llm::{LogError, Message, ResponseLog, Stage};
use rpm_core::{CompletionRequest, LlmBackend};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rpm-core-names-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("data")).unwrap();
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// True when a file in any of the folders holds this text.
    fn holds(&self, text: &str) -> bool {
        fn within(folder: &Path, text: &[u8]) -> bool {
            fs::read_dir(folder).unwrap().any(|entry| {
                let path = entry.unwrap().path();
                if fs::symlink_metadata(&path).unwrap().is_symlink() {
                    return false;
                }
                path.is_dir() && within(&path, text)
                    || path.is_file() && fs::read(&path).unwrap().windows(text.len()).any(|part| part == text)
            })
        }
        within(&self.0, text.as_bytes())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Asks about an item and gives whether the reply was paid for.
fn paid(log: &ResponseLog, item: &str) -> bool {
    let model = ScriptedBackend::new(|request| Ok(crate::common::reply(&format!("canary-{}", request.about[0]))));
    let request = CompletionRequest::new(Stage::Answer, vec![Message::user(item)], 5).about([item]);
    let reply = block_on(log.wrap(model.clone()).complete(&request)).unwrap();
    assert_eq!(reply.text, format!("canary-{item}"));
    !model.requests().is_empty()
}

#[test]
fn a_log_that_is_open_is_in_use_under_every_name() {
    let folder = Folder::new();
    let path = folder.at("data/replies");
    let log = ResponseLog::open(&path).unwrap();
    assert!(paid(&log, "first"));
    symlink(&path, folder.at("link")).unwrap();
    symlink(folder.at("link"), folder.at("link to a link")).unwrap();
    symlink(folder.at("data"), folder.at("other")).unwrap();
    fs::hard_link(&path, folder.at("data/second")).unwrap();
    for alias in ["link", "link to a link", "other/replies", "data/../data/./replies", "data/second"] {
        let refused = ResponseLog::open(folder.at(alias));
        assert!(matches!(refused, Err(LogError::InUse)), "{alias} is opened beside it");
    }
    // Nobody's tidying up lets a second opening in.
    fs::remove_file(folder.at("data/second")).unwrap();
    fs::remove_file(folder.at("data/replies.lock")).unwrap();
    assert!(matches!(ResponseLog::open(&path), Err(LogError::InUse)), "without its lock file");
    log.compact().unwrap();
    fs::remove_file(folder.at("data/replies.lock")).unwrap();
    assert!(matches!(ResponseLog::open(&path), Err(LogError::InUse)), "after a rewrite");
    drop(log);
    let log = ResponseLog::open(folder.at("link to a link")).unwrap();
    assert!(!paid(&log, "first"));
}

#[test]
fn one_log_under_two_names_loses_no_reply() {
    let folder = Folder::new();
    let path = folder.at("data/replies");
    drop(ResponseLog::open(&path).unwrap());
    symlink(&path, folder.at("link")).unwrap();
    let (mut kept, mut refused) = (Vec::new(), 0);
    for n in 0..100 {
        let first = ResponseLog::open(&path).unwrap();
        // The second opening is refused, or what it keeps is kept.
        match ResponseLog::open(folder.at("link")) {
            Ok(second) => {
                assert!(paid(&second, &format!("second{n}")));
                kept.push(format!("second{n}"));
            }
            Err(error) => {
                assert!(matches!(error, LogError::InUse));
                refused += 1;
            }
        }
        assert!(paid(&first, &format!("first{n}")));
        kept.push(format!("first{n}"));
    }
    let log = ResponseLog::open(&path).unwrap();
    let lost = kept.iter().filter(|item| paid(&log, item)).count();
    println!("{} acknowledged, {lost} lost, {refused} openings refused", kept.len());
    assert_eq!(lost, 0);
}

#[test]
fn what_is_purged_through_a_link_is_gone_from_the_file_itself() {
    for alias in ["link", "link to a link", "other/replies"] {
        let folder = Folder::new();
        let path = folder.at("data/replies");
        symlink(&path, folder.at("link")).unwrap();
        symlink(folder.at("link"), folder.at("link to a link")).unwrap();
        symlink(folder.at("data"), folder.at("other")).unwrap();
        // The link may be there before its file.
        let log = ResponseLog::open(folder.at(alias)).unwrap();
        assert!(paid(&log, "lighthouse") && paid(&log, "baker"));
        assert!(folder.holds("canary-lighthouse"));
        assert_eq!(log.purge(["lighthouse"]).unwrap(), 1);
        assert!(!folder.holds("canary-lighthouse"), "{alias}");
        assert!(fs::symlink_metadata(folder.at("link")).unwrap().is_symlink(), "{alias}: the link is still one");
        drop(log);
        let log = ResponseLog::open(&path).unwrap();
        assert!(!paid(&log, "baker") && paid(&log, "lighthouse"), "{alias}");
        // Whatever it was called, its lock lies beside the file.
        let beside = fs::read_dir(&folder.0).unwrap().count() + fs::read_dir(folder.at("data")).unwrap().count();
        assert_eq!(beside, 4 + 2, "{alias}");
    }
}

#[test]
fn a_log_with_two_hard_links_is_refused_and_the_way_out_is_named() {
    let folder = Folder::new();
    let path = folder.at("data/replies");
    let log = ResponseLog::open(&path).unwrap();
    assert!(paid(&log, "lighthouse"));
    // Named a second time while it is open: what would erase is refused, and nothing is half done.
    fs::hard_link(&path, folder.at("second")).unwrap();
    let refused = log.purge(["lighthouse"]);
    assert!(refused.is_err(), "the text is still under the second name: {}", folder.holds("canary-lighthouse"));
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("2 names") && said.contains("remove"), "{said}");
    assert!(log.compact().is_err());
    assert!(!paid(&log, "lighthouse"));
    drop(log);
    for name in [&path, &folder.at("second")] {
        let error = ResponseLog::open(name).unwrap_err();
        assert!(error.to_string().contains("2 names"), "{error}");
    }
    fs::remove_file(folder.at("second")).unwrap();
    let log = ResponseLog::open(&path).unwrap();
    assert_eq!(log.purge(["lighthouse"]).unwrap(), 1);
    assert!(!folder.holds("canary-lighthouse"));
}

#[test]
fn a_log_that_was_renamed_or_removed_while_it_is_open_is_not_written_anew_elsewhere() {
    let folder = Folder::new();
    let path = folder.at("data/replies");
    let log = ResponseLog::open(&path).unwrap();
    assert!(paid(&log, "lighthouse"));
    fs::rename(&path, folder.at("data/yesterday")).unwrap();
    let refused = log.purge(["lighthouse"]);
    assert!(refused.is_err(), "the text is in the renamed file: {}", folder.holds("canary-lighthouse"));
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("moved") && said.contains("open it again"), "{said}");
    assert!(!path.exists() && !folder.at("data/replies.tmp").exists());
    // Replies go where the file went.
    assert!(paid(&log, "baker"));
    drop(log);
    let log = ResponseLog::open(folder.at("data/yesterday")).unwrap();
    assert!(!paid(&log, "baker"));
    assert_eq!(log.purge(["lighthouse"]).unwrap(), 1);
    assert!(!folder.holds("canary-lighthouse"));
    fs::remove_file(folder.at("data/yesterday")).unwrap();
    assert!(log.compact().is_err(), "who removed the log would have it back");
    assert!(!folder.at("data/yesterday").exists());
}

#[test]
fn a_rewrite_follows_no_link_that_was_put_in_its_way() {
    let folder = Folder::new();
    let log = ResponseLog::open(folder.at("data/replies")).unwrap();
    assert!(paid(&log, "lighthouse"));
    fs::write(folder.at("precious"), "another program's file").unwrap();
    symlink(folder.at("precious"), folder.at("data/replies.tmp")).unwrap();
    assert_eq!(log.purge(["lighthouse"]).unwrap(), 1);
    assert_eq!(fs::read_to_string(folder.at("precious")).unwrap(), "another program's file");
    assert!(!fs::symlink_metadata(folder.at("data/replies")).unwrap().is_symlink());
}

#[test]
fn a_lock_file_that_is_somebody_elses_is_left_as_it_is() {
    let folder = Folder::new();
    let theirs = "[[package]]\nname = \"a\"\n";
    fs::write(folder.at("data/poetry.lock"), theirs).unwrap();
    let log = ResponseLog::open(folder.at("data/poetry")).unwrap();
    assert!(paid(&log, "a"));
    log.sync().unwrap();
    log.purge(["b"]).unwrap();
    drop(log);
    let log = ResponseLog::open(folder.at("data/poetry")).unwrap();
    assert!(!paid(&log, "a"), "it is there");
    assert_eq!(fs::read_to_string(folder.at("data/poetry.lock")).unwrap(), theirs);
}
