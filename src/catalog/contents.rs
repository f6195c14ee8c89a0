//! The catalog: checked factors with an index over their terms.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::data::{FactorId, FeatureKey, hex};

use super::change::CatalogChange;
use super::index::{Assigned, Index};
use super::{CatalogError, CatalogFactor};

/// The most factors of a catalog.
const MOST: usize = 4_096;

/// The factors of one task that many users may have. The [module](super) says what holds for it.
///
/// It is plain data with an index: share it in an [`Arc`](std::sync::Arc).
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "UncheckedCatalog", into = "WrittenCatalog")]
pub struct Catalog {
    version: u32,
    digest: String,
    /// In order of label key.
    factors: Vec<CatalogFactor>,
    /// What made this version of the first one, oldest first.
    changes: Vec<CatalogChange>,
    index: Index,
}

/// A catalog as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UncheckedCatalog {
    #[serde(default = "first")]
    version: u32,
    digest: Option<String>,
    factors: Vec<Listed>,
    #[serde(default)]
    changes: Vec<CatalogChange>,
}

fn first() -> u32 {
    1
}

/// A factor in a list: its name alone, or with more.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Name(String),
    Whole(CatalogFactor),
}

/// A catalog as it is written.
#[derive(Serialize)]
pub(super) struct WrittenCatalog {
    version: u32,
    digest: String,
    factors: Vec<CatalogFactor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<CatalogChange>,
}

impl TryFrom<UncheckedCatalog> for Catalog {
    type Error = CatalogError;
    fn try_from(read: UncheckedCatalog) -> Result<Self, CatalogError> {
        let factors = read.factors.into_iter().map(|factor| match factor {
            Listed::Name(label) => CatalogFactor::new(label),
            Listed::Whole(factor) => factor,
        });
        let catalog = Self::new(read.version, factors.collect(), read.changes)?;
        if read.digest.is_some_and(|digest| digest != catalog.digest) {
            return Err(CatalogError::OtherDigest);
        }
        Ok(catalog)
    }
}

impl From<Catalog> for WrittenCatalog {
    fn from(catalog: Catalog) -> Self {
        let Catalog { version, digest, factors, changes, .. } = catalog;
        Self { version, digest, factors, changes }
    }
}

impl Catalog {
    /// A catalog of the host's own: names alone, or [factors](CatalogFactor) with terms or descriptions.
    ///
    /// # Errors
    /// [`CatalogError::BadFactor`] naming the first factor that cannot be one, or that has the name or the id of another.
    pub fn of<F: Into<CatalogFactor>>(factors: impl IntoIterator<Item = F>) -> Result<Self, CatalogError> {
        Self::new(1, factors.into_iter().map(Into::into).collect(), Vec::new())
    }

    pub(super) fn new(
        version: u32,
        factors: Vec<CatalogFactor>,
        changes: Vec<CatalogChange>,
    ) -> Result<Self, CatalogError> {
        if factors.len() > MOST {
            return Err(CatalogError::TooLarge { factors: factors.len(), limit: MOST });
        }
        let mut factors: Vec<CatalogFactor> =
            factors.into_iter().map(CatalogFactor::checked).collect::<Result<_, _>>()?;
        factors.sort_by(|a, b| a.key().cmp(&b.key()).then_with(|| a.id().cmp(b.id())));
        let mut ids: BTreeMap<&FactorId, FeatureKey> = BTreeMap::new();
        let mut last: Option<FeatureKey> = None;
        for factor in &factors {
            let bad = |problem| Err(CatalogError::BadFactor { factor: factor.id().clone(), problem });
            let key = factor.key();
            if last.as_ref() == Some(&key) {
                return bad("has the name of another");
            }
            if ids.insert(factor.id(), key.clone()).is_some() {
                return bad("has the id of another: give it one of its own");
            }
            last = Some(key);
        }
        CatalogChange::check(&changes, version)?;
        let digest = digest(version, &factors, &changes);
        let index = Index::new(&factors);
        Ok(Self { version, digest, factors, changes, index })
    }

    /// A catalog with the factors of both. Of two with one id or one name, the terms go together under the name that this
    /// one has. It is a first version: what came before is no part of it.
    ///
    /// # Errors
    /// [`CatalogError`] when together they are no catalog.
    pub fn joined(self, other: Self) -> Result<Self, CatalogError> {
        let mut factors = self.factors;
        for factor in other.factors {
            let same = |own: &&mut CatalogFactor| own.id() == factor.id() || own.key() == factor.key();
            match factors.iter_mut().find(same) {
                Some(own) => own.take_in(&factor),
                None => factors.push(factor),
            }
        }
        Self::new(1, factors, Vec::new())
    }

    /// The factors in order of their labels.
    pub fn factors(&self) -> &[CatalogFactor] {
        &self.factors
    }

    /// The factor with this id.
    pub fn get(&self, id: &FactorId) -> Option<&CatalogFactor> {
        self.factors.iter().find(|factor| factor.id() == id)
    }

    /// The factor whose label has this key.
    pub fn named(&self, key: &FeatureKey) -> Option<&CatalogFactor> {
        let place = self.factors.binary_search_by(|factor| factor.key().cmp(key)).ok()?;
        self.factors.get(place)
    }

    /// Counts the versions, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// SHA-256 over the version, the factors and the changes, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The version and the beginning of the digest: what a [user model](crate::model::Provenance::catalog) notes of it.
    pub fn mark(&self) -> String {
        format!("v{} {}", self.version, self.digest.get(..16).unwrap_or_default())
    }

    /// What made this version of the first one, oldest first.
    pub fn changes(&self) -> &[CatalogChange] {
        &self.changes
    }

    /// The factors that stand in a text, in order of their labels, each with the places of its terms. Asks no model and
    /// takes some microseconds.
    pub fn assign(&self, text: &str) -> Vec<Assigned<'_>> {
        self.index.assign(&self.factors, text)
    }

    /// The factors that a text may have, at most so many: those that stand in it, the strongest first, then those that
    /// share a word with it, the nearest first.
    pub(crate) fn likely(&self, text: &str, most: usize) -> Vec<&CatalogFactor> {
        let mut found = self.assign(text);
        found.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        let mut likely: Vec<&CatalogFactor> = found.into_iter().map(|found| found.factor).collect();
        let mut near: Vec<(usize, f64)> = self.index.near(text).into_iter().collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for factor in near.into_iter().filter_map(|(place, _)| self.factors.get(place)) {
            if likely.len() >= most {
                break;
            }
            if likely.iter().all(|other| other.id() != factor.id()) {
                likely.push(factor);
            }
        }
        likely.truncate(most);
        likely
    }
}

fn digest(version: u32, factors: &[CatalogFactor], changes: &[CatalogChange]) -> String {
    // Strings and finite numbers: it cannot fail.
    let content = serde_json::to_vec(&(version, factors, changes)).unwrap_or_default();
    hex(&Sha256::digest(content))
}

impl PartialEq for Catalog {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version && self.factors == other.factors && self.changes == other.changes
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("version", &self.version)
            .field("digest", &self.digest)
            .field("factors", &self.factors.len())
            .finish_non_exhaustive()
    }
}
