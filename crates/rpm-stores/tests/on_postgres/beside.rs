//! What is kept beside models: interactions that wait, replies that were paid for, parts of sums.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pollster::block_on;
use rpm_core::llm::{BudgetLimit, Message, Prices, Stage, Usage};
use rpm_core::pipeline::ObserveOutcome;
use rpm_core::stats::population::Census;
use rpm_core::store::{StoreError, UserModelStore};
use rpm_core::{
    BackendError, Completion, CompletionRequest, Forget, Interaction, ItemId, LlmBackend, RpmPipeline, StoredError,
    StoredPipeline, UserId, backend_fn,
};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::{Depth, Finding, NoLongerWaiting, Part, Put, Taking, Waiting};

use crate::common::{interaction, scale_history, scale_task};
use crate::postgres::server;
use crate::{found, name, opened, pool, uncompressed};

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn films(ids: impl IntoIterator<Item = u32>) -> Vec<Interaction> {
    let film = |n: u32| {
        let (text, rating) = if n.is_multiple_of(2) { ("quiet", "5") } else { ("loud", "2") };
        interaction(
            &format!("e{n}"),
            &format!("A {text} film about a {text} harbour, number {n}."),
            rating,
            i64::from(n),
        )
    };
    ids.into_iter().map(film).collect()
}

fn on(store: impl UserModelStore + 'static) -> StoredPipeline {
    RpmPipeline::offline(scale_task()).with_store(store)
}

/// Takes what waits into the model, as a worker does.
fn observed(store: &PostgresStore, user: &UserId, waiting: &Waiting) -> Result<Taking, StoredError> {
    let taking = store.taking(user, waiting);
    block_on(on(taking.clone()).observe(user, waiting.interactions.clone()))?;
    if !taking.has_taken() {
        block_on(store.inbox().discard(user, waiting)).unwrap();
    }
    Ok(taking)
}

fn items(store: &PostgresStore, user: &UserId) -> Vec<String> {
    let model = block_on(store.load(user)).unwrap().unwrap().model;
    let mut ids: Vec<String> = model.memory().items().iter().map(|item| item.id().to_string()).collect();
    ids.sort();
    ids
}

fn no_longer_waits(error: &StoredError) -> bool {
    let StoredError::Store(StoreError::Transient { source }) = error else { return false };
    source.downcast_ref::<NoLongerWaiting>().is_some()
}

#[test]
fn what_is_put_waits_in_order_until_it_is_in_the_model_and_is_in_effect_once() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let (ana, inbox) = (user("ana"), store.inbox());
    block_on(on(store.clone()).newcomer(&ana)).unwrap();
    assert_eq!(block_on(inbox.put(&ana, &films(1..4))).unwrap(), [Put::Waits; 3]);
    // Whoever does not know whether it arrived puts it again.
    assert_eq!(block_on(inbox.put(&ana, &films(3..5))).unwrap(), [Put::Twice, Put::Waits]);
    assert_eq!(block_on(inbox.put(&ana, &films([9, 9]))).unwrap(), [Put::Waits, Put::Twice]);
    let first = block_on(inbox.waiting(&ana, 3)).unwrap();
    assert_eq!(first.interactions, films(1..4));
    assert_eq!(format!("{first:?}"), "Waiting { interactions: 3, .. }");
    let depth = block_on(inbox.depth()).unwrap();
    assert_eq!((depth.users, depth.interactions), (1, 5));
    assert_eq!(block_on(inbox.users(None, 9)).unwrap(), std::slice::from_ref(&ana));
    assert!(observed(&store, &ana, &first).unwrap().has_taken());
    // Another worker has read the same, and is late.
    let late = observed(&store, &ana, &first).unwrap();
    assert!(!late.has_taken(), "nothing changed, so that nothing was saved");
    let rest = block_on(inbox.waiting(&ana, 99)).unwrap();
    assert_eq!(rest.len(), 2);
    observed(&store, &ana, &rest).unwrap();
    assert_eq!(items(&store, &ana), ["e1", "e2", "e3", "e4", "e9"]);
    assert!(block_on(inbox.waiting(&ana, 99)).unwrap().is_empty());
    assert_eq!(block_on(inbox.depth()).unwrap(), Depth::default());
}

#[test]
fn a_save_that_fails_takes_nothing_and_one_whose_interactions_were_taken_saves_nothing() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let (ana, inbox) = (user("ana"), store.inbox());
    let pipeline = on(store.clone());
    block_on(pipeline.newcomer(&ana)).unwrap();
    block_on(inbox.put(&ana, &films(1..4))).unwrap();
    let waiting = block_on(inbox.waiting(&ana, 9)).unwrap();
    let held = block_on(store.load(&ana)).unwrap().unwrap();
    // A version that is not held any more.
    block_on(store.save(&held.model, Some(held.version))).unwrap();
    let taking = store.taking(&ana, &waiting);
    assert!(matches!(block_on(taking.save(&held.model, Some(held.version))), Err(StoreError::Conflict)));
    assert!(!taking.has_taken());
    assert_eq!(block_on(inbox.waiting(&ana, 9)).unwrap(), waiting);
    // One of them is gone: by a worker that read fewer.
    let some = block_on(inbox.waiting(&ana, 1)).unwrap();
    observed(&store, &ana, &some).unwrap();
    let before = block_on(store.load(&ana)).unwrap().unwrap();
    let error = observed(&store, &ana, &waiting).unwrap_err();
    assert!(no_longer_waits(&error), "{error:?}");
    let after = block_on(store.load(&ana)).unwrap().unwrap();
    assert_eq!((after.version, after.model.to_json()), (before.version, before.model.to_json()));
    let rest = block_on(inbox.waiting(&ana, 9)).unwrap();
    observed(&store, &ana, &rest).unwrap();
    assert_eq!(items(&store, &ana), ["e1", "e2", "e3"]);
}

#[test]
fn many_workers_of_one_user_take_each_interaction_in_once() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let (ana, inbox) = (user("ana"), store.inbox());
    block_on(on(store.clone()).newcomer(&ana)).unwrap();
    block_on(inbox.put(&ana, &films(0..60))).unwrap();
    let late = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let waiting = block_on(inbox.waiting(&ana, 7)).unwrap();
                    if waiting.is_empty() {
                        break;
                    }
                    match observed(&store, &ana, &waiting) {
                        Ok(_) => {}
                        Err(error) if no_longer_waits(&error) => {
                            late.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
    });
    eprintln!("{} of the workers' saves came late", late.into_inner());
    assert_eq!(items(&store, &ana).len(), 60);
}

#[test]
fn what_was_read_by_a_worker_and_forgotten_meanwhile_does_not_come_back() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let (ana, inbox) = (user("ana"), store.inbox());
    let pipeline = on(store.clone());
    block_on(pipeline.newcomer(&ana)).unwrap();
    block_on(inbox.put(&ana, &films(1..4))).unwrap();
    // It has read, and does not load the model before all is over.
    let stalled = block_on(inbox.waiting(&ana, 9)).unwrap();
    let secret = [ItemId::new("e2").unwrap()];
    block_on(inbox.forget(&ana, Some(&secret))).unwrap();
    assert!(no_longer_waits(&observed(&store, &ana, &stalled).unwrap_err()));
    assert_eq!(block_on(inbox.put(&ana, &films(2..3))).unwrap(), [Put::Forgotten], "whoever puts it again, too");
    let rest = block_on(inbox.waiting(&ana, 9)).unwrap();
    observed(&store, &ana, &rest).unwrap();
    assert_eq!(items(&store, &ana), ["e1", "e3"]);
    // All that waits, without an end to what the user says later.
    block_on(inbox.put(&ana, &films(4..6))).unwrap();
    block_on(inbox.forget(&ana, None)).unwrap();
    assert!(block_on(inbox.waiting(&ana, 9)).unwrap().is_empty());
    assert_eq!(block_on(inbox.put(&ana, &films(4..5))).unwrap(), [Put::Waits]);
}

#[test]
fn what_cannot_be_taken_in_is_told_and_goes_with_what_can() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let (ana, inbox) = (user("ana"), store.inbox());
    block_on(on(store.clone()).newcomer(&ana)).unwrap();
    let bad = interaction("bad", "A film of no rating.", "purple", 50);
    block_on(inbox.put(&ana, &[films(1..2), vec![bad]].concat())).unwrap();
    let waiting = block_on(inbox.waiting(&ana, 9)).unwrap();
    let taking = store.taking(&ana, &waiting);
    let report = block_on(on(taking.clone()).observe(&ana, waiting.interactions.clone()));
    match report {
        Ok(report) => assert!(matches!(report.items[1].outcome, ObserveOutcome::Failed { .. }), "{report:?}"),
        // Nothing is taken when the pipeline refuses the batch: the worker goes on one by one.
        Err(error) => {
            assert!(matches!(error, StoredError::Operation(_)), "{error:?}");
            assert_eq!(block_on(inbox.waiting(&ana, 9)).unwrap(), waiting);
        }
    }
}

fn request(about: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::WritePath, vec![Message::user(format!("Why {about}?"))], 100).about([about])
}

/// A model that counts its calls, and says what it was asked.
fn counting(calls: &Arc<AtomicUsize>) -> impl LlmBackend + 'static {
    let calls = Arc::clone(calls);
    backend_fn(move |request: CompletionRequest| {
        calls.fetch_add(1, Ordering::SeqCst);
        async move { Ok(Completion::new(format!("It is {}.", request.about.join(" ")))) }
    })
}

#[test]
fn a_reply_that_one_worker_paid_for_serves_all_and_each_user_has_their_own() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let calls = Arc::new(AtomicUsize::new(0));
    let backend = |id: &str| block_on(store.replies(&user(id))).unwrap().wrap(counting(&calls));
    let (one, other, bens) = (backend("ana"), backend("ana"), backend("ben"));
    let paid = block_on(one.complete(&request("e1"))).unwrap();
    assert_eq!(block_on(other.complete(&request("e1"))).unwrap(), paid);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(block_on(bens.complete(&request("e1"))).unwrap(), paid);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    // With the item that it is about it goes, also when it comes late.
    let ana = user("ana");
    block_on(store.inbox().forget(&ana, Some(&[ItemId::new("e1").unwrap()]))).unwrap();
    block_on(one.complete(&request("e1"))).unwrap();
    block_on(one.complete(&request("e1"))).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 4, "it is given, and not kept");
    block_on(one.complete(&request("e2"))).unwrap();
    block_on(one.complete(&request("e2"))).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 5);
    // And with the user, also when it is asked for by whoever began before.
    assert!(!block_on(store.delete(&ana)).unwrap());
    block_on(one.complete(&request("e2"))).unwrap();
    block_on(one.complete(&request("e2"))).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 7);
    let again = backend("ana");
    block_on(again.complete(&request("e2"))).unwrap();
    block_on(again.complete(&request("e2"))).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 8, "of the user's next life it is kept");
    block_on(bens.complete(&request("e1"))).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 8, "others keep theirs");
}

#[test]
fn what_waits_and_what_was_paid_for_go_with_their_user_from_every_file() {
    let Some(server) = server() else { return };
    let (_runtime, store, address) = opened(server);
    uncompressed(server, &address);
    let (ana, inbox) = (user("ana-"), store.inbox());
    let canary = interaction("e-zanzipol", "A zanzipol of a film.", "4", 1);
    block_on(inbox.put(&ana, std::slice::from_ref(&canary))).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let backend = block_on(store.replies(&ana)).unwrap().wrap(counting(&calls));
    block_on(backend.complete(&request("e-zanzipol"))).unwrap();
    server.psql(name(&address), "VACUUM ANALYZE");
    assert!(found(server, &address, "zanzipol") >= 3, "else this shows nothing");
    let rows = "SELECT (SELECT count(*) FROM rpm.inbox) + (SELECT count(*) FROM rpm.replies)";
    assert_eq!(server.psql(name(&address), rows), "2");
    block_on(inbox.forget(&ana, Some(&[canary.id().clone()]))).unwrap();
    assert_eq!(server.psql(name(&address), rows), "0");
    assert!(block_on(store.erase()).unwrap().is_erased());
    assert_eq!(found(server, &address, "zanzipol"), 0);
    // Whoever never had a model.
    block_on(inbox.put(&user("ben-zanzipol"), &films(1..3))).unwrap();
    assert!(!block_on(store.delete(&user("ben-zanzipol"))).unwrap());
    block_on(store.delete(&ana)).unwrap();
    assert!(block_on(store.erase()).unwrap().is_erased());
    assert_eq!((found(server, &address, "zanzipol"), found(server, &address, "ana-")), (0, 0));
    for table in ["users", "inbox", "forgotten", "replies", "parts", "to_erase WHERE last > erased"] {
        assert_eq!(server.psql(name(&address), &format!("SELECT count(*) FROM rpm.{table}")), "0", "{table}");
    }
}

/// The same tables by a store that keeps no parts.
fn opened_again(store: &PostgresStore) -> PostgresStore {
    let runtime = crate::runtime();
    let pool = store.pool().clone();
    let opened = runtime.block_on(PostgresStore::open(pool)).unwrap();
    // Its connections run there.
    std::mem::forget(runtime);
    opened
}

/// The sum of all parts.
fn summed(store: &PostgresStore) -> Census {
    let mut sum = Census::new(&scale_task()).unwrap();
    let mut after = None;
    loop {
        let page = block_on(store.parts("census", after.as_ref(), 3)).unwrap();
        for (_, part) in &page {
            sum.merge(&Census::from_json(std::str::from_utf8(part).unwrap()).unwrap()).unwrap();
        }
        after = page.last().map(|(user, _)| user.clone());
        if page.len() < 3 {
            return sum;
        }
    }
}

#[test]
fn parts_of_a_sum_agree_with_the_models_whatever_is_saved() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let store = store.keeping_parts(|model| {
        let census = Census::of(model.task(), model.memory().items()).unwrap();
        vec![Part::new("census", census.to_json())]
    });
    let pipeline = on(store.clone());
    let of_models = || {
        let mut sum = Census::new(&scale_task()).unwrap();
        for user in block_on(store.list(None, 99)).unwrap() {
            let model = block_on(store.load(&user)).unwrap().unwrap().model;
            sum.merge(&Census::of(model.task(), model.memory().items()).unwrap()).unwrap();
        }
        sum.to_json()
    };
    for n in 0..7 {
        let id = user(&format!("u{n}"));
        block_on(pipeline.newcomer(&id)).unwrap();
        block_on(pipeline.observe(&id, films(n..n + 5))).unwrap();
    }
    block_on(pipeline.learn(&scale_history())).unwrap();
    assert_eq!(summed(&store).users(), 8);
    assert_eq!(summed(&store).to_json(), of_models());
    block_on(pipeline.forget(&user("u1"), &Forget::Items(vec![ItemId::new("e2").unwrap()]))).unwrap();
    block_on(pipeline.delete(&user("u2"))).unwrap();
    assert_eq!(summed(&store).users(), 7);
    assert_eq!(summed(&store).to_json(), of_models());
    assert!(block_on(store.parts("another", None, 9)).unwrap().is_empty());
    // Forgotten by a store that keeps none, the part goes rather than stay with what was forgotten.
    let plain = on(opened_again(&store));
    block_on(plain.forget(&user("u3"), &Forget::Items(vec![ItemId::new("e4").unwrap()]))).unwrap();
    assert_eq!(summed(&store).users(), 6);
    // One of each kind, also where the host names one twice.
    let twice = store.clone().keeping_parts(|_| vec![Part::new("twice", "a"), Part::new("twice", "b")]);
    let held = block_on(twice.load(&user("u4"))).unwrap().unwrap();
    block_on(twice.save(&held.model, Some(held.version))).unwrap();
    assert_eq!(block_on(twice.parts("twice", None, 9)).unwrap(), [(user("u4"), b"b".to_vec())]);
}

#[test]
fn an_interaction_that_is_put_while_its_id_is_forgotten_is_refused() {
    let Some(server) = server() else { return };
    let (runtime, store, address) = opened(server);
    let ana = user("ana");
    // As a forgetting does, and not done yet.
    let forgetting = runtime.block_on(pool(&address, 1).get()).unwrap();
    let begun = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('rpm-stores rpm.ana', 0));
        INSERT INTO rpm.forgotten VALUES ('ana', rpm.digest('ana', 'e1'))";
    runtime.block_on(forgetting.batch_execute(begun)).unwrap();
    let put = std::thread::scope(|scope| {
        let putting = scope.spawn(|| block_on(store.inbox().put(&ana, &films(1..2))).unwrap());
        std::thread::sleep(Duration::from_millis(300));
        assert!(!putting.is_finished(), "it waits for the forgetting");
        runtime.block_on(forgetting.batch_execute("COMMIT")).unwrap();
        putting.join().unwrap()
    });
    assert_eq!(put, [Put::Forgotten]);
    assert!(block_on(store.inbox().waiting(&ana, 9)).unwrap().is_empty());
}

/// A request of at most so many tokens.
fn short(tokens: u32) -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::user("Why?")], tokens)
}

#[test]
fn many_processes_together_make_no_call_more_than_they_may_and_spend_no_more_money() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let calls = Arc::new(AtomicUsize::new(0));
    let backend = store.allowance("calls").calls_a_day(25).wrap(counting(&calls));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let asked = block_on(backend.complete(&short(10)));
                    assert!(
                        matches!(asked, Ok(_) | Err(BackendError::Budget { limit: BudgetLimit::Calls })),
                        "{asked:?}"
                    );
                }
            });
        }
    });
    assert_eq!(calls.load(Ordering::SeqCst), 25);
    assert_eq!(block_on(store.allowance("calls").spent_today()).unwrap().calls, 25);
    // One of another name, by money: a call of 1,000 tokens at most is 0.001, and takes 0.0001.
    let prices = Prices::per_million(0.0, 1.0);
    let paid = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&paid);
    let using = backend_fn(move |_: CompletionRequest| {
        seen.fetch_add(1, Ordering::SeqCst);
        async move { Ok(Completion::new("So.").usage(Usage { input_tokens: 5, output_tokens: 100, cached_tokens: 0 })) }
    });
    let money = store.allowance("money").money_a_day(0.0019, prices).unwrap();
    let backend = money.clone().wrap(using);
    let mut refused = None;
    for _ in 0..40 {
        if let Err(error) = block_on(backend.complete(&short(1_000))) {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(BackendError::Budget { limit: BudgetLimit::Money })), "{refused:?}");
    // Nine of 0.0001 leave room for the most of a tenth; ten do not.
    assert_eq!(paid.load(Ordering::SeqCst), 10);
    let spent = block_on(money.spent_today()).unwrap();
    assert!((spent.money - 0.001).abs() < 1e-9 && spent.calls == 10, "{spent:?}");
    for bad in [f64::NAN, -1.0] {
        assert!(store.allowance("bad").money_a_day(bad, prices).is_err(), "{bad}");
        assert!(store.allowance("bad").money_a_day(1.0, Prices::per_million(bad, 0.0)).is_err(), "{bad}");
    }
}

#[test]
fn calls_of_many_processes_are_spaced_out_together() {
    let Some(server) = server() else { return };
    let (_runtime, store, _) = opened(server);
    let calls = Arc::new(AtomicUsize::new(0));
    let backends: Vec<_> =
        (0..3).map(|_| store.allowance("rate").calls_a_second(20.0).wrap(counting(&calls))).collect();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for backend in &backends {
            scope.spawn(|| (0..5).for_each(|_| drop(block_on(backend.complete(&short(10))).unwrap())));
        }
    });
    assert_eq!(calls.load(Ordering::SeqCst), 15);
    assert!(start.elapsed() >= Duration::from_millis(14 * 50), "{:?}", start.elapsed());
}

#[test]
fn an_examination_counts_what_is_held_and_names_what_does_not_agree() {
    let Some(server) = server() else { return };
    let (_runtime, plain, address) = opened(server);
    let examined = || block_on(plain.examine()).unwrap();
    assert_eq!((examined().models, examined().findings), (0, vec![]));
    let store = plain.clone().keeping_parts(|_| vec![Part::new("census", "{}")]);
    let pipeline = on(store.clone());
    for id in ["ana", "ben"] {
        block_on(pipeline.newcomer(&user(id))).unwrap();
    }
    block_on(store.reserve(&user("carl"))).unwrap();
    block_on(store.inbox().put(&user("ana"), &films(1..4))).unwrap();
    let healthy = examined();
    assert_eq!((healthy.models, healthy.reserved, healthy.waiting, healthy.replies), (2, 1, 3, 0));
    assert!(healthy.bytes > 100_000 && healthy.findings.is_empty(), "{healthy:?}");
    // Saved by a process that keeps no parts, tampered with, and not erased.
    block_on(on(plain.clone()).observe(&user("ana"), films(1..2))).unwrap();
    server.psql(name(&address), "INSERT INTO rpm.parts VALUES ('nobody', 'census', 1, '')");
    server.psql(name(&address), "INSERT INTO rpm.replies VALUES ('gone', '', '{}', '')");
    block_on(plain.delete(&user("ben"))).unwrap();
    let findings = examined().findings;
    let expected =
        [Finding::PartsOfNobody(1), Finding::PartsBehind(1), Finding::LeftOfNobody(1), Finding::NotErased(1)];
    assert_eq!(findings, expected);
    assert!(findings[3].to_string().contains("compact"));
}
