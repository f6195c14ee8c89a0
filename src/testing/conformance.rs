//! The suite of backends.

use super::adapter::{Run, Setup};
use super::checks;
use super::dialect::MockDialect;
use super::error::ConformanceError;
use super::tally::Tally;
use crate::llm::LlmBackend;

/// Checks a backend against mock servers of its API, and returns how many checks it passed. Needs whatever runtime the
/// backend needs, and takes about a second.
///
/// Checked are: what goes over the wire (model, messages in order, length limit, temperature, seed, and the schema or JSON
/// mode in their place), the exact text of replies, tokens, finish reasons; that every failure is an error of the right
/// kind with its time to wait; that neither key, prompt nor reply is in any error, its `Debug` or its causes; that no
/// redirect is followed; the order of a batch; and that a dropped future closes its connection.
///
/// `make` is called once for each server. The backend must make one attempt for each request.
///
/// # Errors
/// [`ConformanceError::Broken`] with every check that failed.
pub async fn backend_conformance<B, F>(make: F, dialect: &dyn MockDialect) -> Result<usize, ConformanceError>
where
    B: LlmBackend,
    F: Fn(&Setup) -> B,
{
    let mut run = Run { make, dialect, tally: Tally::default() };
    checks::requests(&mut run).await?;
    checks::replies(&mut run).await?;
    checks::refusals(&mut run).await?;
    checks::connections(&mut run).await?;
    checks::batches(&mut run).await?;
    run.tally.result()
}
