//! Ranking and editing: the index against the plain formula, and edits against indexes built anew.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers, and exact ones on purpose"
)]

use std::collections::{BTreeMap, BTreeSet};

use pollster::block_on;
use proptest::prelude::*;

use crate::context::StageContext;
use crate::data::{Feature, Interaction, MemoryItem, Query, ReasoningMemory, Span};
use crate::llm::Ledger;
use crate::prompt::PromptSet;
use crate::retrieve::{RetrievalRequest, Retrieved, Retriever};
use crate::words;

use super::weights::average_length;
use super::{Bm25Index, Bm25Retriever, CompareBy, IndexError};

pub(super) const K1: f32 = 1.2;
pub(super) const B: f32 = 0.75;

/// BM25 as it is written in books, for comparison: counts, no index, every text scored and all of them sorted.
///
/// idf(t) = ln(1 + (n - df + 1/2) / (df + 1/2)), w(t) = tf (k1 + 1) / (tf + k1 (1 - b + b length / average)), k1 = 1.2,
/// b = 0.75, average: the mean to the nearest sixteenth of the power of two below it; score = sum of idf w over the query's
/// different tokens in the order of the query. Weights in `f32`, all else in `f64`.
struct Naive {
    texts: Vec<BTreeMap<String, u32>>,
    df: BTreeMap<String, u32>,
    average: f32,
}

impl Naive {
    fn tokens(text: &str) -> Vec<String> {
        let words = words::tokens(text).into_iter().map(|token| token.word);
        words.filter(|word| !words::is_stop_word(word)).map(|word| words::stem(&word)).collect()
    }

    fn new(texts: &[String]) -> Self {
        let (mut df, mut total) = (BTreeMap::new(), 0);
        let count = |text: &String| {
            let mut counts = BTreeMap::new();
            for token in Self::tokens(text) {
                *counts.entry(token).or_insert(0) += 1;
                total += 1;
            }
            for token in counts.keys() {
                *df.entry(String::clone(token)).or_insert(0) += 1;
            }
            counts
        };
        let counts: Vec<_> = texts.iter().map(count).collect();
        let mean = (f64::from(total) / texts.len() as f64).max(1.0);
        let mut step = 1.0 / 16.0;
        while step * 32.0 <= mean {
            step *= 2.0;
        }
        Self { texts: counts, df, average: ((mean / step).round() * step) as f32 }
    }

    fn weight(&self, text: &BTreeMap<String, u32>, tf: u32) -> f32 {
        let (tf, length) = (tf as f32, text.values().sum::<u32>() as f32);
        tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * (length / self.average)))
    }

    fn rank(&self, query: &str, k: usize) -> Vec<(usize, f64)> {
        let mut seen = BTreeSet::new();
        let mut tokens = Self::tokens(query);
        tokens.retain(|token| seen.insert(token.clone()));
        let n = self.texts.len() as f64;
        let score = |text: &BTreeMap<String, u32>| {
            let mut score = 0.0;
            for token in &tokens {
                if let (Some(&tf), Some(&df)) = (text.get(token), self.df.get(token)) {
                    let idf = (1.0 + (n - f64::from(df) + 0.5) / (f64::from(df) + 0.5)).ln();
                    score += idf * f64::from(self.weight(text, tf));
                }
            }
            score
        };
        let mut ranked: Vec<(usize, f64)> = self.texts.iter().map(score).enumerate().collect();
        ranked.retain(|&(_, score)| score > 0.0);
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(k);
        ranked
    }
}

fn assert_ranks_as_naively(texts: &[String], queries: &[String]) {
    let (index, naive) = (Bm25Index::build(texts, K1, B), Naive::new(texts));
    for query in queries {
        let (found, expected) = (index.rank(query, 10), naive.rank(query, 10));
        let positions = |best: &[Retrieved]| best.iter().map(|hit| hit.position).collect::<Vec<_>>();
        assert_eq!(positions(&found), expected.iter().map(|hit| hit.0).collect::<Vec<_>>());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found.score - expected.1).abs() <= 1e-5, "{} instead of {}", found.score, expected.1);
        }
    }
}

/// Text from a seed: the word of rank r comes about 1 / r as often as the first.
struct Zipf(u64);

impl Zipf {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(((self.0 >> 32) * u64::from(end)) >> 32).unwrap()
    }

    fn text(&mut self, shortest: u32, longest: u32) -> String {
        let words = shortest + self.below(longest - shortest + 1);
        let word = |_| format!("w{}", 20_000_f64.powf(f64::from(self.below(1 << 30)) / f64::from(1 << 30)) as u32);
        (0..words).map(word).collect::<Vec<_>>().join(" ")
    }

    fn texts(&mut self, n: usize, shortest: u32, longest: u32) -> Vec<String> {
        (0..n).map(|_| self.text(shortest, longest)).collect()
    }
}

#[test]
fn ranks_made_up_text_as_the_naive_formula_does() {
    let mut zipf = Zipf(5);
    assert_ranks_as_naively(&zipf.texts(3_000, 40, 80), &zipf.texts(60, 30, 60));
    assert_ranks_as_naively(&zipf.texts(500, 0, 4), &zipf.texts(200, 0, 3));
    assert_ranks_as_naively(&zipf.texts(10, 1, 4), &zipf.texts(50, 0, 300));
}

/// `RPM_DATA` names a folder of folders with a `users.jsonl`: one user a line, with `"history": [{"query": ..}]`.
#[test]
fn ranks_real_text_as_the_naive_formula_does() {
    let Some(folder) = std::env::var_os("RPM_DATA") else {
        println!("RPM_DATA is unset: no real text was ranked");
        return;
    };
    let mut texts = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().map(|path| path.join("users.jsonl")).filter(|path| path.exists()) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let user: serde_json::Value = serde_json::from_str(line).unwrap();
            let queries =
                user["history"].as_array().unwrap().iter().map(|item| item["query"].as_str().unwrap().to_owned());
            let own: Vec<String> = queries.collect();
            // A user as a product has them: the newest texts against those before.
            let (past, new) = own.split_at(own.len() - own.len().min(3));
            assert_ranks_as_naively(past, new);
            texts.extend(own);
        }
    }
    assert!(!texts.is_empty(), "RPM_DATA has no users.jsonl");
    let queries: Vec<String> = texts.iter().step_by(texts.len() / 40 + 1).cloned().collect();
    assert_ranks_as_naively(&texts, &queries);
    println!("ranked {} real texts", texts.len());
}

#[test]
fn scores_are_those_of_the_formula_worked_by_hand() {
    let index = Bm25Index::build(["slow plot, slow end", "great end", "not great", ""], K1, B);
    let best = index.rank("Great slow slowed great", 10);
    // Tokens: slow plot slow end | great end | not great | none. Mean 8 / 4 = 2. Stems of the query: great, slow.
    let (idf_great, idf_slow) = ((1.0_f64 + 2.5 / 2.5).ln(), (1.0_f64 + 3.5 / 1.5).ln());
    let long = 2.0 * 2.2 / (2.0 + 1.2 * (0.25 + 0.75 * 2.0));
    let expected = [(0, idf_slow * long), (1, idf_great), (2, idf_great)];
    assert_eq!(best.len(), 3);
    for (hit, (position, score)) in best.iter().zip(expected) {
        assert_eq!(hit.position, position);
        assert!((hit.score - score).abs() < 1e-6);
        assert!((hit.similarity - score / (idf_great + idf_slow)).abs() < 1e-6);
    }
}

#[test]
fn nothing_asked_or_nothing_there_ranks_nothing() {
    let index = Bm25Index::build(["a dry film", "a dry book"], K1, B);
    assert!(index.rank("dry film", 0).is_empty());
    assert!(index.rank("", 5).is_empty());
    assert!(index.rank("the of and", 5).is_empty());
    assert!(index.rank("unheard words", 5).is_empty());
    assert_eq!(index.rank("dry film", usize::MAX).len(), 2);
    let empty = Bm25Index::new(K1, B);
    assert!(empty.is_empty() && empty.rank("dry film", 5).is_empty());
    assert!(Bm25Index::build(["", "the"], K1, B).rank("dry", 5).is_empty());
}

#[test]
fn equal_texts_come_in_the_order_of_their_positions() {
    let mut index = Bm25Index::build(vec!["a film worth its length"; 300], K1, B);
    index.remove(7).unwrap();
    index.insert(0, "a film worth its length").unwrap();
    for k in [1, 3, 299, 300, 301] {
        let positions: Vec<usize> = index.rank("worth a film", k).iter().map(|hit| hit.position).collect();
        assert_eq!(positions, (0..k.min(300)).collect::<Vec<_>>());
    }
}

#[test]
fn a_text_that_says_what_the_query_says_has_similarity_one() {
    let index = Bm25Index::build(["slow plot", "great cast"], K1, B);
    let best = index.rank("slow plot", 1);
    assert!((best[0].similarity - 1.0).abs() < 1e-6);
    // A word that no text has counts against it.
    assert!(index.rank("slow plot elsewhere", 1)[0].similarity < 0.7);
    let mut edited = Bm25Index::build(["slow plot", "great cast", "elsewhere"], K1, B);
    edited.remove(2).unwrap();
    assert_eq!(edited.rank("elsewhere slow plot else", 1), index.rank("elsewhere slow plot else", 1));
}

#[test]
fn positions_that_are_not_there_are_errors() {
    let mut index = Bm25Index::build(["one", "two"], K1, B);
    let error = |position, len| Err(IndexError::NoSuchPosition { position, len });
    assert_eq!(index.insert(3, "four"), error(3, 2));
    assert_eq!(index.remove(2), error(2, 2));
    assert_eq!(index.remove(usize::MAX), error(usize::MAX, 2));
    assert_eq!(index.remove(u32::MAX as usize), error(u32::MAX as usize, 2));
    assert_eq!(index.to_bytes(), Bm25Index::build(["one", "two"], K1, B).to_bytes());
}

#[test]
fn the_average_length_is_never_more_than_a_thirty_second_off_the_mean() {
    for tokens in 1_u64..200_000 {
        let (mean, average) = (tokens as f64 / 100.0, f64::from(average_length(100, tokens)));
        assert!((average - mean.max(1.0)).abs() <= mean.max(1.0) / 32.0);
    }
    assert_eq!(average_length(0, 0), 1.0);
    assert_eq!(average_length(1, 31), 31.0);
    assert_eq!(average_length(10, 314), 31.0);
}

#[test]
fn any_parameters_give_finite_scores() {
    let extremes = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE, 0.0, -1.0];
    for (k1, b) in extremes.iter().flat_map(|&k1| extremes.map(|b| (k1, b))) {
        let index = Bm25Index::build(["dry dry dry wit", "dry", "wit ".repeat(5_000).as_str()], k1, b);
        let best = index.rank("dry wit", 3);
        assert_eq!(best.len(), 3, "k1 {k1}, b {b}");
        assert!(best.iter().all(|hit| hit.score.is_finite() && hit.score > 0.0));
        assert_eq!(Bm25Index::from_bytes(&index.to_bytes()).unwrap().rank("dry wit", 3), best);
    }
}

#[test]
fn queries_are_compared_with_queries_and_features_with_features() {
    let query = |text: &str| Query::new(text).unwrap();
    let cast = |text: &str| Feature::new(&query(text), "great cast", Span { start: 0, end: 10 }).unwrap();
    let text = "great cast and a slow plot";
    let item = Interaction::new("i", query(text), "4").unwrap();
    let memory = ReasoningMemory::new([MemoryItem::new(item, vec![cast(text)]).unwrap()]);
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::offline(&prompts, &ledger);
    let found = |compared, text: &str| {
        let query = query(text);
        let request = RetrievalRequest::new(&memory, &query, &[], 3);
        let index = block_on(Bm25Retriever::default().over(compared).open(request.view(), &[], &ctx)).unwrap();
        block_on(index.rank(request, &ctx)).unwrap().len()
    };
    assert_eq!((found(CompareBy::Features, "a plot"), found(CompareBy::Features, "a cast")), (0, 1));
    assert_eq!((found(CompareBy::Queries, "a plot"), found(CompareBy::Queries, "a cast")), (1, 1));
}

#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, String),
    Remove(usize),
}

/// Texts of few different words.
pub(super) fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![4 => "[a-d]", 3 => "[a-h][m-p]", 1 => "plots?|slow(ly)?|don.t|the|é[a-c]", 1 => "[a-z]{2}"];
    prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), text()).prop_map(|(at, text)| Edit::Insert(at, text)),
        any::<usize>().prop_map(Edit::Remove),
    ]
}

fn assert_same(index: &Bm25Index, texts: &[String], queries: &[String]) -> Result<(), TestCaseError> {
    let rebuilt = Bm25Index::build(texts, K1, B);
    let bits = |hit: &Retrieved| (hit.position, hit.score.to_bits(), hit.similarity.to_bits());
    for (query, k) in queries.iter().zip([1, 3, 10, 1_000].into_iter().cycle()) {
        let (found, expected) = (index.rank(query, k), rebuilt.rank(query, k));
        prop_assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), expected.iter().map(bits).collect::<Vec<_>>());
    }
    prop_assert_eq!(index.to_bytes(), rebuilt.to_bytes());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_edited_index_is_the_same_as_one_built_from_the_texts(
        start in prop::collection::vec(text(), 0..100),
        edits in prop::collection::vec(edit(), 0..60),
        queries in prop::collection::vec(text(), 8),
        opened in any::<bool>(),
    ) {
        let mut texts = start;
        let mut index = Bm25Index::build(&texts, K1, B);
        if opened {
            index = Bm25Index::from_bytes(&index.to_bytes()).unwrap();
        }
        for (step, edit) in edits.into_iter().enumerate() {
            match edit {
                Edit::Insert(at, text) => {
                    let at = at % (texts.len() + 1);
                    index.insert(at, &text).unwrap();
                    texts.insert(at, text);
                }
                Edit::Remove(at) if !texts.is_empty() => {
                    let at = at % texts.len();
                    index.remove(at).unwrap();
                    texts.remove(at);
                }
                Edit::Remove(_) => {}
            }
            if step % 16 == 0 {
                assert_same(&index, &texts, &queries)?;
            }
        }
        prop_assert_eq!(index.len(), texts.len());
        assert_same(&index, &texts, &queries)?;
    }

    #[test]
    fn the_best_j_are_the_first_j_of_the_best_k(
        texts in prop::collection::vec(text(), 0..200), query in text(), j in 0_usize..20, k in 0_usize..300,
    ) {
        let index = Bm25Index::build(&texts, K1, B);
        let all = index.rank(&query, usize::MAX);
        for k in [j, k] {
            let best = index.rank(&query, k);
            prop_assert_eq!(&best[..], &all[..k.min(all.len())]);
        }
    }
}

#[test]
fn an_index_shrinks_with_its_texts() {
    let mut zipf = Zipf(3);
    let mut texts = zipf.texts(1_500, 5, 30);
    let mut index = Bm25Index::build(&texts, K1, B);
    let full = index.heap_bytes();
    while texts.len() > 20 {
        let at = zipf.below(u32::try_from(texts.len()).unwrap()) as usize;
        texts.remove(at);
        index.remove(at).unwrap();
    }
    assert!(index.heap_bytes() * 8 < full, "{} of {full}", index.heap_bytes());
    assert_same(&index, &texts, &zipf.texts(20, 5, 30)).unwrap();
    for _ in 0..texts.len() {
        index.remove(0).unwrap();
    }
    assert_eq!(index.to_bytes(), Bm25Index::new(K1, B).to_bytes());
}

#[test]
fn threads_that_rank_at_once_find_the_same() {
    let mut zipf = Zipf(11);
    let (texts, queries) = (zipf.texts(400, 10, 30), zipf.texts(40, 5, 20));
    let indexes = [Bm25Index::build(&texts, K1, B), Bm25Index::build(&texts[..50], K1, B)];
    let rank = || indexes.iter().flat_map(|index| queries.iter().map(|query| index.rank(query, 7))).collect::<Vec<_>>();
    let expected = rank();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(rank)).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == expected));
    });
}
