//! The command line.

use std::path::PathBuf;

use crate::Failed;

/// What was asked for.
pub(crate) struct Args {
    pub(crate) users: usize,
    pub(crate) data: PathBuf,
    /// The most interactions of a user.
    pub(crate) interactions: usize,
    /// Words of each user's own in every text.
    pub(crate) own_words: usize,
    /// The folder of tables.
    pub(crate) tables: PathBuf,
    /// True where it is deleted at the end.
    passing: bool,
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failed> {
        let tables = std::env::temp_dir().join(format!("rpm-bulk-{}", std::process::id()));
        let mut args =
            Self { users: 1_000, data: PathBuf::new(), interactions: 20, own_words: 0, tables, passing: true };
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--users" => args.users = value.parse()?,
                "--data" => args.data = value.into(),
                "--interactions" => args.interactions = value.parse()?,
                "--own-words" => args.own_words = value.parse()?,
                "--tables" => (args.tables, args.passing) = (value.into(), false),
                _ => return Err(format!("no option {word}").into()),
            }
        }
        if args.data.as_os_str().is_empty() || args.users == 0 || args.interactions == 0 {
            return Err("give a folder with --data, and numbers from 1".into());
        }
        Ok(args)
    }

    pub(crate) fn done(self) -> Result<(), Failed> {
        if self.passing {
            std::fs::remove_dir_all(self.tables)?;
        }
        Ok(())
    }
}
