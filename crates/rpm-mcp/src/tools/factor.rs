//! Which factor of the user a name means.

use rpm_core::data::{Factor, FeatureKey};
use rpm_core::{FactorId, UserId};

use crate::error::ToolError;
use crate::server::Shared;

/// The factor of this id, or else the one that this label or word fits.
///
/// # Errors
/// None fits, or more than one does: what is done to a factor is not to be done to another one by chance.
pub(super) async fn named(shared: &Shared, user: &UserId, name: &str, argument: &str) -> Result<FactorId, ToolError> {
    let held = shared.personalizer.stored().load(user).await?;
    let all = || held.model.factors().iter().chain(held.model.set_aside().iter());
    if let Some(factor) = all().find(|factor| factor.id().as_str() == name) {
        return Ok(factor.id().clone());
    }
    let key = FeatureKey::of(name);
    let fits = |factor: &&Factor| {
        factor.label() == name || FeatureKey::of(factor.label()) == key || factor.features().contains(&key)
    };
    let mut fitting = all().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(factor), None) => Ok(factor.id().clone()),
        (None, _) => Err(ToolError::unknown_factor(argument)),
        _ => Err(ToolError::of(
            argument,
            "fits more than one factor of this user: give the id of one, as `profile` lists them",
        )),
    }
}
