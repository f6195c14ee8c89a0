//! The names of an error's kinds, which a record keeps: they are few and hold no text.

use crate::method::MethodError;
use rpm_core::llm::AskError;
use rpm_core::llm::BackendError;
use rpm_core::pipeline::Error;

use super::tap::may_pass;

/// The names of an error's kinds from the outermost to its cause.
pub(super) fn kinds(error: &(dyn std::error::Error + 'static)) -> String {
    let mut names: Vec<String> = Vec::new();
    for error in chain(error) {
        let name: String = format!("{error:?}").chars().take_while(|c| c.is_alphanumeric()).collect();
        if !name.is_empty() && names.last() != Some(&name) {
            names.push(name);
        }
    }
    names.join(" > ")
}

/// True when the work may succeed another time, or in a run with a model.
pub(super) fn passing(error: &MethodError) -> bool {
    let no_model = matches!(error, MethodError::NoBackend | MethodError::Ask(AskError::NoBackend));
    no_model
        || chain(error).any(|error| {
            error.downcast_ref::<BackendError>().is_some_and(may_pass)
                || matches!(error.downcast_ref::<Error>(), Some(Error::Budget { .. }))
        })
}

fn chain<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
