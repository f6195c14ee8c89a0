//! Indexes that follow a changing memory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pollster::block_on;
use proptest::prelude::*;

use crate::context::StageContext;
use crate::data::{
    AssignedFeature, Feature, Interaction, ItemId, MemoryChange, MemoryItem, Query, ReasoningMemory, Span,
};
use crate::embed::{EmbedError, Embedder, HashedEmbedder};
use crate::llm::Ledger;
use crate::prompt::PromptSet;
use crate::retrieve::{
    Applied, Bm25Retriever, CompareBy, DenseRetriever, HybridRetriever, MaxSimRetriever, MemoryIndex, MemoryView,
    OverlapRetriever, RetrievalRequest, RetrieveError, Retriever, Screening, SelectingRetriever,
};

const DIMENSIONS: usize = 24;

/// Tells what it was asked, and can fail.
#[derive(Clone, Default)]
struct Recorder {
    texts: Arc<Mutex<Vec<String>>>,
    fails: Arc<AtomicBool>,
}

impl Recorder {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.texts.lock().unwrap())
    }
}

#[async_trait]
impl Embedder for Recorder {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.texts.lock().unwrap().extend_from_slice(texts);
        if self.fails.load(Ordering::SeqCst) {
            return Err(EmbedError::Other("out".into()));
        }
        HashedEmbedder::with_dimensions(DIMENSIONS).embed(texts).await
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn fingerprint(&self) -> String {
        "told".to_owned()
    }
}

fn bm25() -> Bm25Retriever {
    Bm25Retriever::default()
}

fn dense(recorder: &Recorder) -> DenseRetriever {
    DenseRetriever::new(recorder.clone())
}

fn maxsim(recorder: &Recorder) -> MaxSimRetriever {
    MaxSimRetriever::new(recorder.clone())
}

/// Every word is a feature.
fn features(query: &Query) -> Vec<Feature> {
    let mut end = 0;
    let feature = |word: &str| {
        let start = end + query.text()[end..].find(word).unwrap();
        end = start + word.len();
        Feature::new(query, word, Span { start, end }).unwrap()
    };
    query.text().split_whitespace().map(feature).collect()
}

fn item(id: &str, text: &str, time: Option<i64>) -> MemoryItem {
    let query = Query::new(text).unwrap();
    let features = features(&query);
    let interaction = Interaction::new(id, query, "yes").unwrap();
    MemoryItem::new(time.into_iter().fold(interaction, Interaction::at), features).unwrap()
}

/// Calls with a context, with a hook that takes vowels out or without; it counts the hook's calls.
fn with_context<T>(redacted: bool, call: impl FnOnce(&StageContext<'_>) -> T) -> (T, usize) {
    let (prompts, ledger, calls) = (PromptSet::default(), Ledger::new(), AtomicUsize::new(0));
    let hook = |text: &str| {
        calls.fetch_add(1, Ordering::SeqCst);
        text.replace(['a', 'e'], "*")
    };
    let ctx = StageContext::offline(&prompts, &ledger);
    let result = call(&if redacted { ctx.redact(&hook) } else { ctx });
    (result, calls.load(Ordering::SeqCst))
}

type Ranked = Vec<(usize, u64, u64)>;

type Index = Box<dyn MemoryIndex>;

fn open(retriever: &dyn Retriever, memory: &ReasoningMemory, redacted: bool) -> Result<Index, RetrieveError> {
    with_context(redacted, |ctx| block_on(retriever.open(MemoryView::new(memory), &[], ctx))).0
}

fn ranked(index: &Index, memory: &ReasoningMemory, redacted: bool) -> Result<Vec<Ranked>, RetrieveError> {
    let ask = |text: &&str| {
        let query = Query::new(*text).unwrap();
        let features: Vec<_> = features(&query).into_iter().map(AssignedFeature::unknown).collect();
        let request = RetrievalRequest::new(memory, &query, &features, usize::MAX);
        let hits = with_context(redacted, |ctx| block_on(index.rank(request, ctx))).0?;
        Ok(hits.iter().map(|hit| (hit.position, hit.score.to_bits(), hit.similarity.to_bits())).collect())
    };
    ["plot", "slow plot and great cast", "plots dull music"].iter().map(ask).collect()
}

fn applied(
    index: &mut Index,
    after: &ReasoningMemory,
    change: &MemoryChange,
    redacted: bool,
) -> (Result<Applied, RetrieveError>, usize) {
    with_context(redacted, |ctx| block_on(index.apply(change, MemoryView::new(after), ctx)))
}

/// Items go, and others come; one that comes may be one that goes, with another text.
type Step = (Vec<prop::sample::Index>, Vec<(Option<prop::sample::Index>, Vec<&'static str>, Option<i64>)>);

fn words() -> impl Strategy<Value = Vec<&'static str>> {
    let word = prop::sample::select(vec!["plot", "plots", "slow", "great", "cast", "dull", "music", "the"]);
    prop::collection::vec(word, 1..5)
}

fn time() -> impl Strategy<Value = Option<i64>> {
    prop::option::of(0_i64..6)
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    let gone = prop::collection::vec(index(), 0..4);
    (gone, prop::collection::vec((prop::option::weighted(0.2, index()), words(), time()), 0..4))
}

/// Follows the steps, and after each is equal to an index that is opened over the memory for the first time.
fn follows(
    make: impl Fn(&Recorder) -> Arc<dyn Retriever>,
    texts_of: impl Fn(&[&MemoryItem]) -> Vec<String>,
    start: &[(Vec<&'static str>, Option<i64>)],
    steps: Vec<Step>,
    redacted: bool,
) -> Result<(), TestCaseError> {
    let recorder = Recorder::default();
    let retriever = make(&recorder);
    let items = start.iter().enumerate();
    let items = items.map(|(n, (words, time))| item(&format!("i{n:02}"), &words.join(" "), *time));
    let (mut memory, mut count) = (ReasoningMemory::new(items), start.len());
    let mut index = open(&*retriever, &memory, redacted).unwrap();
    let mut answers = ranked(&index, &memory, redacted).unwrap();
    for (gone, came) in steps {
        let ids: Vec<ItemId> = memory.items().iter().map(|item| item.id().clone()).collect();
        let pick = |index: &prop::sample::Index| ids.get(index.index(ids.len().max(1))).cloned();
        let mut gone: BTreeSet<ItemId> = gone.iter().filter_map(pick).collect();
        let mut taken = BTreeSet::new();
        let mut new = Vec::new();
        for (instead, words, time) in came {
            count += 1;
            let other = instead.as_ref().and_then(pick).filter(|id| taken.insert(id.clone()));
            gone.extend(other.clone());
            let id = other.map_or_else(|| format!("i{count:02}"), |id| id.to_string());
            new.push(item(&id, &words.join(" "), time));
        }
        let before = memory.clone();
        let copy = index.copied().unwrap();
        let (after, change) = memory.changed(&gone, new);
        recorder.taken();
        let (followed, _) = applied(&mut index, &after, &change, redacted);
        prop_assert!(matches!(followed, Ok(Applied::UpToDate)));
        let came: Vec<&MemoryItem> = change.inserted().iter().map(|&at| &after.items()[at]).collect();
        let leaving = |text: String| if redacted { text.replace(['a', 'e'], "*") } else { text };
        let mut seen = BTreeSet::new();
        let wanted = texts_of(&came).into_iter().map(leaving);
        let wanted: Vec<String> = wanted.filter(|text| seen.insert(text.clone())).collect();
        prop_assert_eq!(recorder.taken(), wanted);

        let fresh = ReasoningMemory::new(after.items().iter().cloned());
        let new = open(&*make(&Recorder::default()), &fresh, redacted).unwrap();
        prop_assert_eq!(index.bytes(), new.bytes());
        let fresh_answers = ranked(&new, &fresh, redacted).unwrap();
        prop_assert_eq!(&ranked(&index, &after, redacted).unwrap(), &fresh_answers);
        // A copy that was made before is what it was.
        prop_assert_eq!(&ranked(&copy, &before, redacted).unwrap(), &answers);
        (memory, answers) = (after, fresh_answers);
    }
    Ok(())
}

fn of_items(items: &[&MemoryItem]) -> Vec<String> {
    items.iter().map(|item| crate::retrieve::text::feature_text(item)).collect()
}

/// Every feature is a word that is its own name; each is embedded once.
fn of_features(items: &[&MemoryItem]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let names = items.iter().flat_map(|item| item.features()).map(|feature| feature.name().to_owned());
    names.filter(|name| seen.insert(name.clone())).collect()
}

fn none(_: &[&MemoryItem]) -> Vec<String> {
    Vec::new()
}

macro_rules! follow_exactly {
    ($($name:ident: $make:expr, $texts:expr;)*) => {
        proptest! {
            $(#[test]
            fn $name(
                start in prop::collection::vec((words(), time()), 0..10),
                steps in prop::collection::vec(step(), 1..5),
                redacted: bool,
            ) {
                follows($make, $texts, &start, steps, redacted)?;
            })*
        }
    };
}

follow_exactly! {
    bm25_follows_exactly: |_| Arc::new(bm25()), none;
    bm25_over_queries_follows_exactly: |_| Arc::new(bm25().over(CompareBy::Queries)), none;
    dense_follows_exactly: |recorder| Arc::new(dense(recorder)), of_items;
    screened_dense_follows_exactly: |recorder| Arc::new(dense(recorder).screening(Screening::Always)), of_items;
    maxsim_follows_exactly: |recorder| Arc::new(maxsim(recorder)), of_features;
    screened_maxsim_follows_exactly: |recorder| Arc::new(maxsim(recorder).screening(Screening::Always)), of_features;
    overlap_is_exact_after_a_change: |_| Arc::new(OverlapRetriever::default()), none;
    a_hybrid_follows_in_every_part: |recorder| {
        let hybrid = HybridRetriever::new(Arc::new(bm25()), Arc::new(dense(recorder)));
        Arc::new(hybrid.and(Arc::new(OverlapRetriever::default())))
    }, of_items;
    a_selection_follows: |recorder| Arc::new(SelectingRetriever::new(maxsim(recorder)).diversity(0.3)), of_features;
}

fn ids(gone: &[&str]) -> BTreeSet<ItemId> {
    gone.iter().map(|id| ItemId::new(*id).unwrap()).collect()
}

fn some() -> ReasoningMemory {
    let texts = ["slow plot", "great cast", "zebrafish plot", "dull music"];
    ReasoningMemory::new((0..).zip(texts).map(|(n, text)| item(&format!("i{n}"), text, Some(n))))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn nothing_of_an_item_that_went_is_in_the_bytes() {
    let retrievers: [Arc<dyn Retriever>; 3] =
        [Arc::new(bm25()), Arc::new(dense(&Recorder::default())), Arc::new(maxsim(&Recorder::default()))];
    for retriever in retrievers {
        let name = retriever.name();
        let bytes = |index: &Index| index.bytes().remove(0).bytes().to_vec();
        let memory = some().changed(&ids(&["i2"]), vec![item("i2", "zebrafish", Some(2))]).0;
        // What the item leaves: its word, or its vector, which is what an index of it alone ends with.
        let alone = ReasoningMemory::new([item("i", "zebrafish", None)]);
        let alone = bytes(&open(&*retriever, &alone, false).unwrap());
        let trace = if name == "bm25" { b"zebrafish" } else { &alone[alone.len() - 4 * DIMENSIONS..] };
        let mut index = open(&*retriever, &memory, false).unwrap();
        assert!(contains(&bytes(&index), trace), "{name}");
        let (after, change) = memory.changed(&ids(&["i2"]), Vec::new());
        applied(&mut index, &after, &change, false).0.unwrap();
        assert!(!contains(&bytes(&index), trace), "{name}");
    }
}

#[test]
fn when_the_embedder_fails_a_new_index_computes_all() {
    let recorder = Recorder::default();
    let retrievers: [Arc<dyn Retriever>; 2] = [Arc::new(dense(&recorder)), Arc::new(maxsim(&recorder))];
    for retriever in retrievers {
        let memory = some();
        let mut index = open(&*retriever, &memory, false).unwrap();
        let (after, change) = memory.changed(&ids(&["i1"]), vec![item("new", "plot", None)]);
        recorder.fails.store(true, Ordering::SeqCst);
        assert!(matches!(applied(&mut index, &after, &change, false).0, Err(RetrieveError::Embed(_))));
        assert!(matches!(open(&*retriever, &after, false), Err(RetrieveError::Embed(_))));
        recorder.fails.store(false, Ordering::SeqCst);
        let fresh = ReasoningMemory::new(after.items().iter().cloned());
        let expected = ranked(&open(&*retriever, &fresh, false).unwrap(), &fresh, false).unwrap();
        assert_eq!(ranked(&open(&*retriever, &after, false).unwrap(), &after, false).unwrap(), expected);
    }
}

#[test]
fn a_part_of_a_hybrid_that_fails_is_opened_anew_and_the_others_stay() {
    let recorder = Recorder::default();
    let hybrid = HybridRetriever::new(Arc::new(dense(&recorder)), Arc::new(bm25()));
    let memory = some();
    let mut index = open(&hybrid, &memory, false).unwrap();
    let (after, change) = memory.changed(&ids(&["i1"]), vec![item("new", "plot", None)]);
    recorder.fails.store(true, Ordering::SeqCst);
    assert!(matches!(applied(&mut index, &after, &change, false).0, Ok(Applied::UpToDate)));
    assert_eq!(index.bytes().len(), 1, "the words followed");
    assert!(matches!(ranked(&index, &after, false), Err(RetrieveError::Embed(_))));
    recorder.fails.store(false, Ordering::SeqCst);
    let expected = ranked(&open(&hybrid, &after, false).unwrap(), &after, false).unwrap();
    assert_eq!(ranked(&index, &after, false).unwrap(), expected);
    assert_eq!(index.bytes().len(), 2);
}

#[test]
fn a_hook_is_asked_about_new_items_only() {
    for (retriever, texts) in
        [(Arc::new(dense(&Recorder::default())) as Arc<dyn Retriever>, 1), (Arc::new(maxsim(&Recorder::default())), 2)]
    {
        let memory = some();
        let mut index = open(&*retriever, &memory, true).unwrap();
        let (after, change) = memory.changed(&ids(&["i1"]), vec![item("new", "dull plot", None)]);
        let (followed, calls) = applied(&mut index, &after, &change, true);
        followed.unwrap();
        assert_eq!(calls, texts);
    }
}

#[test]
fn a_saved_index_is_taken_by_its_own_retriever_and_hook_only() {
    let recorder = Recorder::default();
    let retriever = dense(&recorder);
    let memory = some();
    let saved = open(&retriever, &memory, true).unwrap().bytes();
    let asked = |retriever: &dyn Retriever, redacted: bool| {
        recorder.taken();
        let view = MemoryView::new(&memory);
        let index = with_context(redacted, |ctx| block_on(retriever.open(view, &saved, ctx))).0.unwrap();
        (index, recorder.taken().len())
    };
    let (index, embedded) = asked(&retriever, true);
    assert_eq!((embedded, index.bytes()), (0, saved.clone()));
    // What another hook left, or another kind of index, is not mixed up.
    let (index, embedded) = asked(&retriever, false);
    assert_eq!(embedded, 4);
    assert_ne!(index.bytes(), saved);
    assert_eq!(asked(&maxsim(&recorder), true).1, 7);
}

#[test]
fn a_saved_index_of_redacted_texts_follows_what_comes() {
    let recorder = Recorder::default();
    let retrievers: [Arc<dyn Retriever>; 2] = [Arc::new(dense(&recorder)), Arc::new(maxsim(&recorder))];
    for retriever in retrievers {
        let memory = some();
        let saved = open(&*retriever, &memory, true).unwrap().bytes();
        let view = MemoryView::new(&memory);
        recorder.taken();
        let mut index = with_context(true, |ctx| block_on(retriever.open(view, &saved, ctx))).0.unwrap();
        let (after, change) = memory.changed(&ids(&[]), vec![item("new", "cast", Some(2))]);
        applied(&mut index, &after, &change, true).0.unwrap();
        assert_eq!(recorder.taken(), ["c*st"]);
        assert_eq!(index.bytes(), open(&*retriever, &after, true).unwrap().bytes());
    }
}

#[test]
fn a_saved_index_of_another_number_of_items_is_refused() {
    let retrievers: [Arc<dyn Retriever>; 3] =
        [Arc::new(bm25()), Arc::new(dense(&Recorder::default())), Arc::new(maxsim(&Recorder::default()))];
    for retriever in retrievers {
        let saved = open(&*retriever, &some(), false).unwrap().bytes();
        let more = some().changed(&ids(&[]), vec![item("new", "cast", Some(2))]).0;
        let opened =
            with_context(false, |ctx| block_on(retriever.open(MemoryView::new(&more), &saved, ctx))).0.map(|_| ());
        assert!(matches!(opened, Err(RetrieveError::Index(_))), "{}", retriever.name());
    }
}
