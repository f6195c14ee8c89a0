#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]
//! Learns two invented film viewers from 48 ratings each and rates one new film for both, offline, with a catalog of what films
//! may have.
//!
//! Run it with `cargo run --release --example quickstart`. For Nora, then for Viktor, it prints
//!
//! - the report of learning: how many interactions were learned, and what became of the rest;
//! - the eight most telling factors. Each has its label and in how many of the 48 interactions it was seen; the rating it
//!   raises most, with the shrunk propensity, its 95 % interval, the base rate and the lift; the false-discovery rate q;
//!   and the mean rating with the factor less the mean without it, with its 95 % interval;
//! - the answer to the same new query: the rating, the tier and its reason, the estimate over all ratings, and the path
//!   with the features and factors it cites;
//! - the past interactions that are most like the query.
//!
//! Nora likes slow and quiet films and Viktor likes spectacle, so the film gets a low rating from her and a high one from
//! him. The output is the same on every run.

use std::error::Error;

use rpm_core::catalog::Catalog;
use rpm_core::stats::FactorSummary;
use rpm_core::{Answer, History, Interaction, Prepared, Query, ResponseSpace, RpmPipeline, Task};
use serde::Deserialize;

const USERS: [(&str, &str); 2] =
    [("nora", include_str!("data/nora.jsonl")), ("viktor", include_str!("data/viktor.jsonl"))];

const NEW_FILM: &str = "A stuntwoman and a baker steal back a stolen tram. Practical stunts, a car chase through a fish \
                        market, explosions, and jokes every minute, all inside a tight eighty-five minutes.";

const FACTORS_SHOWN: usize = 8;

/// One line of a history file.
#[derive(Deserialize)]
struct Line {
    id: String,
    query: String,
    response: String,
    time: i64,
}

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let task = Task::new(
        "How would this person rate the film described, from 1 (poor) to 5 (excellent)?",
        ResponseSpace::scale(1, 5)?,
    )?
    .query_name("film")?
    .response_name("rating")?;
    let query = Query::new(NEW_FILM)?;
    let films = Catalog::from_json(include_str!("data/films.catalog.json"))?;
    let pipeline = RpmPipeline::offline_builder(task.clone()).catalog(films).build()?;

    for (user, file) in USERS {
        let history = History::new(&task, user, read(file)?)?;
        let learned = pipeline.learn(&history).await?;
        println!("==== {user}\n\n{}\n", learned.report);
        let viewer = pipeline.open(learned.model).await?;
        show_factors(&viewer);

        let answer = pipeline.personalize(&viewer, &query).await?;
        println!("\nNew film: {}\n\n{}\n", query.text(), answer.reasons(&viewer));
        show_exemplars(&answer);
    }
    Ok(())
}

/// Reads a history, one JSON object a line.
fn read(file: &str) -> Result<Vec<Interaction>, Box<dyn Error>> {
    let mut interactions = Vec::new();
    for line in file.lines() {
        let line: Line = serde_json::from_str(line)?;
        interactions.push(Interaction::new(line.id, Query::new(line.query)?, line.response)?.at(line.time));
    }
    Ok(interactions)
}

fn show_factors(viewer: &Prepared) {
    println!("The {FACTORS_SHOWN} most telling of {} factors:", viewer.model().factors().len());
    for factor in viewer.model().most_telling(&viewer.beliefs(), FACTORS_SHOWN) {
        show_factor(&factor);
    }
}

fn show_factor(factor: &FactorSummary) {
    println!("  {} (in {:.0} of {:.0})", factor.label, factor.coverage, factor.total);
    if let Some(strongest) = factor.strongest() {
        println!(
            "    raises rating {} most: {:.0} % [{:.0} to {:.0}], base rate {:.0} %, lift {:.1}, q {:.3}",
            strongest.response,
            100.0 * strongest.propensity,
            100.0 * strongest.interval.low,
            100.0 * strongest.interval.high,
            100.0 * strongest.base,
            strongest.lift,
            factor.q,
        );
    }
    if let Some(means) = &factor.difference {
        let (low, high) = (means.interval.low, means.interval.high);
        println!("    mean rating with it less without it: {:+.2} [{low:+.2} to {high:+.2}]", means.difference);
    }
}

fn show_exemplars(answer: &Answer) {
    println!("Most similar past films:");
    for exemplar in &answer.exemplars {
        let (item, similarity) = (&exemplar.item, exemplar.similarity);
        println!("  {} rated {}, similarity {similarity:.2}: {}", item.id(), item.response(), item.query().text());
    }
    println!();
}
