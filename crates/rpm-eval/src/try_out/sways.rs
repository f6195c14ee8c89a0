//! What sways one person, in the words of their profile.

use rpm_core::pipeline::Prepared;
use rpm_core::profile::{ProfileOptions, Sureness, Sway, SwayEffect};

use super::page::short;

/// The most factors that are told, and those among which they are looked for.
const FACTORS: (usize, usize) = (3, 12);
/// The longest label that is shown, in characters.
const LABEL: usize = 40;

/// The factors that say most of a person and are not likely to be chance, a line each; empty where there is none. `step` is what a
/// step of the scale is in points.
pub(super) fn sways(user: &Prepared, step: f64) -> Vec<String> {
    let (told, among) = FACTORS;
    let profile = user.profile_with(&ProfileOptions::default().factors(among).examples(0));
    let sure = profile.sways.iter().filter(|sway| matches!(sway.sureness, Sureness::Sure | Sureness::Likely));
    let in_points = |sway: &Sway| {
        let mut sway = sway.clone();
        if let SwayEffect::Points { with, without, higher, low, high } = &mut sway.effect {
            for value in [with, without, higher, low, high] {
                *value *= step;
            }
        }
        sway
    };
    sure.take(told).map(|sway| format!("{}: {}", short(&sway.label, LABEL), profile.told(&in_points(sway)))).collect()
}
