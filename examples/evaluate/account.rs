//! What the pipelines met on the way: items, errors, cost, tiers and citations.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use rpm_core::{
    Answer, AssignedFeature, Dropped, FeatureKey, ItemOutcome, LearnReport, PathOrigin, Reading, ReasoningPath,
    UsageReport, UserModel,
};
use serde_json::{Value, json};

/// The account of one method on one set.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) usage: UsageReport,
    counts: BTreeMap<&'static str, usize>,
    tiers: BTreeMap<&'static str, usize>,
    errors: BTreeMap<String, usize>,
    dropped: Dropped,
}

impl Account {
    /// The value, or nothing and an error more under the name of its kinds.
    pub(crate) fn checked<T, E: Error + 'static>(&mut self, during: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(format!("{during}: {}", kinds(&error)));
                None
            }
        }
    }

    pub(crate) fn error(&mut self, kind: String) {
        *self.errors.entry(kind).or_default() += 1;
    }

    /// How many errors there were, failed items included.
    pub(crate) fn errors(&self) -> usize {
        self.errors.values().sum()
    }

    fn count(&mut self, what: &'static str, n: usize) {
        *self.counts.entry(what).or_default() += n;
    }

    /// Enters how many different feature names the interactions of a memory have, summed over users.
    pub(crate) fn names(&mut self, model: &rpm_core::UserModel) {
        let keys = model.memory().items().iter().flat_map(rpm_core::MemoryItem::features).map(rpm_core::Feature::key);
        self.count("different features", keys.collect::<std::collections::BTreeSet<_>>().len());
    }

    /// Enters what learning reported.
    pub(crate) fn report(&mut self, report: &LearnReport) {
        for item in &report.items {
            match item.reading {
                Some(Reading::AtOnce) => self.count("items read at once", 1),
                Some(Reading::Repaired) => self.count("items read after repairs", 1),
                Some(Reading::AskedAgain) => self.count("items read after asking again", 1),
                Some(Reading::InPart) => self.count("items read in part", 1),
                _ => {}
            }
            match &item.outcome {
                ItemOutcome::Learned { features } => {
                    self.count("items learned", 1);
                    self.count("features learned", *features);
                }
                ItemOutcome::NoFeatures => self.count("items without features", 1),
                ItemOutcome::Failed { stage, reason } => {
                    self.count("items failed", 1);
                    let kind: String = reason.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
                    self.error(format!("item, {stage}: {kind}"));
                }
                _ => self.count("items with another outcome", 1),
            }
        }
        self.count("factors", report.factors);
        self.count("groups refused", report.refused_groups);
        self.count("groups unplaced", report.unplaced_groups);
        self.count("interactions not judged", report.unjudged);
        self.count("paths written in learning", report.paths_written);
        self.count("paths composed in learning", report.paths_composed);
        self.dropped.add(&report.dropped);
        self.usage.add(&report.usage);
    }

    /// Enters an answer and checks every citation of its path.
    pub(crate) fn answer(&mut self, model: &UserModel, answer: &Answer) {
        self.count("answers", 1);
        *self.tiers.entry(answer.support.tier.as_str()).or_default() += 1;
        self.count("exemplars", answer.exemplars.len());
        self.count("paths written on first use", answer.written_paths.len());
        self.count(
            match answer.path.origin() {
                PathOrigin::Model => "answer paths by the model",
                _ => "answer paths composed",
            },
            1,
        );
        self.count("path steps that cite unknown ids", 0);
        self.citations(model, &answer.features, &answer.path);
        self.dropped.add(&answer.dropped);
        self.usage.add(&answer.usage);
    }

    /// Checks every citation of the paths a model holds in the end, adopted ones included.
    pub(crate) fn model(&mut self, model: &UserModel) {
        for item in model.memory().items() {
            let Some(path) = item.path() else { continue };
            let assigned = |feature: &rpm_core::Feature| AssignedFeature {
                factor: factor_id(model, &feature.key()),
                feature: feature.clone(),
            };
            let features: Vec<AssignedFeature> = item.features().iter().map(assigned).collect();
            self.count("memory paths", 1);
            self.citations(model, &features, path);
        }
    }

    fn citations(&mut self, model: &UserModel, features: &[AssignedFeature], path: &ReasoningPath) {
        for step in path.steps() {
            let known = features.get(step.feature).is_some_and(|cited| {
                cited.factor == step.factor && step.factor.as_ref().is_none_or(|id| model.factors().get(id).is_some())
            });
            self.count("path steps", 1);
            self.count("path steps that cite unknown ids", usize::from(!known));
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "counts": self.counts,
            "tiers": self.tiers,
            "errors": self.errors,
            "dropped_features": {
                "ungrounded": self.dropped.ungrounded,
                "unusable_name": self.dropped.unusable_name,
                "repeated": self.dropped.repeated,
                "over_limit": self.dropped.over_limit,
            },
            "usage": self.usage,
        })
    }
}

fn factor_id(model: &UserModel, key: &FeatureKey) -> Option<rpm_core::FactorId> {
    model.factors().factor_of(key).map(|factor| factor.id().clone())
}

/// The names of the errors from the outermost to the cause. Names, not messages: they are few, and hold no text.
fn kinds(error: &(dyn Error + 'static)) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let name: String = format!("{error:?}").chars().take_while(|c| c.is_alphanumeric()).collect();
        if !name.is_empty() && names.last() != Some(&name) {
            names.push(name);
        }
        next = error.source();
    }
    names.join(" > ")
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, n) in self.counts.iter().filter(|(what, n)| **n > 0 || what.contains("unknown")) {
            writeln!(f, "{what}: {n}")?;
        }
        for (tier, n) in &self.tiers {
            writeln!(f, "tier {tier}: {n}")?;
        }
        let dropped = &self.dropped;
        writeln!(
            f,
            "features dropped: {} ungrounded, {} with an unusable name, {} repeated, {} over the limit",
            dropped.ungrounded, dropped.unusable_name, dropped.repeated, dropped.over_limit
        )?;
        writeln!(f, "errors: {}", self.errors())?;
        for (kind, n) in &self.errors {
            writeln!(f, "  {n} x {kind}")?;
        }
        if self.usage.total().calls > 0 {
            writeln!(f, "{}", self.usage)?;
        }
        Ok(())
    }
}
