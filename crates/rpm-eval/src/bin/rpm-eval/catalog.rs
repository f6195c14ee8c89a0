//! Builds a catalog of the texts of data sets.

use std::error::Error;
use std::path::PathBuf;

use rpm_core::llm::ResponseLog;
use serde::Serialize;

use rpm_eval::catalog::SetCatalog;
use rpm_eval::dataset::ReadOptions;

use crate::model::Model;
use crate::sets::Sets;

/// Builds a catalog of each data set from its histories' texts and says how long it took and what is in it. No model is
/// asked, unless it is to name the factors. Responses and test items never go in.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sets: Sets,
    /// The most factors of a catalog.
    #[arg(long, default_value_t = 30)]
    topics: usize,
    /// The folder for each set's catalog, as SET.catalog.json. Nothing is written if it is not given.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Has the model of the environment (`RPM_PROVIDER`, `RPM_MODEL`) name the factors. With `--out` its replies are kept there,
    /// in replies.log, and not paid for again.
    #[arg(long)]
    named: bool,
    /// Prints JSON instead of Markdown.
    #[arg(long)]
    json: bool,
}

/// All that is printed as JSON.
#[derive(Serialize)]
struct Output {
    sets: Vec<SetCatalog>,
}

/// Reads the data sets, builds their catalogs and prints what is in them.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let model = if args.named { Some(Model::from_env(None)?.ok_or("--named needs RPM_PROVIDER")?) } else { None };
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)?;
    }
    let mut sets = Vec::new();
    for set in args.sets.read(&ReadOptions::default())? {
        let mut built = SetCatalog::of(&set, args.topics)?;
        if let Some(model) = &model {
            built = match &args.out {
                Some(folder) => {
                    let log = ResponseLog::open(folder.join("replies.log"))?;
                    model.wait(built.named(&set, log.wrap(model.backend.clone())))?
                }
                None => model.wait(built.named(&set, model.backend.clone()))?,
            };
        }
        if let Some(folder) = &args.out {
            std::fs::write(folder.join(format!("{}.catalog.json", built.name)), built.catalog.to_json())?;
        }
        sets.push(built);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&Output { sets })?);
    } else {
        for set in &sets {
            print!("{}", set.to_markdown());
        }
    }
    Ok(())
}
