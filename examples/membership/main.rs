//! How surely a population tells what one of its users responded, without noise and with it.
//!
//! ```text
//! cargo run --release --example membership -- [SHADOWS]
//! ```
//!
//! SHADOWS populations with the user and as many without are made, 400 unless another number is given, of 60 made-up users with
//! 20 interactions each. Printed is the attacker's advantage, from 0 (a coin) to 1 (sure), on shadows that the threshold was not
//! chosen on, and the most that it can be under noise. An advantage of half so many shadows is off by 0.05 or so.
#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]

mod attack;
#[path = "../common/chance.rs"]
#[allow(dead_code)]
mod chance;

use std::error::Error;

use attack::{Knows, advantage, bound};

fn main() -> Result<(), Box<dyn Error>> {
    let shadows = std::env::args().nth(1).map_or(Ok(400), |number| number.parse())?;
    println!("{:<48} {:>10} {:>10} {:>10}", "the attacker knows", "no noise", "epsilon 4", "epsilon 1");
    for (name, knows) in [
        ("everybody else, word for word", Knows::Everybody),
        ("what others are like", Knows::TheirLikes),
        ("the same; without is another user altogether", Knows::WhoIsThere),
    ] {
        let [none, four, one] = [None, Some(4.0), Some(1.0)].map(|epsilon| advantage(knows, epsilon, shadows));
        println!("{name:<48} {:>10.2} {:>10.2} {:>10.2}", none?, four?, one?);
    }
    println!(
        "{:<48} {:>10} {:>10.2} {:>10.2}",
        "the most that noise allows (not of the last)",
        "",
        bound(4.0),
        bound(1.0)
    );
    Ok(())
}
