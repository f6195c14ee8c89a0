//! The command line.

use std::path::PathBuf;

use crate::Failed;

/// What was asked for.
pub(crate) struct Args {
    pub(crate) users: usize,
    pub(crate) store: String,
    pub(crate) data: PathBuf,
    /// The most interactions of a user.
    pub(crate) interactions: usize,
    /// Words of each user's own in every text.
    pub(crate) own_words: usize,
    /// Models that are kept open while questions are answered.
    pub(crate) open: usize,
    /// True to keep each user's census beside the model, in a database.
    pub(crate) parts: bool,
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failed> {
        let mut args = Self {
            users: 1_000,
            store: "memory".to_owned(),
            data: PathBuf::new(),
            interactions: 20,
            own_words: 0,
            open: 1_024,
            parts: false,
        };
        while let Some(word) = words.next() {
            if word == "--parts" {
                args.parts = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--users" => args.users = value.parse()?,
                "--store" => args.store = value,
                "--data" => args.data = value.into(),
                "--interactions" => args.interactions = value.parse()?,
                "--own-words" => args.own_words = value.parse()?,
                "--open" => args.open = value.parse()?,
                _ => return Err(format!("no option {word}").into()),
            }
        }
        if args.data.as_os_str().is_empty() || args.users == 0 || args.interactions == 0 {
            return Err("give a folder with --data, and numbers from 1".into());
        }
        Ok(args)
    }
}
