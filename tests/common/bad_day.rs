//! Learning from a provider on a bad day, for whichever client the test that includes this has.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, Instant};

use crate::common::{interaction, obey, reply, scale_task};
use crate::fault_server::{FAULTS, FaultServer};
use rpm_core::llm::{Message, Resilient, Stage, ThreadTimer, Timer};
use rpm_core::pipeline::{ItemOutcome, Learned, PathPolicy};
use rpm_core::{BackendError, Budget, CompletionRequest, Error, History, LlmBackend, RpmPipeline, backend_fn};

use crate::{Client, HOLDS_CONNECTIONS, client, host_timer};

const ITEMS: usize = 500;

/// Long enough that no attempt but a hanging one meets it on a busy machine, where each takes longer the more there are.
fn deadline(in_flight: usize) -> Duration {
    Duration::from_millis(if in_flight == 1 { 500 } else { 3_000 })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Short texts, each of its own, with one to three things that an obedient model finds.
fn history(items: usize) -> History {
    let words = ["slow", "quiet", "loud", "chase", "baker", "harbour", "parser", "solver"];
    let all = (0..items).map(|i| {
        let (a, b, c) = (words[i % 8], words[(i / 8) % 8], words[(i / 3) % 8]);
        let rating = [5, 4, 1, 2, 4, 5, 3, 3][i % 8].to_string();
        interaction(&format!("i{i:03}"), &format!("Film {i}: {a} at first, then {b}, {c}."), &rating, 1)
    });
    History::new(&scale_task(), "ana", all).expect("a history")
}

fn resilient(server: &FaultServer, in_flight: usize, timer: impl Timer + 'static) -> Resilient<Client> {
    let backend = Resilient::new(client(server)).timer(timer).in_flight(in_flight);
    backend.deadline(deadline(in_flight)).backoff(Duration::from_millis(20), Duration::from_millis(200))
}

fn learn(backend: impl LlmBackend + 'static, budget: Budget, history: &History) -> Result<Learned, Error> {
    let pipeline = RpmPipeline::builder(scale_task()).backend(backend).budget(budget).paths(PathPolicy::OnFirstUse);
    let pipeline = pipeline.build().expect("a pipeline");
    run(pipeline.learn(history))
}

/// Every interaction has one outcome, and every feature its place in the text.
fn sound(learned: &Learned, history: &History) {
    let reported: Vec<&str> = learned.report.items.iter().map(|item| item.id.as_str()).collect();
    let distinct: BTreeSet<&str> = reported.iter().copied().collect();
    let asked: BTreeSet<&str> = history.interactions().iter().map(|i| i.id().as_str()).collect();
    assert_eq!((reported.len(), &distinct), (asked.len(), &asked), "each interaction occurs exactly once");
    for item in learned.model.memory().items() {
        for feature in item.features() {
            let quoted = feature.context(item.query());
            assert!(!quoted.is_empty() && item.query().text().contains(quoted));
        }
    }
}

#[test]
fn a_provider_with_30_percent_faults_teaches_the_same_features_at_any_concurrency() {
    let history = history(ITEMS);
    let faultless = FaultServer::start(0);
    let begun = Instant::now();
    let clean = learn(resilient(&faultless, 64, host_timer()), Budget::default(), &history).expect("a user model");
    let faultless_requests = faultless.requests();
    println!("no faults, 64 in flight: {faultless_requests} requests, {:?}", begun.elapsed());
    sound(&clean, &history);
    assert!(clean.report.items.iter().all(|item| matches!(item.outcome, ItemOutcome::Learned { .. })));

    // Side by side, since they mostly wait.
    let models: Vec<String> = std::thread::scope(|scope| {
        let (history, clean) = (&history, &clean);
        let run = |in_flight| scope.spawn(move || learn_with_faults(history, clean, in_flight, faultless_requests));
        let runs = [1, 8, 64].map(run);
        runs.into_iter().map(|run| run.join().expect("a sound run")).collect()
    });
    assert!(models.iter().all(|model| *model == models[0]), "the same model, byte for byte");
}

/// Learns at 30 % faults, checks every item against the faultless run, and returns the user model as JSON.
fn learn_with_faults(history: &History, clean: &Learned, in_flight: usize, faultless: usize) -> String {
    let server = FaultServer::start(30);
    let begun = Instant::now();
    let backend = match in_flight {
        8 => resilient(&server, in_flight, ThreadTimer::default()),
        _ => resilient(&server, in_flight, host_timer()),
    };
    let learned = learn(backend, Budget::default(), history).expect("a user model");
    let took = begun.elapsed();
    sound(&learned, history);
    let (mut failed, mut compared) = (0, 0);
    for (item, report) in learned.model.memory().items().iter().zip(&learned.report.items) {
        assert_eq!(item.id(), &report.id);
        match &report.outcome {
            ItemOutcome::Learned { .. } => {
                let wanted = clean.model.memory().get(item.id()).expect("the same interactions").features();
                assert_eq!(item.features(), wanted, "{}", item.id());
                compared += 1;
            }
            ItemOutcome::Failed { stage: Stage::Extract, reason } => {
                assert!(!reason.is_empty());
                failed += 1;
            }
            other => panic!("{}: {other:?}", item.id()),
        }
    }
    let usage = learned.report.usage.total();
    let ratio = server.requests() as f64 / faultless as f64;
    println!(
        "30 % faults, {in_flight} in flight: {} requests ({ratio:.3} x) over {} connections, {} failed calls, \
         {} retries, {} re-asks, {} repaired, {compared} learned, {failed} failed by name, at most {} at once, \
         {took:?}\n  {:?}",
        server.requests(),
        server.connections(),
        usage.failed_calls,
        usage.retries,
        usage.reasks,
        usage.repaired,
        server.most_in_flight(),
        server.met()
    );
    assert_eq!(usage.calls, server.requests() as u64);
    assert_eq!(server.met().len(), FAULTS.len(), "every fault was met");
    if HOLDS_CONNECTIONS {
        assert!(server.connections() * 2 < server.requests(), "connections are kept");
    }
    assert!(ratio <= 1.6, "{ratio}");
    assert!(failed <= ITEMS / 20, "{failed}");
    serde_json::to_string(&learned.model).expect("JSON")
}

#[test]
fn the_server_never_sees_more_requests_than_the_budget_has_calls() {
    let history = history(150);
    for calls in [0, 1, 64, 150, 200] {
        let server = FaultServer::start(30);
        let outcome = learn(resilient(&server, 64, host_timer()), Budget::default().calls(calls), &history);
        println!("budget of {calls} calls: {} requests, learned: {}", server.requests(), outcome.is_ok());
        assert!(server.requests() as u64 <= calls);
        match outcome {
            Ok(learned) => sound(&learned, &history),
            Err(error) => assert!(matches!(error, Error::Budget { .. } | Error::NothingLearned { .. }), "{error}"),
        }
    }
}

#[test]
fn latency_is_hidden_by_the_requests_in_flight() {
    const LATENCY: Duration = Duration::from_millis(50);
    let requests: Vec<CompletionRequest> = (0..1_000)
        .map(|i| CompletionRequest::new(Stage::Extract, vec![Message::user(format!("[t1]\nslow {i}"))], 100))
        .collect();
    let slow = backend_fn(|request: CompletionRequest| async move {
        tokio::time::sleep(LATENCY).await;
        Ok::<_, BackendError>(reply(&obey(&request)))
    });
    let backend = Resilient::new(slow).timer(host_timer()).in_flight(64);
    let begun = Instant::now();
    let results = run(backend.complete_batch(&requests));
    let took = begun.elapsed();
    assert!(results.iter().all(Result::is_ok));
    let least = LATENCY * 1_000_u32.div_ceil(64);
    let ratio = took.as_secs_f64() / least.as_secs_f64();
    println!("1,000 requests of {LATENCY:?}, 64 in flight: {took:?}, {ratio:.3} x the least of {least:?}");
    // 1.04 in release on a busy machine. In debug beside other tests it is the machine that is measured, so there the bound
    // tells only that requests go out together: one at a time takes 62.5.
    let most = if cfg!(debug_assertions) { 4.0 } else { 1.1 };
    assert!((1.0..=most).contains(&ratio), "{ratio}");
}

#[test]
fn learning_hides_latency_as_well() {
    const LATENCY: Duration = Duration::from_millis(50);
    let timed = |latency: Duration| {
        let slow = backend_fn(move |request: CompletionRequest| async move {
            tokio::time::sleep(latency).await;
            Ok::<_, BackendError>(reply(&obey(&request)))
        });
        let backend = Resilient::new(slow).timer(host_timer()).in_flight(64);
        let begun = Instant::now();
        let learned = learn(backend, Budget::default(), &history(1_000)).expect("learned");
        assert_eq!(learned.report.learned(), 1_000);
        (begun.elapsed().as_secs_f64(), learned.report.usage.total().calls)
    };
    // The work itself takes as long as it takes on this machine now; what is tested is the wait on top of it.
    let (work, _) = timed(Duration::ZERO);
    let (took, calls) = timed(LATENCY);
    let least = LATENCY.as_secs_f64() * calls as f64 / 64.0;
    let alone = LATENCY.as_secs_f64() * calls as f64;
    println!(
        "learning 1,000 items, {calls} calls of {LATENCY:?}, 64 in flight: {took:.2} s, {work:.2} s without latency; \
         the waits take {least:.2} s together and {alone:.2} s one after another"
    );
    assert!(took < 2.0 * work + 3.0 * least, "{took} s, {work} s, {least} s");
    assert!(took < alone / 2.0, "{took} s, {alone} s");
}

#[test]
fn the_layer_costs_little_time_of_its_own() {
    let requests: Vec<CompletionRequest> = (0..20_000)
        .map(|i| CompletionRequest::new(Stage::Extract, vec![Message::user(format!("slow {i}"))], 100))
        .collect();
    let host = Resilient::new(instant()).timer(host_timer());
    let own = Resilient::new(instant()).timer(ThreadTimer::default());
    for (name, backend) in [("host's clock", host), ("thread's clock", own)] {
        let backend = backend.in_flight(64).requests_per_minute(u32::MAX).burst(Duration::from_secs(60));
        let begun = Instant::now();
        let results = run(backend.complete_batch(&requests));
        let each = begun.elapsed() / 20_000;
        assert!(results.iter().all(Result::is_ok));
        println!("{name}: {each:?} per call in a batch");
        assert!(each < Duration::from_micros(300), "{each:?}");
    }
    let history = history(ITEMS);
    let backend = Resilient::new(instant()).timer(host_timer()).in_flight(64);
    let begun = Instant::now();
    let learned = learn(backend, Budget::default(), &history).expect("a user model");
    let calls = learned.report.usage.total().calls;
    println!("learning {ITEMS} items: {:?} per call, all stages", begun.elapsed() / u32::try_from(calls).unwrap());
}

/// Replies as soon as it was polled twice, so that deadlines are set and dropped as with a real provider.
fn instant() -> impl LlmBackend {
    backend_fn(|request: CompletionRequest| async move {
        tokio::task::yield_now().await;
        Ok::<_, BackendError>(reply(&obey(&request)))
    })
}
