//! The weight of an interaction by its age.

use serde::{Deserialize, Serialize};

use super::{DataError, MemoryItem};

/// The speed at which old interactions stop counting: one that is a half-life older weighs half.
///
/// Weights are 2^(−age / half-life), rounded to multiples of 2⁻³² and never below the smallest one, so that sums of
/// weights are exact and adding an interaction and taking it out again leaves every count as it was. Age is measured
/// from a horizon: the time of the newest interaction, rounded up to the next eighth of a half-life, so that weights
/// change only now and then. An interaction without a time is as old as the oldest that has one; without any times all
/// weigh 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawDecay")]
pub struct Decay {
    half_life: i64,
}

#[derive(Deserialize)]
struct RawDecay {
    half_life: i64,
}

impl TryFrom<RawDecay> for Decay {
    type Error = DataError;
    fn try_from(raw: RawDecay) -> Result<Self, DataError> {
        Self::half_life(raw.half_life)
    }
}

/// The time that ages are measured from, and the age of an item without a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Horizon {
    now: i64,
    oldest: i64,
}

/// 2³²: weights are whole numbers of its inverse.
const UNITS: f64 = 4_294_967_296.0;

impl Decay {
    /// A decay by half in this much time, in the unit of [`Interaction::at`](super::Interaction::at).
    ///
    /// # Errors
    /// [`DataError::BadNumbers`] unless it is above 0.
    pub fn half_life(time: i64) -> Result<Self, DataError> {
        if time <= 0 {
            return Err(DataError::BadNumbers { what: "half-life", problem: "is not above 0" });
        }
        Ok(Self { half_life: time })
    }

    /// The half-life.
    pub fn time(self) -> i64 {
        self.half_life
    }

    /// The horizon of items in canonical order; `None` when none of them has a time.
    pub(crate) fn horizon(self, items: &[MemoryItem]) -> Option<Horizon> {
        let newest = items.last()?.time()?;
        let oldest = items.get(items.partition_point(|item| item.time().is_none()))?.time()?;
        let step = (self.half_life / 8).max(1);
        let up = (step - newest.rem_euclid(step)) % step;
        Some(Horizon { now: newest.saturating_add(up), oldest })
    }

    /// The weight of an interaction of this time.
    pub(crate) fn weight(self, time: Option<i64>, horizon: Option<Horizon>) -> f64 {
        let Some(horizon) = horizon else { return 1.0 };
        let age = i128::from(horizon.now) - i128::from(time.unwrap_or(horizon.oldest));
        let weight = (-(age as f64) / self.half_life as f64).exp2();
        (weight * UNITS).round().max(1.0) / UNITS
    }

    /// The weight of each item, in canonical order.
    pub(crate) fn weights(self, items: &[MemoryItem]) -> Vec<f64> {
        let horizon = self.horizon(items);
        items.iter().map(|item| self.weight(item.time(), horizon)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Interaction, Query};
    use super::*;

    fn items(times: &[Option<i64>]) -> Vec<MemoryItem> {
        let item = |(n, time): (usize, &Option<i64>)| {
            let bare = Interaction::new(format!("{n}"), Query::new("text").unwrap(), "1").unwrap();
            MemoryItem::new(time.map_or(bare.clone(), |time| bare.at(time)), Vec::new()).unwrap()
        };
        times.iter().enumerate().map(item).collect()
    }

    #[test]
    fn an_interaction_a_half_life_older_weighs_half() {
        let decay = Decay::half_life(80).unwrap();
        assert_eq!(decay.weights(&items(&[Some(0), Some(80), Some(160)])), [0.25, 0.5, 1.0]);
        // The horizon is rounded up to the next 10.
        assert_eq!(
            decay.weights(&items(&[Some(71), Some(151)])),
            decay.weights(&items(&[Some(71), Some(159)]))[..1]
                .iter()
                .copied()
                .chain([decay.weight(Some(151), decay.horizon(&items(&[Some(151)])))])
                .collect::<Vec<_>>()[..]
        );
    }

    #[test]
    fn what_has_no_time_is_as_old_as_the_oldest_and_without_times_nothing_decays() {
        let decay = Decay::half_life(80).unwrap();
        assert_eq!(decay.weights(&items(&[None, Some(0), Some(80)])), [0.5, 0.5, 1.0]);
        assert_eq!(decay.weights(&items(&[None, None])), [1.0, 1.0]);
        assert!(decay.weights(&[]).is_empty());
        assert!(Decay::half_life(0).is_err());
    }

    #[test]
    fn weights_never_vanish_and_sum_exactly() {
        let decay = Decay::half_life(8).unwrap();
        let weights = decay.weights(&items(&[Some(i64::MIN), Some(-9), Some(0), Some(3), Some(i64::MAX)]));
        assert!(weights.iter().all(|weight| *weight > 0.0 && *weight <= 1.0), "{weights:?}");
        let decay = Decay::half_life(1000).unwrap();
        let times: Vec<Option<i64>> = (0..500).map(|n| Some(n * 37)).collect();
        let weights = decay.weights(&items(&times));
        let there: f64 = weights.iter().sum();
        let back = weights.iter().fold(there, |left, weight| left - weight);
        assert_eq!(back.to_bits(), 0.0_f64.to_bits());
    }
}
