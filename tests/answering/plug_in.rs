//! Every part exchanged for a host's own, and what happens when one breaks its contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::{
    ModelAtOnce as _, ScriptedBackend, history_of, query, scale_history, scale_task, text_history, text_task,
};
use pollster::block_on;
use rpm_core::answer::{AnswerError, AnswerRequest, Draft};
use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, FeatureKey, Judgement, MemoryItem, PathOrigin, PathStep, Polarity, Span};
use rpm_core::embed::{EmbedError, Embedder, HashedEmbedder};
use rpm_core::extract::{ExtractError, Extraction, ExtractionRequest};
use rpm_core::factor::AssignRequest;
use rpm_core::factor::{FactorError, FactorFit, FactorGroup, FitRequest};
use rpm_core::llm::AskError;
use rpm_core::llm::Stage;
use rpm_core::pipeline::PathPolicy;
use rpm_core::prompt::{Prompt, PromptSet, Template};
use rpm_core::reason::{PathRequest, WriteError};
use rpm_core::retrieve::{DenseRetriever, MaxSimRetriever, RetrievalRequest, RetrieveError, Retrieved};
use rpm_core::retrieve::{MemoryIndex, MemoryView, SavedIndex};
use rpm_core::{
    Answerer, BackendError, Completion, CompletionRequest, DataError, Error, FactorId, FactorModel, Feature,
    FeatureExtractor, LlmBackend, PathWriter, ReasoningPath, ResponseSpace, Retriever, RpmPipeline, async_trait,
    backend_fn,
};

/// One feature for each word of at least four letters.
#[derive(Clone, Copy, Default)]
struct Words {
    batch_lacks: usize,
    beyond: bool,
}

#[async_trait]
impl FeatureExtractor for Words {
    async fn extract(&self, seen: ExtractionRequest<'_>, _: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let text = seen.query.text();
        let mut extraction = Extraction::default();
        let mut keys = BTreeSet::new();
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3) {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let feature = Feature::new(seen.query, word, Span { start, end: start + word.len() }).unwrap();
            if keys.insert(feature.key()) {
                extraction.features.push(AssignedFeature::unknown(feature));
            }
        }
        if self.beyond {
            let other = query(&"far beyond ".repeat(500));
            let feature = Feature::new(&other, "beyond", Span { start: 5_000, end: 5_005 }).unwrap();
            extraction.features.push(AssignedFeature::unknown(feature));
        }
        Ok(extraction)
    }

    async fn extract_batch(
        &self,
        seen: &[ExtractionRequest<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Extraction, ExtractError>> {
        let mut results = Vec::new();
        for seen in seen.iter().skip(self.batch_lacks) {
            results.push(self.extract(*seen, ctx).await);
        }
        results
    }

    fn name(&self) -> &'static str {
        "words"
    }
}

#[derive(Clone, Copy, PartialEq, Default)]
enum Fault {
    #[default]
    None,
    LeavesOut,
    Repeats,
    AssignsTooFew,
    AssignsUnknown,
    JudgesTooFew,
    Fails,
}

/// One factor for each first letter.
#[derive(Clone, Copy, Default)]
struct Letters(Fault);

#[async_trait]
impl FactorModel for Letters {
    async fn fit(&self, request: FitRequest<'_>, _: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        if self.0 == Fault::Fails {
            return Err(FactorError::Other("no luck".into()));
        }
        let mut groups: Vec<FactorGroup> = Vec::new();
        for key in request.rows.iter().flat_map(MemoryItem::features).map(Feature::key) {
            let label: String = key.as_str().chars().take(1).collect();
            let at = groups.iter().position(|group| group.label == label).unwrap_or_else(|| {
                let description = format!("words in {label}");
                groups.push(FactorGroup { label, description, features: Vec::new() });
                groups.len() - 1
            });
            if !groups[at].features.contains(&key) {
                groups[at].features.push(key);
            }
        }
        match self.0 {
            Fault::LeavesOut => groups.retain(|group| group.label != "s"),
            Fault::Repeats => groups.push(groups[0].clone()),
            _ => {}
        }
        Ok(FactorFit::new(groups))
    }

    async fn assign(
        &self,
        request: AssignRequest<'_>,
        _: &StageContext<'_>,
    ) -> Result<Vec<Option<FactorId>>, FactorError> {
        let AssignRequest { factors, features, .. } = request;
        let of = |f: &AssignedFeature| factors.factor_of(&f.feature.key()).map(|factor| factor.id().clone());
        match self.0 {
            Fault::AssignsTooFew => Ok(features.iter().skip(1).map(of).collect()),
            Fault::AssignsUnknown => Ok(features.iter().map(|_| FactorId::new("f00000000").ok()).collect()),
            _ => Ok(features.iter().map(of).collect()),
        }
    }

    async fn judge(
        &self,
        request: FitRequest<'_>,
        _: &StageContext<'_>,
    ) -> Vec<Result<Vec<Option<Judgement>>, FactorError>> {
        let rows = request.rows.iter().skip(usize::from(self.0 == Fault::JudgesTooFew));
        let judgement = Judgement { influential: true, polarity: Polarity::Negative };
        rows.map(|row| Ok(vec![Some(judgement); row.features().len()])).collect()
    }

    fn name(&self) -> &'static str {
        "letters"
    }
}

/// One step on the first feature.
#[derive(Clone, Copy, Default)]
struct FirstWord {
    fails: bool,
    lacks: usize,
}

fn first_step(
    features: &[Feature],
    factor: Option<&FactorId>,
    response: &str,
) -> Result<ReasoningPath, rpm_core::data::PathError> {
    let steps = features.iter().take(1).map(|_| PathStep { feature: 0, factor: factor.cloned(), text: "so".into() });
    ReasoningPath::new(steps.collect(), response, PathOrigin::Model, features, |_| factor.cloned())
}

#[async_trait]
impl PathWriter for FirstWord {
    async fn write(&self, request: PathRequest<'_>, _: &StageContext<'_>) -> Result<ReasoningPath, WriteError> {
        if self.fails {
            return Err(WriteError::Other("no luck".into()));
        }
        let features = request.item.features();
        let factor = features.first().and_then(|f| request.beliefs.factors().factor_of(&f.key()));
        Ok(first_step(features, factor.map(rpm_core::Factor::id), request.item.response())?)
    }

    async fn write_batch(
        &self,
        requests: &[PathRequest<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<ReasoningPath, WriteError>> {
        let mut results = Vec::new();
        for request in requests.iter().skip(self.lacks) {
            results.push(self.write(*request, ctx).await);
        }
        results
    }

    fn name(&self) -> &'static str {
        "first word"
    }
}

/// Gives these hits, whatever is asked.
#[derive(Clone)]
struct Hits(Vec<Retrieved>);

fn hit(position: usize, score: f64) -> Retrieved {
    Retrieved { position, score, similarity: score }
}

#[async_trait]
impl Retriever for Hits {
    async fn open(
        &self,
        _: MemoryView<'_>,
        _: &[SavedIndex],
        _: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl MemoryIndex for Hits {
    async fn rank(&self, _: RetrievalRequest<'_>, _: &StageContext<'_>) -> Result<Vec<Retrieved>, RetrieveError> {
        Ok(self.0.clone())
    }
}

/// The response of the best exemplar, or what it was told to say.
#[derive(Clone, Copy, Default)]
struct Copies {
    says: Option<&'static str>,
    concludes: Option<&'static str>,
    cites: Option<usize>,
}

#[async_trait]
impl Answerer for Copies {
    async fn answer(&self, request: AnswerRequest<'_>, _: &StageContext<'_>) -> Result<Draft, AnswerError> {
        let best = request.exemplars.first().map(|exemplar| exemplar.item.response().to_owned());
        let response = self.says.map(str::to_owned).or(best).ok_or(AnswerError::NoBasis { missing: "an exemplar" })?;
        let conclusion = self.concludes.unwrap_or(&response);
        let mut features: Vec<Feature> = request.features.iter().map(|assigned| assigned.feature.clone()).collect();
        let factor = request.features.first().and_then(|assigned| assigned.factor.as_ref());
        let path = match self.cites {
            None => first_step(&features, factor, conclusion),
            Some(cited) => {
                features.resize(cited + 1, features[0].clone());
                let steps = vec![PathStep { feature: cited, factor: None, text: "so".into() }];
                ReasoningPath::new(steps, conclusion, PathOrigin::Statistics, &features, |_| None)
            }
        };
        Ok(Draft::new(response.as_str(), path.unwrap()))
    }

    fn name(&self) -> &'static str {
        "copies"
    }
}

/// Counts letters.
#[derive(Clone, Copy, Default)]
struct LetterCounts {
    lacks: usize,
    nan: bool,
}

#[async_trait]
impl Embedder for LetterCounts {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let counted = texts.iter().skip(self.lacks).map(|text| {
            let mut counts = vec![0.0_f32; 26];
            for byte in text.bytes().filter(u8::is_ascii_lowercase) {
                counts[usize::from(byte - b'a')] += 1.0;
            }
            if self.nan {
                counts[0] = f32::NAN;
            }
            counts
        });
        Ok(counted.collect())
    }

    fn dimensions(&self) -> usize {
        26
    }

    fn fingerprint(&self) -> String {
        "letters 26".to_owned()
    }
}

fn own() -> rpm_core::RpmPipelineBuilder {
    RpmPipeline::builder(scale_task())
        .extractor(Words::default())
        .factor_model(Letters::default())
        .path_writer(FirstWord::default())
        .retriever(Hits(vec![hit(0, 1.0), hit(2, 0.5)]))
        .answerer(Copies::default())
}

const NEW: &str = "A slow and quiet film.";

/// Learns with sound parts and asks with these.
fn asked(builder: rpm_core::RpmPipelineBuilder) -> Result<rpm_core::Answer, Error> {
    let model = block_on(own().build().unwrap().learn(&scale_history())).unwrap().model;
    block_on(builder.build().unwrap().personalize_model(&model, &query(NEW)))
}

fn learned(builder: rpm_core::RpmPipelineBuilder) -> Result<rpm_core::pipeline::Learned, Error> {
    block_on(builder.build().unwrap().learn(&scale_history()))
}

#[test]
fn a_pipeline_of_a_hosts_own_parts_needs_no_backend_and_works() {
    let pipeline = own().build().unwrap();
    let learned = block_on(pipeline.learn(&scale_history())).unwrap();
    let made = learned.model.provenance();
    assert_eq!(
        (made.extractor.as_str(), made.factor_model.as_str(), made.path_writer.as_str(), made.prompts.as_str()),
        ("words", "letters", "first word", "")
    );
    assert_eq!((learned.report.learned(), learned.report.paths_written), (6, 6));
    let answer = block_on(pipeline.personalize_model(&learned.model, &query(NEW))).unwrap();
    assert_eq!(answer.response, "5");
    let ids: Vec<&str> = answer.exemplars.iter().map(|exemplar| exemplar.item.id().as_str()).collect();
    assert_eq!(ids, ["a", "c"]);
    assert_eq!(answer.usage.total().calls, 0);
    let shown = format!("{pipeline:?}");
    assert!(shown.contains("words") && shown.contains("copies"), "{shown}");
}

#[test]
fn a_part_may_be_exchanged_alone() {
    let offline = |task| RpmPipeline::builder(task).backend(ScriptedBackend::obedient());
    let history = scale_history();
    for builder in [
        offline(scale_task()).extractor(Words::default()),
        offline(scale_task()).factor_model(Letters::default()),
        offline(scale_task()).path_writer(FirstWord::default()),
        offline(scale_task()).retriever(Hits(vec![hit(1, 0.4)])),
        offline(scale_task()).retriever(DenseRetriever::new(LetterCounts::default())),
        offline(scale_task()).retriever(DenseRetriever::new(HashedEmbedder::with_dimensions(64))),
        offline(scale_task()).retriever(MaxSimRetriever::new(LetterCounts::default())),
        offline(scale_task()).answerer(Copies::default()),
    ] {
        let pipeline = builder.build().unwrap();
        let model = block_on(pipeline.learn(&history)).unwrap().model;
        let answer = block_on(pipeline.personalize_model(&model, &query(NEW))).unwrap();
        assert!(!answer.response.is_empty(), "{pipeline:?}");
    }
}

#[test]
fn a_backend_may_be_a_closure_or_shared_or_boxed_or_borrowed() {
    fn pass<B: LlmBackend + 'static>(backend: B) {
        let pipeline = RpmPipeline::builder(scale_task()).backend(backend).build().unwrap();
        let learned = block_on(pipeline.learn(&history_of(&scale_task(), &[("A slow film.", "4")]))).unwrap();
        assert_eq!(learned.report.learned(), 1);
    }
    let closure = || {
        backend_fn(|request: CompletionRequest| async move {
            Ok::<_, BackendError>(Completion::new(crate::common::obey(&request)))
        })
    };
    assert_eq!(LlmBackend::name(&closure()), "backend_fn");
    pass(closure());
    pass(Arc::new(closure()));
    let shared: Arc<dyn LlmBackend> = ScriptedBackend::obedient();
    assert_eq!(shared.name(), "scripted");
    pass(Arc::clone(&shared));
    let boxed: Box<dyn LlmBackend> = Box::new(shared);
    pass(boxed);
    let leaked: &'static dyn LlmBackend = Box::leak(Box::new(closure()));
    pass(leaked);
}

/// Sends all requests at once, and loses some results.
struct Batch {
    inner: Arc<ScriptedBackend>,
    lost: usize,
}

#[async_trait]
impl LlmBackend for Batch {
    async fn complete(&self, _: &CompletionRequest) -> Result<Completion, BackendError> {
        Err(BackendError::permanent("only batches"))
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        let mut results = Vec::new();
        for request in requests.iter().skip(self.lost) {
            results.push(self.inner.complete(request).await);
        }
        results
    }
}

#[test]
fn a_backends_own_batches_are_used() {
    let backend = Arc::new(Batch { inner: ScriptedBackend::obedient(), lost: 0 });
    let pipeline = RpmPipeline::builder(scale_task()).backend(backend).build().unwrap();
    let learned = block_on(pipeline.learn(&scale_history())).unwrap();
    assert_eq!((learned.report.learned(), learned.report.paths_written), (6, 6));
}

#[test]
fn a_backend_that_returns_no_result_for_a_request_is_an_error() {
    let backend = Arc::new(Batch { inner: ScriptedBackend::obedient(), lost: 1 });
    let model = block_on(own().build().unwrap().learn(&scale_history())).unwrap().model;
    let builder = RpmPipeline::builder(scale_task()).backend(backend).extractor(Words::default());
    match block_on(builder.build().unwrap().personalize_model(&model, &query(NEW))).unwrap_err() {
        Error::Answer(error) => assert!(matches!(*error, AnswerError::Ask(AskError::NoResult)), "{error:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_extractor_that_breaks_its_contract_is_an_error() {
    let error = learned(own().extractor(Words { batch_lacks: 1, ..Words::default() })).unwrap_err();
    assert!(matches!(error, Error::Contract { part: "feature extractor", .. }), "{error:?}");
    let error = learned(own().extractor(Words { beyond: true, ..Words::default() })).unwrap_err();
    assert!(matches!(error, Error::Data(DataError::BadFeature { .. }) | Error::Contract { .. }), "{error:?}");
}

#[test]
fn an_extractor_that_gives_a_feature_outside_a_new_query_is_an_error() {
    let result = asked(own().extractor(Words { beyond: true, ..Words::default() }));
    assert!(result.is_err(), "{result:?}");
}

#[test]
fn what_a_factor_model_leaves_out_stays_a_feature_and_is_a_factor_once_it_recurs() {
    let learned = learned(own().factor_model(Letters(Fault::LeavesOut))).unwrap();
    let model = &learned.model;
    let features = || model.memory().items().iter().flat_map(MemoryItem::features);
    let seen = |key: &FeatureKey| {
        let has = |item: &&MemoryItem| item.features().iter().any(|feature| feature.key() == *key);
        model.memory().items().iter().filter(has).count()
    };
    let left: BTreeSet<FeatureKey> = features().map(Feature::key).filter(|key| key.as_str().starts_with('s')).collect();
    assert!(left.iter().any(|key| seen(key) >= 3) && left.iter().any(|key| seen(key) < 3), "{left:?}");
    for key in &left {
        assert_eq!(model.factors().factor_of(key).is_some(), seen(key) >= 3, "{key:?}");
    }
}

#[test]
fn a_factor_model_that_breaks_its_contract_is_an_error() {
    match learned(own().factor_model(Letters(Fault::Repeats))).unwrap_err() {
        Error::Factor(error) => {
            assert!(matches!(*error, FactorError::NotAPartition(DataError::BadFactor { .. })), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    match learned(own().factor_model(Letters(Fault::Fails))).unwrap_err() {
        Error::Factor(error) => assert!(matches!(*error, FactorError::Other(_)), "{error:?}"),
        other => panic!("{other:?}"),
    }
    for fault in [Fault::AssignsTooFew, Fault::AssignsUnknown] {
        let error = asked(own().factor_model(Letters(fault))).unwrap_err();
        assert!(matches!(error, Error::Contract { part: "factor model", .. }), "{error:?}");
        assert!(error.stage().is_none());
    }
    let judging = RpmPipeline::builder(text_task())
        .extractor(Words::default())
        .path_writer(FirstWord::default())
        .answerer(Copies::default());
    let good = judging.clone().factor_model(Letters::default()).build().unwrap();
    let report = block_on(good.learn(&text_history())).unwrap().report;
    assert_eq!(report.unjudged, 0);
    let bad = judging.factor_model(Letters(Fault::JudgesTooFew)).build().unwrap();
    let error = block_on(bad.learn(&text_history())).unwrap_err();
    assert!(matches!(error, Error::Contract { part: "factor model", .. }), "{error:?}");
}

#[test]
fn a_path_writer_that_fails_is_stood_in_for_and_one_that_leaves_out_is_an_error() {
    let learned_anyway = learned(own().path_writer(FirstWord { fails: true, lacks: 0 })).unwrap();
    assert_eq!((learned_anyway.report.paths_written, learned_anyway.report.paths_composed), (0, 6));
    let error = learned(own().path_writer(FirstWord { fails: false, lacks: 2 })).unwrap_err();
    assert!(matches!(error, Error::Contract { part: "path writer", .. }), "{error:?}");
}

#[test]
fn a_retriever_that_gives_a_position_outside_the_memory_is_an_error() {
    let error = asked(own().retriever(Hits(vec![hit(0, 1.0), hit(6, 0.9)]))).unwrap_err();
    assert!(matches!(error, Error::Contract { part: "retriever", .. }), "{error:?}");
}

#[test]
fn a_retriever_that_gives_an_item_twice_or_too_many_or_no_number_is_an_error() {
    let table = [
        ("twice", vec![hit(0, 1.0), hit(0, 0.9)]),
        ("too many", vec![hit(0, 1.0), hit(1, 0.9), hit(2, 0.8), hit(3, 0.7)]),
        ("not a number", vec![hit(0, f64::NAN)]),
        ("worst first", vec![hit(0, 0.1), hit(1, 0.9)]),
    ];
    for (name, hits) in table {
        let result = asked(own().retriever(Hits(hits)));
        assert!(matches!(result, Err(Error::Contract { part: "retriever", .. })), "{name}: {result:?}");
    }
}

#[test]
fn an_answerer_that_leaves_the_space_is_an_error() {
    for says in ["9", "five", "", "5.0", " 5"] {
        let error = asked(own().answerer(Copies { says: Some(says), ..Copies::default() })).unwrap_err();
        assert!(matches!(error, Error::Contract { part: "answerer", .. }), "{says:?}: {error:?}");
    }
    let error = asked(own().answerer(Copies { concludes: Some("1"), ..Copies::default() })).unwrap_err();
    assert!(matches!(error, Error::Contract { part: "answerer", .. }), "{error:?}");
    let error = asked(own().retriever(Hits(Vec::new()))).unwrap_err();
    assert_eq!(error.stage(), Some(Stage::Answer));
}

#[test]
fn an_answerer_whose_path_cites_what_is_not_there_is_an_error() {
    let result = asked(own().answerer(Copies { cites: Some(40), ..Copies::default() }));
    assert!(matches!(result, Err(Error::Contract { part: "answerer", .. })), "{result:?}");
}

#[test]
fn an_embedder_that_breaks_its_contract_is_an_error() {
    for embedder in [LetterCounts { lacks: 1, nan: false }, LetterCounts { lacks: 0, nan: true }] {
        match asked(own().retriever(DenseRetriever::new(embedder))).unwrap_err() {
            Error::Retrieve(error) => {
                assert!(matches!(*error, RetrieveError::Embed(EmbedError::WrongShape { .. })), "{error:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_hosts_own_embedder_ranks_by_its_own_measure() {
    let answer = asked(own().retriever(DenseRetriever::new(LetterCounts::default()))).unwrap();
    assert_eq!(answer.exemplars.len(), 3);
    assert!(answer.exemplars.windows(2).all(|pair| pair[0].score >= pair[1].score));
}

#[test]
fn the_wording_is_the_hosts_to_change() {
    let mine = Template::new("Rate as this person would. {{responses}}\n=== user ===\n{{factors}}\n{{item}}").unwrap();
    let prompts = PromptSet::default().with(Prompt::Answer, mine).unwrap();
    let backend = ScriptedBackend::obedient();
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).prompts(prompts.clone());
    let pipeline = builder.paths(PathPolicy::OnFirstUse).build().unwrap();
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    assert_eq!(model.provenance().prompts, prompts.fingerprint());
    block_on(pipeline.personalize_model(&model, &query(NEW))).unwrap();
    let request = &backend.of(Stage::Answer)[0];
    assert_eq!(request.messages[0].content, "Rate as this person would. The rating is an integer from 1 to 5.");
    assert!(request.messages[1].content.ends_with(", seen in \"quiet\""), "{}", request.messages[1].content);
}

#[test]
fn one_pipeline_serves_many_users_and_threads() {
    let pipeline = own().build().unwrap();
    let space = ResponseSpace::scale(1, 5).unwrap();
    assert_eq!(*pipeline.task().space(), space);
    std::thread::scope(|scope| {
        for user in ["ana", "bo", "cy"] {
            let pipeline = pipeline.clone();
            scope.spawn(move || {
                let past = crate::common::interactions(&[
                    ("A slow film.", "5"),
                    ("A loud film.", "1"),
                    ("A quiet film.", "4"),
                ]);
                let history = rpm_core::History::new(&scale_task(), user, past).unwrap();
                let model = block_on(pipeline.learn(&history)).unwrap().model;
                assert_eq!(model.user().as_str(), user);
            });
        }
    });
}
