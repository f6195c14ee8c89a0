//! The next version of a catalog, and where the ids of the one before went.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::data::FactorId;

use super::{Catalog, CatalogError, CatalogFactor};

/// A change that made a version of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogChange {
    /// The version that it made.
    pub version: u32,
    /// The factor that was changed.
    pub factor: FactorId,
    /// Its fate.
    pub moved: Moved,
}

/// The fate of a factor between two versions of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Moved {
    /// It has another name.
    Renamed,
    /// It is these now: the one it was merged into, or those that it was split into.
    Into(Vec<FactorId>),
    /// It is gone.
    Dropped,
}

impl CatalogChange {
    /// Refuses changes that did not make this version.
    pub(super) fn check(changes: &[Self], version: u32) -> Result<(), CatalogError> {
        let ascending = changes.is_sorted_by(|a, b| a.version <= b.version);
        if version == 0 || !ascending || changes.iter().any(|change| change.version < 2 || change.version > version) {
            let problem = "its changes are not those that made its version";
            return Err(CatalogError::NotACatalog { problem, line: 0, column: 0 });
        }
        Ok(())
    }
}

impl Catalog {
    /// The next version, in which a factor has another name. It keeps its id and its terms; a text that says
    /// the old name alone has it no more.
    ///
    /// # Errors
    /// [`CatalogError`] for a factor that is not there, or a name that cannot be or that another has.
    pub fn renamed(&self, factor: &FactorId, label: impl Into<String>) -> Result<Self, CatalogError> {
        let known = self.known(factor)?;
        let renamed = known.clone().relabelled(label.into());
        self.next(factor, vec![renamed], Moved::Renamed)
    }

    /// The next version, in which a factor is part of another: its label and its terms tell of that one.
    ///
    /// # Errors
    /// [`CatalogError`] for factors that are not there, or are one.
    pub fn merged(&self, factor: &FactorId, into: &FactorId) -> Result<Self, CatalogError> {
        let (from, mut to) = (self.known(factor)?, self.known(into)?.clone());
        if factor == into {
            return Err(CatalogError::BadFactor { factor: factor.clone(), problem: "is merged into itself" });
        }
        to.take_in(from);
        let left: Vec<CatalogFactor> =
            self.factors().iter().filter(|other| ![factor, into].contains(&other.id())).cloned().collect();
        self.after(left, vec![to], factor, Moved::Into(vec![into.clone()]))
    }

    /// The next version, in which a factor is several. One of them may keep the id.
    ///
    /// # Errors
    /// [`CatalogError`] for a factor that is not there, fewer than two parts, or parts that cannot be.
    pub fn split<F: Into<CatalogFactor>>(
        &self,
        factor: &FactorId,
        parts: impl IntoIterator<Item = F>,
    ) -> Result<Self, CatalogError> {
        self.known(factor)?;
        let parts: Vec<CatalogFactor> = parts.into_iter().map(Into::into).collect();
        if parts.len() < 2 {
            return Err(CatalogError::BadFactor { factor: factor.clone(), problem: "is split into fewer than two" });
        }
        let ids = parts.iter().map(|part| part.id().clone()).collect();
        self.next(factor, parts, Moved::Into(ids))
    }

    /// The next version, without a factor.
    ///
    /// # Errors
    /// [`CatalogError::UnknownFactor`].
    pub fn without(&self, factor: &FactorId) -> Result<Self, CatalogError> {
        self.known(factor)?;
        self.next(factor, Vec::new(), Moved::Dropped)
    }

    /// The factors of this version that a factor of any version became: itself while it is there, none when it was dropped
    /// or never was.
    pub fn successors(&self, factor: &FactorId) -> Vec<&CatalogFactor> {
        let mut now: BTreeSet<&FactorId> = BTreeSet::from([factor]);
        for change in self.changes() {
            if let Moved::Into(parts) = &change.moved
                && now.remove(&change.factor)
            {
                now.extend(parts);
            }
        }
        now.into_iter().filter_map(|id| self.get(id)).collect()
    }

    /// True for the id of a factor of this version or of one before.
    pub fn has_known(&self, factor: &FactorId) -> bool {
        let of_change = |change: &CatalogChange| {
            change.factor == *factor || matches!(&change.moved, Moved::Into(parts) if parts.contains(factor))
        };
        self.get(factor).is_some() || self.changes().iter().any(of_change)
    }

    fn known(&self, factor: &FactorId) -> Result<&CatalogFactor, CatalogError> {
        self.get(factor).ok_or_else(|| CatalogError::UnknownFactor { factor: factor.clone() })
    }

    /// The next version, with `new` in the place of a factor.
    fn next(&self, factor: &FactorId, new: Vec<CatalogFactor>, moved: Moved) -> Result<Self, CatalogError> {
        let left = self.factors().iter().filter(|other| other.id() != factor).cloned().collect();
        self.after(left, new, factor, moved)
    }

    fn after(
        &self,
        left: Vec<CatalogFactor>,
        new: Vec<CatalogFactor>,
        factor: &FactorId,
        moved: Moved,
    ) -> Result<Self, CatalogError> {
        let version = self.version().saturating_add(1);
        let mut changes = self.changes().to_vec();
        changes.push(CatalogChange { version, factor: factor.clone(), moved });
        Self::new(version, left.into_iter().chain(new).collect(), changes)
    }
}
