//! Whose request it is. The only place that a user's id comes from.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use rpm_core::UserId;

use crate::failure::Failure;

/// The header that the gateway sets.
const HEADER: &str = "x-user-id";

/// The user whose request it is.
pub(crate) struct Who(pub(crate) UserId);

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let mut named = parts.headers.get_all(HEADER).iter();
        // Two are one too many: somebody added one.
        let (Some(id), None) = (named.next(), named.next()) else { return Err(Failure::Nobody) };
        let id = id.to_str().map_err(|_| Failure::Nobody)?;
        UserId::new(id).map(Self).map_err(|_| Failure::Nobody)
    }
}
