//! The agreement of a path with its counterfactuals.

use serde::{Deserialize, Serialize};

/// The agreement of a path with what counterfactuals show. Only factors that were tried count; the wording does not.
///
/// `None` where there is nothing to compare.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Faithfulness {
    /// Factors that the path cites.
    pub cited: usize,
    /// Of those, the ones that were tried.
    pub tried: usize,
    /// True when the first factor that the path cites has the largest effect of all that were tried. Of equal effects
    /// any may be first; without an effect it is not the top, unless the path does not claim one.
    pub first_is_top: Option<bool>,
    /// Agreement of the order of citation with the order of the effects, from −1 to 1: Kendall's `τ_b` (Kendall 1945),
    /// which allows for equal effects. `None` for fewer than two cited factors and when all effects are equal.
    pub tau: Option<f64>,
    /// Share of the cited factors with an effect in the direction claimed. A path claims that a factor it cites sways
    /// towards the response, unless it was composed from the statistics and says that it does not.
    pub as_claimed: Option<f64>,
}

impl Faithfulness {
    /// All in one number from 0 to 1: the mean of what is known of first (1 or 0), (`τ_b` + 1)/2 and share.
    pub fn score(&self) -> Option<f64> {
        let first = self.first_is_top.map(|top| f64::from(u8::from(top)));
        let parts: Vec<f64> =
            [first, self.tau.map(|tau| f64::midpoint(tau, 1.0)), self.as_claimed].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.iter().sum::<f64>() / parts.len() as f64)
    }
}

/// A cited factor, in the order of citation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cited {
    /// Its effect; `None` when it was not tried.
    pub(crate) size: Option<f64>,
    /// True when the path claims that it sways towards the response.
    pub(crate) towards: bool,
}

/// Compares cited factors, in the order of citation, with the effects of all factors that were tried.
pub(crate) fn faithfulness(cited: &[Cited], all: &[f64]) -> Faithfulness {
    let tried: Vec<(f64, bool)> = cited.iter().filter_map(|cited| Some((cited.size?, cited.towards))).collect();
    let top = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let as_claimed = |&(size, towards): &(f64, bool)| (size > 0.0) == towards;
    let first = cited.first().and_then(|first| Some((first.size?, first.towards)));
    let share = tried.iter().filter(|cited| as_claimed(cited)).count() as f64 / tried.len() as f64;
    Faithfulness {
        cited: cited.len(),
        tried: tried.len(),
        first_is_top: first.map(|(size, towards)| size >= top && (size > 0.0 || !towards)),
        tau: tau_b(&tried.iter().map(|(size, _)| *size).collect::<Vec<f64>>()),
        as_claimed: (!tried.is_empty()).then_some(share),
    }
}

/// Kendall's `τ_b` of a falling order with these values: (falling − rising pairs) / √(all pairs · pairs that differ).
fn tau_b(values: &[f64]) -> Option<f64> {
    let (mut falling, mut rising, mut pairs) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (place, first) in values.iter().enumerate() {
        for second in values.iter().skip(place + 1) {
            pairs += 1.0;
            falling += f64::from(u8::from(first > second));
            rising += f64::from(u8::from(first < second));
        }
    }
    let differ = falling + rising;
    (differ > 0.0).then(|| (falling - rising) / (pairs * differ).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(size: f64) -> Cited {
        Cited { size: Some(size), towards: true }
    }

    #[test]
    fn agreement_is_that_of_kendall() {
        assert_eq!(tau_b(&[3.0, 2.0, 1.0]), Some(1.0));
        assert_eq!(tau_b(&[1.0, 2.0, 3.0]), Some(-1.0));
        assert_eq!(tau_b(&[2.0, 3.0, 1.0]), Some(1.0 / 3.0));
        // One tie among three: 2 / √(3 · 2), as scipy.stats.kendalltau has it.
        assert!((tau_b(&[2.0, 1.0, 1.0]).unwrap() - 0.816_496_580_927_726).abs() < 1e-15);
        for undefined in [&[][..], &[1.0], &[2.0, 2.0]] {
            assert_eq!(tau_b(undefined), None);
        }
    }

    #[test]
    fn nothing_tried_says_nothing() {
        let none = faithfulness(&[Cited { size: None, towards: true }], &[0.4]);
        assert_eq!((none.cited, none.tried, none.first_is_top, none.tau, none.as_claimed), (1, 0, None, None, None));
        assert_eq!((none.score(), Faithfulness::default().score()), (None, None));
    }

    #[test]
    fn a_path_without_effect_is_not_faithful_and_one_in_order_is() {
        assert_eq!(faithfulness(&[cited(0.0), cited(0.0)], &[0.0, 0.0]).score(), Some(0.0));
        assert_eq!(faithfulness(&[cited(0.3), cited(0.1)], &[0.3, 0.2, 0.1]).score(), Some(1.0));
        let passed_over = faithfulness(&[cited(0.1)], &[0.3, 0.1]);
        assert_eq!((passed_over.first_is_top, passed_over.as_claimed), (Some(false), Some(1.0)));
    }

    #[test]
    fn a_factor_said_to_speak_against_is_as_claimed_when_it_does() {
        let against = Cited { size: Some(-0.1), towards: false };
        assert_eq!(faithfulness(&[against], &[-0.1, -0.2]).score(), Some(1.0));
        assert_eq!(faithfulness(&[Cited { size: Some(-0.1), towards: true }], &[-0.1]).score(), Some(0.0));
    }
}
