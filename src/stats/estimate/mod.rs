//! P(response | features, user) from the statistics alone.
//!
//! ```text
//! words, factors of past queries → Ridge × 2 → Fits ─ parts: by each factor of a query, by what else makes queries similar
//! labels:  base rates + parts                          scale: tone, then shifts of a latent normal
//! choices: how options were picked, in all and in similar questions
//! → Estimate: base rate + parts = probability, for every response
//! ```
//!
//! `docs/method.md` has the formulas. Everything is linear in the items, so leaving one out is exact and refits nothing. Items
//! are read once, of labels and scales only the latest: when some are appended, only those are read and all are counted again,
//! so the result is to the bit what it would be had all come at once.

mod calibrate;
mod choices;
mod contrast;
mod estimator;
mod fits;
mod kept;
mod labels;
mod moved;
mod next;
mod numbers;
mod offered;
mod ordinal;
mod others;
mod past;
mod result;
mod ridge;
mod seen;
mod shares;
mod similar;
mod steps;
mod terms;
#[cfg(test)]
mod tests;

pub use calibrate::calibrate;
pub(crate) use calibrate::{calibrate_in_steps, calibration_point};
pub use contrast::{Contrast, ContrastedResponse};
pub use estimator::Estimator;
pub(crate) use kept::KeptEstimator;
pub use next::NextQuestion;
pub use result::{Estimate, Part, People, ResponseProbability, Source};
