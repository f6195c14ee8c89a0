//! The data sets of a command that looks at them.

use std::error::Error;
use std::path::PathBuf;

use rpm_eval::EvalError;
use rpm_eval::dataset::{self, Dataset, Format, Limits, ReadOptions};

/// Which data sets to read, and how much of them.
#[derive(clap::Args)]
pub(crate) struct Sets {
    /// Data sets: folders or files.
    #[arg(long, num_args = 1.., required = true, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// The data sets' format: jsonl, lamp, goqa or longlamp. Guessed from the files' names if it is not given.
    #[arg(long)]
    format: Option<Format>,
    /// The most users of each set.
    #[arg(long)]
    users: Option<usize>,
}

impl Sets {
    /// Reads them. Where a set leaves something to chance, the seed of the options decides.
    pub(crate) fn read(&self, options: &ReadOptions) -> Result<Vec<Dataset>, Box<dyn Error>> {
        Ok(self.read_whole(options)?.into_iter().map(|set| self.limited(set)).collect())
    }

    /// The users of a set that are asked for.
    pub(crate) fn limited(&self, set: Dataset) -> Dataset {
        set.limited(Limits { users: self.users, ..Limits::default() })
    }

    /// Reads all users of them.
    pub(crate) fn read_whole(&self, options: &ReadOptions) -> Result<Vec<Dataset>, Box<dyn Error>> {
        if let Some(path) = self.data.iter().find(|path| !path.exists()) {
            return Err(format!("{}: there is no such data set", path.display()).into());
        }
        let mut sets: Vec<Dataset> = Vec::new();
        for path in &self.data {
            let set = dataset::read(path, self.format, options)?;
            if sets.iter().any(|other| other.name == set.name) {
                return Err(EvalError::Twice { what: "data set", name: set.name }.into());
            }
            sets.push(set);
        }
        Ok(sets)
    }
}
