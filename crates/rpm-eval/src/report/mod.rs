//! The report of a run, as Markdown, one HTML file and JSON: the same figures three times.
//!
//! [`Report`] is filled from records; only the printed form of numbers is computed here. The HTML file needs no network
//! and no script, follows the reader's light or dark theme, and has the numbers behind each chart in a table. No form
//! of it calls one method better than another unless the paired difference's adjusted p is below .05.

mod answers;
mod charts;
mod comparisons;
mod curves;
mod document;
mod gather;
mod html;
mod learning;
mod markdown;
mod number;
mod options;
mod overview;
mod pictures;
mod set;
mod tables;
mod values;
mod verdict;
mod wording;

use std::fs;
use std::path::Path;

use super::EvalError;

pub(crate) use answers::{Answers, LEVEL, answers};
pub use options::ReportOptions;
pub use values::{
    Comparison, Curve, CurveLine, CurvePoint, Learning, LearningLine, LengthMatched, MeanNeed, MethodReliability,
    MethodRow, MethodTiers, Metric, ReliabilityBin, Report, SetReport, SkippedRow, TeachersRow, TierRow, Unfinished,
    WithOthers,
};

impl Report {
    /// The report as Markdown with GitHub's tables. Charts are left out; their numbers are in the tables.
    pub fn to_markdown(&self) -> String {
        markdown::render(&overview::document(self))
    }

    /// The report as one HTML file that loads nothing.
    ///
    /// # Errors
    /// [`EvalError::Chart`] when a chart cannot be drawn.
    pub fn to_html(&self) -> Result<String, EvalError> {
        html::render(&overview::document(self))
    }

    /// The report as indented JSON, to be read by programs.
    ///
    /// # Errors
    /// [`EvalError::Io`] when it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, EvalError> {
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| EvalError::Io { path: "report.json".into(), source: error.into() })?;
        Ok(json + "\n")
    }

    /// Writes `report.md`, `report.html` and `report.json` into a folder, which is made if there is none. Each is
    /// complete or as it was before.
    ///
    /// # Errors
    /// [`EvalError::Io`] when a file cannot be written; [`EvalError::Chart`] when a chart cannot be drawn.
    pub fn write(&self, folder: &Path) -> Result<(), EvalError> {
        let files =
            [("report.md", self.to_markdown()), ("report.html", self.to_html()?), ("report.json", self.to_json()?)];
        fs::create_dir_all(folder).map_err(|source| EvalError::Io { path: folder.to_owned(), source })?;
        for (name, text) in files {
            super::run::write(&folder.join(name), text.as_bytes())?;
        }
        Ok(())
    }
}
