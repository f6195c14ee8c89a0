//! Looks at the factors that are learned of the users of data sets.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use rpm_eval::EvalError;
use rpm_eval::catalog::SetCatalog;
use rpm_eval::dataset::{self, Format, Limits, ReadOptions};
use rpm_eval::factors::{SetFactors, to_markdown};

/// Looks at the factors that the offline pipeline learns of users: how many, how alike, how readable, whether they hold on
/// later items, and how much of the estimate they carry.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Data sets: folders or files.
    #[arg(long, num_args = 1.., required = true, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// The data sets' format: jsonl, lamp, goqa or longlamp. Guessed from the files' names if it is not given.
    #[arg(long)]
    format: Option<Format>,
    /// The most users of each set.
    #[arg(long)]
    users: Option<usize>,
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
    if let Some(path) = args.data.iter().find(|path| !path.exists()) {
        return Err(format!("{}: there is no such data set", path.display()).into());
    }
    let mut reading = ReadOptions::default();
    reading.seed = args.seed;
    let limits = Limits { users: args.users, ..Limits::default() };
    let mut sets: Vec<SetFactors> = Vec::new();
    for path in &args.data {
        let set = dataset::read(path, args.format, &reading)?.limited(limits);
        if sets.iter().any(|other| other.name == set.name) {
            return Err(EvalError::Twice { what: "data set", name: set.name }.into());
        }
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
