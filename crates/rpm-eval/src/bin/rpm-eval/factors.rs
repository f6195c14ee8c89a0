//! Looks at the factors that are learned of the users of data sets.

use std::error::Error;
use std::sync::Arc;

use serde::Serialize;

use rpm_eval::catalog::SetCatalog;
use rpm_eval::dataset::ReadOptions;
use rpm_eval::factors::{SetFactors, to_markdown};

use crate::sets::Sets;

/// Looks at the factors that the offline pipeline learns of users: how many, how alike, how readable, whether they hold on
/// later items, and how much of the estimate they carry.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sets: Sets,
    /// Adds so many shown labels of each set, drawn over all its users. They are text of the users.
    #[arg(long)]
    labels: Option<usize>,
    /// The seed of random choices.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Gives the pipeline a catalog of at most so many factors, built from the histories' texts of all users. Responses
    /// never go in, and no test item.
    #[arg(long, value_name = "FACTORS")]
    catalog: Option<usize>,
    /// Prints JSON instead of tables, with every user's numbers.
    #[arg(long)]
    json: bool,
}

/// All that is printed as JSON.
#[derive(Serialize)]
struct Output {
    sets: Vec<SetFactors>,
}

/// Reads the data sets, learns their users and prints what was found.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut reading = ReadOptions::default();
    reading.seed = args.seed;
    let mut sets: Vec<SetFactors> = Vec::new();
    for set in args.sets.read(&reading)? {
        let catalog = args.catalog.map(|topics| SetCatalog::of(&set, topics)).transpose()?;
        let catalog = catalog.map(|built| Arc::new(built.catalog));
        let mut factors = pollster::block_on(SetFactors::with_catalog(&set, catalog))?;
        if let Some(labels) = args.labels {
            factors.draw(labels, args.seed);
        }
        sets.push(factors);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&Output { sets })?);
    } else {
        print!("{}", to_markdown(&sets));
    }
    Ok(())
}
