//! What holds for every history, reply and query.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use crate::common::{ModelAtOnce as _, ReasonsOf as _, choices_task, labels_task, scale_task, text_task};
use pollster::block_on;
use proptest::prelude::*;
use proptest::sample::Index;
use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, FeatureKey, MemoryItem};
use rpm_core::extract::{ExtractionRequest, LexicalExtractor, ground};
use rpm_core::llm::Ledger;
use rpm_core::prompt::{PromptSet, read_items, read_reply};
use rpm_core::retrieve::MemoryView;
use rpm_core::retrieve::{Bm25Retriever, CompareBy, DenseRetriever, MaxSimRetriever, RetrievalRequest, Screening};
use rpm_core::stats::Interval;
use rpm_core::{Feature, History, Interaction, Query, Retriever, RpmPipeline, Task, UserModel};

const WORDS: [&str; 24] = [
    "slow",
    "quiet",
    "loud",
    "chase",
    "not good",
    "never boring",
    "excellent",
    "terrible",
    "harbour",
    "baker",
    "the",
    "and",
    "very",
    "explosions",
    "plot",
    "acting",
    "映画",
    "静か",
    "هادئ",
    "фильм",
    "🎬",
    "e\u{301}te\u{301}",
    "\u{202e}x\u{202c}",
    "5",
];

const OPTIONS: [&str; 4] = ["yes", "no", "perhaps", "いいえ"];
const TITLES: [&str; 4] = ["A Slow Film", "On Quiet Chases", "映画の話", "It's \"fine\": a study"];

/// The words of a text, with a line break or a full stop here and there.
fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![8 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => "\\PC{1,12}"];
    let gap = prop::sample::select(&[" ", " ", " ", ", ", ". ", "\n"][..]);
    prop::collection::vec((word, gap), 1..14)
        .prop_map(|words| words.into_iter().map(|(word, gap)| word + gap).collect())
        .prop_filter("a query", |text: &String| Query::new(text.as_str()).is_ok())
}

/// A task with the interactions of one user and a new query.
#[derive(Debug, Clone)]
struct Case {
    task: Task,
    past: Vec<Interaction>,
    new: Query,
}

impl Case {
    fn history(&self) -> History {
        History::new(&self.task, "ana", self.past.clone()).unwrap()
    }

    fn learned(&self) -> UserModel {
        block_on(RpmPipeline::offline(self.task.clone()).learn(&self.history())).unwrap().model
    }
}

fn case() -> impl Strategy<Value = Case> {
    let row = (text(), 0_usize..4, prop::option::of(0_i64..4));
    (0_usize..4, prop::collection::vec(row, 1..9), text(), any::<bool>()).prop_map(|(kind, rows, new, one_response)| {
        let task = [scale_task(), labels_task(), choices_task(), text_task()][kind].clone();
        let ask = |text: &str| match kind {
            2 => Query::with_options(text, OPTIONS).unwrap(),
            _ => Query::new(text).unwrap(),
        };
        let past = rows.iter().enumerate().map(|(i, (text, response, time))| {
            let response = if one_response { 0 } else { *response };
            let response = match kind {
                0 => ["1", "3", "4", "5"][response],
                1 => ["drama", "thriller", "Sci-Fi", "drama"][response],
                2 => OPTIONS[response],
                _ => TITLES[response],
            };
            let past = Interaction::new(format!("i{i}"), ask(text), response).unwrap();
            time.map_or(past.clone(), |time| past.at(time))
        });
        Case { past: past.collect(), new: ask(&new), task }
    })
}

fn fair(share: f64) -> bool {
    (0.0..=1.0).contains(&share)
}

fn interval_in(interval: Interval, low: f64, high: f64) -> bool {
    interval.low >= low && interval.low <= interval.high && interval.high <= high
}

fn check_partition(model: &UserModel) {
    let mut owners: BTreeMap<&FeatureKey, usize> = BTreeMap::new();
    for factor in model.factors().iter() {
        assert!(!factor.features().is_empty() && !factor.label().trim().is_empty());
        for key in factor.features() {
            *owners.entry(key).or_default() += 1;
        }
    }
    assert!(owners.values().all(|owners| *owners == 1));
    let keys = model.memory().items().iter().flat_map(MemoryItem::features).map(Feature::key);
    let keys: std::collections::BTreeSet<FeatureKey> = keys.collect();
    assert!(owners.keys().all(|key| keys.contains(*key)), "the factors hold features of the history and no other");
}

fn check_statistics(model: &UserModel, new: &Query) {
    let total = model.factors().totals().interactions;
    assert!((total - model.memory().len() as f64).abs() < 1e-9);
    let open = model.task().space().is_open_ended();
    let calibration = model.calibration();
    assert!(calibration.kappa.is_finite() && calibration.kappa > 0.0);
    assert!(fair(calibration.factors));
    assert!(calibration.left_out_score <= 0.0 && calibration.base_score <= 0.0);
    let beliefs = model.beliefs();
    for query in [None, Some(new)] {
        for summary in beliefs.summaries(query) {
            assert!(summary.coverage >= 1.0 && summary.coverage <= total, "{summary:?}");
            assert!(fair(summary.q), "{summary:?}");
            assert_eq!(open, summary.responses.is_empty() && summary.influence.is_some(), "{summary:?}");
            for belief in &summary.responses {
                assert!(fair(belief.propensity) && fair(belief.base) && belief.base > 0.0, "{belief:?}");
                assert!(interval_in(belief.interval, 0.0, 1.0) && belief.lift.is_finite() && belief.lift >= 0.0);
                assert!(belief.count >= 0.0 && belief.count <= summary.coverage, "{belief:?}");
            }
            if query.is_none() && !open {
                let sum: f64 = summary.responses.iter().map(|belief| belief.count).sum();
                assert!((sum - summary.coverage).abs() < 1e-9, "{summary:?}");
                let shares: f64 = summary.responses.iter().map(|belief| belief.propensity).sum();
                // Without a query's options, choices leave a share for those never seen.
                let all = model.task().space().fixed_responses().is_some();
                assert!(shares <= 1.0 + 1e-6 && (!all || shares >= 1.0 - 1e-6), "{summary:?}");
            }
            if let Some(difference) = summary.difference {
                assert!(difference.difference.abs() <= 4.0 + 1e-9 && fair(difference.p), "{difference:?}");
                assert!(interval_in(difference.interval, f64::MIN, f64::MAX), "{difference:?}");
            }
            let shares = summary.influence.into_iter().chain(summary.polarity.into_iter().flatten());
            for share in shares {
                assert!(fair(share.share) && interval_in(share.interval, 0.0, 1.0), "{summary:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn factors_are_a_partition_and_all_statistics_are_in_range(case in case()) {
        let model = case.learned();
        check_partition(&model);
        check_statistics(&model, &case.new);
    }

    #[test]
    fn the_order_interactions_come_in_does_not_matter(case in case(), swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 0..12)) {
        let mut other = case.clone();
        for (a, b) in swaps {
            let (a, b) = (a.index(other.past.len()), b.index(other.past.len()));
            other.past.swap(a, b);
        }
        let (one, two) = (case.learned(), other.learned());
        prop_assert_eq!(one.to_json(), two.to_json());
    }

    #[test]
    fn saving_and_loading_changes_nothing(case in case()) {
        let model = case.learned();
        let file = model.to_json();
        let copy = UserModel::from_json(&file).unwrap();
        prop_assert!(copy == model);
        prop_assert_eq!(copy.to_json(), file);
    }

    #[test]
    fn an_answer_is_inside_the_space_and_its_estimate_sums_to_one(case in case()) {
        let pipeline = RpmPipeline::offline(case.task.clone());
        let model = case.learned();
        match block_on(pipeline.personalize_model(&model, &case.new)) {
            Ok(answer) => {
                let response = answer.response.as_str();
                prop_assert_eq!(case.task.parse_response(&case.new, response), Some(response.to_owned()));
                prop_assert_eq!(answer.path.response(), response);
                prop_assert_eq!(answer.estimate.is_none(), case.task.space().is_open_ended());
                if let Some(estimate) = &answer.estimate {
                    let shares: Vec<f64> = estimate.responses().iter().map(|w| w.probability).collect();
                    prop_assert!(shares.iter().all(|share| fair(*share)));
                    prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                    prop_assert_eq!(shares.len(), case.task.responses(&case.new).len());
                    prop_assert!(estimate.information().is_finite());
                }
                prop_assert!(answer.path.steps().iter().all(|step| step.feature < answer.features.len()));
                prop_assert!(fair(answer.support.best_similarity) && answer.support.information.is_finite());
                prop_assert!(answer.exemplars.len() <= 3);
                prop_assert!(!answer.reasons_of(&model).to_string().contains("NaN"));
            }
            // A text of signs alone has no word to make a title of.
            Err(rpm_core::Error::Answer(_)) => prop_assert!(case.task.space().is_open_ended()),
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn fewer_hits_are_a_prefix_of_the_full_ranking(case in case(), k in 0_usize..12) {
        let model = case.learned();
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let ctx = StageContext::offline(&prompts, &ledger);
        let features: Vec<AssignedFeature> =
            LexicalExtractor::default().read(&ExtractionRequest::new(&case.task, "query", &case.new)).features;
        let retrievers: [Box<dyn Retriever>; 6] = [
            Box::new(Bm25Retriever::default()),
            Box::new(Bm25Retriever::default().over(CompareBy::Queries)),
            Box::new(DenseRetriever::default()),
            Box::new(DenseRetriever::default().screening(Screening::Always)),
            Box::new(MaxSimRetriever::default()),
            Box::new(MaxSimRetriever::default().screening(Screening::Always)),
        ];
        for retriever in &retrievers {
            let rank = |k| {
                let request = RetrievalRequest::new(model.memory(), &case.new, &features, k);
                let index = block_on(retriever.open(MemoryView::new(model.memory()), &[], &ctx)).unwrap();
                block_on(index.rank(request, &ctx)).unwrap()
            };
            let full = rank(usize::MAX);
            let some = rank(k);
            prop_assert_eq!(&some[..], &full[..k.min(full.len())]);
            let ordered = |a: &rpm_core::retrieve::Retrieved, b: &rpm_core::retrieve::Retrieved| {
                a.score > b.score || (a.score.total_cmp(&b.score).is_eq() && a.position < b.position)
            };
            prop_assert!(full.windows(2).all(|pair| ordered(&pair[0], &pair[1])), "{}", retriever.name());
            prop_assert!(full.iter().all(|hit| hit.position < model.memory().len() && fair(hit.similarity)));
        }
    }

    #[test]
    fn every_feature_lies_in_its_query(text in text()) {
        let (task, query) = (scale_task(), Query::new(text.as_str()).unwrap());
        let extraction = LexicalExtractor::default().read(&ExtractionRequest::new(&task, "query", &query));
        for assigned in &extraction.features {
            prop_assert!(!assigned.feature.context(&query).is_empty());
        }
        prop_assert_eq!(&extraction, &LexicalExtractor::default().read(&ExtractionRequest::new(&task, "query", &query)));
    }
}

/// Pieces of replies, whole and broken.
fn reply() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(
        &[
            "{",
            "}",
            "[",
            "]",
            "\"items\"",
            "\"about\"",
            "\"t1\"",
            ":",
            ",",
            "\"",
            "\\",
            "\\u12",
            "```json",
            "```",
            "<think>",
            "</think>",
            "null",
            "1e999",
            "-",
            "true",
            "//",
            "/*",
            "'",
            "“",
            "\n",
            "<|im_end|>",
            "\u{feff}",
            "{}",
            "[[",
            "x: 1",
        ][..],
    );
    let piece =
        prop_oneof![6 => pieces.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from), 1 => ".{0,6}"];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reply_of_any_text_is_read_or_refused(text in prop_oneof![reply(), any::<String>()]) {
        type Fields = BTreeMap<String, serde_json::Value>;
        let _ = read_reply::<serde_json::Value>(&text);
        let _ = read_items::<Fields>(&text, "items");
        if let Err(error) = read_reply::<Fields>(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn a_quote_is_found_inside_the_text_or_not_at_all(text in text(), quote in prop_oneof![text(), any::<String>()]) {
        if let Some(span) = ground(&text, &quote) {
            prop_assert!(span.start < span.end && text.get(span.start..span.end).is_some());
        }
        let first = text.split_whitespace().next().unwrap_or_default();
        if first.chars().any(char::is_alphanumeric) {
            prop_assert!(ground(&text, first).is_some());
        }
    }

    #[test]
    fn a_response_that_was_read_reads_the_same_again(text in prop_oneof![reply(), any::<String>(), Just(" 'a' ".to_owned())]) {
        let query = Query::with_options("Which?", OPTIONS).unwrap();
        for task in [scale_task(), labels_task(), choices_task(), text_task()] {
            if let Some(response) = task.parse_response(&query, &text) {
                prop_assert_eq!(task.parse_response(&query, &response), Some(response.clone()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spoiled_file_is_refused_or_answers_all_the_same(at in any::<Index>(), byte in prop::sample::select(&b"0197-{}[],\":eExa"[..])) {
        use std::sync::LazyLock;
        static FILE: LazyLock<String> = LazyLock::new(|| {
            block_on(RpmPipeline::offline(scale_task()).learn(&crate::common::scale_history())).unwrap().model.to_json()
        });
        let mut bytes = FILE.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if let Ok(model) = UserModel::from_json(&text) {
            let pipeline = RpmPipeline::offline(model.task().clone());
            if let Ok(answer) = block_on(pipeline.personalize_model(&model, &crate::common::query("A slow and quiet film."))) {
                prop_assert!(!answer.reasons_of(&model).to_string().contains("NaN"));
            }
        }
    }
}

#[test]
fn one_item_and_one_response_are_enough_for_every_task() {
    for (kind, task, history, new) in crate::common::cases() {
        let first = history.interactions()[0].clone();
        let again = Interaction::new("again", first.query().clone(), first.response()).unwrap();
        for past in [vec![first.clone()], vec![first, again]] {
            let case = Case { task: task.clone(), past, new: new.clone() };
            let model = case.learned();
            check_partition(&model);
            check_statistics(&model, &new);
            let answer = block_on(RpmPipeline::offline(task.clone()).personalize_model(&model, &new)).unwrap();
            assert_eq!(task.parse_response(&new, &answer.response), Some(answer.response.clone()), "{kind}");
        }
    }
}

#[test]
fn learning_on_several_threads_at_once_gives_the_bytes_of_one() {
    for (kind, task, history, new) in crate::common::cases() {
        let pipeline = RpmPipeline::offline(task);
        let run = || {
            let model = block_on(pipeline.learn(&history)).unwrap().model;
            let answer = block_on(pipeline.personalize_model(&model, &new)).unwrap();
            (model.to_json(), answer)
        };
        let alone = run();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            for thread in threads {
                assert!(thread.join().unwrap() == alone, "{kind}");
            }
        });
    }
}

#[test]
fn one_model_is_asked_from_several_threads_at_once() {
    let pipeline = RpmPipeline::offline(scale_task());
    let model = block_on(pipeline.learn(&crate::common::scale_history())).unwrap().model;
    let new = crate::common::query("A slow and quiet film.");
    let ask = || block_on(pipeline.personalize_model(&model, &new)).unwrap();
    let alone = ask();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        for thread in threads {
            assert!(thread.join().unwrap() == alone);
        }
    });
}
