//! Rows as what they stand for, and back.

use std::sync::Arc;

use tokio_postgres::Row;

use rpm_core::data::UserId;
use rpm_core::model::UserModel;
use rpm_core::store::{StoreError, StoredModel, Version};

use super::error::failed;

/// The checksum that is kept beside a model: CRC-32 over its user and its bytes.
pub(super) fn checksum(user: &UserId, bytes: &[u8]) -> i32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(user.as_str().as_bytes());
    sum.update(bytes);
    sum.finalize().cast_signed()
}

/// A version as the database keeps it; nothing for one that it cannot have given.
pub(super) fn numbers(version: Version) -> Option<(i64, i64)> {
    Some((i64::try_from(version.life()).ok()?, i64::try_from(version.number()).ok()?))
}

/// The version in the first two columns.
pub(super) fn version(row: &Row) -> Result<Version, StoreError> {
    let [life, number] = [row.try_get::<_, i64>(0).map_err(failed)?, row.try_get::<_, i64>(1).map_err(failed)?];
    match (u64::try_from(life), u64::try_from(number)) {
        (Ok(life), Ok(number)) => Ok(Version::new(life, number)),
        _ => Err(StoreError::Damaged { source: "a version is negative".into() }),
    }
}

/// The bytes of a user's model.
pub(super) fn bytes(row: &Row) -> Result<&[u8], StoreError> {
    row.try_get(2).map_err(failed)
}

/// A user's model: the version, the bytes and their checksum.
pub(super) fn stored(user: &UserId, row: &Row) -> Result<StoredModel, StoreError> {
    let version = version(row)?;
    let bytes = bytes(row)?;
    let sum: i32 = row.try_get(3).map_err(failed)?;
    if checksum(user, bytes) != sum {
        return Err(StoreError::Corrupt { user: user.clone(), problem: "its checksum is another one" });
    }
    let json = std::str::from_utf8(bytes)
        .map_err(|_| StoreError::Corrupt { user: user.clone(), problem: "it is not UTF-8" })?;
    let unusable = |source| StoreError::Model { user: user.clone(), source: Box::new(source) };
    let model = UserModel::from_json(json).map_err(unusable)?;
    model.check_user(user).map_err(unusable)?;
    Ok(StoredModel::new(Arc::new(model), version))
}

/// The id in the first column.
pub(super) fn user(row: &Row) -> Result<UserId, StoreError> {
    let id: &str = row.try_get(0).map_err(failed)?;
    UserId::new(id).map_err(|source| StoreError::Damaged { source: source.into() })
}
