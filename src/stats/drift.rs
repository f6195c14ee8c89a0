//! Tests for a change of late in the responses that a factor goes with.

use serde::{Deserialize, Serialize};

use crate::data::Polarity;

use super::rank_sum::rank_sum;
use super::significance::association;

/// The shortest window, in sightings; each next one is twice as long.
pub const SHORTEST_WINDOW: usize = 5;

/// The alarm goes off at a [`Drift::p`] of at most this.
pub const DRIFT_ALARM: f64 = 0.001;

/// A comparison of a factor's recent sightings with those before.
///
/// The windows compared are the last 5, 10, 20, 40… sightings, as long as there are as many before them. Each is tested
/// against *all* sightings before it, and the smallest p-value is multiplied by the number of windows (Bonferroni): a
/// short window sees a sharp change soon, a long one a slight change at last. The sightings are counted once each,
/// without decay, since decay would already have forgotten what to compare with.
///
/// The alarm is looked at after every sighting, so that over time a test at the usual 0.05 would nearly always fire. At
/// [`DRIFT_ALARM`] a factor that does not change gives an alarm somewhere in 100 looks in less than one case of twenty
/// (measured: 1 to 2 of 100 for labels, 1 to 4 for scales); `docs/method.md` has the delays. There is no correction over the user's factors: it would hide the
/// change of a single factor behind the number of those that stay as they are.
///
/// Source: the test of every window is exact or asymptotic given both margins, see [`association`] and [`rank_sum`];
/// windows of doubling length as in Bifet and Gavaldà 2007 (ADWIN).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Drift {
    /// p-value of "no change", corrected for the number of windows but not for repeated looks, in [0, 1].
    pub p: f64,
    /// Sightings in the window that differs most.
    pub recent: usize,
    /// Sightings before it.
    pub before: usize,
    /// True when `p` is at most [`DRIFT_ALARM`].
    pub alarm: bool,
}

impl Drift {
    /// Compares the responses to a factor's sightings, oldest first, each the place of a label or choice in a list of
    /// `responses`; a place outside of it is left out. Tests with [`association`].
    ///
    /// `None` with fewer than 10 sightings. Cost: a pass over the sightings, and two or more tests.
    ///
    /// ```
    /// use rpm_core::stats::Drift;
    /// let sightings = [vec![0; 20], vec![1; 6]].concat();
    /// assert!(Drift::of_responses(&sightings, 2).unwrap().alarm);
    /// assert!(!Drift::of_responses(&[0; 26], 2).unwrap().alarm);
    /// ```
    pub fn of_responses(sightings: &[usize], responses: usize) -> Option<Self> {
        scan(sightings, responses, association)
    }

    /// Compares a factor's sightings on a scale of `points`, oldest first, each the place of a point, the lowest being 0.
    /// Tests with [`rank_sum`], which looks at whether the points are higher or lower than before. `None` and cost as for
    /// [`of_responses`](Self::of_responses).
    pub fn of_points(sightings: &[usize], points: usize) -> Option<Self> {
        scan(sightings, points, rank_sum)
    }

    /// Compares a factor's sightings in an open-ended task, oldest first: each was judged to have swayed the response, with
    /// its polarity, or was not (`None`). Tests with [`association`] over these four. `None` and cost as for
    /// [`of_responses`](Self::of_responses).
    pub fn of_judgements(sightings: &[Option<Polarity>]) -> Option<Self> {
        let place = |judged: &Option<Polarity>| match judged {
            None => 0,
            Some(Polarity::Positive) => 1,
            Some(Polarity::Neutral) => 2,
            Some(Polarity::Negative) => 3,
        };
        let places: Vec<usize> = sightings.iter().map(place).collect();
        scan(&places, 4, association)
    }
}

fn scan(sightings: &[usize], places: usize, test: fn(&[f64], &[f64]) -> f64) -> Option<Drift> {
    // Places that do not occur change no test, so the highest that does sets the size.
    let size = sightings.iter().filter(|&&place| place < places).max()? + 1;
    let (mut before, mut recent) = (vec![0.0; size], vec![0.0; size]);
    let count = |counts: &mut [f64], place: usize, by: f64| {
        if let Some(count) = counts.get_mut(place) {
            *count += by;
        }
    };
    let known = || sightings.iter().copied().filter(|&place| place < places);
    known().for_each(|place| count(&mut before, place, 1.0));
    let all = known().count();

    let mut most: Option<Drift> = None;
    let (mut windows, mut window) = (0.0, SHORTEST_WINDOW);
    for (back, place) in (1..).zip(known().rev()) {
        if window > all / 2 {
            break;
        }
        count(&mut before, place, -1.0);
        count(&mut recent, place, 1.0);
        if back == window {
            let p = test(&recent, &before);
            if most.is_none_or(|most| p < most.p) {
                most = Some(Drift { p, recent: window, before: all - window, alarm: false });
            }
            windows += 1.0;
            window *= 2;
        }
    }
    most.map(|most| {
        let p = (most.p * windows).min(1.0);
        Drift { p, alarm: p <= DRIFT_ALARM, ..most }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fewer_than_ten_sightings_are_too_few() {
        assert_eq!(Drift::of_responses(&[0; 9], 2), None);
        assert!(Drift::of_responses(&[0; 10], 2).is_some());
        assert_eq!(Drift::of_responses(&[2; 10], 2), None);
        assert_eq!(Drift::of_points(&[], 5), None);
        assert_eq!(Drift::of_judgements(&[None; 9]), None);
    }

    #[test]
    fn the_window_that_differs_most_is_reported_with_the_corrected_p() {
        let drift = Drift::of_responses(&[[0; 30].as_slice(), &[1; 10]].concat(), 2).unwrap();
        assert_eq!((drift.recent, drift.before, drift.alarm), (10, 30, true));
        // 1 / (40 over 10), for three windows: 5, 10 and 20.
        assert!((drift.p / (3.0 / 847_660_528.0) - 1.0).abs() < 1e-9, "{drift:?}");
    }

    #[test]
    fn judgements_drift_in_influence_and_in_polarity() {
        use Polarity::{Negative, Positive};
        let liked = [Some(Positive); 20];
        assert!(Drift::of_judgements(&[liked.as_slice(), &[Some(Negative); 8]].concat()).unwrap().alarm);
        assert!(Drift::of_judgements(&[liked.as_slice(), &[None; 8]].concat()).unwrap().alarm);
        assert!(!Drift::of_judgements(&[liked.as_slice(), &liked].concat()).unwrap().alarm);
    }

    #[test]
    fn a_scale_is_compared_by_the_order_of_its_points() {
        let sightings = [3, 4, 3, 4, 3, 4, 4, 3, 4, 3, 4, 3, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
        assert!(Drift::of_points(&sightings, 5).unwrap().alarm);
    }

    proptest! {
        #[test]
        fn a_p_value_is_a_probability_for_any_places(sightings in prop::collection::vec(0..9_usize, 0..80), n in 0..9_usize) {
            for drift in [Drift::of_responses(&sightings, n), Drift::of_points(&sightings, n)].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&drift.p) && drift.recent >= SHORTEST_WINDOW);
                prop_assert!(drift.before >= drift.recent);
            }
        }

        #[test]
        fn the_names_of_the_labels_do_not_matter(sightings in prop::collection::vec(0..3_usize, 10..60)) {
            let turned: Vec<usize> = sightings.iter().map(|place| 2 - place).collect();
            let [there, back] = [&sightings, &turned].map(|s| Drift::of_responses(s, 3).unwrap());
            prop_assert!((there.p - back.p).abs() <= 1e-9 * there.p);
        }
    }
}
