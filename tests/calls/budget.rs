//! What a reached budget leaves: everything done before it, in a valid user model, and never an attempt more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{
    COST, ModelAtOnce as _, ScriptedBackend, cases, long_history, obey, query, reply, scale_history, scale_task,
    text_history, text_task,
};
use pollster::block_on;
use proptest::prelude::*;
use rpm_core::extract::PromptedExtractor;
use rpm_core::llm::{BudgetLimit, Ledger, Message, Prices, Stage, Usage};
use rpm_core::pipeline::{ItemOutcome, LearnReport};
use rpm_core::{
    BackendError, Budget, Completion, CompletionRequest, ConfigError, Error, History, RpmPipeline, RpmPipelineBuilder,
    Task, UserModel,
};

fn limited(task: &Task, backend: &Arc<ScriptedBackend>, budget: Budget) -> RpmPipelineBuilder {
    RpmPipeline::builder(task.clone()).backend(Arc::clone(backend)).budget(budget)
}

fn learned(task: &Task, history: &History, budget: Budget) -> (UserModel, LearnReport, usize) {
    let backend = ScriptedBackend::obedient();
    let learned = block_on(limited(task, &backend, budget).build().unwrap().learn(history)).unwrap();
    (learned.model, learned.report, backend.requests().len())
}

/// A model that is valid reads back from its file as it was.
fn check(model: &UserModel) {
    assert_eq!(&UserModel::from_json(&model.to_json()).unwrap(), model);
}

#[test]
fn a_budget_of_four_calls_keeps_four_interactions_and_reports_the_two_not_asked() {
    let (model, report, attempts) = learned(&scale_task(), &scale_history(), Budget::default().calls(4));
    check(&model);
    assert_eq!((attempts, report.learned(), report.failed()), (4, 4, 2));
    assert_eq!(report.budget_reached, Some(BudgetLimit::Calls));
    let failed: Vec<&ItemOutcome> = report.items.iter().map(|item| &item.outcome).skip(4).collect();
    let reason = "the budget's limit of calls was reached".to_owned();
    assert_eq!(failed, vec![&ItemOutcome::Failed { stage: Stage::Extract, reason }; 2]);
    // Groups by likeness, paths by count: nothing was left to ask for them.
    assert_eq!((report.factors, report.unplaced_groups), (1, 5));
    assert_eq!((report.paths_written, report.paths_composed), (0, 6));
    // Paths that were not asked for are written on first use; what has no feature needs none.
    assert!(model.memory().items().iter().all(|i| i.path().is_none() && i.is_composed() == i.features().is_empty()));
    assert_eq!(model.memory().len(), 6);
    assert!(report.to_string().contains("the budget's limit of calls was reached: 7 requests not sent"), "{report}");
}

#[test]
fn a_model_learned_within_a_budget_answers_like_any_other() {
    let (model, ..) = learned(&scale_task(), &scale_history(), Budget::default().calls(4));
    let backend = ScriptedBackend::obedient();
    let pipeline = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).build().unwrap();
    let answer = block_on(pipeline.personalize_model(&model, &query("A slow, quiet film with a loud chase."))).unwrap();
    assert!(answer.support.known_factors > 0);
    // Its features, the answer, and the paths that the budget did not suffice for.
    assert_eq!(answer.written_paths.len(), 3);
    assert_eq!(backend.requests().len(), 2 + answer.written_paths.len());
}

#[test]
fn after_its_time_an_operation_sends_nothing_and_keeps_what_was_done() {
    let backend = ScriptedBackend::obedient();
    let none = limited(&scale_task(), &backend, Budget::default().time(Duration::ZERO)).build().unwrap();
    let error = block_on(none.learn(&scale_history())).unwrap_err();
    assert!(matches!(error, Error::Budget { stage: Stage::Extract, limit: BudgetLimit::Time }), "{error}");
    assert_eq!(backend.requests().len(), 0);

    let time = Duration::from_millis(400);
    let calls = AtomicUsize::new(0);
    let backend = ScriptedBackend::new(move |request| {
        if calls.fetch_add(1, Ordering::SeqCst) == 2 {
            std::thread::sleep(time);
        }
        Ok(reply(&obey(request)))
    });
    let pipeline = limited(&scale_task(), &backend, Budget::default().time(time)).build().unwrap();
    let learned = block_on(pipeline.learn(&scale_history())).unwrap();
    check(&learned.model);
    let asked = backend.requests().len();
    assert!((1..=3).contains(&asked), "{asked}");
    assert_eq!((learned.report.learned(), learned.report.failed()), (asked, 6 - asked));
    assert_eq!(learned.report.budget_reached, Some(BudgetLimit::Time));
}

#[test]
fn rows_that_were_not_judged_are_counted() {
    // Four extractions leave nothing for the one judge request.
    let (model, report, attempts) = learned(&text_task(), &text_history(), Budget::default().calls(4));
    check(&model);
    assert_eq!((attempts, report.learned(), report.unjudged), (4, 4, 4));
    assert_eq!(report.budget_reached, Some(BudgetLimit::Calls));
}

#[test]
fn texts_that_shared_a_request_are_each_said_to_be_over_the_budget() {
    let backend = ScriptedBackend::obedient();
    let builder = limited(&scale_task(), &backend, Budget::default().calls(1));
    let pipeline = builder.extractor(PromptedExtractor::default().items_per_request(2)).build().unwrap();
    let report = block_on(pipeline.learn(&scale_history())).unwrap().report;
    let over = |item: &&rpm_core::pipeline::ItemReport| matches!(&item.outcome, ItemOutcome::Failed { reason, .. } if reason.contains("limit of calls"));
    assert_eq!((report.learned(), report.items.iter().filter(over).count()), (2, 4));
}

#[test]
fn a_budget_that_suffices_is_not_reached() {
    let (_, report, attempts) = learned(&scale_task(), &scale_history(), Budget::default().calls(13));
    assert_eq!((report.budget_reached, attempts), (None, 13));
    let (_, report, attempts) = learned(&scale_task(), &scale_history(), Budget::default().calls(12));
    assert_eq!((report.budget_reached, attempts, report.paths_composed), (Some(BudgetLimit::Calls), 12, 1));
}

#[test]
fn without_one_interaction_the_error_says_that_the_budget_was_reached() {
    let backend = ScriptedBackend::obedient();
    let pipeline = limited(&scale_task(), &backend, Budget::default().calls(0)).build().unwrap();
    let error = block_on(pipeline.learn(&scale_history())).unwrap_err();
    assert!(matches!(error, Error::Budget { stage: Stage::Extract, limit: BudgetLimit::Calls }), "{error}");
    assert_eq!(error.stage(), Some(Stage::Extract));
    assert!(!error.is_transient());
    assert!(backend.requests().is_empty());
}

#[test]
fn an_answer_that_the_budget_does_not_allow_names_the_stage() {
    let task = scale_task();
    let (model, ..) = learned(&task, &scale_history(), Budget::default());
    for (calls, stage) in [(0, Stage::Extract), (1, Stage::Answer)] {
        let backend = ScriptedBackend::obedient();
        let pipeline = limited(&task, &backend, Budget::default().calls(calls)).build().unwrap();
        let error = block_on(pipeline.personalize_model(&model, &query("A slow film."))).unwrap_err();
        assert!(matches!(error, Error::Budget { stage: s, limit: BudgetLimit::Calls } if s == stage), "{error}");
        assert_eq!(backend.requests().len() as u64, calls);
    }
}

#[test]
fn tokens_that_replies_did_not_use_are_used_by_the_requests_that_waited() {
    // Each reply uses 110 tokens; a request may use 400 of the reply alone, so they go a few at a time.
    let (_, report, attempts) = learned(&scale_task(), &scale_history(), Budget::default().tokens(3_000));
    assert_eq!((attempts, report.budget_reached), (13, None), "{report}");
    assert_eq!(report.usage.total().withheld, 0);
    let (_, report, attempts) = learned(&scale_task(), &scale_history(), Budget::default().tokens(1_200));
    assert!((1..13).contains(&attempts), "{attempts}");
    assert_eq!(report.budget_reached, Some(BudgetLimit::Tokens));
}

#[test]
fn money_is_a_hard_cap() {
    let prices = Prices::per_million(1_000.0, 1_000.0);
    let budget = Budget::default().prices(prices).money(1.5);
    let (_, report, attempts) = learned(&scale_task(), &scale_history(), budget);
    let spent = prices.of(&COST) * attempts as f64;
    assert!((0.1..=1.5).contains(&spent), "{spent}");
    assert_eq!(report.budget_reached, Some(BudgetLimit::Money));
}

#[test]
fn counts_at_the_end_of_their_bits_use_up_a_budget_of_tokens_and_of_money() {
    let most = Usage { input_tokens: u64::MAX, output_tokens: u64::MAX, cached_tokens: u64::MAX };
    let prices = Prices::per_million(1.0, 1.0);
    let limits = [
        (Budget::default().tokens(u64::MAX - 1), BudgetLimit::Tokens),
        (Budget::default().prices(prices).money(1_000.0), BudgetLimit::Money),
    ];
    for (budget, limit) in limits {
        let backend = ScriptedBackend::new(move |request| Ok(Completion::new(obey(request)).usage(most)));
        let pipeline = limited(&scale_task(), &backend, budget).build().unwrap();
        let report = block_on(pipeline.learn(&scale_history())).unwrap().report;
        // The first replies, which were asked for at once, used it up.
        assert_eq!((backend.requests().len(), report.budget_reached), (6, Some(limit)));
        assert_eq!(backend.of(Stage::Extract).len(), 6);
        assert_eq!(report.usage.total().output_tokens, u64::MAX);
    }
    // Without a budget they are counted up to the largest number there is.
    let backend = ScriptedBackend::new(move |request| Ok(Completion::new(obey(request)).usage(most)));
    let pipeline = limited(&scale_task(), &backend, Budget::default()).build().unwrap();
    let total = block_on(pipeline.learn(&scale_history())).unwrap().report.usage.total();
    assert!(total.calls > 6, "{total:?}");
    assert_eq!([total.input_tokens, total.cached_tokens, total.output_tokens], [u64::MAX; 3]);
}

#[test]
fn money_that_cannot_be_counted_is_refused_and_opens_no_budget() {
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.01] {
        let priced = |prices| Budget::default().money(1.0).prices(prices);
        let dear = Prices::per_million(1.0, 1.0);
        let mut budgets = vec![
            (priced(Prices::per_million(wrong, 1.0)), "the price of input tokens"),
            (priced(Prices::per_million(1.0, wrong)), "the price of output tokens"),
            (priced(dear.cached(wrong)), "the price of cached tokens"),
            (priced(dear).prices_for(Stage::Answer, Prices::per_million(1.0, wrong)), "the price of output tokens"),
        ];
        if wrong != f64::INFINITY {
            budgets.push((Budget::default().money(wrong), "the most money"));
        }
        for (budget, what) in budgets {
            let error = limited(&scale_task(), &ScriptedBackend::obedient(), budget.clone()).build().unwrap_err();
            assert!(matches!(error, ConfigError::Budget(error) if error.what == what), "{wrong}: {error:?}");
            // Where nobody looked at it before, nothing is sent.
            let ledger = Ledger::limited(budget);
            let request =
                CompletionRequest::new(Stage::Answer, vec![Message::user("A question?")], 10).entered(&ledger);
            assert!(matches!(request.begin(), Err(BackendError::Budget { limit: BudgetLimit::Money })), "{wrong}");
        }
    }
    assert!(
        limited(&scale_task(), &ScriptedBackend::obedient(), Budget::default().money(f64::INFINITY)).build().is_ok()
    );
}

#[test]
fn a_provider_that_refuses_every_form_is_asked_three_times_for_each_request() {
    let backend = ScriptedBackend::new(|request| {
        Err(BackendError::unsupported(rpm_core::llm::ReplyForm::Schema, format!("{:?}", request.form)))
    });
    let pipeline = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).build().unwrap();
    assert!(block_on(pipeline.learn(&scale_history())).is_err());
    assert_eq!(backend.requests().len(), 18);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn never_an_attempt_more_than_allowed_whatever_the_replies(
        calls in 0_u64..30,
        which in 0_usize..4,
        fates in prop::collection::vec(0_u8..6, 40),
    ) {
        let (_, task, history, new) = cases().into_iter().nth(which).unwrap();
        let count = std::sync::atomic::AtomicUsize::new(0);
        let backend = ScriptedBackend::new(move |request| {
            let at = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match fates[at % fates.len()] {
                0 => Err(BackendError::transient("busy")),
                1 => Ok(Completion::new("no JSON")),
                2 => Ok(reply("{\"items\":[]}")),
                _ => Ok(reply(&obey(request))),
            }
        });
        let pipeline = limited(&task, &backend, Budget::default().calls(calls)).build().unwrap();
        let learned = block_on(pipeline.learn(&history));
        prop_assert!(backend.take().len() as u64 <= calls);
        match learned {
            Ok(learned) => {
                check(&learned.model);
                let total = learned.report.usage.total();
                prop_assert!(total.calls <= calls);
                prop_assert_eq!(learned.report.budget_reached.is_some(), total.withheld > 0);
                prop_assert_eq!(learned.model.memory().len(), history.interactions().len());
                if let Err(error) = block_on(pipeline.personalize_model(&learned.model, &new)) {
                    prop_assert!(error.stage().is_some(), "{}", error);
                }
                prop_assert!(backend.requests().len() as u64 <= calls);
            }
            Err(Error::Budget { stage, limit }) => prop_assert_eq!((stage, limit), (Stage::Extract, BudgetLimit::Calls)),
            Err(error) => prop_assert!(matches!(error, Error::NothingLearned { .. } | Error::Factor(_)), "{}", error),
        }
    }
}

#[test]
fn the_account_in_words_says_what_was_not_sent_and_what_nobody_counted() {
    let usage = |budget: Budget| {
        let backend = ScriptedBackend::new(|request| Ok(Completion::new(obey(request))));
        let pipeline = RpmPipeline::builder(scale_task()).backend(backend).budget(budget).build().unwrap();
        block_on(pipeline.learn(&long_history())).unwrap().report.usage.to_string()
    };
    let free = usage(Budget::default());
    assert!(free.contains("calls whose tokens the backend did not count: ") && !free.contains("not sent"), "{free}");
    let held = usage(Budget::default().calls(4));
    assert!(held.contains("not sent for want of budget: "), "{held}");
}
