//! The command line.

use std::path::PathBuf;

/// What was asked for.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) methods: Vec<String>,
    pub(crate) limit_users: Option<usize>,
    pub(crate) skip_users: usize,
    pub(crate) limit_history: Option<usize>,
    pub(crate) limit_test: Option<usize>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) unseen: bool,
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--unseen" => args.unseen = true,
                "--json" => args.json = Some(value(&word, words.next())?.into()),
                "--methods" => args.methods.extend(value(&word, words.next())?.split(',').map(str::to_owned)),
                "--limit-users" => args.limit_users = Some(count(&word, words.next())?),
                "--skip-users" => args.skip_users = count(&word, words.next())?,
                "--limit-history" => args.limit_history = Some(count(&word, words.next())?),
                "--limit-test" => args.limit_test = Some(count(&word, words.next())?),
                option if option.starts_with("--") => return Err(format!("no option {option}")),
                path => args.paths.push(path.into()),
            }
        }
        if args.paths.is_empty() {
            return Err("give at least one folder with a users.jsonl".to_owned());
        }
        Ok(args)
    }
}

fn value(option: &str, given: Option<String>) -> Result<String, String> {
    given.ok_or_else(|| format!("{option} needs a value"))
}

fn count(option: &str, given: Option<String>) -> Result<usize, String> {
    let given = value(option, given)?;
    given.parse().ok().filter(|&n| n > 0).ok_or_else(|| format!("{option} needs a number from 1"))
}
