//! Looks at what a store holds.

use std::collections::BTreeSet;

use crate::data::UserId;
use crate::model::UserModel;
use crate::store::{StoreError, UserModelStore, Version};

/// True when the store has this model under this version.
pub(super) async fn holds(store: &impl UserModelStore, model: &UserModel, version: Option<Version>) -> bool {
    match store.load(model.user()).await {
        Ok(Some(found)) => Some(found.version) == version && *found.model == *model,
        _ => false,
    }
}

/// True when the store has no model of the user.
pub(super) async fn is_absent(store: &impl UserModelStore, user: &UserId) -> bool {
    store.load(user).await.is_ok_and(|found| found.is_none())
}

/// True when a save conflicts. `None` as the version of a save that failed before counts as no conflict where a version is meant.
pub(super) async fn conflicts(store: &impl UserModelStore, model: &UserModel, expected: Option<Version>) -> bool {
    matches!(store.save(model, expected).await, Err(StoreError::Conflict))
}

/// True when this version is deleted.
pub(super) async fn deletes(store: &impl UserModelStore, user: &UserId, expected: Option<Version>) -> bool {
    match expected {
        Some(expected) => store.delete_version(user, expected).await.is_ok(),
        None => false,
    }
}

/// True when deleting this version conflicts.
pub(super) async fn refuses_to_delete(store: &impl UserModelStore, user: &UserId, expected: Option<Version>) -> bool {
    match expected {
        Some(expected) => matches!(store.delete_version(user, expected).await, Err(StoreError::Conflict)),
        None => false,
    }
}

/// A page of the list of users.
pub(super) async fn ids(store: &impl UserModelStore, after: Option<&UserId>, limit: usize) -> Vec<String> {
    let users = store.list(after, limit).await;
    users.map_or_else(|_| vec!["(an error)".to_owned()], |users| users.iter().map(ToString::to_string).collect())
}

/// True when no number occurs twice.
pub(super) fn distinct(numbers: &[u64]) -> bool {
    let different: BTreeSet<&u64> = numbers.iter().collect();
    different.len() == numbers.len()
}
