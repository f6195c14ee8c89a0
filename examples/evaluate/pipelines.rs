//! The crate's own pipelines, user by user.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rpm_core::{
    ComposedPathWriter, LexicalExtractor, PathPolicy, Preset, PromptedAnswerer, PromptedExtractor, RpmPipeline,
    SimilarityFactorModel, SupportThresholds, UserModel,
};

use crate::account::Account;
use crate::data::{Row, Set};
use crate::metrics::Guess;
use crate::model::Model;

/// What a pipeline gave on one set.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) guesses: Vec<Guess>,
    pub(crate) learning: Duration,
    pub(crate) answering: Vec<Duration>,
    pub(crate) account: Account,
}

/// The pipeline of a method.
pub(crate) fn build(method: &str, set: &Set, model: Option<&Model>) -> Result<RpmPipeline, Box<dyn Error>> {
    let task = set.task.clone();
    let Some(model) = model.filter(|_| method != crate::OFFLINE) else {
        return Ok(RpmPipeline::offline(task));
    };
    let builder = RpmPipeline::builder(task).backend(Arc::clone(&model.backend)).paths(PathPolicy::OnFirstUse);
    match method {
        "rpm" => return Ok(builder.build()?),
        "balanced" => return Ok(builder.preset(Preset::Balanced).build()?),
        "frugal" => return Ok(builder.preset(Preset::Frugal).build()?),
        _ => {}
    }
    if let Some(options) = method.strip_prefix("balanced@1") {
        let answerer = PromptedAnswerer::default().max_steps(2).factor_tokens(350).example_tokens(120);
        let mut thresholds = SupportThresholds::default();
        if options.contains("-paths") {
            thresholds.highest = rpm_core::Tier::Pairs;
        }
        let extractor = PromptedExtractor::default().items_per_request(1).max_features(4);
        let builder = builder.preset(Preset::Balanced).extractor(extractor).thresholds(thresholds);
        return Ok(builder.answerer(answerer.show_estimate(options.contains("+estimate"))).build()?);
    }
    if let Some(items) = method.strip_prefix("rpm@") {
        let extractor = PromptedExtractor::default().items_per_request(items.parse()?);
        return Ok(builder.extractor(extractor).build()?);
    }
    // The same model and wording with nothing of the user: no history is long enough. Learning asks nothing.
    let mut thresholds = SupportThresholds::default();
    thresholds.least_interactions = usize::MAX;
    let generic = builder
        .extractor(LexicalExtractor::default())
        .factor_model(SimilarityFactorModel::default())
        .path_writer(ComposedPathWriter::default())
        .answerer(PromptedAnswerer::default())
        .thresholds(thresholds);
    Ok(generic.build()?)
}

/// Drives futures, on the model's runtime if there is one.
#[derive(Clone, Copy)]
struct Wait<'a>(Option<&'a Model>);

impl Wait<'_> {
    fn on<T>(self, future: impl Future<Output = T>) -> T {
        match self.0 {
            Some(model) => model.runtime.block_on(future),
            None => pollster::block_on(future),
        }
    }
}

/// Learns every user and answers that user's test items. An error costs what it befell and is counted.
pub(crate) fn run(method: &str, pipeline: &RpmPipeline, set: &Set, model: Option<&Model>) -> Run {
    let wait = Wait(model);
    let mut run = Run::default();
    let start = Instant::now();
    for (position, user) in set.users.iter().enumerate() {
        let begin = Instant::now();
        let before = run.guesses.len();
        match learn(wait, pipeline, set, position, &mut run) {
            Some(mut model) => {
                for test in &user.test {
                    let guess = answer(wait, pipeline, set, &mut model, test, &mut run);
                    run.guesses.push(guess);
                }
                run.account.model(&model);
            }
            None => run.guesses.resize(before + user.test.len(), Guess::default()),
        }
        let calls = run.account.usage.total().calls;
        eprintln!(
            "{method} on {}: user {} of {}, {} + {} items in {:.1} s; {:.1} s, {calls} calls, {} errors so far",
            set.name,
            position + 1,
            set.users.len(),
            user.history.len(),
            user.test.len(),
            begin.elapsed().as_secs_f64(),
            start.elapsed().as_secs_f64(),
            run.account.errors(),
        );
    }
    run
}

fn learn(wait: Wait<'_>, pipeline: &RpmPipeline, set: &Set, position: usize, run: &mut Run) -> Option<UserModel> {
    let history = run.account.checked("history", set.history(position))?;
    let begin = Instant::now();
    let learned = wait.on(pipeline.learn(&history));
    run.learning += begin.elapsed();
    let learned = run.account.checked("learn", learned)?;
    run.account.report(&learned.report);
    run.account.names(&learned.model);
    Some(learned.model)
}

fn answer(
    wait: Wait<'_>,
    pipeline: &RpmPipeline,
    set: &Set,
    model: &mut UserModel,
    test: &Row,
    run: &mut Run,
) -> Guess {
    let Some(query) = run.account.checked("query", test.query(set.kind)) else {
        return Guess::default();
    };
    let begin = Instant::now();
    let answer = wait.on(pipeline.personalize(model, &query));
    run.answering.push(begin.elapsed());
    let Some(answer) = run.account.checked("personalize", answer) else {
        return Guess::default();
    };
    run.account.answer(model, &answer);
    if set.task.parse_response(&query, &answer.response).as_ref() != Some(&answer.response) {
        run.account.error("personalize: the response is outside the task's space".to_owned());
    }
    run.account.checked("adopt", model.adopt_paths(answer.written_paths));
    let (tier, reason) = (answer.support.tier.as_str(), answer.support.reason.as_str());
    let confidence = answer.estimate.map(|estimate| estimate.probability(&answer.response));
    Guess::response(answer.response).confident(confidence).supported(tier, reason)
}
