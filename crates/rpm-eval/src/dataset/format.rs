//! The formats there are, and how one is chosen.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::source::format_error;
use super::{Dataset, jsonl, lamp, longlamp, opinions};
use crate::EvalError;

/// A published format of users with histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// One user a line.
    ///
    /// A folder with `users.jsonl`, or that file: `{"task", "history": [..], "test": [..]}` and, where there are such, `user_id` and
    /// `group`, with entries of `query`,
    /// `response` and, where there are such, `options`, `timestamp`, `seen_text` and `distribution` (the shares of the
    /// options, as a list or by option). Tasks are `rating`, `votes`, `opinion`, `title` and `tagging`; the labels of
    /// `rating`, `votes` and `tagging` are in `labels.json` beside it. A `task.json` with a serialized
    /// [`Task`](rpm_core::Task) goes before all of these. Other fields are not read. All files are of UTF-8.
    ///
    /// Lines of one `user_id` are one person, and lines of one `group` (two samples of a country, two accounts of a household)
    /// belong together: they are users of their own, and none of them teaches another. Of both only a digest is kept.
    Jsonl,
    /// LaMP 2 (movies), 3, 4 and 5 as published: `dev_questions.json` and `dev_outputs.json`.
    ///
    /// The path is their folder, or a file `.._questions.json` for another part. Each question is a user with one test
    /// item and its profile as the history; questions of one `user_id` with the same profile are one user, and users of one `user_id`
    /// are one person. The query is
    /// what LaMP's own retrievers take: what follows the first `description:`, `review:`, `article:` or `:`. A
    /// profile's `date` becomes days since 1970. LaMP-2's labels are those its questions list, sorted by name: each
    /// question shuffles them, which a task's one order does not.
    ///
    /// LaMP-1 and LaMP-7 are refused. Their profiles hold papers and tweets without what was asked or chosen, so a
    /// history of queries and responses would have to be invented. LaMP-6 is not public and refused too.
    Lamp,
    /// `GlobalOpinionQA` as published: a CSV file with the columns `question`, `selections` and `options`, or its
    /// folder.
    ///
    /// Users are the groups of `selections` with [`least_questions`](ReadOptions::least_questions) or more. Variants of
    /// a country, such as its national and its non-national sample, are groups of their own, and none of them teaches another: a
    /// group is of the country that its name begins with, before the parentheses. The response is the option
    /// most of the group chose, the first of those alike. A shuffle by seed and group parts history and test items and
    /// is their order, for the file has no times. The published split of the RPM paper is not known; this rule does not
    /// claim to be it.
    Opinions,
    /// Long texts in the manner of `LongLaMP`: one question a line, `{"input", "output", "profile": [..]}`.
    ///
    /// The path is the file, or a folder with `val.jsonl`, `dev.jsonl` or `test.jsonl`, of which the first is read.
    /// The fields of a profile's entries decide the task: `abstract` for its `title`, `reviewText` for `overall`,
    /// `description` and `summary`, `content` for its `summary`, or `text` for its `title`. A test item's query is the
    /// whole input. Rows of one `user_id`, `name`, `reviewerId` or `author` with the same profile are one user. Texts
    /// over [`limits::RESPONSE_BYTES`](rpm_core::data::limits::RESPONSE_BYTES) are skipped, not cut.
    LongLamp,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Jsonl, Self::Lamp, Self::Opinions, Self::LongLamp];

    /// Its name, as [`from_str`](Self::from_str) reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Lamp => "lamp",
            Self::Opinions => "goqa",
            Self::LongLamp => "longlamp",
        }
    }

    /// The format of a file or folder by the names of its files; `None` when they fit no format.
    pub fn guess(path: &Path) -> Option<Self> {
        if path.is_dir() {
            return Self::ALL.into_iter().find(|format| match format {
                Self::Jsonl => path.join(jsonl::USERS).is_file(),
                Self::Lamp => path.join(lamp::QUESTIONS).is_file(),
                Self::Opinions => opinions::file_in(path).is_some(),
                Self::LongLamp => longlamp::file_in(path).is_some(),
            });
        }
        let name = path.file_name()?.to_str()?;
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        match ending.as_str() {
            "json" if name.ends_with("questions.json") => Some(Self::Lamp),
            "csv" => Some(Self::Opinions),
            "jsonl" if name == jsonl::USERS => Some(Self::Jsonl),
            "jsonl" => Some(Self::LongLamp),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no format has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no data format is called {0:?}: there are jsonl, lamp, goqa and longlamp")]
pub struct UnknownFormat(
    /// The name.
    pub String,
);

impl FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Limits of reading, and the rule by which a file without users of its own gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The most bytes of one file. Default: 4 GiB.
    pub max_file_bytes: u64,
    /// The most bytes of one row: a user, a question, a line. Longer ones are skipped. Default: 16 MiB.
    pub max_row_bytes: usize,
    /// The most skipped rows that are named; the rest is counted. Default: 1,000.
    pub max_skipped_named: usize,
    /// The fewest questions of a group of people in [`Format::Opinions`], at least 2. Default: 20.
    pub least_questions: usize,
    /// The share of a group's questions that are test items, in percent from 1 to 99, rounded to the nearest count and
    /// at least one; of [`Format::Opinions`]. Default: 20.
    pub test_percent: u8,
    /// The seed of the split of [`Format::Opinions`]. Default: 0.
    pub seed: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            max_file_bytes: 4 << 30,
            max_row_bytes: 16 << 20,
            max_skipped_named: 1_000,
            least_questions: 20,
            test_percent: 20,
            seed: 0,
        }
    }
}

/// Reads a data set. `path` is a folder or a file; see each [`Format`]. Without a format, it is
/// [guessed](Format::guess).
///
/// A row that cannot be used is named in [`Dataset::skipped`] and the reading goes on. The same files and options give
/// the same data set. The hash is of the bytes of all files in the order they are read: labels or a task before users,
/// outputs before questions.
///
/// # Errors
/// [`EvalError::Io`] when a file cannot be read; [`EvalError::Format`] when it is not of the format, is too large, or
/// when LaMP's outputs are not those of its questions; [`EvalError::Data`] for a task that cannot be;
/// [`EvalError::Empty`] when no user is left.
pub fn read(path: &Path, format: Option<Format>, options: &ReadOptions) -> Result<Dataset, EvalError> {
    match format.or_else(|| Format::guess(path)) {
        Some(Format::Jsonl) => jsonl::read(path, options),
        Some(Format::Lamp) => lamp::read(path, options),
        Some(Format::Opinions) => opinions::read(path, options),
        Some(Format::LongLamp) => longlamp::read(path, options),
        None if !path.exists() => {
            Err(super::source::io_error(path, std::io::Error::from(std::io::ErrorKind::NotFound)))
        }
        None => Err(format_error(path, "is of no format known by its name: choose jsonl, lamp, goqa or longlamp")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_back_from_its_name_and_the_error_lists_them_all() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert!(UnknownFormat("x".to_owned()).to_string().contains(format.name()));
        }
        assert_eq!("csv".parse::<Format>(), Err(UnknownFormat("csv".to_owned())));
    }

    #[test]
    fn a_file_is_known_by_its_name() {
        for (name, format) in [
            ("a/train_questions.json", Some(Format::Lamp)),
            ("a/users.jsonl", Some(Format::Jsonl)),
            ("a/val.jsonl", Some(Format::LongLamp)),
            ("global_opinions.CSV", Some(Format::Opinions)),
            ("a/dev_outputs.json", None),
            ("a", None),
        ] {
            assert_eq!(Format::guess(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn a_path_that_is_not_there_says_so() {
        let error = read(Path::new("no/such/thing"), None, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, EvalError::Io { .. }));
    }
}
