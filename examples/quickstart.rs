#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]
//! Two invented film viewers, 48 ratings each: what is known of them, and how each would rate one new film, with the reasons.
//! Offline, with a small catalog of what films may have.
//!
//! Run it with `cargo run --release --example quickstart`. For Nora, then for Viktor, it prints their profile as they would read
//! it, and the answer in plain words with the sum it is made of. Nora likes slow and quiet films and Viktor likes spectacle, so the
//! film gets a low rating from her and a high one from him. The output is the same on every run.
//!
//! `-- --numbers` adds all statistics behind the answer, `-- --pages FOLDER` writes the profiles as HTML pages and
//! the sums as pictures.

use std::error::Error;
use std::path::PathBuf;

use rpm_core::catalog::Catalog;
use rpm_core::profile::ProfileOptions;
use rpm_core::{Interaction, Personalizer, Query, ResponseSpace, RpmPipeline, Task};
use serde::Deserialize;

const USERS: [(&str, &str); 2] =
    [("nora", include_str!("data/nora.jsonl")), ("viktor", include_str!("data/viktor.jsonl"))];

const NEW_FILM: &str = "A stuntwoman and a baker steal back a stolen tram. Practical stunts, a car chase through a fish \
                        market, explosions, and jokes every minute, all inside a tight eighty-five minutes.";

/// One line of a history file.
#[derive(Deserialize)]
struct Line {
    id: String,
    query: String,
    response: String,
    time: i64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers = arguments.iter().any(|argument| argument == "--numbers");
    let pages = arguments.iter().position(|argument| argument == "--pages");
    let pages: Option<PathBuf> = pages.and_then(|at| arguments.get(at + 1)).map(PathBuf::from);

    let task =
        Task::new("How would this person rate the film, from 1 (poor) to 5 (excellent)?", ResponseSpace::scale(1, 5)?)?
            .query_name("film")?
            .response_name("rating")?;
    let films = Catalog::from_json(include_str!("data/films.catalog.json"))?;
    let viewers = Personalizer::new(RpmPipeline::offline_builder(task).catalog(films).build()?).blocking();

    println!("A new film: {NEW_FILM}\n");
    for (user, file) in USERS {
        viewers.record_all(user, read(file)?)?;
        let told = viewers.answer(user, NEW_FILM)?;
        println!("==== How {user} would rate it\n\n{told}");
        if numbers {
            println!("{}", told.reasons);
        }
        println!("{}", told.user.profile_with(&ProfileOptions::default().factors(6).examples(1)));
        if let Some(folder) = &pages {
            std::fs::create_dir_all(folder)?;
            std::fs::write(folder.join(format!("{user}.html")), viewers.profile(user)?.html())?;
            if let Some(sum) = told.reasons.waterfall() {
                std::fs::write(folder.join(format!("{user}.svg")), sum.svg_file())?;
            }
        }
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
