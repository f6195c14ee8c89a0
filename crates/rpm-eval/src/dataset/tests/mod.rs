//! The readers over whole files.

mod arbitrary;
mod jsonl;
mod lamp;
mod longlamp;
mod opinions;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Dataset, Format, ReadOptions, people, read};
use crate::EvalError;

/// A folder of files for one test.
struct Folder(PathBuf);

impl Folder {
    fn of<B: AsRef<[u8]>>(files: &[(&str, B)]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("rpm-core-dataset-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).unwrap();
        }
        Self(folder)
    }

    fn read(&self) -> Result<Dataset, EvalError> {
        read(&self.0, None, &ReadOptions::default())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/eval").join(name)
}

fn skipped(set: &Dataset) -> Vec<(&str, &str)> {
    set.skipped.iter().map(|skipped| (skipped.row.as_str(), skipped.problem.as_str())).collect()
}

/// Every history is one the crate takes, in its own order.
fn assert_sound(set: &Dataset) {
    for user in &set.users {
        let history = set.history(user).unwrap();
        let given: Vec<&str> = user.history.iter().map(|interaction| interaction.id().as_str()).collect();
        let canonical: Vec<&str> = history.interactions().iter().map(|interaction| interaction.id().as_str()).collect();
        assert_eq!(given, canonical);
        for item in &user.tests {
            assert_eq!(set.task.parse_response(&item.query, &item.gold).as_deref(), Some(item.gold.as_str()));
        }
    }
}

/// The text of an error with all its causes.
fn whole(error: &EvalError) -> String {
    let mut said = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        said = format!("{said}: {source}");
        next = source.source();
    }
    said
}
