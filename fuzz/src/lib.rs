//! What each fuzz target does with bytes: it reads them as the library would, and asserts what the documentation promises of every
//! input. A broken promise is a panic, which is what libFuzzer looks for.
//!
//! The targets in `fuzz_targets/` call these functions; so do `tests/seeds.rs`, which runs every seed, and the program
//! `work_bound`, which measures what they cost.

mod catalogs;
mod data_sets;
pub mod files;
mod indexes;
mod log;
mod made;
mod model_replies;
mod models;
mod packed;
mod populations;
mod providers;
mod replies;
mod static_models;
mod tables;
mod templates;
mod texts;

pub use catalogs::catalogs;
pub use data_sets::data_sets;
pub use indexes::indexes;
pub use log::log;
pub use model_replies::model_replies;
pub use models::models;
pub use packed::packed;
pub use populations::populations;
pub use providers::providers;
pub use replies::replies;
pub use static_models::static_models;
pub use tables::tables;
pub use templates::templates;
pub use texts::texts;

pub mod seeds;
pub mod steps;

/// A target: its name and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, in the order in which they are run.
pub const TARGETS: [Target; 14] = [
    ("replies", replies),
    ("model_replies", model_replies),
    ("providers", providers),
    ("texts", texts),
    ("models", models),
    ("packed", packed),
    ("indexes", indexes),
    ("log", log),
    ("templates", templates),
    ("catalogs", catalogs),
    ("populations", populations),
    ("data_sets", data_sets),
    ("tables", tables),
    ("static_models", static_models),
];

/// A word of the seeds that no error may repeat. Where an input has it in an id, errors may: they name ids.
pub const CANARY: &str = "zqsecret";

/// An error with all its causes, as a log would have it.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

/// Fails when an error repeats the canary, in words or in `Debug`.
#[track_caller]
fn is_discreet<E: std::error::Error>(error: &E) {
    assert!(!told(error).contains(CANARY), "an error repeats the input's text");
    assert!(!format!("{error:?}").contains(CANARY), "an error's Debug repeats the input's text");
}

/// The first byte and the rest.
fn first(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// The bytes as text, with a sign for what is none.
fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}
