//! The store in a file: conforms, keeps what it acknowledged, reports damage, and forgets for good.
#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{interaction, scale_task, told};
use pollster::block_on;
use rpm_core::store::{StoreError, UserModelStore, Version};
use rpm_core::testing::{durable_user_model_store_conformance, user_model_store_conformance};
use rpm_core::{History, RpmPipeline, UserId, UserModel};
use rpm_stores::{BlockingJob, RedbStore};

static FOLDERS: AtomicUsize = AtomicUsize::new(0);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let n = FOLDERS.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("rpm-core-store-{}-{n}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("users")
    }

    fn open(&self) -> RedbStore {
        RedbStore::open(self.file()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn model_with(user: &str, word: &str) -> UserModel {
    let rows = ["5", "2", "5", "1"].into_iter().zip(0..);
    let interactions = rows.map(|(rating, n)| {
        interaction(&format!("i{n}"), &format!("A {word} film about a {word} harbour, number {n}."), rating, n)
    });
    let history = History::new(&scale_task(), user, interactions).unwrap();
    block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap().model
}

fn holds(store: &RedbStore, model: &UserModel) -> bool {
    let found = block_on(store.load(model.user())).unwrap();
    found.is_some_and(|found| found.model.to_json() == model.to_json())
}

fn contains(path: &Path, text: &str) -> bool {
    fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every file in the folder.
fn anywhere(folder: &Folder, text: &str) -> bool {
    fs::read_dir(&folder.0).unwrap().any(|entry| contains(&entry.unwrap().path(), text))
}

#[test]
fn the_store_in_a_file_conforms() {
    let mut folders = Vec::new();
    let make = || {
        folders.push(Folder::new());
        folders.last().unwrap().open()
    };
    assert_eq!(block_on(user_model_store_conformance(make)).unwrap(), 529);
    let folder = Folder::new();
    assert_eq!(block_on(durable_user_model_store_conformance(|| folder.open())).unwrap(), 9);
}

#[test]
fn a_store_whose_blocking_work_is_done_elsewhere_conforms() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut folders = Vec::new();
    let jobs = Arc::new(AtomicUsize::new(0));
    let handle = runtime.handle().clone();
    let make = || {
        folders.push(Folder::new());
        let (jobs, handle) = (Arc::clone(&jobs), handle.clone());
        folders.last().unwrap().open().blocking_on(move |job| {
            jobs.fetch_add(1, Ordering::SeqCst);
            handle.spawn_blocking(job);
        })
    };
    let passed = runtime.block_on(user_model_store_conformance(make)).unwrap();
    assert!(passed >= 529, "{passed}");
    assert!(jobs.load(Ordering::SeqCst) > 529);
}

#[test]
fn the_version_is_the_one_that_load_gives_and_no_model_is_read_for_it() {
    let folder = Folder::new();
    let (store, model) = (folder.open(), model_with("ana", "quiet"));
    let loaded = |store: &RedbStore| block_on(store.load(model.user())).unwrap().map(|found| found.version);
    let version = |store: &RedbStore| block_on(store.version(model.user())).unwrap();
    assert_eq!((version(&store), loaded(&store)), (None, None));
    let reserved = block_on(store.reserve(model.user())).unwrap();
    assert_eq!((version(&store), loaded(&store)), (None, None), "a reserved place holds no model");
    let first = block_on(store.save(&model, Some(reserved))).unwrap();
    assert_eq!((version(&store), loaded(&store)), (Some(first), Some(first)));
    let second = block_on(store.save(&model, Some(first))).unwrap();
    assert_eq!((version(&store), loaded(&store)), (Some(second), Some(second)));
    assert_ne!(first, second);
    drop(store);
    tamper(&folder, |write| {
        write.open_table(MODELS).unwrap().insert("ana", &b"no model"[..]).unwrap();
    });
    let store = folder.open();
    assert_eq!(version(&store), Some(second));
    assert!(block_on(store.load(model.user())).is_err());
    assert!(block_on(store.delete(model.user())).unwrap());
    assert_eq!((version(&store), loaded(&store)), (None, None));
}

#[test]
fn a_job_that_is_never_run_is_an_error_and_no_call_that_hangs() {
    let folder = Folder::new();
    let store = folder.open().blocking_on(|job: BlockingJob| drop(job));
    let error = block_on(store.load(&UserId::new("ana").unwrap())).unwrap_err();
    assert!(matches!(error, StoreError::Transient { .. }) && error.is_transient());
}

#[test]
fn one_opening_at_a_time() {
    let folder = Folder::new();
    let store = folder.open();
    let error = RedbStore::open(folder.file()).unwrap_err();
    assert!(matches!(error, StoreError::InUse) && error.is_transient());
    // A clone shares it, and holds it.
    let clone = store.clone();
    drop(store);
    assert!(matches!(RedbStore::open(folder.file()), Err(StoreError::InUse)));
    block_on(clone.compact()).unwrap();
    assert!(matches!(RedbStore::open(folder.file()), Err(StoreError::InUse)), "the new file is locked too");
    drop(clone);
    folder.open();
}

#[test]
fn what_is_no_store_is_left_as_it_is() {
    for bytes in [&b"a file of the host's"[..], &vec![0xff; 100_000][..], &vec![0; 5000][..]] {
        let folder = Folder::new();
        fs::write(folder.file(), bytes).unwrap();
        let error = RedbStore::open(folder.file()).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore | StoreError::Damaged { .. }), "{error:?}");
        assert_eq!(fs::read(folder.file()).unwrap(), bytes);
    }
    // Another program's database.
    let folder = Folder::new();
    let table: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("theirs");
    let database = redb::Database::create(folder.file()).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(table).unwrap().insert(1, 2).unwrap();
    write.commit().unwrap();
    drop(database);
    assert!(matches!(RedbStore::open(folder.file()), Err(StoreError::NotAStore)));
}

#[test]
fn a_store_of_a_later_format_is_refused() {
    let folder = Folder::new();
    drop(folder.open());
    let database = redb::Database::open(folder.file()).unwrap();
    let write = database.begin_write().unwrap();
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    write.open_table(meta).unwrap().insert("format", 2).unwrap();
    write.commit().unwrap();
    drop(database);
    assert!(matches!(RedbStore::open(folder.file()), Err(StoreError::FutureVersion { found: 2, known: 1 })));
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let store = folder.open();
    block_on(store.compact()).unwrap();
    for entry in fs::read_dir(&folder.0).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_could_read_is_its_owners_alone_once_it_is_opened() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    drop(folder.open());
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let _store = folder.open();
    assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Writes to the tables as no store would.
fn tamper(folder: &Folder, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(folder.file()).unwrap();
    let write = database.begin_write().unwrap();
    change(&write);
    write.commit().unwrap();
}

const MODELS: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("models");
const VERSIONS: redb::TableDefinition<'_, &str, (u64, u64, bool)> = redb::TableDefinition::new("versions");

#[test]
fn every_flipped_bit_of_a_value_is_told_with_the_user_and_without_the_text() {
    use redb::ReadableDatabase as _;
    let folder = Folder::new();
    let model = model_with("ana", "seafaring");
    block_on(folder.open().save(&model, None)).unwrap();
    let database = redb::Database::open(folder.file()).unwrap();
    let read = database.begin_read().unwrap();
    let whole = read.open_table(MODELS).unwrap().get("ana").unwrap().unwrap().value().to_vec();
    drop((read, database));
    let step = whole.len() / 40 + 1;
    let flips = (0..whole.len()).step_by(step).map(|at| {
        let mut value = whole.clone();
        value[at] ^= 1 << (at % 8);
        value
    });
    let cuts = [0, 3, 4, whole.len() / 2, whole.len() - 1].map(|len| whole[..len].to_vec());
    let longer = [[&whole[..], b" "].concat()];
    for value in flips.chain(cuts).chain(longer) {
        tamper(&folder, |write| {
            write.open_table(MODELS).unwrap().insert("ana", &value[..]).unwrap();
        });
        let store = folder.open();
        let error = block_on(store.load(model.user())).unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt { user, .. } if user.as_str() == "ana"), "{error:?}");
        assert!(!told(&error).contains("seafaring"));
        // The others go on, and the user can be deleted and learned again.
        block_on(store.reserve(model.user())).unwrap();
    }
    let store = folder.open();
    assert!(block_on(store.delete(model.user())).unwrap());
    block_on(store.save(&model, None)).unwrap();
    assert!(holds(&store, &model));
}

#[test]
fn values_that_were_exchanged_or_lost_are_told() {
    let folder = Folder::new();
    let (ana, ben) = (model_with("ana", "quiet"), model_with("ben", "loud"));
    let store = folder.open();
    block_on(store.save(&ana, None)).unwrap();
    let version = block_on(store.save(&ben, None)).unwrap();
    drop(store);
    tamper(&folder, |write| {
        let mut models = write.open_table(MODELS).unwrap();
        let bens = models.remove("ben").unwrap().unwrap().value().to_vec();
        models.insert("ana", &bens[..]).unwrap();
    });
    let store = folder.open();
    for user in ["ana", "ben"] {
        let user = UserId::new(user).unwrap();
        let error = block_on(store.load(&user)).unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt { user: told, .. } if *told == user), "{error:?}");
    }
    block_on(store.save(&ben, Some(version))).unwrap();
    drop(store);
    tamper(&folder, |write| {
        write.open_table(VERSIONS).unwrap().insert("ben", (1, 2, true)).unwrap();
    });
    assert!(matches!(block_on(folder.open().load(ben.user())), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_file_that_was_damaged_while_it_was_closed_is_told_or_read_right() {
    let folder = Folder::new();
    let models: Vec<UserModel> = (0..6).map(|n| model_with(&format!("user {n}"), "quiet")).collect();
    let store = folder.open();
    for model in &models {
        block_on(store.save(model, None)).unwrap();
    }
    drop(store);
    let whole = fs::read(folder.file()).unwrap();
    let (mut state, mut refused, mut told) = (7_u64, [0; 2], [0; 2]);
    let ways: [fn(PathBuf) -> Result<RedbStore, StoreError>; 2] =
        [|path| RedbStore::open(path), |path| RedbStore::open_unchecked(path)];
    for n in 0..100 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut bytes = whole.clone();
        let at = usize::try_from(state >> 33).unwrap() % if n % 2 == 0 { bytes.len() } else { 4096 };
        bytes[at] ^= 1 << (state % 8);
        for (way, open) in ways.into_iter().enumerate() {
            fs::write(folder.file(), &bytes).unwrap();
            let Ok(store) = open(folder.file()) else {
                refused[way] += 1;
                continue;
            };
            for model in &models {
                match block_on(store.load(model.user())) {
                    Ok(Some(found)) => assert!(found.model.to_json() == model.to_json()),
                    // Without a check a user may be missing.
                    Ok(None) => assert_eq!(way, 1, "a flipped bit at {at}"),
                    Err(_) => told[way] += 1,
                }
            }
        }
    }
    eprintln!(
        "100 flipped bits: {refused:?} files refused, checked and not, {told:?} models told, the rest read right"
    );
    assert!(refused[0] > refused[1] && told[1] > 0);
}

#[test]
fn what_was_deleted_or_overwritten_is_nowhere_after_compacting() {
    let folder = Folder::new();
    let store = folder.open();
    let (kept, gone) = (model_with("kept", "quiet"), model_with("gone-user-id", "zanzibarian"));
    let mut version = block_on(store.save(&kept, None)).unwrap();
    // Some more, so that their room is not all used again by the next saves.
    let others: Vec<UserModel> = (0..20).map(|n| model_with(&format!("gone-user-id {n}"), "zanzibarian")).collect();
    for gone in others.iter().chain([&gone]) {
        block_on(store.save(gone, None)).unwrap();
    }
    let mut before: Option<Version> = None;
    let changing = UserId::new("changing").unwrap();
    for word in ["wordofthefirst", "wordofthesecond", "wordofthethird"] {
        before = Some(block_on(store.save(&model_with("changing", word), before)).unwrap());
    }
    assert!(anywhere(&folder, "wordofthefirst") || anywhere(&folder, "wordofthesecond"), "else this shows nothing");
    for gone in others.iter().chain([&gone]) {
        assert!(block_on(store.delete(gone.user())).unwrap());
    }
    assert!(anywhere(&folder, "zanzibarian"), "else this shows nothing");

    let sizes = block_on(store.compact()).unwrap();
    assert!(sizes.after <= sizes.before, "{sizes:?}");
    for text in ["zanzibarian", "gone-user-id", "wordofthefirst", "wordofthesecond"] {
        assert!(!anywhere(&folder, text), "{text}");
    }
    assert!(anywhere(&folder, "wordofthethird"));
    assert!(holds(&store, &kept) && holds(&store, &model_with("changing", "wordofthethird")));
    // Versions go on, and late writers stay late.
    assert!(matches!(block_on(store.save(&gone, before)), Err(StoreError::Conflict)));
    let next = block_on(store.save(&kept, Some(version))).unwrap();
    assert!(before.is_some_and(|before| next.number() > before.number()));
    version = next;
    assert_eq!(block_on(store.reserve(&changing)).unwrap(), before.unwrap());
    drop(store);
    let store = folder.open();
    assert_eq!(block_on(store.load(kept.user())).unwrap().unwrap().version, version);
    block_on(store.delete(kept.user())).unwrap();
    block_on(store.delete(&changing)).unwrap();
    block_on(store.compact()).unwrap();
    for text in ["quiet", "wordofthethird", "kept", "changing"] {
        assert!(!anywhere(&folder, text), "{text}");
    }
}

#[test]
fn what_a_rewrite_that_was_cut_off_left_is_removed() {
    let folder = Folder::new();
    drop(folder.open());
    fs::write(folder.0.join("users.tmp"), "half of what was to be erased").unwrap();
    let store = folder.open();
    assert!(!folder.0.join("users.tmp").exists());
    drop(store);
}

#[test]
fn nothing_is_lost_that_is_saved_while_the_file_is_written_anew() {
    let folder = Folder::new();
    let store = folder.open();
    let model = model_with("ana", "quiet");
    let (id, path) = common::a_path(&model);
    let last = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut model = model.clone();
            let mut version = block_on(store.save(&model, None)).unwrap();
            for _ in 0..40 {
                model.adopt_paths([(id.clone(), path.clone())]).unwrap();
                version = block_on(store.save(&model, Some(version))).unwrap();
                assert!(holds(&store, &model));
            }
            model
        });
        for _ in 0..10 {
            block_on(store.compact()).unwrap();
        }
        writer.join().unwrap()
    });
    assert!(holds(&store, &last));
    drop(store);
    assert!(holds(&folder.open(), &last));
}
