//! After forgetting and deleting, nothing of it is in any byte on the disk: log, store, temporary and lock files.
#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{interaction, obey, query, reply, scale_task};
use pollster::block_on;
use rpm_core::llm::{ResponseLog, Role, Stage};
use rpm_core::model::{PlaceKind, PlaceState};
use rpm_core::pipeline::PathPolicy;
use rpm_core::store::UserModelStore;
use rpm_core::{
    BackendError, Completion, CompletionRequest, Forget, History, ItemId, LlmBackend, RpmPipeline, StoredPipeline,
    UserId, async_trait,
};
use rpm_stores::RedbStore;
use serde_json::{Value, json};

/// The beginning of every word that is to be found nowhere.
const CANARY: &str = "zqx";

static FOLDERS: AtomicUsize = AtomicUsize::new(0);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let n = FOLDERS.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("rpm-core-canaries-{}-{n}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A model that takes a while, finds the canaries of a text, and speaks in each path and answer of the canaries of all interactions that
/// the request is about.
#[derive(Clone, Default)]
struct Gossip {
    paths: Arc<AtomicUsize>,
    /// The users whose paths and answers wait, each with how many paths do.
    held: Arc<Mutex<BTreeMap<usize, usize>>>,
    /// The paths that waited while their user forgot.
    in_flight: Arc<AtomicUsize>,
}

impl Gossip {
    fn hold(&self, task: usize) {
        self.held.lock().unwrap().insert(task, 0);
    }

    fn waiting(&self, task: usize) -> usize {
        self.held.lock().unwrap().get(&task).copied().unwrap_or_default()
    }

    fn let_go(&self, task: usize) {
        let waited = self.held.lock().unwrap().remove(&task).unwrap();
        self.in_flight.fetch_add(waited, Ordering::SeqCst);
    }

    async fn wait(&self, request: &CompletionRequest) {
        let Some(task) = request.about.iter().find_map(|id| task_of(id)) else { return };
        if let Some(waiting) = self.held.lock().unwrap().get_mut(&task) {
            *waiting += usize::from(request.stage == Stage::WritePath);
        }
        while self.held.lock().unwrap().contains_key(&task) {
            rest().await;
        }
    }
}

/// The task that an interaction is of.
fn task_of(id: &str) -> Option<usize> {
    id.strip_prefix('t')?.split_once('i')?.0.parse().ok()
}

fn canaries(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| word.starts_with(CANARY)).map(str::to_owned).collect()
}

#[async_trait]
impl LlmBackend for Gossip {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        // Elsewhere others get on meanwhile.
        std::thread::sleep(Duration::from_micros(300));
        rest().await;
        let mut said: Value = serde_json::from_str(&obey(request)).unwrap_or(Value::Null);
        let asked = request.messages.iter().find(|message| message.role == Role::User).unwrap();
        match request.stage {
            Stage::Extract => {
                for (id, text) in common::blocks(&asked.content) {
                    let found = canaries(&text.to_lowercase());
                    let items = said["items"].as_array_mut().unwrap();
                    let item = items.iter_mut().find(|item| item["about"] == json!(id)).unwrap();
                    let features = item["features"].as_array_mut().unwrap();
                    features.extend(found.into_iter().map(|word| json!({ "name": word, "quote": word })));
                }
            }
            Stage::WritePath | Stage::Answer if said["reasons"][0]["why"].is_string() => {
                self.wait(request).await;
                let own: Vec<String> = request.about.iter().filter_map(|id| canary_of(id)).collect();
                self.paths.fetch_add(usize::from(request.stage == Stage::WritePath), Ordering::SeqCst);
                said["reasons"][0]["why"] = json!(format!("It is like {} and others.", own.join(" and ")));
            }
            _ => {}
        }
        Ok(reply(&said.to_string()))
    }
}

/// Gives the other tasks of this thread their turn.
async fn rest() {
    let mut turns = 3;
    std::future::poll_fn(|cx| {
        turns -= 1;
        cx.waker().wake_by_ref();
        if turns == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

fn user(task: usize) -> UserId {
    UserId::new(format!("user{task}")).unwrap()
}

/// The canaries of a task: two in an interaction each, which are forgotten, and one in what goes with the user.
fn words(task: usize) -> [String; 3] {
    ["one", "two", "all"].map(|which| format!("{CANARY}{which}{task}end"))
}

fn history(task: usize) -> History {
    let [one, two, all] = words(task);
    let texts = [
        (format!("A slow, quiet drama of {one} by the harbour."), "5"),
        (format!("A loud chase through city {task}."), "2"),
        (format!("A quiet, slow film about {two} and a baker."), "4"),
        (format!("A slow, quiet {all} at the harbour, and no more."), "5"),
        (format!("A quiet film about slow town {task} and its baker."), "4"),
        (format!("A loud chase with baker {task}."), "1"),
        // So that the others' factors are the same without what is forgotten, and their paths fit.
        (format!("A slow, quiet walk by harbour {task}."), "5"),
        (format!("A quiet, slow evening by harbour {task}."), "4"),
        (format!("A slow morning by quiet harbour {task}."), "5"),
        (format!("A quiet night by slow harbour {task}."), "4"),
    ];
    // No two users have an id or a text in common: they share a log, and equal requests a reply.
    let items = texts.iter().zip(0..).map(|((text, rating), n)| interaction(&id(task, n), text, rating, n));
    History::new(&scale_task(), user(task).as_str(), items).unwrap()
}

fn id(task: usize, n: i64) -> String {
    format!("t{task}i{n}")
}

/// The canary of an interaction, by its id.
fn canary_of(id: &str) -> Option<String> {
    let (task, n) = id.strip_prefix('t')?.split_once('i')?;
    let [one, two, all] = words(task.parse().ok()?);
    match n {
        "0" => Some(one),
        "2" => Some(two),
        "3" => Some(all),
        _ => None,
    }
}

fn item(task: usize, n: i64) -> ItemId {
    ItemId::new(id(task, n)).unwrap()
}

/// Answers, while another does what it is told to.
async fn answering(pipeline: &StoredPipeline, task: usize, answers: usize) {
    for n in 0..answers {
        let asked = query(&format!("A slow, quiet film by the harbour, number {n} for {task}."));
        let _ = pipeline.personalize(&user(task), &asked).await;
    }
}

/// Forgets, and deletes, each time while an answer of the user is under way, whose paths or reply come only afterwards.
async fn forgetting(pipeline: &StoredPipeline, gossip: &Gossip, task: usize, delete: bool) {
    let owner = user(task);
    for step in 0..if delete { 3 } else { 2 } {
        gossip.hold(task);
        // Of which there is no path yet.
        let film = format!("A quiet, slow film by the harbour, step {step} of {task}.");
        let new = interaction(&id(task, 10 + step), &film, "5", 10 + step);
        assert_eq!(pipeline.observe(&owner, [new]).await.unwrap().taken_in(), 1);
        let asked = query(&film);
        let mut answer = Box::pin(pipeline.personalize(&owner, &asked));
        std::future::poll_fn(|cx| {
            assert!(answer.as_mut().poll(cx).is_pending(), "it waits");
            if gossip.waiting(task) > 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        if step == 2 {
            assert!(pipeline.delete(&owner).await.unwrap());
        } else {
            let gone = item(task, 2 * step);
            let receipt = pipeline.forget(&owner, &Forget::Items(vec![gone])).await.unwrap();
            assert!(receipt.probe.bears_out(), "{receipt}");
            let store = receipt.probe.places.iter().find(|place| place.kind == PlaceKind::Store).unwrap();
            assert!(matches!(store.state, PlaceState::Erased { .. }), "{receipt}");
        }
        gossip.let_go(task);
        answer.await.unwrap();
    }
}

/// All bytes of all files in a folder, by name.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// How often one of these stands in these files, in whatever case.
fn found(files: &[(PathBuf, Vec<u8>)], words: &[String]) -> usize {
    let words: BTreeSet<&[u8]> = words.iter().map(String::as_bytes).collect();
    let in_file = |bytes: &[u8]| {
        let lower = bytes.to_ascii_lowercase();
        let starts = lower.windows(CANARY.len()).enumerate().filter(|(_, start)| *start == CANARY.as_bytes());
        let longest = words.iter().map(|word| word.len()).max().unwrap_or_default();
        let is_one =
            |at: usize| (1..=longest).any(|len| lower.get(at..at + len).is_some_and(|word| words.contains(word)));
        starts.filter(|(at, _)| is_one(*at)).count()
    };
    files.iter().map(|(_, bytes)| in_file(bytes)).sum()
}

fn scan(tasks: usize, threads: bool) {
    let folder = Folder::new();
    scan_in(tasks, threads, &folder, &folder);
}

/// The files are in `folder`, and are opened by their names in `opened`.
fn scan_in(tasks: usize, threads: bool, folder: &Folder, opened: &Folder) {
    let log = ResponseLog::open(opened.0.join("log")).unwrap();
    let store = RedbStore::open(opened.0.join("users")).unwrap();
    let gossip = Gossip::default();
    let built = RpmPipeline::builder(scale_task()).backend(log.wrap(gossip.clone())).forgets_in(&log);
    let built = built.paths(PathPolicy::OnFirstUse).exemplars(20).build().unwrap();
    let pipeline = built.with_store(store.clone());
    let all: Vec<String> = (0..tasks).flat_map(words).collect();
    for task in 0..tasks {
        block_on(pipeline.learn(&history(task))).unwrap();
    }
    let planted = found(&everything(&folder.0), &all);
    assert!(planted >= 2 * all.len(), "in the log and in the store: {planted}");

    // Each user's answers are under way while the user forgets; every other one is deleted besides.
    let of = |task: usize| {
        let (pipeline, gossip) = (&pipeline, &gossip);
        async move {
            let all = (
                answering(pipeline, task, 4),
                answering(pipeline, task, 4),
                forgetting(pipeline, gossip, task, task.is_multiple_of(2)),
            );
            Box::pin(futures_join(all.0, all.1, all.2)).await;
        }
    };
    if threads {
        std::thread::scope(|scope| (0..tasks).for_each(|task| drop(scope.spawn(move || block_on(of(task))))));
    } else {
        block_on(join_all((0..tasks).map(of).collect()));
    }
    assert!(gossip.paths.load(Ordering::SeqCst) >= tasks, "paths were written");
    assert!(gossip.in_flight.load(Ordering::SeqCst) >= 2 * tasks, "and were in flight");

    let gone: Vec<String> = (0..tasks)
        .flat_map(|task| {
            let [one, two, all] = words(task);
            if task.is_multiple_of(2) { vec![one, two, all] } else { vec![one, two] }
        })
        .collect();
    let files = everything(&folder.0);
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let names: Vec<String> = files.iter().map(|(path, _)| path.file_name().unwrap().to_string_lossy().into()).collect();
    eprintln!(
        "{tasks} tasks, threads {threads}: {planted} planted, {} of {} words to be gone, {bytes} bytes of {names:?}, {} paths \
         written, {} paths in flight, {} replies overtaken",
        found(&files, &gone),
        gone.len(),
        gossip.paths.load(Ordering::SeqCst),
        gossip.in_flight.load(Ordering::SeqCst),
        log.stats().overtaken,
    );
    assert!(bytes > 10_000 && names.contains(&"log".to_owned()) && names.contains(&"users".to_owned()));
    assert!(log.stats().records > 0 || tasks == 1, "what stays is there");
    for (path, bytes) in &files {
        let one = [(path.clone(), bytes.clone())];
        let left: Vec<&String> = gone.iter().filter(|word| found(&one, std::slice::from_ref(word)) > 0).collect();
        assert!(left.is_empty(), "{} of {} in {}: {left:?}", left.len(), gone.len(), path.display());
    }
    // What nobody took back is there.
    for task in (0..tasks).filter(|task| !task.is_multiple_of(2)) {
        let kept = block_on(store.load(&user(task))).unwrap().unwrap().model;
        assert!(kept.memory().len() == 10 && found(&files, &words(task)[2..]) > 0);
    }
}

async fn futures_join(a: impl Future<Output = ()>, b: impl Future<Output = ()>, c: impl Future<Output = ()>) {
    let mut all: [std::pin::Pin<Box<dyn Future<Output = ()> + '_>>; 3] = [Box::pin(a), Box::pin(b), Box::pin(c)];
    let mut over = [false; 3];
    std::future::poll_fn(move |cx| {
        for (future, over) in all.iter_mut().zip(&mut over) {
            *over = *over || future.as_mut().poll(cx).is_ready();
        }
        if over.iter().all(|over| *over) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

async fn join_all<F: Future<Output = ()>>(futures: Vec<F>) {
    let mut all: Vec<Option<std::pin::Pin<Box<F>>>> =
        futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    std::future::poll_fn(move |cx| {
        for slot in &mut all {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(cx).is_ready()) {
                *slot = None;
            }
        }
        if all.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[test]
fn no_canary_is_left_of_one_user() {
    scan(1, false);
}

#[test]
fn no_canary_is_left_of_eight_users_at_once() {
    scan(8, false);
    scan(8, true);
}

#[cfg(unix)]
#[test]
fn no_canary_is_left_where_log_and_store_are_opened_through_links() {
    let (folder, links) = (Folder::new(), Folder::new());
    for name in ["log", "users"] {
        fs::write(folder.0.join(name), "").unwrap();
        std::os::unix::fs::symlink(folder.0.join(name), links.0.join(name)).unwrap();
    }
    scan_in(8, true, &folder, &links);
    let beside = fs::read_dir(&links.0).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = beside.filter(|path| !path.is_symlink()).collect();
    assert!(files.is_empty(), "nothing is written beside the links: {files:?}");
}

#[test]
fn no_canary_is_left_of_thirty_two_users_at_once() {
    scan(32, false);
    scan(32, true);
}

#[test]
fn a_process_that_ends_between_forgetting_and_erasing_erases_when_it_opens_again() {
    let folder = Folder::new();
    let path = folder.0.join("users");
    let store = RedbStore::open(&path).unwrap();
    let offline = RpmPipeline::offline(scale_task());
    let stored = offline.clone().with_store(store.clone());
    block_on(stored.learn(&history(0))).unwrap();
    // As a pipeline does it, up to the end of the process.
    let held = block_on(store.load(&user(0))).unwrap().unwrap();
    let mut open = block_on(offline.open(held.model.clone())).unwrap();
    block_on(offline.forget(&mut open, &Forget::Items(vec![item(0, 0)]))).unwrap();
    block_on(store.save_forgetting(open.model(), Some(held.version))).unwrap();
    let one = &words(0)[..1];
    assert!(found(&everything(&folder.0), one) > 0, "it is in a page that nothing leads to");
    drop((stored, store));
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(found(&everything(&folder.0), one), 0);
    // So for a deletion.
    let all = &words(0)[2..];
    assert!(found(&everything(&folder.0), all) > 0);
    assert!(block_on(store.delete(&user(0))).unwrap());
    assert!(found(&everything(&folder.0), all) > 0);
    drop(store);
    let _store = RedbStore::open(&path).unwrap();
    assert_eq!(found(&everything(&folder.0), all), 0);
}

#[test]
fn a_store_that_erases_when_told_is_named_in_the_receipt_with_what_to_call() {
    let folder = Folder::new();
    let store = RedbStore::open(folder.0.join("users")).unwrap().erasing_when_told();
    let stored = RpmPipeline::offline(scale_task()).with_store(store.clone());
    block_on(stored.learn(&history(0))).unwrap();
    let receipt = block_on(stored.forget(&user(0), &Forget::Items(vec![item(0, 0)]))).unwrap();
    assert!(!receipt.probe.bears_out(), "{receipt}");
    assert!(receipt.to_string().contains("call `RedbStore::compact`"), "{receipt}");
    assert!(found(&everything(&folder.0), &words(0)[..1]) > 0, "else this shows nothing");
    block_on(store.compact()).unwrap();
    assert_eq!(found(&everything(&folder.0), &words(0)[..1]), 0);
}

/// What it costs one user to forget, by the users that the store has.
#[test]
#[ignore = "it writes ten thousand models, one by one"]
fn what_erasing_costs_by_the_users_of_a_store() {
    for users in [100, 1_000, 10_000] {
        let folder = Folder::new();
        let store = RedbStore::open_unchecked(folder.0.join("users")).unwrap();
        let texts: Vec<_> = (0..60)
            .map(|n| interaction(&format!("i{n}"), &format!("A slow film {n} by the harbour."), "5", n))
            .collect();
        let of = |n: usize| History::new(&scale_task(), user(n).as_str(), texts.clone()).unwrap();
        let pipeline = RpmPipeline::offline(scale_task());
        let first = block_on(pipeline.learn(&of(0))).unwrap().model;
        let json = first.to_json().replacen("\"user0\"", "\"USER\"", 1);
        for n in 0..users {
            let model = rpm_core::UserModel::from_json(&json.replacen("USER", user(n).as_str(), 1)).unwrap();
            block_on(store.save(&model, None)).unwrap();
        }
        let stored = pipeline.with_store(store.clone());
        let mut times = Vec::new();
        for n in 0..5 {
            let start = std::time::Instant::now();
            let receipt = block_on(stored.forget(&user(n), &Forget::Items(vec![ItemId::new("i7").unwrap()]))).unwrap();
            let whole = start.elapsed();
            assert!(receipt.probe.bears_out(), "{receipt}");
            let later = stored.store();
            let start = std::time::Instant::now();
            assert!(block_on(later.erase()).unwrap().is_erased());
            times.push((whole, start.elapsed()));
        }
        times.sort();
        let bytes = fs::metadata(folder.0.join("users")).unwrap().len();
        eprintln!(
            "{users} users, {bytes} bytes: forgetting {:?}, erasing once more {:?} (median of 5)",
            times[2].0, times[2].1
        );
        let start = std::time::Instant::now();
        block_on(store.compact()).unwrap();
        eprintln!("  of which writing anew {:?}", start.elapsed());
        // Those who forget at once share it.
        let start = std::time::Instant::now();
        std::thread::scope(|scope| {
            for n in 10..26 {
                let stored = &stored;
                scope.spawn(move || {
                    block_on(stored.forget(&user(n), &Forget::Items(vec![ItemId::new("i7").unwrap()]))).unwrap()
                });
            }
        });
        eprintln!("  sixteen at once {:?}", start.elapsed());
    }
}
