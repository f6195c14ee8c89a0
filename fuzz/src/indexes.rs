//! The bytes of a retriever's index.

use std::sync::OnceLock;

use rpm_core::Query;
use rpm_core::context::StageContext;
use rpm_core::embed::HashedEmbedder;
use rpm_core::llm::Ledger;
use rpm_core::prompt::PromptSet;
use rpm_core::retrieve::{
    Bm25Retriever, DenseRetriever, MaxSimRetriever, MemoryIndex, MemoryView, RetrievalRequest, Retriever, SavedIndex,
};

use crate::made::model;
use crate::packed::remade;
use crate::steps::run;
use crate::{first, is_discreet};

/// A retriever, the bytes of its index over the invented memory, and their kind and version.
struct Made {
    retriever: Box<dyn Retriever>,
    good: SavedIndex,
    form: (&'static str, u32),
}

fn made() -> &'static [Made; 3] {
    static MADE: OnceLock<[Made; 3]> = OnceLock::new();
    MADE.get_or_init(|| {
        let of = |retriever: Box<dyn Retriever>, form| {
            let good = open(&*retriever, &[]).unwrap().bytes().remove(0);
            Made { retriever, good, form }
        };
        let embedder = || HashedEmbedder::with_dimensions(16);
        [
            of(Box::new(Bm25Retriever::default()), ("bm25", 3)),
            of(Box::new(DenseRetriever::new(embedder())), ("dense", 2)),
            of(Box::new(MaxSimRetriever::new(embedder())), ("maxsim", 2)),
        ]
    })
}

fn open(
    retriever: &dyn Retriever,
    saved: &[SavedIndex],
) -> Result<Box<dyn MemoryIndex>, rpm_core::retrieve::RetrieveError> {
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    run(retriever.open(MemoryView::new(model(0).memory()), saved, &StageContext::offline(&prompts, &ledger)))
}

/// The first byte chooses the retriever, and whether the bytes are the index or change a good one whose checksums are made anew.
pub fn indexes(data: &[u8]) {
    let (how, rest) = first(data);
    let Made { retriever, good, form } = &made()[usize::from(how % 3)];
    let bytes = if how < 64 { rest.to_vec() } else { remade(good.bytes(), form.0, form.1, rest) };
    let index = match open(&**retriever, &[SavedIndex::new(good.name(), bytes.clone())]) {
        Err(error) => return is_discreet(&error),
        Ok(index) => index,
    };
    let memory = model(0).memory();
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::offline(&prompts, &ledger);
    for text in ["A quiet zebra.", "harbour", "none of these"] {
        let query = Query::new(text).unwrap();
        let ask = |k| run(index.rank(RetrievalRequest::new(memory, &query, &[], k), &ctx));
        let (Ok(all), Ok(first)) = (ask(10), ask(2)) else { continue };
        assert!(all.iter().all(|found| found.position < memory.len() && !found.score.is_nan()), "a place of nothing");
        assert!(first == all[..first.len().min(all.len())], "the first of two are not the first of ten");
    }
    for saved in index.bytes() {
        let again = open(&**retriever, &[saved.clone()]).expect("what was read is written so that it can be read");
        assert!(again.bytes() == [saved], "an index changes by being saved");
    }
}
