//! A run's folder: its manifest and its records, which a kill cannot spoil.
//!
//! `records.jsonl` grows by whole jobs, one write each: a user under a method. What a kill tore is dropped when the
//! folder is opened again, and that job is done again; its replies are in the response log, so nothing is paid twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::dataset::Dataset;
use crate::{EvalError, Record};
use rpm_core::files::{beside, narrowed, private, resolved, sync_folder};

use super::Manifest;
use super::tap::Exchange;

/// One piece of work: a user under a method.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Job {
    pub(super) set: String,
    pub(super) method: String,
    pub(super) user: String,
}

/// The state in which a run expects its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Without a run.
    New,
    /// With an earlier run, if any, to go on with.
    Resumed,
}

/// A run's folder, open for new records.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    records: File,
    /// Held locked for as long as the run writes. A file of its own, since the records' file is replaced.
    _lock: File,
}

/// A folder with what an earlier run left in it.
pub(super) struct Opened {
    pub(super) folder: Folder,
    /// Jobs that are whole.
    pub(super) done: BTreeMap<Job, Vec<Record>>,
    /// The manifest of all that the folder holds after this run.
    pub(super) manifest: Manifest,
}

const MANIFEST: &str = "manifest.json";
const RECORDS: &str = "records.jsonl";
const LOCK: &str = "run.lock";
const TRANSCRIPTS: &str = "transcripts.jsonl";

impl Record {
    pub(super) fn job(&self) -> Job {
        let (set, method, user) = match self {
            Self::Learned(it) => (&it.set, &it.method, &it.user),
            Self::Answered(it) => (&it.set, &it.method, &it.user),
        };
        Job { set: set.clone(), method: method.clone(), user: user.clone() }
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Learned(it) => it.passing,
            Self::Answered(it) => it.passing,
        }
    }
}

impl Folder {
    /// Opens a folder and gives what an earlier run left in it: the jobs of this run that are whole and met no error
    /// that may pass.
    ///
    /// # Errors
    /// [`EvalError::FolderInUse`] while another run writes to it; [`EvalError::RunExists`] for a new run when the folder holds one; [`EvalError::OtherRun`] for a run that
    /// differs.
    pub(super) fn open(path: &Path, manifest: Manifest, sets: &[Dataset], start: Start) -> Result<Opened, EvalError> {
        let io = |source| EvalError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(io)?;
        // Before anything is read, so that nobody changes it between the comparison and the first record.
        let lock = locked(path)?;
        let manifest = match read_manifest(path)? {
            Some(_) if start == Start::New => return Err(EvalError::RunExists { path: path.to_owned() }),
            Some(earlier) => match manifest.differs_from(&earlier) {
                Some(field) => return Err(EvalError::OtherRun { path: path.to_owned(), field }),
                None => manifest.and_earlier(earlier),
            },
            None => manifest,
        };
        let whole = whole_jobs(&path.join(RECORDS), sets)?;
        write(&path.join(MANIFEST), pretty(&manifest).as_bytes())?;
        rewrite(&path.join(RECORDS), whole.values().flatten())?;
        let records = private().append(true).create(true).open(path.join(RECORDS)).and_then(narrowed).map_err(io)?;
        Ok(Opened { folder: Self { path: path.to_owned(), records, _lock: lock }, done: whole, manifest })
    }

    /// Adds a job's records.
    pub(super) fn add(&mut self, records: &[Record]) -> Result<(), EvalError> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record).map_err(|error| self.io(error.into()))?;
            lines.push(b'\n');
        }
        self.records.write_all(&lines).and_then(|()| self.records.sync_data()).map_err(|error| self.io(error))
    }

    /// Adds a job's requests and replies as text; nothing where texts are not kept. A job that is done again is there
    /// twice.
    pub(super) fn add_transcript(
        &self,
        job: &Job,
        exchanges: &[(Option<String>, Vec<Exchange>)],
    ) -> Result<(), EvalError> {
        if exchanges.iter().all(|(_, texts)| texts.is_empty()) {
            return Ok(());
        }
        let path = self.path.join(TRANSCRIPTS);
        let mut lines = String::new();
        for (item, texts) in exchanges.iter().filter(|(_, texts)| !texts.is_empty()) {
            let line = serde_json::json!({
                "set": job.set, "method": job.method, "user": job.user, "item": item, "exchanges": texts,
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        let file = private().append(true).create(true).open(&path).and_then(narrowed);
        file.and_then(|mut file| file.write_all(lines.as_bytes())).map_err(|source| EvalError::Io { path, source })
    }

    /// Puts all records in their order.
    pub(super) fn finish(self, records: &[Record]) -> Result<(), EvalError> {
        rewrite(&self.path.join(RECORDS), records.iter())
    }

    fn io(&self, source: std::io::Error) -> EvalError {
        EvalError::Io { path: self.path.join(RECORDS), source }
    }
}

/// The folder's lock, which ends with the process, also when it is killed.
fn locked(folder: &Path) -> Result<File, EvalError> {
    let path = folder.join(LOCK);
    let file = private().read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|source| EvalError::Io { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EvalError::FolderInUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(EvalError::Io { path, source }),
    }
}

fn pretty(manifest: &Manifest) -> String {
    serde_json::to_string_pretty(manifest).map(|text| text + "\n").unwrap_or_default()
}

fn read_manifest(folder: &Path) -> Result<Option<Manifest>, EvalError> {
    let path = folder.join(MANIFEST);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| EvalError::Format { path, problem: format!("no manifest of a run: {error}") }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EvalError::Io { path, source }),
    }
}

/// The jobs whose records are all there, of these data sets.
fn whole_jobs(path: &Path, sets: &[Dataset]) -> Result<BTreeMap<Job, Vec<Record>>, EvalError> {
    let io = |source| EvalError::Io { path: path.to_owned(), source };
    let mut jobs: BTreeMap<Job, Vec<Record>> = BTreeMap::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(jobs),
        Err(error) => return Err(io(error)),
    };
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(io)? == 0 {
            break;
        }
        // A torn line is the last one; its job lacks it and is done again.
        if let Ok(record) = serde_json::from_slice::<Record>(&line) {
            jobs.entry(record.job()).or_default().push(record);
        }
    }
    let mut items: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for set in sets {
        for user in &set.users {
            let ids = user.tests.iter().map(|item| item.id.as_str()).collect();
            items.insert((&set.name, user.id.as_str()), ids);
        }
    }
    jobs.retain(|job, records| {
        let answered = records.iter().filter_map(|record| match record {
            Record::Answered(it) => Some(it.item.as_str()),
            Record::Learned(_) => None,
        });
        let done: BTreeSet<&str> = answered.collect();
        let known = items.get(&(job.set.as_str(), job.user.as_str()));
        // A job of a set that this run does not use is kept as it is.
        let whole = known.is_none_or(|ids| *ids == done) && records.len() == done.len() + 1;
        whole && !records.iter().any(Record::may_pass)
    });
    Ok(jobs)
}

fn rewrite<'r>(path: &Path, records: impl Iterator<Item = &'r Record>) -> Result<(), EvalError> {
    let io = |source| EvalError::Io { path: path.to_owned(), source };
    let path = &resolved(path);
    let new = beside(path, ".new");
    let file = private().write(true).create(true).truncate(true).open(&new).map_err(io)?;
    let mut out = BufWriter::new(file);
    for record in records {
        serde_json::to_writer(&mut out, record).map_err(|error| io(error.into()))?;
        out.write_all(b"\n").map_err(io)?;
    }
    let file = out.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().and_then(|()| fs::rename(&new, path)).and_then(|()| sync_folder(path)).map_err(io)
}

/// Writes a file so that there is either the old one or the new one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    let io = |source| EvalError::Io { path: path.to_owned(), source };
    let path = &resolved(path);
    let new = beside(path, ".new");
    let mut file = private().write(true).create(true).truncate(true).open(&new).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&new, path).and_then(|()| sync_folder(path)).map_err(io)
}
