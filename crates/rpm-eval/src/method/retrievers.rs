//! Retrievers by name.

use std::sync::Arc;

use rpm_core::retrieve::{
    Bm25Retriever, CompareBy, DenseRetriever, HybridRetriever, MaxSimRetriever, OverlapRetriever, Retriever,
};

use super::WholeText;
use super::okapi::Okapi;

/// The names there are: those that end in `-query`, and `okapi`, compare raw texts, the others features.
pub(super) const NAMES: [&str; 9] =
    ["bm25", "bm25-query", "dense", "dense-query", "maxsim", "overlap", "hybrid", "hybrid-overlap", "okapi"];

/// True for the name of one that compares features.
pub(super) fn compares_features(name: &str) -> bool {
    name != "okapi" && !name.ends_with("-query")
}

/// BM25 over the texts of queries.
pub(super) fn bm25_queries() -> Arc<dyn Retriever> {
    Arc::new(Bm25Retriever::default().over(CompareBy::Queries))
}

/// Embeddings of the texts of queries.
pub(super) fn dense_queries() -> Arc<dyn Retriever> {
    Arc::new(WholeText(DenseRetriever::default()))
}

/// The retriever of a name.
pub(super) fn named(name: &str) -> Option<Arc<dyn Retriever>> {
    let bm25 = || Arc::new(Bm25Retriever::default());
    Some(match name {
        "bm25" => bm25(),
        "bm25-query" => bm25_queries(),
        "dense" => Arc::new(DenseRetriever::default()),
        "dense-query" => dense_queries(),
        "maxsim" => Arc::new(MaxSimRetriever::default()),
        "overlap" => Arc::new(OverlapRetriever::default()),
        "hybrid" => Arc::new(HybridRetriever::new(bm25(), Arc::new(DenseRetriever::default()))),
        "hybrid-overlap" => Arc::new(HybridRetriever::new(bm25(), Arc::new(OverlapRetriever::default()))),
        "okapi" => Arc::new(Okapi),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_name_is_a_retriever() {
        assert!(super::NAMES.iter().all(|name| super::named(name).is_some()));
        assert!(super::named("none").is_none());
    }
}
