//! What a record keeps of an error: names, which are few and hold no text.

use std::error::Error;

use crate::eval::method::MethodError;
use crate::llm::BackendError;

/// The names of an error's kinds from the outermost to its cause.
pub(super) fn kinds(error: &(dyn Error + 'static)) -> String {
    let mut names: Vec<String> = Vec::new();
    for error in chain(error) {
        let name: String = format!("{error:?}").chars().take_while(|c| c.is_alphanumeric()).collect();
        if !name.is_empty() && names.last() != Some(&name) {
            names.push(name);
        }
    }
    names.join(" > ")
}

/// True when the same may go well another time.
pub(super) fn passing(error: &MethodError) -> bool {
    chain(error).any(|error| {
        error.downcast_ref::<BackendError>().is_some_and(|error| {
            error.is_transient() || matches!(error, BackendError::NotLogged { .. } | BackendError::Budget { .. })
        })
    })
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
