//! Looks at the factors that are learned of the users of data sets.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use rpm_core::extract::PromptedExtractor;
use rpm_core::factor::PromptedFactorModel;
use rpm_core::llm::{LlmBackend, ResponseLog};
use serde::Serialize;

use rpm_eval::catalog::SetCatalog;
use rpm_eval::dataset::ReadOptions;
use rpm_eval::factors::{Learner, SetFactors, to_markdown};

use crate::model::Model;
use crate::sets::Sets;

/// Looks at the factors that the offline pipeline, or a model, learns of users: how many, how alike, how readable, whether they hold
/// on later items, and how much of the estimate they carry.
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
    /// Has the model of the environment (`RPM_PROVIDER`, `RPM_MODEL`) find the features and name the factors. Test items are not asked then.
    #[arg(long)]
    by_model: bool,
    /// Looks at so many latest interactions of each user.
    #[arg(long, value_name = "INTERACTIONS")]
    own: Option<usize>,
    /// Texts in one request to the model.
    #[arg(long, default_value_t = 1, requires = "by_model")]
    texts: usize,
    /// Has the model merge what is seen once or twice as well.
    #[arg(long, requires = "by_model")]
    merge_rare: bool,
    /// The log of the model's replies: what is in it is not paid for again.
    #[arg(long, value_name = "FILE", requires = "by_model")]
    log: Option<PathBuf>,
    /// Prints JSON instead of tables, with every user's numbers.
    #[arg(long)]
    json: bool,
}

/// All that is printed as JSON.
#[derive(Serialize)]
struct Output {
    sets: Vec<SetFactors>,
}

impl Args {
    /// The model behind the log, if there is to be one.
    fn logged(&self, model: &Model) -> Result<Arc<dyn LlmBackend>, Box<dyn Error>> {
        let backend = model.backend.clone();
        Ok(match &self.log {
            Some(file) => Arc::new(ResponseLog::open(file)?.wrap(backend)),
            None => backend,
        })
    }

    fn learner(
        &self,
        catalog: Option<Arc<rpm_core::catalog::Catalog>>,
        backend: Option<Arc<dyn LlmBackend>>,
    ) -> Learner {
        let mut learner = Learner::default();
        if let Some(catalog) = catalog {
            learner = learner.catalog(catalog);
        }
        if let Some(own) = self.own {
            learner = learner.latest(own);
        }
        let Some(backend) = backend else { return learner };
        let naming = PromptedFactorModel::default();
        let naming = if self.merge_rare { naming.merging_rare() } else { naming };
        learner.by_model(backend, PromptedExtractor::default().items_per_request(self.texts), naming)
    }
}

/// Reads the data sets, learns their users and prints what was found.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut reading = ReadOptions::default();
    reading.seed = args.seed;
    let model = if args.by_model { Some(Model::from_env(None)?.ok_or("--by-model needs RPM_PROVIDER")?) } else { None };
    let backend = model.as_ref().map(|model| args.logged(model)).transpose()?;
    let mut sets: Vec<SetFactors> = Vec::new();
    for set in args.sets.read_whole(&reading)? {
        let catalog = args.catalog.map(|topics| SetCatalog::of(&set, topics)).transpose()?;
        let catalog = catalog.map(|built| Arc::new(built.catalog));
        let (set, learner) = (args.sets.limited(set), args.learner(catalog, backend.clone()));
        let factors = SetFactors::of(&set, &learner);
        let mut factors = match &model {
            Some(model) => model.wait(factors)?,
            None => pollster::block_on(factors)?,
        };
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
