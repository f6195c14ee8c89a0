//! The report of a run, as Markdown, one HTML file and JSON: the same figures three times.
//!
//! [`Report`] is filled from records; only the printed form of numbers is computed here. Its order is that of a decision: the
//! verdict, one chart, three cases; then the sets in short; all else is folded. The HTML file needs no network and no script,
//! follows the reader's light or dark theme, and has the numbers behind each chart in a table. No form of it calls one method
//! better than another unless the paired difference's adjusted p is below .05, and none quotes a user unless
//! [`ReportOptions::texts`] says so.

mod answers;
mod cases;
mod charts;
mod comparisons;
mod curves;
mod document;
mod doubt;
mod finding;
mod forests;
mod gather;
mod headline;
mod html;
mod items;
mod learning;
mod markdown;
mod number;
mod options;
mod outcome;
mod overview;
mod panels;
mod planes;
mod roles;
mod set;
mod tables;
mod user_page;
mod values;
mod verdict;
mod wording;

use std::fs;
use std::path::Path;

use super::EvalError;

pub(crate) use answers::{Answers, LEVEL, answers};
pub use items::{Case, CaseKind, ItemAnswer, ItemRow, UserPage};
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

    /// The page of the user at this place of [`users`](Self::users) as one HTML file, to stand in the folder `users` beside the
    /// report; `None` where there is no such user.
    ///
    /// # Errors
    /// As [`to_html`](Self::to_html).
    pub fn user_html(&self, place: usize) -> Result<Option<String>, EvalError> {
        self.users.get(place).map(|page| html::render(&user_page::document(self, page))).transpose()
    }

    /// Writes `report.md`, `report.html` and `report.json` into a folder, which is made if there is none, and the pages of
    /// [`users`](Self::users) as `users/1.html` and so on. Each is complete or as it was before.
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
        let pages = folder.join(user_page::FOLDER);
        if !self.users.is_empty() {
            fs::create_dir_all(&pages).map_err(|source| EvalError::Io { path: pages.clone(), source })?;
        }
        for place in 0..self.users.len() {
            if let Some(page) = self.user_html(place)? {
                super::run::write(&pages.join(user_page::file(place)), page.as_bytes())?;
            }
        }
        Ok(())
    }
}
