//! Retrieval by embedded text: what is embedded, what is kept, what is found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use pollster::block_on;
use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, MemoryItem, ReasoningMemory, Span};
use rpm_core::embed::{EmbedError, Embedder, HashedEmbedder};
use rpm_core::extract::LexicalExtractor;
use rpm_core::llm::Ledger;
use rpm_core::prompt::PromptSet;
use rpm_core::retrieve::MemoryView;
use rpm_core::retrieve::{
    DenseIndex, DenseRetriever, MaxSimRetriever, RetrievalRequest, RetrieveError, Retrieved, Screening,
};
use rpm_core::{Feature, Interaction, Query, ResponseSpace, Retriever, RpmPipeline, Task, async_trait};

use crate::common::ModelAtOnce as _;

/// Remembers what it was asked, and fails as often as it is told to.
#[derive(Clone, Default)]
struct Listening {
    heard: Arc<Mutex<Vec<Vec<String>>>>,
    failures: Arc<Mutex<usize>>,
}

impl Listening {
    fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

#[async_trait]
impl Embedder for Listening {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.heard.lock().unwrap().push(texts.to_vec());
        {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(EmbedError::Other("out of quota".into()));
            }
        }
        HashedEmbedder::default().embed(texts).await
    }

    fn dimensions(&self) -> usize {
        HashedEmbedder::default().dimensions()
    }

    fn fingerprint(&self) -> String {
        "listening".to_owned()
    }
}

/// A feature for each of these words of the text, named as it is seen.
fn features(query: &Query, words: &[&str]) -> Vec<Feature> {
    let feature = |word: &&str| {
        let start = query.text().find(*word).unwrap();
        Feature::new(query, *word, Span { start, end: start + word.len() }).unwrap()
    };
    words.iter().map(feature).collect()
}

fn item(id: i64, text: &str, words: &[&str]) -> MemoryItem {
    let query = Query::new(text).unwrap();
    let features = features(&query, words);
    MemoryItem::new(Interaction::new(format!("i{id}"), query, "3").unwrap().at(id), features).unwrap()
}

fn memory() -> ReasoningMemory {
    ReasoningMemory::new([
        item(0, "A slow film with a chase.", &["slow", "chase"]),
        item(1, "Nothing to say.", &[]),
        item(2, "A quiet, slow film.", &["quiet", "slow"]),
        item(3, "A chase, loud.", &["chase", "loud"]),
    ])
}

fn find(retriever: &dyn Retriever, memory: &ReasoningMemory, words: &[&str]) -> Result<Vec<Retrieved>, RetrieveError> {
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::offline(&prompts, &ledger);
    let query = Query::new("It is slow and quiet.").unwrap();
    let features: Vec<AssignedFeature> = features(&query, words).into_iter().map(AssignedFeature::unknown).collect();
    let index = block_on(retriever.open(MemoryView::new(memory), &[], &ctx))?;
    block_on(index.rank(RetrievalRequest::new(memory, &query, &features, 10), &ctx))
}

#[test]
fn late_interaction_adds_up_the_best_match_of_each_feature() {
    let found = find(&MaxSimRetriever::default(), &memory(), &["slow", "quiet"]).unwrap();
    // Both features are in the third item; the second has none and is not found.
    assert_eq!(found.iter().map(|hit| hit.position).collect::<Vec<_>>(), [2, 0, 3]);
    assert!((found[0].score - 2.0).abs() < 1e-6 && (found[0].similarity - 1.0).abs() < 1e-6);
    assert!(found[1].score >= 1.0 && found[1].score < 2.0);
}

#[test]
fn a_query_without_features_is_embedded_whole() {
    let embedder = Listening::default();
    find(&MaxSimRetriever::new(embedder.clone()), &memory(), &[]).unwrap();
    assert_eq!(embedder.take()[1], ["It is slow and quiet."]);
}

#[test]
fn equal_texts_are_embedded_once_and_vectors_are_kept_in_the_index() {
    let (embedder, memory) = (Listening::default(), memory());
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::offline(&prompts, &ledger);
    let retriever = MaxSimRetriever::new(embedder.clone());
    let index = block_on(retriever.open(MemoryView::new(&memory), &[], &ctx)).unwrap();
    assert_eq!(embedder.take(), [vec!["slow", "chase", "quiet", "loud"]]);
    let query = Query::new("It is slow and quiet.").unwrap();
    for words in [&["slow"][..], &["slow", "quiet"]] {
        let features: Vec<_> = features(&query, words).into_iter().map(AssignedFeature::unknown).collect();
        block_on(index.rank(RetrievalRequest::new(&memory, &query, &features, 10), &ctx)).unwrap();
        assert_eq!(embedder.take(), [words.to_vec()]);
    }
}

#[test]
fn nothing_is_kept_of_an_embedding_that_failed() {
    let memory = memory();
    for late in [false, true] {
        let embedder = Listening { failures: Arc::new(Mutex::new(1)), ..Listening::default() };
        let retriever: Box<dyn Retriever> = if late {
            Box::new(MaxSimRetriever::new(embedder.clone()))
        } else {
            Box::new(DenseRetriever::new(embedder.clone()))
        };
        let error = find(&*retriever, &memory, &["slow"]).unwrap_err();
        assert!(matches!(error, RetrieveError::Embed(EmbedError::Other(_))), "{error:?}");
        let first = embedder.take();
        assert!(!find(&*retriever, &memory, &["slow"]).unwrap().is_empty());
        assert_eq!(embedder.take()[0], first[0]);
    }
}

#[test]
fn screening_changes_no_answer() {
    for words in [&["slow"][..], &["slow", "quiet"], &[]] {
        let found = |retriever: &dyn Retriever| find(retriever, &memory(), words).unwrap();
        let dense = |screening| found(&DenseRetriever::default().screening(screening));
        assert_eq!(dense(Screening::Always), dense(Screening::Never));
        let late = |screening| found(&MaxSimRetriever::default().screening(screening));
        assert_eq!(late(Screening::Always), late(Screening::Never));
    }
}

#[test]
fn an_embedder_without_dimensions_is_an_error() {
    struct Empty;
    #[async_trait]
    impl Embedder for Empty {
        async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
            Ok(vec![Vec::new(); texts.len()])
        }
        fn dimensions(&self) -> usize {
            0
        }
        fn fingerprint(&self) -> String {
            String::new()
        }
    }
    let error = find(&DenseRetriever::new(Empty), &memory(), &[]).unwrap_err();
    assert!(matches!(error, RetrieveError::Vectors(_)), "{error:?}");
}

#[test]
fn the_text_of_features_leaves_through_the_redaction_hook() {
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let embedder = Listening::default();
    let pipeline = RpmPipeline::builder(task)
        .backend(crate::common::ScriptedBackend::obedient())
        .extractor(LexicalExtractor::default())
        .retriever(MaxSimRetriever::new(embedder.clone()))
        .redact(|text| text.replace("slow", "[gone]"))
        .build()
        .unwrap();
    let model = block_on(pipeline.learn(&crate::common::scale_history())).unwrap().model;
    block_on(pipeline.personalize_model(&model, &crate::common::query("A slow film."))).unwrap();
    let heard = embedder.take().concat();
    assert!(heard.iter().any(|text| text.contains("[gone]")) && heard.iter().all(|text| !text.contains("slow")));
}

/// Texts of real users from the folder that `RPM_DATA` names, without repeats.
fn real_texts() -> Option<Vec<String>> {
    let folder = std::env::var_os("RPM_DATA")?;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut texts = std::collections::BTreeSet::new();
    for file in files.iter().map(|path| path.join("users.jsonl")).filter(|path| path.exists()) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let user: serde_json::Value = serde_json::from_str(line).unwrap();
            let items = user["history"].as_array().unwrap().iter().chain(user["test"].as_array().unwrap());
            texts.extend(items.map(|item| item["query"].as_str().unwrap().to_owned()));
        }
    }
    Some(texts.into_iter().collect())
}

#[test]
fn a_screened_search_of_real_texts_finds_the_same_as_an_exact_one() {
    let Some(mut texts) = real_texts() else {
        println!("not checked on real texts: RPM_DATA names no folder of data sets");
        return;
    };
    let queries = texts.split_off(texts.len() - texts.len().min(1_000));
    let embed = |texts: &[String]| block_on(HashedEmbedder::with_dimensions(384).embed(texts)).unwrap();
    let exact = DenseIndex::new(384, embed(&texts)).unwrap().screening(Screening::Never);
    let screened = exact.clone().screening(Screening::Always);
    for query in embed(&queries) {
        assert_eq!(screened.top_k(&query, 10).unwrap(), exact.top_k(&query, 10).unwrap());
    }
    println!("the ten best of {} real texts are the same for {} real queries", texts.len(), queries.len());
}
