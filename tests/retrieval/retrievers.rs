//! Every retriever keeps the contract.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail loudly")]

use std::sync::Arc;

use pollster::block_on;
use rpm_core::Retriever;
use rpm_core::embed::Embedder;
use rpm_core::retrieve::{
    Bm25Retriever, DenseRetriever, Fusion, HybridRetriever, MaxSimRetriever, OverlapRetriever, SelectingRetriever,
};
use rpm_core::testing::{embedding_retriever_conformance, retriever_conformance};

fn conforms<R: Retriever>(make: impl Fn() -> R) {
    assert_eq!(block_on(retriever_conformance(make)).unwrap(), 1613);
}

fn conforms_over<R: Retriever>(make: impl Fn(Arc<dyn Embedder>) -> R) {
    assert_eq!(block_on(embedding_retriever_conformance(make)).unwrap(), 1682);
}

fn hybrid(embedder: Arc<dyn Embedder>) -> HybridRetriever {
    let (words, vectors) = (Bm25Retriever::default(), DenseRetriever::new(embedder));
    HybridRetriever::new(Arc::new(words), Arc::new(vectors)).and(Arc::new(OverlapRetriever::default()))
}

#[test]
fn retrievers_by_words_and_factors_conform() {
    conforms(Bm25Retriever::default);
    conforms(OverlapRetriever::default);
    conforms(|| Arc::new(OverlapRetriever::default()) as Arc<dyn Retriever>);
}

#[test]
fn retrievers_over_an_embedder_conform() {
    conforms_over(DenseRetriever::new);
    conforms_over(MaxSimRetriever::new);
    conforms_over(hybrid);
    conforms_over(|embedder| hybrid(embedder).fusion(Fusion::Similarity).weights([0.3, 2.0, 0.0]));
    conforms_over(|embedder| SelectingRetriever::new(DenseRetriever::new(embedder)).diversity(0.4));
}

#[test]
fn every_selection_conforms_alone_and_with_the_others() {
    let base = || SelectingRetriever::new(Bm25Retriever::default());
    conforms(base);
    conforms(|| base().diversity(0.5));
    conforms(|| base().diversity(1.0));
    conforms(|| base().half_life(3.0));
    conforms(|| base().balance(1.0));
    conforms(|| base().least_similarity(0.2));
    conforms(|| base().diversity(0.3).half_life(20.0).balance(0.2).least_similarity(0.05));
    let hybrid = || HybridRetriever::new(Arc::new(Bm25Retriever::default()), Arc::new(OverlapRetriever::default()));
    conforms(|| SelectingRetriever::new(hybrid()).diversity(0.3).balance(0.1));
}
