//! Nearest neighbors: the vote of the past interactions most like the query.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::EvalError;
use rpm_core::data::{History, Interaction, Query, ResponseSpace, Task};
use rpm_core::retrieve::Retriever;

use super::average::{Average, between_points, ratings};
use super::counts::{Counts, Places, best_option};
use super::near::Near;
use super::spec::Options;
use super::{Bench, Method, MethodError, Prediction, Session, retrievers};

/// The vote of the user's past interactions most like the query, without a model.
///
/// - Labels, options and scales: the response of most votes; ties go to that of the nearest. Only options of the query
///   count.
/// - Scales with `take=mean`: the mean of the ratings.
/// - Free text: the response of the nearest one.
///
/// With `weighted=on` a vote counts by its similarity, otherwise each alike. Where nothing is found that counts: the
/// user's most frequent response (ties as [`Majority`](super::majority::Majority) breaks them), for a mean the median
/// of the user's ratings, among options the one at the place that the user chose most often (ties: the earlier), for
/// free text the latest response.
#[derive(Clone)]
pub(super) struct Knn {
    retriever: Arc<dyn Retriever>,
    features: bool,
    k: usize,
    weighted: bool,
    mean: bool,
}

impl Knn {
    /// Reads the options `k` (5), `retriever` (`bm25-query`), `weighted` (`off`, `on`) and `take` (`vote`, `mean`).
    pub(super) fn read(options: &mut Options<'_>) -> Result<Self, EvalError> {
        let k = options.number("k", 5)?;
        if k == 0 {
            return Err(options.wrong("k is at least 1"));
        }
        let name = options.text("retriever", "bm25-query");
        let retriever = retrievers::named(name)
            .ok_or_else(|| options.wrong(format!("retriever is one of {}", retrievers::NAMES.join(", "))))?;
        let weighted = options.choice("weighted", &[("off", false), ("on", true)])?;
        let mean = options.choice("take", &[("vote", false), ("mean", true)])?;
        Ok(Self { retriever, features: retrievers::compares_features(name), k, weighted, mean })
    }
}

struct Ready {
    knn: Knn,
    near: Near,
    latest: Option<String>,
    most: Option<String>,
    places: Places,
    median: Option<f64>,
}

#[async_trait]
impl Method for Knn {
    fn name(&self) -> String {
        "knn".to_owned()
    }

    fn applies(&self, task: &Task) -> bool {
        !self.mean || matches!(task.space(), ResponseSpace::Scale { .. })
    }

    fn asks_model(&self) -> bool {
        false
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        let near = if self.features {
            Near::features(history, Arc::clone(&self.retriever), bench).await?
        } else {
            Near::texts(history, Arc::clone(&self.retriever)).await?
        };
        let past = history.interactions();
        let all = Counts::of_all(bench.task, bench.population);
        Ok(Box::new(Ready {
            knn: self.clone(),
            near,
            latest: past.last().map(|interaction| interaction.response().to_owned()),
            most: Counts::of(past).most_frequent(&all).map(str::to_owned),
            places: Places::of(past),
            median: Average::Median.of(ratings(past)),
        }))
    }
}

/// The response of most weight, if it has any; ties go to the earlier of the list.
fn vote<'i>(near: impl IntoIterator<Item = (&'i str, f64)>) -> Option<&'i str> {
    // By response, its weight and the rank it first has.
    let mut heard: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for (rank, (response, weight)) in near.into_iter().enumerate() {
        heard.entry(response).or_insert((0.0, rank)).0 += weight;
    }
    let order = |(weight, rank): (f64, usize), (other, at): (f64, usize)| {
        weight.total_cmp(&other).then(Reverse(rank).cmp(&Reverse(at)))
    };
    let (response, (weight, _)) = heard.into_iter().max_by(|(_, a), (_, b)| order(*a, *b))?;
    (weight > 0.0).then_some(response)
}

/// The weighted mean of ratings; `None` without any weight.
fn mean<'i>(near: impl IntoIterator<Item = (&'i str, f64)>) -> Option<f64> {
    let (mut sum, mut all) = (0.0, 0.0);
    for (response, weight) in near {
        if let Ok(value) = response.parse::<f64>() {
            sum += weight * value;
            all += weight;
        }
    }
    (all > 0.0).then(|| sum / all)
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let open = bench.task.space().is_open_ended();
        let near = self.near.first(query, if open { 1 } else { self.knn.k }).await?;
        let weighed = |(interaction, alike): (&'_ Interaction, f64)| -> (String, f64) {
            (interaction.response().to_owned(), if self.knn.weighted { alike } else { 1.0 })
        };
        let near: Vec<(String, f64)> = near.into_iter().map(weighed).collect();
        let near = near.iter().map(|(response, weight)| (response.as_str(), *weight));
        let response = match bench.task.space() {
            ResponseSpace::Text { .. } => near.map(|(response, _)| response).next().or(self.latest.as_deref()),
            ResponseSpace::Scale { .. } if self.knn.mean => {
                return Ok(mean(near).or(self.median).map(between_points).unwrap_or_default());
            }
            ResponseSpace::Choices => {
                let open = |response: &str| query.options().iter().any(|option| option == response);
                vote(near.filter(|(response, _)| open(response)))
                    .or_else(|| best_option(query, |place, _| self.places.times(place)))
            }
            _ => vote(near).or(self.most.as_deref()),
        };
        Ok(response.map(Prediction::response).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
