//! What it takes to learn a population of many users: seconds, bytes, and users merged in a second.
//!
//! ```text
//! cargo run --release --example population_at_scale -- [USERS]
//! ```
//!
//! USERS are made up, 20 interactions each, 2,000 of them unless another number is given. A query has 6 to 17 words of 4,000,
//! common ones more often; every other query is one of 1,000 that many users have. A user has one of four tastes.
#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]

#[path = "common/chance.rs"]
#[allow(dead_code)]
mod chance;

use std::error::Error;
use std::time::Instant;

use rpm_core::data::{Interaction, MemoryItem, Query, ResponseSpace, Task};
use rpm_core::stats::population::{Census, Counts, Noise, Population, USERS_SHARED};

use chance::Chance;

const INTERACTIONS: usize = 20;
const WORDS: usize = 4_000;
const SHARED: usize = 1_000;
const TASTES: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let number = std::env::args().nth(1).map_or(Ok(2_000), |number| number.parse::<usize>())?;
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    let users = (0..number).map(user).collect::<Result<Vec<_>, _>>()?;
    println!("{number} users with {INTERACTIONS} interactions each, k = {USERS_SHARED}\n");

    let census = timed("census", || Census::of_all(&task, &users))?;
    let json = timed("census to its file", || census.to_json());
    told("bytes of the census's file", json.len());
    let read = timed("census from its file", || Census::from_json(&json))?;
    assert_eq!(read, census, "a census is read as it was written");
    drop((json, read));

    let begun = timed("begin", || Population::begin(&census, &users, USERS_SHARED))?;
    told("words", begun.sizes().0);
    told("texts", begun.sizes().1);
    let counts = timed("counts, one pass", || begun.count_all(&users))?;
    let json = timed("counts to their file", || counts.to_json());
    told("bytes of the counts' file", json.len());
    let read = timed("counts from their file", || Counts::from_json(&json))?;
    assert_eq!(read, counts, "counts are read as they were written");
    drop((json, read));
    let fitted = timed("fit, one pass", || begun.fitted(&counts))?;
    told("bytes of the population's file", fitted.to_json().len());

    // One by one, as users come and go.
    let some: Vec<Counts> = users.iter().take(1_000).map(|user| begun.count(user)).collect();
    let mut sum = counts.clone();
    let started = Instant::now();
    some.iter().try_for_each(|one| sum.merge(one))?;
    rate("counts of single users merged in a second", some.len(), started);
    let started = Instant::now();
    some.iter().take(20).try_for_each(|one| sum.take_out(one))?;
    rate("counts of single users taken out in a second", some.len().min(20), started);
    drop((some, sum, counts));

    let population = timed("learn, all of it", || Population::learn(&task, &users, USERS_SHARED))?;
    told("axes", population.sizes().2);
    let noise = Noise::new(1.0, [1; 32])?;
    timed("learn under noise, all of it", || Population::learn_private(&task, &users, USERS_SHARED, &noise))?;
    Ok(())
}

/// A user, made up.
fn user(number: usize) -> Result<Vec<MemoryItem>, Box<dyn Error>> {
    let mut chance = Chance(number as u64);
    let one = |at: usize| {
        let text = if at.is_multiple_of(2) { chance.below(SHARED) } else { SHARED + number * INTERACTIONS + at };
        let mut words = Chance(0x5eed + text as u64);
        let words: Vec<usize> = (0..6 + words.below(12)).map(|_| word(&mut words)).collect();
        // Of every word each taste thinks something.
        let liked =
            words.iter().map(|word| (word * (number % TASTES + 3)) % 7).sum::<usize>() as f64 / words.len() as f64;
        let response = (3.0 + 2.0 * (liked - 3.0)).round().clamp(1.0, 5.0);
        let text: Vec<String> = words.iter().map(|word| format!("w{word}")).collect();
        let interaction = Interaction::new(format!("i{at}"), Query::new(text.join(" "))?, response.to_string())?;
        Ok(MemoryItem::new(interaction, Vec::new())?)
    };
    (0..INTERACTIONS).map(one).collect()
}

/// One of the words, the first ones more often.
fn word(chance: &mut Chance) -> usize {
    let within = 1 + chance.below(WORDS);
    chance.below(within)
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    println!("{what:<48} {:>12.2} s", started.elapsed().as_secs_f64());
    done
}

fn told(what: &str, number: usize) {
    println!("{what:<48} {number:>12}");
}

fn rate(what: &str, users: usize, started: Instant) {
    println!("{what:<48} {:>12.0}", users as f64 / started.elapsed().as_secs_f64().max(1e-9));
}
