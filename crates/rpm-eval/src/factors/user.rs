//! One user: learned from the history, then looked at on the test items.

use std::fmt;

use serde::Serialize;

use rpm_core::data::{AssignedFeature, Factor, Feature, History, Interaction, MemoryItem, Query};
use rpm_core::llm::{BoxError, UsageReport};
use rpm_core::pipeline::{ConfigError, Prepared, RpmPipeline};

use super::faults::{FaultCounts, LabelFault, LabelJudge, by_kind};
use super::fidelity::Scores;
use super::later::{Later, LaterItem, SIGNIFICANT};
use super::learner::Learner;
use super::shown::{Evidence, Places, RECURRING, redundancy, shown};
use crate::EvalError;
use crate::dataset::{Dataset, EvalUser, TestItem};
use crate::method::{Bench, Session, named};

/// The factors of one user in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UserFactors {
    /// The user's id.
    pub user: String,
    /// Interactions in the history.
    pub interactions: usize,
    /// Test items.
    pub items: usize,
    /// Factors that were learned.
    pub factors: usize,
    /// Factors that were seen at least three times.
    pub seen3: usize,
    /// Features of the interactions, each as often as it was found.
    pub features: usize,
    /// Those of a factor that was seen at least three times.
    pub features_on_recurring: usize,
    /// Those of a factor of the catalog.
    pub features_on_catalog: usize,
    /// Factors with a false-discovery rate of at most .05; `None` for free text, which has no such test.
    pub significant: Option<usize>,
    /// The mean, over the shown factors, of the largest Jaccard likeness of the evidence to that of another shown one.
    pub shown_redundancy: f64,
    /// The share of the history's interactions with at least one shown factor.
    pub shown_coverage: f64,
    /// The share of the history's interactions with at least one factor that was seen at least three times.
    pub coverage_of_recurring: f64,
    /// The significant factors on the test items.
    #[serde(flatten)]
    pub later: Later,
    /// Shown labels.
    pub labels_shown: usize,
    /// Shown labels with at least one fault.
    pub label_faults: usize,
    /// Shown labels by fault.
    pub label_faults_by_kind: FaultCounts,
    /// The labels themselves. They are text of the user and in no output unless they are [drawn](super::SetFactors::draw).
    #[serde(skip)]
    pub labels: Vec<ShownLabel>,
}

/// A label that a user is shown.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ShownLabel {
    /// The user's id.
    pub user: String,
    /// The label.
    pub label: String,
    /// Interactions with the factor.
    pub seen: usize,
    /// The faults of the label.
    pub faults: Vec<LabelFault>,
}

impl fmt::Debug for ShownLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShownLabel").field("user", &self.user).field("faults", &self.faults).finish_non_exhaustive()
    }
}

/// A user in numbers, with the scores that are pooled over users.
pub(super) struct Looked {
    pub(super) user: UserFactors,
    /// What learning took of a model.
    pub(super) usage: UsageReport,
    pub(super) right: Scores,
    /// Negative distances on the scale; empty for other responses.
    pub(super) errors: Scores,
}

/// The worth of a response, where another was given; higher is better.
type Value = fn(&str, &str) -> Option<f64>;

/// The answer that a user's estimate has to beat, and the scores of all three.
struct Base {
    session: Box<dyn Session>,
    value: Value,
    scores: Scores,
}

/// The parts that all users of a set share.
pub(super) struct Look<'a> {
    set: &'a Dataset,
    population: &'a [Vec<Interaction>],
    learner: &'a Learner,
    pipeline: RpmPipeline,
    judge: LabelJudge,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        set: &'a Dataset,
        population: &'a [Vec<Interaction>],
        learner: &'a Learner,
    ) -> Result<Self, EvalError> {
        let queries = || population.iter().flatten().map(Interaction::query);
        let fixed = set.task.space().fixed_responses().unwrap_or_default();
        let responses = fixed.iter().chain(queries().flat_map(Query::options)).map(String::as_str);
        let judge = LabelJudge::new(&set.task, queries().map(Query::text), responses);
        let failed = |source: ConfigError| EvalError::Factors {
            set: set.name.clone(),
            user: "any user".to_owned(),
            source: source.into(),
        };
        let pipeline = learner.pipeline(&set.task).map_err(failed)?;
        Ok(Self { set, population, learner, pipeline, judge })
    }

    /// Learns a user and looks at the factors.
    pub(super) async fn at(&self, user: &EvalUser) -> Result<Looked, EvalError> {
        let failed = |source: BoxError| EvalError::Factors {
            set: self.set.name.clone(),
            user: user.id.as_str().to_owned(),
            source,
        };
        let mut known = user.clone();
        known.history.drain(..self.learner.passed_over(user.history.len()));
        let history = self.set.history(&known)?;
        let learned = self.pipeline.learn(&history).await.map_err(|error| failed(error.into()))?;
        let usage = learned.report.usage;
        let prepared = self.pipeline.open(learned.model).await.map_err(|error| failed(error.into()))?;
        let mut bases =
            [self.base("majority", right, &history).await?, self.base("median", negative_error, &history).await?];
        let mut later = Vec::new();
        let asks = self.learner.asks_later() && !self.set.task.space().is_open_ended();
        for item in user.tests.iter().filter(|_| asks) {
            later.push(self.ask(&prepared, item, &mut bases).await.map_err(failed)?);
        }
        let [right, errors] = bases.map(|base| base.map(|base| base.scores).unwrap_or_default());
        Ok(Looked { user: self.numbers(&known, &prepared, &later), usage, right, errors })
    }

    /// The method of this name, ready for a user; `None` where it does not apply.
    async fn base(&self, name: &str, value: Value, history: &History) -> Result<Option<Base>, EvalError> {
        let method = named(&name.parse()?)?;
        if !method.applies(&self.set.task) {
            return Ok(None);
        }
        let bench = Bench::new(&self.set.task, self.population);
        let session = method.learn(history, &bench).await.map_err(|error| EvalError::Factors {
            set: self.set.name.clone(),
            user: history.user().as_str().to_owned(),
            source: error.into(),
        })?;
        Ok(Some(Base { session, value, scores: Scores::default() }))
    }

    /// Asks one test item in all ways, and scores the responses.
    async fn ask(
        &self,
        prepared: &Prepared,
        item: &TestItem,
        bases: &mut [Option<Base>; 2],
    ) -> Result<LaterItem, BoxError> {
        let task = &self.set.task;
        let answer = self.pipeline.personalize(prepared, &item.query).await?;
        let beliefs = prepared.beliefs();
        let given = task.parse_response(&item.query, &item.gold).unwrap_or_else(|| item.gold.clone());
        let by = |features: &[AssignedFeature]| {
            let estimator = prepared.estimator()?;
            Some(estimator.of_factors(&beliefs, &item.query, features))
        };
        let bare: Vec<AssignedFeature> =
            answer.features.iter().map(|assigned| AssignedFeature::unknown(assigned.feature.clone())).collect();
        let (alone, tone) = (by(&answer.features), by(&bare));
        let bench = Bench::new(task, self.population);
        for base in bases.iter_mut().flatten() {
            let said = base.session.answer(&item.query, &bench).await?;
            let said = said.value.map(|value| value.to_string()).or(said.response).unwrap_or_default();
            let value = |response: &str| (base.value)(response, &given);
            base.scores.base.extend(value(&said));
            base.scores.estimate.extend(answer.estimate.as_ref().and_then(|estimate| value(estimate.decision())));
            base.scores.tone.extend(tone.as_ref().and_then(|estimate| value(estimate.decision())));
            base.scores.factors.extend(alone.as_ref().and_then(|estimate| value(estimate.decision())));
        }
        let factors = prepared.model().factors().present_in_assigned(&answer.features);
        Ok(LaterItem { factors: factors.into_iter().map(|factor| factor.id().clone()).collect(), response: given })
    }

    fn numbers(&self, user: &EvalUser, prepared: &Prepared, later: &[LaterItem]) -> UserFactors {
        let beliefs = &prepared.beliefs();
        let evidence = Evidence::of(prepared.model());
        let shown = shown(prepared.model(), beliefs);
        let places: Vec<&Places> = shown.iter().filter_map(|summary| evidence.places(&summary.id)).collect();
        let faults = self.judge.faults(shown.iter().map(|summary| summary.label.as_str()));
        let recurring = evidence.recurring();
        let open_ended = self.set.task.space().is_open_ended();
        let significant = || beliefs.factors().iter().filter(|factor| beliefs.q(factor.id()) <= SIGNIFICANT).count();
        let id = user.id.as_str();
        let model = prepared.model();
        let features = || model.memory().items().iter().flat_map(MemoryItem::features);
        let of = |feature: &Feature| model.factors().factor_of(&feature.key());
        let often = |factor: &Factor| evidence.places(factor.id()).is_some_and(|places| places.len() >= RECURRING);
        UserFactors {
            features: features().count(),
            features_on_recurring: features().filter(|feature| of(feature).is_some_and(often)).count(),
            features_on_catalog: features().filter(|feature| self.learner.is_of_catalog(feature)).count(),
            user: id.to_owned(),
            interactions: user.history.len(),
            items: user.tests.len(),
            factors: beliefs.factors().len(),
            seen3: recurring.len(),
            significant: (!open_ended).then(significant),
            shown_redundancy: redundancy(&places),
            shown_coverage: evidence.coverage(&places),
            coverage_of_recurring: evidence.coverage(&recurring),
            later: Later::of(beliefs, later),
            labels_shown: shown.len(),
            label_faults: faults.iter().filter(|faults| !faults.is_empty()).count(),
            label_faults_by_kind: by_kind(faults.iter().map(Vec::as_slice)),
            labels: shown
                .into_iter()
                .zip(faults)
                .map(|(summary, faults)| ShownLabel {
                    seen: evidence.places(&summary.id).map_or(0, Places::len),
                    user: id.to_owned(),
                    label: summary.label,
                    faults,
                })
                .collect(),
        }
    }
}

/// 1 for the response that was given, 0 for another.
#[expect(clippy::unnecessary_wraps, reason = "it is a `Value`")]
fn right(response: &str, given: &str) -> Option<f64> {
    Some(f64::from(u8::from(response == given)))
}

/// The distance to the response that was given, below 0; `None` unless both are numbers.
fn negative_error(response: &str, given: &str) -> Option<f64> {
    let (response, given): (f64, f64) = (response.parse().ok()?, given.parse().ok()?);
    Some(-(response - given).abs()).filter(|error| error.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_right_or_not_and_off_by_so_much() {
        assert_eq!((right("4", "4"), right("3.5", "4")), (Some(1.0), Some(0.0)));
        assert_eq!((negative_error("3.5", "4"), negative_error("5", "1")), (Some(-0.5), Some(-4.0)));
        assert_eq!((negative_error("", "4"), negative_error("inf", "4")), (None, None));
    }
}
