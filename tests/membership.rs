//! What an attacker who knows everything but one user's responses learns of them from a population.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../examples/membership/attack.rs"]
mod attack;
#[path = "../examples/common/chance.rs"]
#[allow(dead_code)]
mod chance;

use attack::{Knows, advantage, bound};

/// Populations with the user, and as many without; half of them choose the threshold.
const SHADOWS: usize = 200;

/// Three standard errors of a difference of shares of so many.
fn error(held_out: usize) -> f64 {
    3.0 * (0.5 / held_out as f64).sqrt()
}

#[test]
fn no_attacker_gains_more_than_the_noise_promises() {
    for epsilon in [1.0, 0.25] {
        let advantage = advantage(Knows::Everybody, Some(epsilon), SHADOWS).unwrap();
        assert!(advantage < bound(epsilon) + error(SHADOWS / 2), "{epsilon}: {advantage} of {}", bound(epsilon));
    }
}

#[test]
fn the_attack_finds_the_user_where_there_is_no_noise_worth_the_name() {
    for epsilon in [None, Some(200.0)] {
        let advantage = advantage(Knows::Everybody, epsilon, 20).unwrap();
        assert!(advantage > 0.9, "{epsilon:?}: {advantage}");
    }
}
