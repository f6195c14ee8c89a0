//! Files that earlier versions wrote, kept as they were written, open and say what they said.
#![cfg(feature = "response-log")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pollster::block_on;
use rpm_core::container::{Damage, DamagedFile};
use rpm_core::llm::{LogError, Message, ResponseLog, Stage, Usage};
use rpm_core::model::{PackedError, PackedModel};
use rpm_core::{Completion, CompletionRequest, LlmBackend, Query, RpmPipeline, UserModel, backend_fn};

fn old(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/old").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(old(name)).unwrap()
}

/// A folder of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rpm-core-old-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn with(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.join("replies.log");
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const FILMS: [(&str, &str); 6] = [
    ("a", "A slow, quiet drama about a lighthouse keeper."),
    ("b", "A loud chase through a harbour at night."),
    ("c", "A quiet film about a slow river and its ferry."),
    ("d", "A loud sequel with another chase."),
    ("e", "A slow comedy in a quiet village."),
    ("f", "A chase, a quiet ending and a slow train."),
];
const REPLY: &str = "A reply to 2 messages, with umlauts äöü and 🎬.";

fn request(id: &str, text: &str) -> CompletionRequest {
    let messages = vec![Message::system("List the features."), Message::user(text)];
    CompletionRequest::new(Stage::Extract, messages, 100).about([id])
}

/// A backend behind the log, and how often it was called.
fn behind(log: &ResponseLog) -> (impl LlmBackend, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let backend = log.wrap(backend_fn(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok(Completion::new("anew")) }
    }));
    (backend, calls)
}

#[test]
fn a_user_model_of_version_one_opens() {
    let model = UserModel::from_json(&text("model_v1.json")).unwrap();
    assert_eq!((model.user().as_str(), model.memory().len()), ("ana", 6));
    assert_eq!(UserModel::from_json(&model.to_json()).unwrap(), model);
}

#[test]
fn a_user_model_of_version_two_opens_with_its_items_edits_and_snapshots() {
    let model = UserModel::from_json(&text("model_v2.json")).unwrap();
    assert_eq!(UserModel::from_json(&model.to_json()).unwrap(), model);
    assert_eq!((model.memory().len(), model.edits().len(), model.snapshots()), (7, 2, &[1][..]));
}

#[test]
fn a_packed_model_of_version_one_opens_without_its_indexes_and_answers_the_same() {
    let packed = PackedModel::open(old("model.packed")).unwrap();
    let model = UserModel::from_json(&text("model_v2.json")).unwrap();
    assert_eq!(packed.indexes().count(), 0);
    assert_eq!((packed.len(), packed.model().unwrap()), (7, model.clone()));
    assert_eq!(packed.item(2).unwrap(), model.memory().items()[2]);
    let pipeline = RpmPipeline::offline(model.task().clone());
    let new = Query::new("A slow, quiet film.").unwrap();
    let answer = |model: UserModel| {
        let prepared = block_on(pipeline.open(model)).unwrap();
        block_on(pipeline.personalize(&prepared, &new)).unwrap()
    };
    assert_eq!(answer(packed.model().unwrap()), answer(model));
    let again = PackedModel::from_bytes(&packed.to_bytes().unwrap()).unwrap();
    assert_eq!(again, packed);
}

#[test]
fn a_damaged_packed_model_of_version_one_is_an_error_that_names_the_section() {
    let file = fs::read(old("model.packed")).unwrap();
    for bit in (0..file.len() * 8).step_by(31) {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = PackedModel::from_bytes(&flipped).unwrap_err();
        assert!(matches!(&error, PackedError::Damaged(DamagedFile { kind: "packed", .. })), "{bit}: {error:?}");
        assert!(PackedModel::from_bytes(&file[..bit / 8]).is_err(), "{bit}");
    }
}

#[test]
fn a_log_of_version_one_is_read_and_goes_on() {
    let scratch = Scratch::new("log");
    let path = scratch.with(&fs::read(old("replies.log")).unwrap());
    for round in 0..2 {
        let log = ResponseLog::open(&path).unwrap();
        assert_eq!((log.stats().records, log.stats().damaged, log.stats().cut_bytes), (6 + round, 0, 0));
        assert!(log.damage().is_empty());
        let (backend, calls) = behind(&log);
        for (id, text) in FILMS {
            let reply = block_on(backend.complete(&request(id, text))).unwrap();
            let usage = Usage { input_tokens: 12, output_tokens: 7, cached_tokens: 3 };
            assert_eq!(reply, Completion::new(REPLY).usage(usage));
        }
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        block_on(backend.complete(&request("g", &format!("Another one, {round}.")))).unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert!(fs::read(&path).unwrap().starts_with(b"\x89RPM\r\n\x1a\nlog\0"));
        assert!(!scratch.0.join("replies.log.tmp").exists());
        assert!(!scratch.0.join("replies.log.v1").exists(), "all of it is in the new file");
    }
}

#[test]
fn a_log_of_version_one_that_was_not_written_to_its_end_loses_its_last_record_only() {
    let file = fs::read(old("replies.log")).unwrap();
    let scratch = Scratch::new("cut");
    for (cut, records) in [(file.len() - 1, 5), (file.len() - 200, 5), (16, 0), (9, 0)] {
        let log = ResponseLog::open(scratch.with(&file[..cut])).unwrap();
        assert_eq!((log.stats().records, log.stats().damaged), (records, 0), "{cut}");
    }
}

#[test]
fn a_damaged_record_of_a_log_of_version_one_is_named_and_the_others_survive() {
    let file = fs::read(old("replies.log")).unwrap();
    let second = file.windows(4).enumerate().filter(|(_, four)| *four == b"\xffrpm").nth(1).unwrap().0;
    let scratch = Scratch::new("damaged");
    for at in [second, second + 5, second + 9, second + 17, second + 60] {
        let mut flipped = file.clone();
        flipped[at] ^= 4;
        let log = ResponseLog::open(scratch.with(&flipped)).unwrap();
        assert_eq!((log.stats().records, log.stats().damaged), (5, 1), "{at}");
        assert_eq!(log.damage(), [DamagedFile::new("log", "record", second as u64, Damage::Checksum)]);
        let (backend, calls) = behind(&log);
        for (id, text) in FILMS {
            block_on(backend.complete(&request(id, text))).unwrap();
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1, "the lost one is asked again");
    }
    for at in 0..16 {
        let mut flipped = file.clone();
        flipped[at] ^= 4;
        let path = scratch.with(&flipped);
        assert!(matches!(ResponseLog::open(&path), Err(LogError::Damaged(_))), "{at}");
        assert_eq!(fs::read(&path).unwrap(), flipped, "it is left as it is");
    }
}

/// A log of version 1 of which the second record is damaged.
fn damaged_log() -> Vec<u8> {
    let mut file = fs::read(old("replies.log")).unwrap();
    let second = file.windows(4).enumerate().filter(|(_, four)| *four == b"\xffrpm").nth(1).unwrap().0;
    file[second + 60] ^= 4;
    file
}

#[test]
fn a_log_of_version_one_with_damage_is_kept_as_it_was_until_replies_are_purged() {
    let (file, scratch) = (damaged_log(), Scratch::new("kept"));
    let path = scratch.with(&file);
    let kept = scratch.0.join("replies.log.v1");
    fs::write(&kept, "of an earlier one").unwrap();
    let log = ResponseLog::open(&path).unwrap();
    assert_eq!((log.stats().records, log.stats().damaged), (5, 1));
    let at = log.damage()[0].at;
    assert_eq!(fs::read(&kept).unwrap(), file);
    assert!(file[usize::try_from(at).unwrap()..].starts_with(b"\xffrpm"), "the place is one in the old file");
    log.compact().unwrap();
    assert_eq!(log.purge::<&str>([]).unwrap(), 0);
    assert!(kept.exists());
    assert_eq!(log.purge(["nobody"]).unwrap(), 0);
    assert!(!kept.exists(), "whom its damaged record is about cannot be told");
    assert_eq!(log.stats().records, 5);
}

#[cfg(unix)]
#[test]
fn a_log_that_others_could_read_is_its_owners_alone_once_it_is_opened() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new("mode");
    let path = scratch.with(&damaged_log());
    let kept = scratch.0.join("replies.log.v1");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let log = ResponseLog::open(&path).unwrap();
    assert_eq!((mode(&path), mode(&kept)), (0o600, 0o600));
    log.purge(["a"]).unwrap();
    assert_eq!(mode(&path), 0o600);
    drop(log);
    // Also one that needs no writing anew, and what was kept beside it.
    for file in [&path, &kept] {
        if file.exists() {
            fs::set_permissions(file, fs::Permissions::from_mode(0o664)).unwrap();
        }
    }
    let _log = ResponseLog::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(!kept.exists() || mode(&kept) == 0o600);
}
