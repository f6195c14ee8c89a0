//! The median or the mean of the user's ratings.

use async_trait::async_trait;

use rpm_core::data::{History, Interaction, Query, ResponseSpace, Task};

use super::{Bench, Method, MethodError, Prediction, Session};

/// The median or the mean of the user's ratings, whatever is asked. For scales only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Average {
    /// The one in the middle, or half way between the two.
    Median,
    /// The arithmetic mean.
    Mean,
}

/// A value between the points of a scale; the response is the nearest point, halves go up.
pub(super) fn between_points(value: f64) -> Prediction {
    Prediction { value: Some(value), ..Prediction::response(format!("{:.0}", (value + 0.5).floor())) }
}

/// The ratings as numbers.
pub(super) fn ratings<'i>(interactions: impl IntoIterator<Item = &'i Interaction>) -> Vec<f64> {
    interactions.into_iter().filter_map(|interaction| interaction.response().parse().ok()).collect()
}

impl Average {
    /// `None` of nothing.
    pub(super) fn of(self, mut values: Vec<f64>) -> Option<f64> {
        let n = values.len();
        match self {
            Self::Mean => (n > 0).then(|| values.iter().sum::<f64>() / n as f64),
            Self::Median => {
                values.sort_by(f64::total_cmp);
                let high = values.get(n / 2)?;
                let low = if n % 2 == 1 { high } else { values.get((n / 2).checked_sub(1)?)? };
                Some(f64::midpoint(*low, *high))
            }
        }
    }
}

struct Ready(Option<f64>);

#[async_trait]
impl Method for Average {
    fn name(&self) -> String {
        match self {
            Self::Median => "median",
            Self::Mean => "mean",
        }
        .to_owned()
    }

    fn applies(&self, task: &Task) -> bool {
        matches!(task.space(), ResponseSpace::Scale { .. })
    }

    fn asks_model(&self) -> bool {
        false
    }

    async fn learn(&self, history: &History, _: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        Ok(Box::new(Ready(self.of(ratings(history.interactions())))))
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, _: &Query, _: &Bench<'_>) -> Result<Prediction, MethodError> {
        Ok(self.0.map(between_points).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_go_up_and_the_value_is_kept() {
        for (value, point) in [(2.5, "3"), (2.49, "2"), (-1.5, "-1"), (-0.5, "0"), (4.0, "4")] {
            let said = between_points(value);
            assert_eq!((said.response.as_deref(), said.value), (Some(point), Some(value)));
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_half_way_and_of_none_nothing() {
        assert_eq!(Average::Median.of(vec![5.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!(Average::Median.of(vec![5.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(Average::Median.of(vec![4.0]), Some(4.0));
        assert_eq!(Average::Mean.of(vec![1.0, 2.0]), Some(1.5));
        assert_eq!((Average::Median.of(Vec::new()), Average::Mean.of(Vec::new())), (None, None));
    }

    #[test]
    fn a_user_is_answered_with_the_average_of_the_history() {
        let task = Task::new("Rate it", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        let rated = |id: &str, point: &str| Interaction::new(id, Query::new("x").unwrap(), point).unwrap();
        let history = History::new(&task, "ana", [rated("a", "1"), rated("b", "4"), rated("c", "5")]).unwrap();
        let (bench, query) = (Bench::new(&task, &[]), Query::new("new").unwrap());
        for (average, value, point) in [(Average::Median, 4.0, "4"), (Average::Mean, 10.0 / 3.0, "3")] {
            let answer = async { average.learn(&history, &bench).await?.answer(&query, &bench).await };
            let said = pollster::block_on(answer).unwrap();
            assert_eq!((said.value, said.response.as_deref()), (Some(value), Some(point)));
        }
        assert!(!Average::Mean.applies(&Task::new("Choose", ResponseSpace::choices()).unwrap()));
    }

    proptest! {
        #[test]
        fn an_average_lies_within_the_ratings(values in prop::collection::vec((1_i32..=5).prop_map(f64::from), 1..20)) {
            let (low, high) = values.iter().fold((5.0_f64, 1.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
            for average in [Average::Median, Average::Mean] {
                let value = average.of(values.clone()).unwrap();
                prop_assert!(low <= value && value <= high);
            }
        }
    }
}
