//! What an attacker who knows everything but one user's responses learns of them from a population.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../examples/membership/attack.rs"]
#[allow(dead_code)]
mod attack;
#[path = "../examples/common/chance.rs"]
#[allow(dead_code)]
mod chance;

use attack::{Knows, advantage, bound};

/// Populations with the user, and as many without; half of them choose the threshold.
const SHADOWS: usize = 120;

/// Three standard errors of a difference of shares of so many.
fn error(held_out: usize) -> f64 {
    3.0 * (0.5 / held_out as f64).sqrt()
}

#[test]
fn no_attacker_gains_more_than_the_noise_promises() {
    let advantage = advantage(Knows::Everybody, Some(1.0), SHADOWS).unwrap();
    assert!(advantage < bound(1.0) + error(SHADOWS / 2), "{advantage} of {}", bound(1.0));
}

#[test]
fn the_attack_finds_the_user_where_there_is_no_noise() {
    let advantage = advantage(Knows::Everybody, None, 10).unwrap();
    assert!(advantage > 0.9, "{advantage}");
}
