//! A full disk costs the replies that it has no room for, and nothing else. Processes whose files may not grow beyond a
//! size stand for it: a write ends within a record there, as it does on a disk.
#![cfg(all(unix, feature = "response-log"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{ScriptedBackend, scale_task};
use pollster::block_on;
use rpm_core::llm::{LogError, Message, ResponseLog, Stage};
use rpm_core::pipeline::PathPolicy;
use rpm_core::{CompletionRequest, History, LlmBackend, RpmPipeline, UserModel};

const FOLDER: &str = "RPM_FULL_DISK_TEST_FOLDER";

fn history() -> History {
    let words = ["slow", "quiet", "loud", "chase", "baker", "harbour"];
    let interactions = (0..60).map(|n| {
        let text = format!("Film {n}: {} and {}.", words[n % 6], words[(n / 6 + n) % 5]);
        common::interaction(&format!("i{n:02}"), &text, ["5", "2", "4", "1", "3"][(n * 7 + n / 6) % 5], 1)
    });
    History::new(&scale_task(), "ana", interactions).unwrap()
}

fn learn(backend: impl LlmBackend + 'static) -> UserModel {
    let pipeline = RpmPipeline::builder(scale_task()).backend(backend).paths(PathPolicy::OnFirstUse).build().unwrap();
    block_on(pipeline.learn(&history())).unwrap().model
}

fn learn_without_a_log() -> (String, usize) {
    let model = ScriptedBackend::obedient();
    let learned = learn(model.clone()).to_json();
    (learned, model.requests().len())
}

/// Learns from a log and gives how many requests it did not answer.
fn learn_with(log: &ResponseLog) -> (String, usize) {
    let model = ScriptedBackend::obedient();
    let learned = learn(log.wrap(model.clone())).to_json();
    (learned, model.requests().len())
}

/// Asks one small question that is about nothing else, and tells whether its reply was kept.
fn is_kept(log: &ResponseLog, text: &str) -> bool {
    let before = log.stats();
    let model = ScriptedBackend::new(|_| Ok(common::reply("ok")));
    let request = CompletionRequest::new(Stage::Answer, vec![Message::user(text)], 5).about([text]);
    assert_eq!(block_on(log.wrap(model).complete(&request)).unwrap().text, "ok", "the reply comes all the same");
    let after = log.stats();
    assert_eq!(after.records + usize::try_from(after.unwritten).unwrap(), {
        before.records + usize::try_from(before.unwritten).unwrap() + 1
    });
    after.records > before.records
}

/// How long a file may become here.
fn room(folder: &Path) -> u64 {
    let path = folder.join("probe");
    let mut file = File::create(&path).unwrap();
    while file.write(&[0; 1000]).is_ok_and(|written| written > 0) {
        assert!(file.metadata().unwrap().len() < 1 << 20, "files are not limited");
    }
    let len = file.metadata().unwrap().len();
    fs::remove_file(path).unwrap();
    len
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rpm-core-full-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn log(&self) -> PathBuf {
        self.0.join("replies")
    }

    /// Runs an ignored test of this file in a process whose files may have this many blocks of 512 bytes (1,024 by some
    /// shells).
    fn with_blocks(&self, blocks: u32, test: &str) {
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output = Command::new("sh")
            .args(["-c", &limited])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(FOLDER, &self.0)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        eprintln!("{}", said.lines().filter(|line| line.contains(" bytes")).collect::<Vec<_>>().join("\n"));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn told_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

#[test]
#[ignore = "another test of this file starts it as a process of its own"]
fn fills_the_disk_while_it_learns() {
    let Some(folder) = told_folder() else { return };
    let (path, room) = (folder.join("replies"), room(&folder));
    let (wanted, asked) = learn_without_a_log();
    let log = ResponseLog::open(&path).unwrap();
    assert_eq!(learn_with(&log), (wanted.clone(), asked), "the same model as without a log");
    let full = log.stats();
    let unwritten = usize::try_from(full.unwritten).unwrap();
    eprintln!("{} kept and {unwritten} not kept, in {} of {room} bytes", full.records, full.bytes);
    assert!(full.records > 10 && unwritten > 10);
    assert_eq!(full.records + unwritten, asked);
    // The first of them was written in part, and that part is gone.
    assert!(full.bytes < room && fs::metadata(&path).unwrap().len() == full.bytes);

    // What was kept is known, what was not is asked again.
    assert_eq!(learn_with(&log), (wanted.clone(), unwritten));
    assert_eq!((log.stats().records, log.stats().damaged), (full.records, 0));
    log.sync().unwrap();
    drop(log);
    let log = ResponseLog::open(&path).unwrap();
    assert_eq!((log.stats().records, log.stats().damaged, log.stats().cut_bytes), (full.records, 0, 0));
    assert_eq!(learn_with(&log), (wanted.clone(), unwritten));

    // With room again, the same opening keeps again.
    let gone = log.purge(["i00", "i01", "i02"]).unwrap();
    assert!(gone > 0);
    assert!(is_kept(&log, "and now?"));
    assert_eq!((log.stats().records, log.stats().damaged), (full.records - gone + 1, 0));
}

#[test]
fn a_full_disk_loses_only_the_replies_it_has_no_room_for() {
    let folder = Folder::new("learning");
    folder.with_blocks(16, "fills_the_disk_while_it_learns");
    // Elsewhere there is room.
    let log = ResponseLog::open(folder.log()).unwrap();
    let kept = log.stats();
    assert_eq!((kept.damaged, kept.cut_bytes), (0, 0));
    let (wanted, asked) = learn_without_a_log();
    // One of the kept is the small question's.
    assert_eq!(learn_with(&log), (wanted.clone(), asked - (kept.records - 1)));
    assert_eq!(learn_with(&log), (wanted, 0));
    assert_eq!((log.stats().records, log.stats().unwritten, log.stats().damaged), (asked + 1, 0, 0));
}

#[test]
#[ignore = "another test of this file starts it as a process of its own"]
fn rewrites_on_a_full_disk() {
    let Some(folder) = told_folder() else { return };
    let (path, room) = (folder.join("replies"), room(&folder));
    let (wanted, asked) = learn_without_a_log();
    let log = ResponseLog::open(&path).unwrap();
    let (bytes, before) = (fs::read(&path).unwrap(), log.stats());
    eprintln!("a rewrite of {} bytes where there is room for {room}", before.bytes);
    assert!(before.bytes > room);
    let files = || fs::read_dir(&folder).unwrap().count();
    let beside = files();
    assert!(matches!(log.compact(), Err(LogError::Io(_))));
    assert!(matches!(log.purge(["i00"]), Err(LogError::Io(_))));
    assert_eq!(files(), beside, "what was written of the new file is gone");
    assert!(fs::read(&path).unwrap() == bytes && log.stats() == before, "the old file is as it was");

    assert_eq!(learn_with(&log), (wanted, 0));
    assert_eq!(before.records, asked);
    assert!(!is_kept(&log, "and now?"));
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn a_rewrite_on_a_full_disk_fails_and_leaves_the_old_file() {
    let folder = Folder::new("rewriting");
    let (wanted, asked) = learn_with(&ResponseLog::open(folder.log()).unwrap());
    folder.with_blocks(4, "rewrites_on_a_full_disk");
    let log = ResponseLog::open(folder.log()).unwrap();
    assert_eq!((log.stats().records, log.stats().damaged, log.stats().cut_bytes), (asked, 0, 0));
    assert_eq!(log.compact().unwrap(), 0);
    assert!(log.purge(["i00"]).unwrap() > 0);
    assert_eq!(learn_with(&log).0, wanted);
}

#[test]
#[ignore = "another test of this file starts it as a process of its own"]
fn opens_on_a_full_disk() {
    let Some(folder) = told_folder() else { return };
    for _ in 0..2 {
        assert!(matches!(ResponseLog::open(folder.join("replies")), Err(LogError::Io(_))), "no room for 0 bytes");
    }
}

#[test]
fn a_log_that_could_not_be_made_is_made_when_there_is_room() {
    let folder = Folder::new("making");
    folder.with_blocks(0, "opens_on_a_full_disk");
    assert!(is_kept(&ResponseLog::open(folder.log()).unwrap(), "and now?"));
}

#[test]
fn learning_goes_on_from_a_log_whose_end_a_loss_of_power_took() {
    let folder = Folder::new("power");
    let (wanted, asked) = learn_with(&ResponseLog::open(folder.log()).unwrap());
    let whole = fs::read(folder.log()).unwrap();
    let mut cases = 0;
    // The last block: cut off, zeros in its place, or another file's bytes.
    for lost in (1..=4096.min(whole.len() - 16)).step_by(131) {
        for fill in [None, Some(0), Some(b'x')] {
            let start = whole.len() - lost;
            let mut bytes = whole[..start].to_vec();
            bytes.resize(fill.map_or(start, |_| whole.len()), fill.unwrap_or_default());
            let _ = fs::remove_file(folder.log());
            fs::write(folder.log(), bytes).unwrap();
            let log = ResponseLog::open(folder.log()).unwrap();
            let missing = asked - log.stats().records;
            assert!(missing > 0, "{lost} bytes, {fill:?}");
            assert_eq!(learn_with(&log), (wanted.clone(), missing), "{lost} bytes, {fill:?}");
            drop(log);
            let log = ResponseLog::open(folder.log()).unwrap();
            assert_eq!((log.stats().records, log.stats().cut_bytes), (asked, 0), "{lost} bytes, {fill:?}");
            cases += 1;
        }
    }
    eprintln!("{cases} cases over the last block of {} bytes", whole.len());
}
