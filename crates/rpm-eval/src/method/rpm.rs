//! The crate's own pipelines: presets, tiers, and every part that can be left out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::EvalError;
use crate::catalog::of_histories;
use rpm_core::answer::{OneCallAnswerer, PromptedAnswerer};
use rpm_core::catalog::Catalog;
use rpm_core::extract::{LexicalExtractor, PromptedExtractor};
use rpm_core::pipeline::{PathPolicy, Preset, RpmPipelineBuilder};
use rpm_core::reason::{ComposedPathWriter, PromptedPathWriter};
use rpm_core::retrieve::Retriever;
use rpm_core::stats::population::{Noise, USERS_SHARED};
use rpm_core::stats::{SupportThresholds, Tier};

use super::generic_paths::{self, GenericPaths};
use super::noise::Noisy;
use super::others::{Others, Whom};
use super::pipeline::MakeCatalog;
use super::questions::Questions;
use super::spec::Options;
use super::trust::{By, Trust};
use super::{Bench, MethodError, PipelineMethod, retrievers};

/// The origin of the exemplars' reasoning paths.
#[derive(Clone, Copy)]
enum Paths {
    Model,
    Generic,
    Composed,
}

/// The options that all pipelines have.
#[derive(Clone)]
struct Parts {
    k: Option<usize>,
    retriever: Option<Arc<dyn Retriever>>,
    thresholds: SupportThresholds,
    noise: f64,
    /// The most factors of a catalog of all histories' texts; 0 for none.
    topics: usize,
    /// What others teach, if they do.
    others: Option<Others>,
    /// Questions to find out of the user, in place of the history.
    questions: Option<Questions>,
}

impl Parts {
    fn read(options: &mut Options<'_>) -> Result<Self, EvalError> {
        let k = match options.text("k", "") {
            "" => None,
            k => Some(k.parse().map_err(|_| options.wrong("k must be a number of the right kind"))?),
        };
        let retriever = match options.text("retriever", "") {
            "" => None,
            name => Some(
                retrievers::named(name)
                    .ok_or_else(|| options.wrong(format!("retriever is one of {}", retrievers::NAMES.join(", "))))?,
            ),
        };
        let mut thresholds = SupportThresholds::default();
        if !options.choice("gate", &[("on", true), ("off", false)])? {
            (thresholds.least_interactions, thresholds.least_similarity, thresholds.least_factors) = (0, 0.0, 0);
        }
        let tiers =
            [("full", Tier::Full), ("pairs", Tier::Pairs), ("factors", Tier::Factors), ("generic", Tier::Generic)];
        thresholds.highest = options.choice("tier", &tiers)?;
        let noise = options.number("noise", 0.0)?;
        if !(0.0..=1.0).contains(&noise) {
            return Err(options.wrong("noise is a share from 0 to 1"));
        }
        let topics = options.number("catalog", 0)?;
        let whom = match options.text("others", "0") {
            "0" => None,
            "set" => Some(Whom::Set),
            folds => match folds.parse() {
                Ok(folds) if folds > 1 => Some(Whom::Folds(folds)),
                _ => {
                    let told = "others is a number of folds, 2 or more, or set for the users of another set, or 0 for nobody else";
                    return Err(options.wrong(told));
                }
            },
        };
        let shared = options.number("shared", USERS_SHARED)?;
        if shared < 2 {
            return Err(options.wrong("shared is at least 2 users"));
        }
        let epsilon = match options.text("epsilon", "none") {
            "none" => None,
            epsilon => Some(epsilon.parse().map_err(|_| options.wrong("epsilon is a number, or none"))?),
        };
        if epsilon.is_some_and(|epsilon| Noise::new(epsilon, [0; 32]).is_err()) {
            return Err(options.wrong("epsilon is from 0.01 to 1,000, or none"));
        }
        let questions = match (options.number("asked", 0)?, options.number("drawn", 0)?) {
            (0, 0) => None,
            (asked, 0) => Some(Questions::Asked(asked)),
            (0, drawn) => Some(Questions::Drawn(drawn)),
            _ => {
                return Err(
                    options.wrong("questions are either asked, each the one that tells most, or drawn at random")
                );
            }
        };
        let others = whom.map(|whom| Others { whom, shared, epsilon });
        Ok(Self { k, retriever, thresholds, noise, topics, others, questions })
    }

    /// The catalog of all histories' texts, made once for each population.
    fn catalog(&self) -> Option<Arc<MakeCatalog>> {
        let topics = self.topics;
        let made: Mutex<BTreeMap<Vec<u8>, Arc<Catalog>>> = Mutex::default();
        let make = move |bench: &Bench<'_>| {
            let mut texts = Sha256::new();
            for interaction in bench.population.iter().flatten() {
                texts.update(interaction.query().text());
                texts.update([0]);
            }
            let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
            match made.entry(texts.finalize().to_vec()) {
                Entry::Occupied(known) => Ok(Arc::clone(known.get())),
                Entry::Vacant(free) => {
                    let catalog = of_histories(bench.task, bench.population, topics)
                        .map_err(|error| MethodError::Other(error.into()))?;
                    Ok(Arc::clone(free.insert(Arc::new(catalog))))
                }
            }
        };
        (topics > 0).then(|| Arc::new(make) as Arc<MakeCatalog>)
    }

    fn apply(&self, mut builder: RpmPipelineBuilder) -> RpmPipelineBuilder {
        if let Some(k) = self.k {
            builder = builder.exemplars(k);
        }
        if let Some(retriever) = &self.retriever {
            builder = builder.retriever(Arc::clone(retriever));
        }
        builder.thresholds(self.thresholds)
    }
}

/// A pipeline that asks a model. Options: `preset` (`balanced`, `paper`, `frugal`, `fused`; of the latter two `viewed`, past queries of each of
/// `viewers` users that tell how far the model is trusted; of `frugal` who `decides`: `both`, the estimate and the model, or `model`), `items` (texts in one extraction
/// request), `estimate` (`on`: shown in the prompt), `paths` (`model`, `generic`: by the model, without the user's
/// factors and statistics, or `composed` from the statistics), and those of [`Parts`].
///
/// The paper's ablations are `zero-shot`, `rpm:tier=factors`, `rpm:tier=pairs`, `rpm:paths=generic` and `rpm`.
pub(super) fn prompted(options: &mut Options<'_>) -> Result<PipelineMethod, EvalError> {
    let preset = options.choice(
        "preset",
        &[
            ("balanced", Preset::Balanced),
            ("paper", Preset::Paper),
            ("frugal", Preset::Frugal),
            ("fused", Preset::Fused),
        ],
    )?;
    let estimate = options.choice("estimate", &[("off", false), ("on", true)])?;
    let paths = options
        .choice("paths", &[("model", Paths::Model), ("generic", Paths::Generic), ("composed", Paths::Composed)])?;
    let generic = generic_paths::wording().map_err(|error| options.wrong(error.to_string()))?;
    let items: usize = options.number("items", 0)?;
    if matches!(preset, Preset::Frugal | Preset::Fused) && items > 0 {
        return Err(
            options.wrong("the frugal and the fused preset ask for no features of past texts, so they have no items")
        );
    }
    let by = match preset {
        Preset::Fused => Some(By::Text),
        Preset::Frugal if options.choice("decides", &[("both", true), ("model", false)])? => Some(By::OneCall),
        _ => None,
    };
    let trust = match by {
        Some(by) => {
            let (items, users) = (options.number("viewed", 8)?, options.number("viewers", 16)?);
            Some(Trust { method: options.spec().to_string(), by, items, users })
        }
        None => None,
    };
    if trust.is_some() && estimate {
        return Err(options.wrong("where the estimate decides with the model, the model is shown none"));
    }
    let parts = Parts::read(options)?;
    let (catalog, others, questions) = (parts.catalog(), parts.others, parts.questions);
    let method = PipelineMethod::new("rpm", move |builder, bench| {
        let mut builder = builder.preset(preset).paths(PathPolicy::OnFirstUse);
        builder = match (preset, estimate) {
            (Preset::Fused, _) => builder,
            (Preset::Frugal, false) => builder.answerer(OneCallAnswerer::default()),
            (Preset::Frugal, true) => builder.answerer(OneCallAnswerer::default().show_estimate()),
            (Preset::Balanced, false) => builder.answerer(Preset::balanced_answerer()),
            (Preset::Balanced, true) => builder.answerer(Preset::balanced_answerer().show_estimate()),
            // The paper's, the only other one that the option names.
            (_, false) => builder.answerer(PromptedAnswerer::default()),
            (_, true) => builder.answerer(PromptedAnswerer::default().show_estimate()),
        };
        let steps = if preset == Preset::Balanced { 2 } else { 3 };
        builder = match paths {
            Paths::Model => builder,
            Paths::Generic => {
                let writer = GenericPaths(PromptedPathWriter::default().max_steps(steps));
                builder.path_writer(writer).prompts(generic.clone())
            }
            Paths::Composed => builder.path_writer(ComposedPathWriter::default()),
        };
        let extractor = match preset {
            Preset::Balanced => Preset::balanced_extractor(),
            _ => PromptedExtractor::default(),
        };
        let extractor = if items > 0 { extractor.items_per_request(items) } else { extractor };
        builder = match preset {
            Preset::Frugal | Preset::Fused => {
                builder.extractor(Noisy::new(LexicalExtractor::default(), parts.noise, bench.seed))
            }
            _ => builder.extractor(Noisy::new(extractor, parts.noise, bench.seed)),
        };
        parts.apply(builder)
    });
    Ok(method.with_catalog(catalog).among(others).putting(questions).trusting(trust))
}

/// The pipeline that asks no model, with the options of [`Parts`] but those that only decide what a prompt shows.
pub(super) fn offline(options: &mut Options<'_>) -> Result<PipelineMethod, EvalError> {
    if let Some(option) = ["tier", "gate"].into_iter().find(|option| options.spec().options.contains_key(*option)) {
        return Err(options.wrong(format!(
            "{option} has no say in an answer without a model, which goes by the whole estimate: leave it out, or ask rpm"
        )));
    }
    let parts = Parts::read(options)?;
    let (catalog, others, questions) = (parts.catalog(), parts.others, parts.questions);
    let method = PipelineMethod::offline("offline", move |builder, bench| {
        let extractor = Noisy::new(LexicalExtractor::default(), parts.noise, bench.seed);
        parts.apply(builder.extractor(extractor))
    });
    Ok(method.with_catalog(catalog).among(others).putting(questions))
}
