//! A process that is killed while it learns, over and over, pays for no reply twice but those that were under way.
#![cfg(feature = "response-log")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use common::{ScriptedBackend, scale_task};
use pollster::block_on;
use rpm_core::llm::ResponseLog;
use rpm_core::{BackendError, Completion, CompletionRequest, History, LlmBackend, RpmPipeline, async_trait};

const FOLDER: &str = "RPM_KILL_TEST_FOLDER";
const IN_FLIGHT: usize = 4;

fn history() -> History {
    let words = ["slow", "quiet", "loud", "chase", "baker", "harbour"];
    let texts: Vec<String> = (0..120)
        .map(|n| format!("Film {n}: {} and {}, number {}.", words[n % 6], words[(n / 6 + n) % 5], n * n))
        .collect();
    let ratings = ["5", "2", "4", "1", "3"];
    let interactions = texts.iter().enumerate().map(|(n, text)| {
        common::interaction(&format!("i{n:03}"), text, ratings[(n * 7 + n / 6) % 5], i64::try_from(n).unwrap())
    });
    History::new(&scale_task(), "ana", interactions).unwrap()
}

/// An obedient model that takes its time and writes a byte for each call, as a provider writes a bill.
struct Billed {
    model: Arc<ScriptedBackend>,
    bill: Mutex<File>,
    time: Duration,
}

impl Billed {
    fn new(folder: &Path, time: Duration) -> Self {
        let bill = OpenOptions::new().append(true).create(true).open(folder.join("bill")).unwrap();
        Self { model: ScriptedBackend::obedient(), bill: Mutex::new(bill), time }
    }
}

#[async_trait]
impl LlmBackend for Billed {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.bill.lock().unwrap().write_all(b".").unwrap();
        after(self.time).await;
        self.model.complete(request).await
    }
}

/// Waits without holding up the other calls of the same thread.
async fn after(time: Duration) {
    let state: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
    let seen = Arc::clone(&state);
    std::thread::spawn(move || {
        std::thread::sleep(time);
        let mut seen = seen.lock().unwrap();
        seen.0 = true;
        if let Some(waker) = seen.1.take() {
            waker.wake();
        }
    });
    std::future::poll_fn(|cx| {
        let mut state = state.lock().unwrap();
        state.1 = Some(cx.waker().clone());
        if state.0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn learn_in(folder: &Path, time: Duration) {
    let log = ResponseLog::open(folder.join("replies")).unwrap();
    let backend = log.wrap(Billed::new(folder, time)).in_flight(IN_FLIGHT);
    let pipeline = RpmPipeline::builder(scale_task()).backend(backend).build().unwrap();
    let learned = block_on(pipeline.learn(&history())).unwrap();
    fs::write(folder.join("unfinished"), learned.model.to_json()).unwrap();
    fs::rename(folder.join("unfinished"), folder.join("model")).unwrap();
}

/// The process that is killed: this same program, told by its environment where to work.
#[test]
#[ignore = "the other tests of this file start it as a process of its own"]
fn learns_where_it_is_told_to() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        learn_in(Path::new(&folder), Duration::from_millis(12));
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rpm-core-kill-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn billed(folder: &Path) -> u64 {
    fs::metadata(folder.join("bill")).map_or(0, |bill| bill.len())
}

/// Starts the process and kills it at a moment that `random` picks; true when it was done before.
fn start_and_kill(folder: &Path, most_calls: u64, random: &mut impl FnMut(u64) -> u64) -> bool {
    let before = billed(folder);
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "learns_where_it_is_told_to", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // One in four is killed soon after its start, the others after some more calls and a part of the next one.
    let calls = if random(4) == 0 { 0 } else { 1 + random(most_calls) };
    let start = Instant::now();
    while billed(folder) < before + calls && !folder.join("model").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not get on");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_micros(random(12_000)));
    process.kill().unwrap();
    process.wait().unwrap();
    folder.join("model").exists()
}

fn killed(name: &str, most_kills: u64, seed: u64) {
    let whole = folder(&format!("{name}-whole"));
    learn_in(&whole, Duration::ZERO);
    let distinct = billed(&whole);

    let folder = folder(name);
    let mut state = seed;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut kills = 0;
    while kills < most_kills && !start_and_kill(&folder, 120 / most_kills, &mut random) {
        kills += 1;
    }
    assert_eq!(kills, most_kills, "it was done before it was killed often enough to tell anything");
    learn_in(&folder, Duration::ZERO);
    let calls = billed(&folder);
    eprintln!(
        "{distinct} distinct requests, {kills} kills, {calls} calls: {} paid twice, at most {} allowed",
        calls - distinct,
        IN_FLIGHT as u64 * kills,
    );
    assert!(calls >= distinct && calls <= distinct + IN_FLIGHT as u64 * kills, "{calls} calls for {distinct}");
    assert!(fs::read(folder.join("model")).unwrap() == fs::read(whole.join("model")).unwrap());

    // Nothing is asked a third time, and the log holds each reply once.
    learn_in(&folder, Duration::ZERO);
    assert_eq!(billed(&folder), calls);
    let log = ResponseLog::open(folder.join("replies")).unwrap();
    assert_eq!((log.stats().records as u64, log.stats().damaged, log.stats().cut_bytes), (distinct, 0, 0));
    drop(log);
    for folder in [&folder, &whole] {
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn eight_kills_cost_no_more_than_what_was_under_way() {
    killed("eight", 8, 20_260_101);
}

#[test]
#[ignore = "the version with eight kills is enough for each change"]
fn fifty_kills_cost_no_more_than_what_was_under_way() {
    killed("fifty", 50, 7);
}
