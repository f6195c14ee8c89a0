//! Replays data sets of real users as they happened: a question, its answer, then the user's own response is observed.
//!
//! ```text
//! cargo run --release --example living -- PATH... [--limit-users N]
//! ```
//!
//! A PATH is a folder as `rpm-eval` reads it. Offline; nothing is asked of a model. For each set it prints
//!
//! - accuracy over time of a model that observes each interaction, of the same with decay, and of one frozen at half of the
//!   user's interactions, with paired differences on the second half (bootstrap clustered by user);
//! - whether the observed model equals one that is learned at once, at five points of each user;
//! - what muting a user's most telling factor would change of their past answers;
//! - what one observation costs at 100, 1,000 and 10,000 interactions, and the first question after it;
//! - which tier questions of the other sets and users with few interactions get;
//! - what is left in the bytes of model, packed file and saved copy after 100 interactions were forgotten.
#![allow(clippy::print_stdout, clippy::indexing_slicing, missing_docs, reason = "an example talks to its reader")]

#[path = "../common/args.rs"]
#[allow(dead_code)]
mod args;
#[path = "../common/chance.rs"]
mod chance;
mod cost;
#[path = "../common/data.rs"]
#[allow(dead_code)]
mod data;
mod edits;
mod forgetting;
mod off_topic;
mod replay;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args = args::Args::parse(std::env::args().skip(1))?;
    let mut sets = Vec::new();
    for path in &args.paths {
        let Some(set) = data::load(path, &args)? else {
            println!("{}: no users.jsonl there, passed over", path.display());
            continue;
        };
        println!("## {}: {} users\n", set.name, set.users.len());
        replay::print(&set)?;
        edits::print(&set)?;
        cost::print(&set)?;
        forgetting::print(&set)?;
        sets.push(set);
    }
    off_topic::print(&sets)
}
