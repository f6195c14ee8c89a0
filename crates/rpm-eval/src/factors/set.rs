//! One data set: the numbers of its users, taken together.

use serde::Serialize;

use rpm_core::data::Interaction;
use rpm_core::llm::UsageReport;

use super::faults::{FaultCounts, LabelFault};
use super::fidelity::Gain;
use super::learner::Learner;
use super::user::{Look, Looked, ShownLabel, UserFactors};
use crate::dataset::Dataset;
use crate::{Chance, EvalError};

/// The factors of a data set's users in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SetFactors {
    /// The data set.
    pub name: String,
    /// The number of users.
    pub users: usize,
    /// The median number of factors of a user.
    pub factors_per_user: f64,
    /// The median number of factors that were seen at least three times.
    pub seen3_per_user: f64,
    /// The features of all users' interactions, each as often as it was found.
    pub features: usize,
    /// The share of them that are of a factor seen at least three times.
    pub features_on_recurring: f64,
    /// The share of them that are of a factor of the catalog.
    pub features_on_catalog: f64,
    /// The mean number of significant factors; `None` for free text.
    pub significant_per_user: Option<f64>,
    /// The mean of [`UserFactors::shown_redundancy`].
    pub shown_redundancy: f64,
    /// The mean of [`UserFactors::shown_coverage`].
    pub shown_coverage: f64,
    /// The mean of [`UserFactors::coverage_of_recurring`].
    pub coverage_of_recurring: f64,
    /// The share of the factors tested later that point the same way there; `None` if none could be tested.
    pub same_direction: Option<f64>,
    /// The share of the factors tested later that point the same way there and are significant there; `None` if none could
    /// be tested.
    pub replicated: Option<f64>,
    /// The significant factors, of all users, that are in some test items and not in others.
    pub tested_later: usize,
    /// [`Gain::fidelity`] by accuracy.
    pub fidelity: Option<f64>,
    /// [`Gain::fidelity`] by the mean absolute error; of scales only.
    pub fidelity_mae: Option<f64>,
    /// Accuracies; `None` for free text.
    pub accuracy: Option<Gain>,
    /// Mean absolute errors, with the median as the base; `None` unless the responses are a scale.
    pub mae: Option<Gain>,
    /// Shown labels with at least one fault.
    pub label_faults: usize,
    /// Shown labels by fault.
    pub label_faults_by_kind: FaultCounts,
    /// Shown labels of all users.
    pub labels_shown: usize,
    /// What learning took of a model; `None` where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageReport>,
    /// The users one by one.
    pub users_detail: Vec<UserFactors>,
    /// Labels that were drawn to be read; `None` unless they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<ShownLabel>>,
}

impl SetFactors {
    /// Learns each user of a data set, and looks at the factors.
    ///
    /// # Errors
    /// [`EvalError::Data`] for a history that breaks the rules, [`EvalError::Factors`] for a user who cannot be learned or
    /// asked.
    pub async fn of(set: &Dataset, learner: &Learner) -> Result<Self, EvalError> {
        let population: Vec<Vec<Interaction>> = set.users.iter().map(|user| user.history.clone()).collect();
        let look = Look::new(set, &population, learner)?;
        let mut looked = Vec::with_capacity(set.users.len());
        for user in &set.users {
            looked.push(look.at(user).await?);
        }
        Ok(Self::together(&set.name, looked))
    }

    fn together(name: &str, looked: Vec<Looked>) -> Self {
        let (mut users, mut right, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        let mut usage = UsageReport::default();
        for looked in looked {
            usage.add(&looked.usage);
            users.push(looked.user);
            right.push(looked.right);
            errors.push(looked.errors);
        }
        let (accuracy, mae) = (Gain::of(&right), Gain::of(&errors).map(Gain::of_errors));
        let sum = |count: fn(&UserFactors) -> usize| users.iter().map(count).sum::<usize>();
        let tested_later = sum(|user| user.later.tested_later);
        let of_tested = |n: usize| (tested_later > 0).then(|| n as f64 / tested_later as f64);
        let features = sum(|user| user.features);
        let of_features = |n: usize| if features > 0 { n as f64 / features as f64 } else { 0.0 };
        let significant: Option<Vec<f64>> = users.iter().map(|user| user.significant.map(|n| n as f64)).collect();
        Self {
            name: name.to_owned(),
            users: users.len(),
            factors_per_user: median(users.iter().map(|user| user.factors)),
            seen3_per_user: median(users.iter().map(|user| user.seen3)),
            features,
            features_on_recurring: of_features(sum(|user| user.features_on_recurring)),
            features_on_catalog: of_features(sum(|user| user.features_on_catalog)),
            significant_per_user: significant.map(mean),
            shown_redundancy: mean(users.iter().map(|user| user.shown_redundancy)),
            shown_coverage: mean(users.iter().map(|user| user.shown_coverage)),
            coverage_of_recurring: mean(users.iter().map(|user| user.coverage_of_recurring)),
            same_direction: of_tested(sum(|user| user.later.same_direction)),
            replicated: of_tested(sum(|user| user.later.replicated)),
            tested_later,
            fidelity: accuracy.and_then(|gain| gain.fidelity),
            fidelity_mae: mae.and_then(|gain| gain.fidelity),
            accuracy,
            mae,
            label_faults: sum(|user| user.label_faults),
            label_faults_by_kind: added(&users),
            labels_shown: sum(|user| user.labels_shown),
            usage: (usage != UsageReport::default()).then_some(usage),
            users_detail: users,
            labels: None,
        }
    }

    /// Draws at most `n` shown labels over all users, for reading, into [`labels`](Self::labels).
    pub fn draw(&mut self, n: usize, seed: u64) {
        let all: Vec<&ShownLabel> = self.users_detail.iter().flat_map(|user| &user.labels).collect();
        let drawn = Chance::of(seed, &self.name).sample(all.len(), n);
        self.labels = Some(drawn.into_iter().filter_map(|at| all.get(at).map(|label| (*label).clone())).collect());
    }
}

fn added(users: &[UserFactors]) -> FaultCounts {
    let count = |fault: LabelFault| users.iter().filter_map(|user| user.label_faults_by_kind.get(&fault)).sum();
    LabelFault::ALL.into_iter().map(|fault| (fault, count(fault))).collect()
}

/// 0 of nothing.
fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, n) = values.into_iter().fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    if n > 0.0 { sum / n } else { 0.0 }
}

/// The one in the middle, or half way between the two; 0 of nothing.
fn median(counts: impl IntoIterator<Item = usize>) -> f64 {
    let mut counts: Vec<usize> = counts.into_iter().collect();
    counts.sort_unstable();
    let middle = |at: usize| counts.get(at).map_or(0.0, |count| *count as f64);
    f64::midpoint(middle(counts.len().saturating_sub(1) / 2), middle(counts.len() / 2))
}

#[cfg(test)]
mod tests {
    use super::super::faults::by_kind;
    use super::super::fidelity::Scores;
    use super::super::later::Later;
    use super::*;

    fn looked(name: &str, factors: usize, tested_later: usize, same_direction: usize) -> Looked {
        let faults = vec![LabelFault::Echo];
        let label = ShownLabel { user: name.to_owned(), label: format!("of {name}"), seen: 3, faults: faults.clone() };
        let user = UserFactors {
            user: name.to_owned(),
            interactions: 8,
            items: 2,
            factors,
            seen3: factors / 2,
            features: 2 * factors,
            features_on_recurring: factors,
            features_on_catalog: 0,
            significant: Some(factors),
            shown_redundancy: 0.5,
            shown_coverage: 0.25,
            coverage_of_recurring: 0.75,
            later: Later { tested_later, same_direction, replicated: 0 },
            labels_shown: 1,
            label_faults: 1,
            label_faults_by_kind: by_kind([faults.as_slice()]),
            labels: vec![label],
        };
        Looked { user, usage: UsageReport::default(), right: Scores::default(), errors: Scores::default() }
    }

    #[test]
    fn directions_are_pooled_over_users_and_counts_are_medians() {
        let all = vec![looked("a", 2, 1, 1), looked("b", 10, 3, 2), looked("c", 4, 0, 0)];
        let set = SetFactors::together("x", all);
        assert_eq!((set.users, set.factors_per_user, set.significant_per_user), (3, 4.0, Some(16.0 / 3.0)));
        assert_eq!((set.tested_later, set.same_direction, set.replicated), (4, Some(0.75), Some(0.0)));
        assert_eq!((set.features, set.usage.is_none()), (32, true));
        assert!((set.features_on_recurring - 0.5).abs() < 1e-12 && set.features_on_catalog < 1e-12);
        assert_eq!((set.label_faults, set.labels_shown, set.label_faults_by_kind[&LabelFault::Echo]), (3, 3, 3));
        assert_eq!((set.accuracy, set.fidelity), (None, None));
    }

    #[test]
    fn what_could_not_be_tested_has_no_share() {
        let set = SetFactors::together("x", vec![looked("a", 2, 0, 0), looked("b", 5, 0, 0)]);
        assert_eq!((set.same_direction, set.replicated, set.factors_per_user), (None, None, 3.5));
        assert_eq!((median([]), median([1, 9, 2]), mean([])), (0.0, 2.0, 0.0));
    }

    #[test]
    fn labels_are_in_the_output_only_when_they_are_drawn() {
        let mut set = SetFactors::together("x", (0..9).map(|n| looked(&n.to_string(), n, 0, 0)).collect());
        assert!(!serde_json::to_string(&set).unwrap().contains("of 1"));
        assert!(!format!("{set:?}").contains("of 1"));
        set.draw(4, 7);
        let drawn = set.labels.clone().unwrap();
        assert_eq!(drawn.len(), 4);
        assert!(serde_json::to_string(&set).unwrap().contains(&drawn[0].label));
        set.draw(4, 7);
        assert_eq!(set.labels, Some(drawn));
        set.draw(100, 7);
        assert_eq!(set.labels.map(|labels| labels.len()), Some(9));
    }
}
