//! The one comparison, chosen before any test item is looked at: by leaving single interactions of the histories out.

use std::sync::Arc;

use rpm_core::data::{History, Interaction, ResponseSpace, Task};
use rpm_core::stats::population::USERS_SHARED;

use crate::dataset::{Dataset, EvalUser, people};
use crate::method::{Bench, Method, Spec, named};
use crate::metric::Metric;
use crate::{Answered, Chance};

use super::TryError;

/// Users are parted into so many folds, and those of the others teach.
const FOLDS: usize = 10;
/// Interactions of one user that are left out in turn, at the most.
const LEFT_OUT: usize = 20;
/// What leaving one interaction out may cost in all: interactions left out times interactions there are.
const WORK: usize = 20_000_000;

/// A simple method with how it did on the histories.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct Candidate {
    /// Its name with its options.
    pub method: String,
    /// What it answers, in words.
    pub words: String,
    /// Its mean over interactions of the histories, each left out in turn: the error of a scale, else the share that is right or
    /// alike.
    pub on_histories: Option<f64>,
}

/// What is compared with what.
pub(super) struct Registered {
    pub(super) metric: Metric,
    pub(super) ours: Spec,
    pub(super) ours_words: String,
    pub(super) baseline: Candidate,
    /// All simple methods, in the order in which ties are broken.
    pub(super) candidates: Vec<Candidate>,
    /// Interactions that were left out in turn.
    pub(super) left_out: usize,
}

/// The metric that decides: the one in which a reader thinks of such responses.
pub(super) fn metric(task: &Task) -> Metric {
    match task.space() {
        ResponseSpace::Scale { .. } => Metric::Mae,
        ResponseSpace::Text { .. } => Metric::Rouge1,
        _ => Metric::Accuracy,
    }
}

/// Simple methods for a task, with what they answer. The latest response is one only where there are times.
fn simple(task: &Task, timed: bool) -> Vec<(&'static str, &'static str)> {
    let all: &[(&str, &str)] = match task.space() {
        ResponseSpace::Scale { .. } => &[
            ("mean", "the average of the user's past ratings"),
            ("median", "the median of the user's past ratings"),
            ("majority", "the user's most frequent rating"),
            ("global-majority", "the most frequent rating of all users"),
            ("knn:take=mean", "the average rating of the user's five most similar past queries"),
            ("knn", "the most frequent rating of the user's five most similar past queries"),
            ("mean:own=5", "the average of the user's last five ratings"),
            ("majority:own=1", "the user's last rating"),
        ],
        ResponseSpace::Text { .. } => &[
            ("first-sentence", "the first sentence of what is asked"),
            ("knn", "the user's response to the most similar past query"),
            ("knn:own=1", "the user's last response"),
        ],
        _ => &[
            ("majority", "the user's most frequent response"),
            ("global-majority", "the most frequent response of all users"),
            ("knn", "the most frequent response to the user's five most similar past queries"),
            ("knn:weighted=on", "the responses to the user's five most similar past queries, weighed by likeness"),
            ("majority:own=1", "the user's last response"),
        ],
    };
    all.iter().filter(|(name, _)| timed || !name.contains("own=")).copied().collect()
}

/// True where enough users of other folds teach each one.
fn others_teach(set: &Dataset) -> bool {
    let people = people(&set.users).into_iter().max().map_or(0, |last| last + 1);
    let largest_fold = people.div_ceil(FOLDS);
    !set.task.space().is_open_ended() && people - largest_fold >= USERS_SHARED
}

/// Chooses the simple method that does best on the histories. Ours is with others wherever enough users teach.
pub(super) async fn choose(set: &Dataset, timed: bool, seed: u64) -> Result<Registered, TryError> {
    let metric = metric(&set.task);
    let drawn = drawn(set, seed);
    let mut candidates = Vec::new();
    for (name, words) in simple(&set.task, timed) {
        let method = named(&name.parse::<Spec>()?)?;
        let on_histories = on_histories(set, &*method, metric, &drawn, seed).await?;
        candidates.push(Candidate { method: name.to_owned(), words: words.to_owned(), on_histories });
    }
    let goodness = |candidate: &Candidate| {
        let value = candidate.on_histories.unwrap_or(f64::NAN);
        let good = if metric.higher_is_better() { value } else { -value };
        if good.is_nan() { f64::NEG_INFINITY } else { good }
    };
    // The last of equals is taken, so that turned round the first is.
    let best = candidates.iter().rev().max_by(|a, b| goodness(a).total_cmp(&goodness(b))).cloned();
    let none = || crate::EvalError::Empty { set: set.name.clone(), rows: 0 };
    let with_others = others_teach(set);
    let ours = Spec { name: "offline".to_owned(), options: std::collections::BTreeMap::new() };
    let ours = if with_others { ours.with("others", FOLDS) } else { ours };
    let ours_words = if with_others { "rpm-core, with what other users teach" } else { "rpm-core" };
    let left_out = drawn.iter().map(Vec::len).sum();
    let baseline = best.ok_or_else(none)?;
    Ok(Registered { metric, ours, ours_words: ours_words.to_owned(), baseline, candidates, left_out })
}

/// By user: the places in the history that are left out, drawn by the seed where they are too many.
fn drawn(set: &Dataset, seed: u64) -> Vec<Vec<usize>> {
    let all: usize = set.users.iter().map(|user| user.history.len()).sum();
    let affordable = WORK / all.max(1) / set.users.len().max(1);
    let of_user = |user: &EvalUser| {
        let mut places = Chance::of(seed, user.id.as_str()).sample(user.history.len(), LEFT_OUT.min(affordable.max(1)));
        places.sort_unstable();
        places
    };
    set.users.iter().map(of_user).collect()
}

/// The mean of a metric over interactions of the histories that are left out one by one.
async fn on_histories(
    set: &Dataset,
    method: &dyn Method,
    metric: Metric,
    drawn: &[Vec<usize>],
    seed: u64,
) -> Result<Option<f64>, TryError> {
    let mut population: Vec<Vec<Interaction>> = set.users.iter().map(|user| user.history.clone()).collect();
    let mut values = Vec::new();
    for ((place, user), drawn) in set.users.iter().enumerate().zip(drawn) {
        for left_out in drawn {
            let rest = user.history.iter().enumerate().filter(|(at, _)| at != left_out);
            let rest: Vec<Interaction> = rest.map(|(_, interaction)| interaction.clone()).collect();
            let Some(asked) = user.history.get(*left_out) else { continue };
            let history = History::new(&set.task, user.id.as_str(), rest.iter().cloned())?;
            if let Some(own) = population.get_mut(place) {
                *own = rest;
            }
            let mut bench = Bench::new(&set.task, &population);
            (bench.user, bench.seed) = (Some(place), seed);
            let prediction = method.learn(&history, &bench).await?.answer(asked.query(), &bench).await?;
            let answered = Answered {
                gold: asked.response().to_owned(),
                response: prediction.response,
                value: prediction.value,
                ..Answered::default()
            };
            values.extend(metric.of_item(&set.task, &answered));
        }
        if let Some(own) = population.get_mut(place) {
            own.clone_from(&user.history);
        }
    }
    let count = values.len() as f64;
    Ok((count > 0.0).then(|| values.iter().sum::<f64>() / count))
}

/// All methods of the run: the two that are compared first, then the others for information.
pub(super) fn methods(registered: &Registered) -> Result<Vec<Arc<dyn Method>>, TryError> {
    let mut specs = vec![registered.ours.clone(), registered.baseline.method.parse()?];
    let alone: Spec = "offline".parse()?;
    let others = registered.candidates.iter().map(|it| it.method.parse::<Spec>());
    for spec in std::iter::once(Ok(alone)).chain(others) {
        let spec = spec?;
        if !specs.contains(&spec) {
            specs.push(spec);
        }
    }
    Ok(specs.iter().map(named).collect::<Result<_, _>>()?)
}
