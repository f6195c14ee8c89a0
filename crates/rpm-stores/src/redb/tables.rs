//! The tables of the file, and the transactions on them.
//!
//! ```text
//! meta      "format" → 1, "counter" → the last number given, "erase" → 1 where old bytes are to be erased
//! versions  user id → (life, number, whether there is a model)
//! models    user id → CRC-32 (4 bytes, little-endian) over life, number, user id and model; the model, JSON on one line
//! ```
//!
//! Models are JSON because it is the form that later versions of the crate read, and the packed file is not. Versions
//! have a table of their own so that listing and comparing them reads no model.

use std::ops::Bound;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use rpm_core::data::UserId;
use rpm_core::model::UserModel;
use rpm_core::store::{StoreError, StoredModel, Version, life_to_save};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const VERSIONS: TableDefinition<&str, (u64, u64, bool)> = TableDefinition::new("versions");
const MODELS: TableDefinition<&str, &[u8]> = TableDefinition::new("models");

const FORMAT: &str = "format";
const COUNTER: &str = "counter";
const ERASE: &str = "erase";
const FORMAT_VERSION: u64 = 1;

/// The outcome of a transaction, with the database's own error kept apart: the file's keeper opens again after some.
pub(super) type Outcome<T> = Result<Result<T, StoreError>, redb::Error>;

/// Makes the tables of a new file, and checks those of one that is there.
pub(super) fn prepare(database: &Database) -> Outcome<()> {
    let read = database.begin_read()?;
    if read.list_tables()?.next().is_none() {
        drop(read);
        return create(database, 0).map(Ok);
    }
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(Err(StoreError::NotAStore)),
    };
    Ok(match meta.get(FORMAT)?.map(|found| found.value()) {
        Some(FORMAT_VERSION) => Ok(()),
        Some(found) if found > FORMAT_VERSION => Err(StoreError::FutureVersion { found, known: FORMAT_VERSION }),
        _ => Err(StoreError::NotAStore),
    })
}

fn create(database: &Database, counter: u64) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut meta = write.open_table(META)?;
        meta.insert(FORMAT, FORMAT_VERSION)?;
        meta.insert(COUNTER, counter)?;
        write.open_table(VERSIONS)?;
        write.open_table(MODELS)?;
    }
    Ok(write.commit()?)
}

pub(super) fn load(database: &Database, user: &UserId) -> Outcome<Option<StoredModel>> {
    let read = database.begin_read()?;
    let Some((version, true)) = entry(&read.open_table(VERSIONS)?, user)? else { return Ok(Ok(None)) };
    let value = read.open_table(MODELS)?.get(user.as_str())?;
    let decoded = match &value {
        Some(value) => decode(user, version, value.value()),
        None => Err(corrupt(user, "it is missing")),
    };
    Ok(decoded.map(|model| Some(StoredModel::new(Arc::new(model), version))))
}

/// The version of the user's model, without reading the model; `None` for a place that is only reserved.
pub(super) fn version(database: &Database, user: &UserId) -> Outcome<Option<Version>> {
    let read = database.begin_read()?;
    let held = entry(&read.open_table(VERSIONS)?, user)?;
    Ok(Ok(held.filter(|(_, model)| *model).map(|(version, _)| version)))
}

/// The version of what is held of this user.
pub(super) fn held(database: &Database, user: &UserId) -> Outcome<Option<Version>> {
    let read = database.begin_read()?;
    Ok(Ok(entry(&read.open_table(VERSIONS)?, user)?.map(|(version, _)| version)))
}

/// Fails when a save that expects this version would.
pub(super) fn check(database: &Database, user: &UserId, expected: Option<Version>) -> Outcome<()> {
    let read = database.begin_read()?;
    let held = entry(&read.open_table(VERSIONS)?, user)?;
    Ok(life_to_save(held, expected).map(|_| ()))
}

/// A model to be saved, as JSON on one line.
pub(super) struct Written<'a> {
    pub(super) user: &'a UserId,
    pub(super) json: &'a [u8],
    /// True when what it takes the place of is to be erased.
    pub(super) forgets: bool,
}

pub(super) fn save(database: &Database, model: &Written<'_>, expected: Option<Version>) -> Outcome<Version> {
    let Written { user, json, forgets } = *model;
    let write = database.begin_write()?;
    let version = {
        let mut versions = write.open_table(VERSIONS)?;
        let life = match life_to_save(entry(&versions, user)?, expected) {
            Ok(life) => life,
            Err(conflict) => return Ok(Err(conflict)),
        };
        let number = next_number(&write)?;
        let version = Version::new(life.unwrap_or(number), number);
        versions.insert(user.as_str(), (version.life(), version.number(), true))?;
        write.open_table(MODELS)?.insert(user.as_str(), &encode(user, version, json)[..])?;
        version
    };
    if forgets {
        to_erase(&write)?;
    }
    write.commit()?;
    Ok(Ok(version))
}

pub(super) fn reserve(database: &Database, user: &UserId) -> Outcome<Version> {
    let write = database.begin_write()?;
    let version = {
        let mut versions = write.open_table(VERSIONS)?;
        if let Some((version, _)) = entry(&versions, user)? {
            return Ok(Ok(version));
        }
        let number = next_number(&write)?;
        versions.insert(user.as_str(), (number, number, false))?;
        Version::new(number, number)
    };
    write.commit()?;
    Ok(Ok(version))
}

/// Deletes whatever is held, or the version that is expected only. `forgets` as for a save.
pub(super) fn delete(database: &Database, user: &UserId, expected: Option<Version>, forgets: bool) -> Outcome<bool> {
    let write = database.begin_write()?;
    let held = {
        let mut versions = write.open_table(VERSIONS)?;
        if expected.is_some() && entry(&versions, user)?.map(|(version, _)| version) != expected {
            return Ok(Err(StoreError::Conflict));
        }
        let held = versions.remove(user.as_str())?.map(|entry| entry.value().2);
        write.open_table(MODELS)?.remove(user.as_str())?;
        held
    };
    if held.is_some() {
        if forgets {
            to_erase(&write)?;
        }
        write.commit()?;
    }
    Ok(Ok(held == Some(true)))
}

pub(super) fn list(database: &Database, after: Option<&UserId>, limit: usize) -> Outcome<Vec<UserId>> {
    let read = database.begin_read()?;
    let versions = read.open_table(VERSIONS)?;
    let from = after.map_or(Bound::Unbounded, |user| Bound::Excluded(user.as_str()));
    let mut users = Vec::new();
    for entry in versions.range::<&str>((from, Bound::Unbounded))? {
        if users.len() == limit {
            break;
        }
        let (user, held) = entry?;
        if held.value().2 {
            match UserId::new(user.value()) {
                Ok(user) => users.push(user),
                Err(error) => return Ok(Err(StoreError::Damaged { source: error.into() })),
            }
        }
    }
    Ok(Ok(users))
}

/// Copies what is held, and the counter, to a file that is new, in one transaction.
pub(super) fn copy(from: &Database, to: &Database) -> Result<(), redb::Error> {
    let read = from.begin_read()?;
    create(to, read.open_table(META)?.get(COUNTER)?.map_or(0, |counter| counter.value()))?;
    let write = to.begin_write()?;
    {
        let (mut versions, mut models) = (write.open_table(VERSIONS)?, write.open_table(MODELS)?);
        for entry in read.open_table(VERSIONS)?.iter()? {
            let (user, version) = entry?;
            versions.insert(user.value(), version.value())?;
        }
        for entry in read.open_table(MODELS)?.iter()? {
            let (user, model) = entry?;
            models.insert(user.value(), model.value())?;
        }
    }
    Ok(write.commit()?)
}

/// Enters that old bytes are to be erased, until the file is written anew.
fn to_erase(write: &redb::WriteTransaction) -> Result<(), redb::Error> {
    write.open_table(META)?.insert(ERASE, 1)?;
    Ok(())
}

/// True when old bytes are to be erased, and the process that was to do it did not.
pub(super) fn is_to_erase(database: &Database) -> Outcome<bool> {
    let read = database.begin_read()?;
    Ok(Ok(read.open_table(META)?.get(ERASE)?.is_some()))
}

fn next_number(write: &redb::WriteTransaction) -> Result<u64, redb::Error> {
    let mut meta = write.open_table(META)?;
    let number = meta.get(COUNTER)?.map_or(0, |counter| counter.value()) + 1;
    meta.insert(COUNTER, number)?;
    Ok(number)
}

fn entry(
    versions: &impl ReadableTable<&'static str, (u64, u64, bool)>,
    user: &UserId,
) -> Result<Option<(Version, bool)>, redb::StorageError> {
    let entry = versions.get(user.as_str())?.map(|entry| entry.value());
    Ok(entry.map(|(life, number, model)| (Version::new(life, number), model)))
}

fn encode(user: &UserId, version: Version, json: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(4 + json.len());
    value.extend(checksum(user, version, json).to_le_bytes());
    value.extend(json);
    value
}

fn decode(user: &UserId, version: Version, value: &[u8]) -> Result<UserModel, StoreError> {
    let (sum, json) = value.split_first_chunk().ok_or_else(|| corrupt(user, "it is cut short"))?;
    if checksum(user, version, json) != u32::from_le_bytes(*sum) {
        return Err(corrupt(user, "its checksum is another one"));
    }
    let json = std::str::from_utf8(json).map_err(|_| corrupt(user, "it is not UTF-8"))?;
    let unusable = |source| StoreError::Model { user: user.clone(), source: Box::new(source) };
    let model = UserModel::from_json(json).map_err(unusable)?;
    model.check_user(user).map_err(unusable)?;
    Ok(model)
}

fn checksum(user: &UserId, version: Version, json: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&version.life().to_le_bytes());
    sum.update(&version.number().to_le_bytes());
    sum.update(user.as_str().as_bytes());
    sum.update(json);
    sum.finalize()
}

fn corrupt(user: &UserId, problem: &'static str) -> StoreError {
    StoreError::Corrupt { user: user.clone(), problem }
}
