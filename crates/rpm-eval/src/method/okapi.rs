//! Okapi BM25 as the Python package `rank_bm25` computes it.

use std::collections::HashMap;

use async_trait::async_trait;

use rpm_core::context::StageContext;
use rpm_core::data::MemoryItem;
use rpm_core::retrieve::{
    MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex, top_k,
};

/// Okapi BM25 over the texts of queries as in the Python package `rank_bm25` (Robertson and Zaragoza 2009): k1 = 1.5,
/// b = 0.75, and words in more than half of the texts weigh 0.25 of the mean weight. Words are runs of `[a-z0-9]` in
/// the lower-cased text. Sums run in its order, so that scores that tie there tie here. As there, every text is ranked,
/// also one that shares no word with the query.
///
/// A similarity is the score's share of what a text could reach at most, from 0.0 to 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Okapi;

const K1: f64 = 1.5;
const B: f64 = 0.75;
const EPSILON: f64 = 0.25;
/// The words of one memory.
struct Index {
    /// Of each text how often it has each word, and its length in words.
    texts: Vec<(HashMap<String, f64>, f64)>,
    weights: HashMap<String, f64>,
    mean_length: f64,
}

/// The words of a text; one blank for a text without any.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let runs = lower.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()));
    let words: Vec<String> = runs.filter(|run| !run.is_empty()).map(str::to_owned).collect();
    if words.is_empty() { vec![String::new()] } else { words }
}

impl Index {
    fn new(items: &[MemoryItem]) -> Self {
        let (mut texts, mut length) = (Vec::with_capacity(items.len()), 0.0);
        // In how many texts each word is, in order of first sight.
        let mut found: Vec<(String, f64)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for item in items {
            let text = words(item.query().text());
            let mut times: HashMap<String, f64> = HashMap::new();
            for word in &text {
                let n = times.entry(word.clone()).or_default();
                *n += 1.0;
                if *n < 1.5 {
                    let place = *places.entry(word.clone()).or_insert(found.len());
                    match found.get_mut(place) {
                        Some((_, texts)) => *texts += 1.0,
                        None => found.push((word.clone(), 1.0)),
                    }
                }
            }
            length += text.len() as f64;
            texts.push((times, text.len() as f64));
        }
        let n = items.len() as f64;
        let weight = |texts: f64| (n - texts + 0.5).ln() - (texts + 0.5).ln();
        let floor = EPSILON * (found.iter().map(|(_, texts)| weight(*texts)).sum::<f64>() / found.len() as f64);
        let weigh = |texts: f64| Some(weight(texts)).filter(|weight| *weight >= 0.0).unwrap_or(floor);
        let weights = found.into_iter().map(|(word, texts)| (word, weigh(texts))).collect();
        Self { texts, weights, mean_length: length / n }
    }

    fn best(&self, query: &str, k: usize) -> Vec<Retrieved> {
        let query = words(query);
        let most: f64 = query.iter().filter_map(|word| self.weights.get(word)).map(|w| w.max(0.0) * (K1 + 1.0)).sum();
        let score = |(position, (times, length)): (usize, &(HashMap<String, f64>, f64))| {
            let mut score = 0.0;
            for word in &query {
                if let (Some(weight), Some(n)) = (self.weights.get(word), times.get(word)) {
                    let relative = 1.0 - B + B * length / self.mean_length;
                    score += weight * (n * (K1 + 1.0) / (n + K1 * relative));
                }
            }
            let similarity = if most > 0.0 { (score / most).clamp(0.0, 1.0) } else { 0.0 };
            Retrieved { position, score, similarity }
        };
        top_k(self.texts.iter().enumerate().map(score), k)
    }
}

#[async_trait]
impl Retriever for Okapi {
    async fn open(
        &self,
        view: MemoryView<'_>,
        _: &[SavedIndex],
        _: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        Ok(Box::new(Index::new(view.memory.items())))
    }

    fn name(&self) -> &'static str {
        "okapi"
    }
}

#[async_trait]
impl MemoryIndex for Index {
    async fn rank(&self, request: RetrievalRequest<'_>, _: &StageContext<'_>) -> Result<Vec<Retrieved>, RetrieveError> {
        Ok(self.best(request.query.text(), request.k))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rpm_core::data::{Interaction, Query, ReasoningMemory};
    use rpm_core::llm::Ledger;
    use rpm_core::prompt::PromptSet;

    fn memory(texts: &[&str]) -> ReasoningMemory {
        let item = |(n, text): (usize, &&str)| {
            let interaction = Interaction::new(format!("i{n:03}"), Query::new(*text).unwrap(), "x").unwrap();
            MemoryItem::new(interaction, Vec::new()).unwrap()
        };
        ReasoningMemory::new(texts.iter().enumerate().map(item))
    }

    fn ranked(texts: &[&str], query: &str, k: usize) -> Vec<Retrieved> {
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let (memory, query) = (memory(texts), Query::new(query).unwrap());
        let ctx = StageContext::offline(&prompts, &ledger);
        let index = pollster::block_on(Okapi.open(MemoryView::new(&memory), &[], &ctx)).unwrap();
        pollster::block_on(index.rank(RetrievalRequest::new(&memory, &query, &[], k), &ctx)).unwrap()
    }

    const TEXTS: [&str; 4] =
        ["A slow slow film.", "Loud film, loud chase!", "The quiet harbour film", "a chase at the harbour"];

    /// By `rank_bm25` 0.2.2 for the same texts and query, in which `film` is in more than half.
    const ORDER: [usize; 4] = [0, 3, 1, 2];
    const SCORES: [f64; 4] =
        [1.306_280_787_387_355, 0.784_962_595_454_085_3, 0.072_528_014_232_540_1, 0.072_528_014_232_540_1];

    #[test]
    fn scores_are_those_of_the_python_package() {
        let found = ranked(&TEXTS, "Slow film chase at a harbour", 4);
        let order: Vec<usize> = found.iter().map(|hit| hit.position).collect();
        assert_eq!(order, ORDER);
        for (hit, score) in found.iter().zip(SCORES) {
            assert!((hit.score - score).abs() < 1e-12, "{} against {score}", hit.score);
            assert!((0.0..=1.0).contains(&hit.similarity));
        }
    }

    #[test]
    fn every_text_is_ranked_and_ties_go_to_the_earlier() {
        let order =
            |texts: &[&str], query, k| ranked(texts, query, k).iter().map(|hit| hit.position).collect::<Vec<_>>();
        assert_eq!(order(&TEXTS, "nothing known", 9), [0, 1, 2, 3]);
        assert_eq!(order(&TEXTS, "nothing known", 2), [0, 1]);
        assert_eq!(order(&["only"], "only", 5), [0]);
        assert_eq!(order(&["!!", "word", "word"], "??", 1), [0]);
        assert!(order(&[], "word", 5).is_empty());
    }
}
