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
    let order = |texts: &[&str], query, k| ranked(texts, query, k).iter().map(|hit| hit.position).collect::<Vec<_>>();
    assert_eq!(order(&TEXTS, "nothing known", 9), [0, 1, 2, 3]);
    assert_eq!(order(&TEXTS, "nothing known", 2), [0, 1]);
    assert_eq!(order(&["only"], "only", 5), [0]);
    assert_eq!(order(&["!!", "word", "word"], "??", 1), [0]);
    assert!(order(&[], "word", 5).is_empty());
}
