//! The runner: whole, broken off and resumed, replayed, and held to its budget.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::films::{dataset, methods};
use proptest::prelude::*;
use rpm_core::llm::{BudgetLimit, ReplyCacheLimits, ResponseLog, Usage, UsageReport};
use rpm_core::{BackendError, Budget, Completion, CompletionRequest, LlmBackend, async_trait};
use rpm_eval::dataset::Dataset;
use rpm_eval::run::{Run, Runner};
use rpm_eval::{EvalError, Record};

/// Rates by the length of what it is shown; fails for texts with a certain word, if one is given.
#[derive(Clone, Default)]
struct Rater {
    asked: Arc<AtomicUsize>,
    fails_at: Option<&'static str>,
}

#[async_trait]
impl LlmBackend for Rater {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let shown: String = request.messages.iter().map(|message| message.content.as_str()).collect();
        if self.fails_at.is_some_and(|word| request.messages[1].content.contains(word)) {
            return Err(BackendError::transient("overloaded"));
        }
        let mut completion = Completion::new(format!("{{\"response\":\"{}\"}}", 1 + shown.len() % 5));
        completion.usage = Some(Usage { input_tokens: shown.len() as u64 / 4, output_tokens: 8, cached_tokens: 0 });
        Ok(completion)
    }

    fn name(&self) -> &'static str {
        "rater"
    }
}

fn run(runner: &Runner, sets: &[Dataset], names: &str) -> Result<Run, EvalError> {
    pollster::block_on(runner.run(sets, &methods(names)))
}

/// Records as they would be in another run: without what a clock measured and what was paid just then.
fn timeless(records: &[Record]) -> Vec<Record> {
    let mut records = records.to_vec();
    for record in &mut records {
        match record {
            Record::Learned(it) => {
                it.milliseconds = 0.0;
                it.usage = UsageReport::default();
            }
            Record::Answered(it) => {
                it.milliseconds = 0.0;
                it.usage = UsageReport::default();
            }
            _ => panic!("a new kind of record"),
        }
    }
    records
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rpm-core-eval-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const NAMES: &str = "zero-shot,rag-bm25,offline";

#[test]
fn records_do_not_depend_on_how_many_jobs_run_at_once() {
    let sets = [dataset("films", 5), dataset("more", 3)];
    let one = run(&Runner::new().backend(Rater::default()), &sets, NAMES).unwrap();
    let many = run(&Runner::new().backend(Rater::default()).at_once(7), &sets, NAMES).unwrap();
    assert_eq!(timeless(&one.records), timeless(&many.records));
    assert_eq!(one.records.len(), (5 + 3) * 3 * 4);
    assert_eq!(one.manifest, many.manifest);
    assert_eq!(one.stopped, None);
    let Record::Answered(first) = &one.records[1] else { panic!("learned comes first") };
    assert_eq!((first.set.as_str(), first.user.as_str(), first.item.as_str()), ("films", "user 1", "t0"));
    assert_eq!((first.need.requests, first.requests.len()), (1, 64));
    assert!(first.need.input_tokens > 20);
}

#[test]
fn a_replay_asks_nothing_and_gives_the_same_records() {
    let scratch = Scratch::new("replay");
    let log = || ResponseLog::open(scratch.0.join("replies")).unwrap();
    std::fs::create_dir_all(&scratch.0).unwrap();
    let sets = [dataset("films", 4)];
    let (paid, replayed) = (Rater::default(), Rater::default());
    let first = run(&Runner::new().backend(paid.clone()).log(log()), &sets, NAMES).unwrap();
    assert_eq!(paid.asked.load(Ordering::SeqCst), 4 * 3 * 2);
    let again = run(&Runner::new().backend(replayed.clone()).log(log()).replay_only(), &sets, NAMES).unwrap();
    assert_eq!(replayed.asked.load(Ordering::SeqCst), 0);
    assert_eq!(timeless(&first.records), timeless(&again.records));
    let other = run(&Runner::new().backend(replayed).log(log()).replay_only(), &sets, "rag-bm25:k=1").unwrap();
    assert!(
        other.records.iter().any(|record| matches!(record, Record::Answered(it) if it.error.is_some() && it.passing))
    );
}

#[test]
fn what_a_broken_off_run_left_is_not_done_again_and_the_result_is_the_same() {
    let scratch = Scratch::new("resume");
    let sets = [dataset("films", 4)];
    let whole = run(&Runner::new().backend(Rater::default()), &sets, NAMES).unwrap();
    // A run for some methods only is as one that was broken off after them.
    let runner = || Runner::new().backend(Rater::default()).resume(&scratch.0);
    run(&runner(), &sets, "zero-shot").unwrap();
    let rest = run(&runner(), &sets, NAMES).unwrap();
    assert_eq!(rest.resumed, 4);
    assert_eq!(timeless(&rest.records), timeless(&whole.records));
    let read = std::fs::read_to_string(scratch.0.join("records.jsonl")).unwrap();
    let kept: Vec<Record> = read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(timeless(&kept), timeless(&whole.records));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn records_torn_at_any_byte_are_completed(share in 0..1_000_usize) {
        let scratch = Scratch::new(&format!("torn-{share}"));
        let sets = [dataset("films", 3)];
        let names = "zero-shot,offline";
        let runner = || Runner::new().backend(Rater::default()).resume(&scratch.0);
        let whole = run(&runner(), &sets, names).unwrap();
        let path = scratch.0.join("records.jsonl");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() * share / 1_000]).unwrap();
        let again = run(&runner(), &sets, names).unwrap();
        prop_assert!(again.resumed < 6);
        prop_assert_eq!(timeless(&again.records), timeless(&whole.records));
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        prop_assert_eq!(lines, whole.records.len());
    }
}

#[test]
fn errors_that_may_pass_are_recorded_and_tried_again() {
    let scratch = Scratch::new("passing");
    let sets = [dataset("films", 3)];
    let failing = Rater { fails_at: Some("lighthouse"), ..Rater::default() };
    let first = run(&Runner::new().backend(failing).folder(&scratch.0), &sets, "zero-shot").unwrap();
    let failed =
        |run: &Run| run.records.iter().filter(|it| matches!(it, Record::Answered(it) if it.error.is_some())).count();
    assert_eq!(failed(&first), 1);
    let error = first.records.iter().find_map(|record| match record {
        Record::Answered(it) => it.error.clone(),
        _ => None,
    });
    let error = error.unwrap();
    assert!(error.contains("Transient") && !error.contains("overloaded"), "{error}");
    let again = run(&Runner::new().backend(Rater::default()).resume(&scratch.0), &sets, "zero-shot").unwrap();
    assert_eq!((failed(&again), again.resumed), (0, 2));
}

#[test]
fn a_job_that_went_on_without_a_reply_is_done_again() {
    // The pipeline composes a path that cannot be written and answers all the same; the record must not stand.
    let scratch = Scratch::new("degraded");
    let sets = [dataset("films", 3)];
    let failing = Rater { fails_at: Some("lighthouse"), ..Rater::default() };
    let names = "self-consistency:n=2";
    let first = run(&Runner::new().backend(failing).folder(&scratch.0), &sets, names).unwrap();
    let passing = first.records.iter().filter(|it| matches!(it, Record::Answered(it) if it.passing)).count();
    assert!(passing > 0);
    let again = run(&Runner::new().backend(Rater::default()).resume(&scratch.0), &sets, names).unwrap();
    assert!(again.resumed < 3);
    assert!(again.records.iter().all(|it| !matches!(it, Record::Answered(it) if it.passing)));
}

#[test]
fn a_run_stops_at_its_budget_and_goes_on_from_there() {
    let scratch = Scratch::new("budget");
    std::fs::create_dir_all(&scratch.0).unwrap();
    let log = ResponseLog::in_memory(ReplyCacheLimits::default());
    let sets = [dataset("films", 4)];
    let rater = Rater::default();
    let runner = || Runner::new().backend(rater.clone()).log(log.clone()).resume(&scratch.0);
    let whole = run(&Runner::new().backend(Rater::default()), &sets, NAMES).unwrap();
    let limited = run(&runner().budget(Budget::default().calls(10)), &sets, NAMES).unwrap();
    assert_eq!(limited.stopped, Some(BudgetLimit::Calls));
    assert_eq!(rater.asked.load(Ordering::SeqCst), 10);
    assert!(
        limited.records.iter().all(|record| matches!(record, Record::Learned(_))
            || matches!(record, Record::Answered(it) if it.error.is_none()))
    );
    let rest = run(&runner(), &sets, NAMES).unwrap();
    assert_eq!(rest.stopped, None);
    // Nothing was paid twice.
    assert_eq!(rater.asked.load(Ordering::SeqCst), 4 * 3 * 2);
    assert_eq!(timeless(&rest.records), timeless(&whole.records));
}

#[test]
fn a_folder_with_another_run_is_refused_with_what_differs() {
    let scratch = Scratch::new("other");
    let sets = [dataset("films", 3)];
    let runner = || Runner::new().resume(&scratch.0);
    run(&runner(), &sets, "offline").unwrap();
    let fresh = run(&Runner::new().folder(&scratch.0), &sets, "offline").unwrap_err();
    assert!(matches!(fresh, EvalError::RunExists { .. }), "{fresh}");
    let told = |error: EvalError| match error {
        EvalError::OtherRun { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(told(run(&runner().seed(1), &sets, "offline").unwrap_err()), "seed");
    assert_eq!(told(run(&runner(), &[dataset("films", 4)], "offline").unwrap_err()), "data set, or part of it");
    // More sets, and a model where there was none, are no other run.
    run(&runner().backend(Rater::default()), &[dataset("films", 3), dataset("more", 3)], "offline").unwrap();
    // What was done without a model by a method that asks one is done when there is one.
    let none = run(&runner(), &sets, "zero-shot").unwrap();
    assert!(none.records.iter().all(|it| !matches!(it, Record::Answered(it) if it.response.is_some())));
    let some = run(&runner().backend(Rater::default()), &sets, "zero-shot").unwrap();
    assert!(some.records.iter().all(|it| !matches!(it, Record::Answered(it) if it.response.is_none())));
    assert_eq!(run(&runner(), &sets, "zero-shot").unwrap().manifest.model.as_deref(), Some("rater"));
    let other = run(&runner().learner(Rater::default()), &sets, "offline").unwrap_err();
    assert_eq!(told(other), "learning model");
}

#[test]
fn two_sets_or_methods_of_one_name_are_refused() {
    let twice = run(&Runner::new(), &[dataset("films", 3), dataset("films", 3)], "offline").unwrap_err();
    assert!(matches!(twice, EvalError::Twice { what: "data set", .. }));
    let twice = run(&Runner::new(), &[dataset("films", 3)], "offline,offline").unwrap_err();
    assert!(matches!(twice, EvalError::Twice { what: "method", .. }));
}

#[test]
fn a_method_without_its_model_fails_item_by_item_and_the_others_go_on() {
    let run = run(&Runner::new(), &[dataset("films", 3)], "zero-shot,offline").unwrap();
    let answered = |method: &str| {
        let of = |it: &&Record| matches!(it, Record::Answered(it) if it.method == method && it.response.is_some());
        run.records.iter().filter(of).count()
    };
    assert_eq!((answered("zero-shot"), answered("offline")), (0, 9));
}

#[test]
fn an_estimate_says_what_a_run_asks_and_sends_nothing() {
    let sets = [dataset("films", 4)];
    let rater = Rater::default();
    let runner = Runner::new().backend(rater.clone());
    let asking = pollster::block_on(runner.estimate(&sets, &methods("zero-shot,rag-bm25,rpm,offline"))).unwrap();
    assert_eq!(rater.asked.load(Ordering::SeqCst), 0);
    let names: Vec<&str> = asking.iter().map(|it| it.method.as_str()).collect();
    assert_eq!(names, ["zero-shot", "rag-bm25", "rpm"]);
    assert_eq!(asking.iter().map(|it| it.answering.requests).take(2).collect::<Vec<_>>(), [12, 12]);
    assert!(asking[1].answering.input_tokens > asking[0].answering.input_tokens);
    assert!(asking[2].learning.requests > 0);
}

#[test]
fn another_model_learns_where_one_is_given() {
    let (model, learner) = (Rater::default(), Rater::default());
    let runner = Runner::new().backend(model.clone()).learner(learner.clone());
    let run = run(&runner, &[dataset("films", 3)], "zero-shot,rpm").unwrap();
    // What the rater says is no list of features, so learning fails; and it asked the learner.
    let failed = |it: &&Record| matches!(it, Record::Learned(it) if it.method == "rpm" && it.error.is_some());
    assert_eq!(run.records.iter().filter(failed).count(), 3);
    assert!(learner.asked.load(Ordering::SeqCst) > 0);
    assert_eq!(model.asked.load(Ordering::SeqCst), 3 * 3);
}

#[test]
fn transcripts_hold_what_was_asked_and_nothing_is_kept_unless_wanted() {
    let scratch = Scratch::new("transcripts");
    let sets = [dataset("films", 3)];
    let transcripts = |path: &Path| std::fs::read_to_string(path.join("transcripts.jsonl"));
    run(&Runner::new().backend(Rater::default()).folder(&scratch.0), &sets, "zero-shot").unwrap();
    assert!(transcripts(&scratch.0).is_err());
    let kept = Runner::new().backend(Rater::default()).resume(&scratch.0).transcripts();
    run(&kept, &sets, "zero-shot,rag-bm25").unwrap();
    let lines: Vec<serde_json::Value> =
        transcripts(&scratch.0).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 9);
    assert_eq!(lines[0]["item"], "t0");
    assert!(lines[0]["exchanges"][0]["messages"][1][1].as_str().unwrap().contains("Example 1"));
}

/// Names the folder that the process to be killed works in.
const FOLDER: &str = "RPM_EVAL_KILL_FOLDER";

/// A model that takes its time and bills each call to a file.
struct Billed(PathBuf, Duration);

#[async_trait]
impl LlmBackend for Billed {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let mut bill = OpenOptions::new().append(true).create(true).open(&self.0).unwrap();
        bill.write_all(b".").unwrap();
        std::thread::sleep(self.1);
        Rater::default().complete(request).await
    }

    fn name(&self) -> &'static str {
        "rater"
    }
}

fn run_in(folder: &Path, time: Duration) -> Vec<Record> {
    std::fs::create_dir_all(folder).unwrap();
    let log = ResponseLog::open(folder.join("replies")).unwrap();
    let runner = Runner::new().backend(Billed(folder.join("bill"), time)).log(log).resume(folder);
    let run = run(&runner, &[dataset("films", 4)], NAMES).unwrap();
    std::fs::write(folder.join("done"), "").unwrap();
    timeless(&run.records)
}

/// The process that is killed: this same program, told by its environment where to work.
#[test]
#[ignore = "another test of this file starts it as a process of its own"]
fn runs_where_it_is_told_to() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        run_in(Path::new(&folder), Duration::from_millis(15));
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    const KILLS: u64 = 5;
    let (scratch, whole) = (Scratch::new("killed"), Scratch::new("whole"));
    let records = run_in(&whole.0, Duration::ZERO);
    let billed = |folder: &Path| std::fs::metadata(folder.join("bill")).map_or(0, |bill| bill.len());
    for kill in 0..KILLS {
        let before = billed(&scratch.0);
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "run::runs_where_it_is_told_to", "--ignored"])
            .env(FOLDER, &scratch.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        // At other places of a job, and in the middle of a call.
        while billed(&scratch.0) < before + 2 + kill % 3 {
            assert!(start.elapsed() < Duration::from_secs(60), "it does not get on");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(3 * kill));
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(!scratch.0.join("done").exists(), "it was done before it was killed often enough to tell anything");
    }
    assert_eq!(run_in(&scratch.0, Duration::ZERO), records);
    // A kill costs no more than the call under way.
    let (paid, needed) = (billed(&scratch.0), billed(&whole.0));
    assert!((needed..=needed + KILLS).contains(&paid), "{paid} calls for {needed}");
}

#[test]
fn a_folder_that_a_run_writes_to_takes_no_other_run_and_is_free_after_its_end() {
    let scratch = Scratch::new("locked");
    let second = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (folder, met) = (scratch.0.clone(), Arc::clone(&second));
    let runner = Runner::new().resume(&scratch.0).progress(move |_| {
        // While the first run goes on: another seed, the same run again, and a new one.
        let others =
            [Runner::new().resume(&folder).seed(1), Runner::new().resume(&folder), Runner::new().folder(&folder)];
        for other in others {
            met.lock().unwrap().push(run(&other, &[dataset("films", 2)], "majority").unwrap_err());
        }
    });
    let first = run(&runner, &[dataset("films", 3)], "offline").unwrap();
    let met = second.lock().unwrap();
    assert!(met.len() >= 3);
    for error in met.iter() {
        assert!(matches!(error, EvalError::FolderInUse { .. }), "{error}");
        assert!(error.to_string().contains("wait for it to end, or choose another folder"), "{error}");
    }
    let again = run(&Runner::new().resume(&scratch.0), &[dataset("films", 3)], "offline").unwrap();
    assert_eq!(timeless(&again.records), timeless(&first.records), "nothing of another run is in it");
}
