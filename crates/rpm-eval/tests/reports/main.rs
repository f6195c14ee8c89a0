//! What a run is told as: reports, their cases and comparisons, and the tables of catalogs and factors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/films.rs"]
mod films;

mod catalog;
mod compared;
mod factors;
mod from_a_run;
mod report;
mod report_cases;
