//! The portable file of a user model. `docs/user-model.md` describes it field by field.

use serde::{Deserialize, Serialize};

use super::UserModel;
use super::user_model::UncheckedModel;
use crate::data::grouping::Grouping;
use crate::data::{DataError, MemoryItem, PathOrigin, unreadable};

/// Stands in the `format` field of every user model file.
pub const FORMAT_NAME: &str = "rpm-core/user-model";

/// The version this crate writes, and the latest one it reads.
pub const FORMAT_VERSION: u32 = 3;

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<M> {
    format: String,
    version: u32,
    model: M,
}

impl UserModel {
    /// The model as one portable JSON file, ending in a line feed. Equal models give equal bytes.
    ///
    /// # Panics
    /// Never: every value of a user model can be written as JSON.
    pub fn to_json(&self) -> String {
        let file = File { format: FORMAT_NAME.to_owned(), version: FORMAT_VERSION, model: self };
        // Only a map with keys that are no strings, or a failing writer, could fail here; there is neither.
        let mut json = serde_json::to_string_pretty(&file).unwrap_or_default();
        json.push('\n');
        json
    }

    /// The file of [`to_json`](Self::to_json) on one line, for stores.
    pub fn to_json_line(&self) -> Vec<u8> {
        let file = File { format: FORMAT_NAME.to_owned(), version: FORMAT_VERSION, model: self };
        serde_json::to_vec(&file).unwrap_or_default()
    }

    /// Reads a file that [`to_json`](Self::to_json) wrote, and checks it as [`new`](Self::new) does. Writing it again
    /// gives the same bytes.
    ///
    /// # Errors
    /// [`DataError::FutureVersion`] for a file of a later version; [`DataError::NotAUserModel`] with the place for
    /// anything that is no user model; otherwise the check that failed.
    pub fn from_json(json: &str) -> Result<Self, DataError> {
        let (model, version) = Self::assume_json(json)?;
        model.migrated(version)
    }

    /// The model of a file whose items are kept beside it.
    ///
    /// # Errors
    /// As for [`from_json`](Self::from_json).
    pub(crate) fn from_head(json: &str, items: Vec<MemoryItem>) -> Result<Self, DataError> {
        let (model, version) = Self::assume_json(json)?;
        model.with_memory(items).migrated(version)
    }

    /// The model of a file and the file's version, whose parts have yet to be checked against each other.
    fn assume_json(json: &str) -> Result<(Self, u32), DataError> {
        let header: Header = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        if header.format != FORMAT_NAME {
            let problem = "its format field names another format";
            return Err(DataError::NotAUserModel { problem, line: 0, column: 0 });
        }
        if header.version == 0 {
            let problem = "its version is 0, and versions begin at 1";
            return Err(DataError::NotAUserModel { problem, line: 0, column: 0 });
        }
        if header.version > FORMAT_VERSION {
            return Err(DataError::FutureVersion { found: header.version, supported: FORMAT_VERSION });
        }
        let file: File<UncheckedModel> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        Ok((file.model.assume()?, header.version))
    }

    /// The model as this version has it, checked.
    fn migrated(mut self, version: u32) -> Result<Self, DataError> {
        if version == 1 {
            self.migrate_version_1();
        }
        self.check()?;
        if version == 2 {
            // Its factors were all groups of like names, however seldom they were seen.
            self.rebuild();
        }
        Ok(self)
    }

    /// Version 1 had no grouping: its factors are kept as they are. It kept paths that were composed from the
    /// statistics.
    fn migrate_version_1(&mut self) {
        self.grouping = Grouping::of(&self.factors);
        self.calibration.kappa_low = self.calibration.kappa;
        self.factors = std::mem::take(&mut self.factors).all_fitted();
        for item in self.memory.items_mut() {
            if let Some(path) = item.path().filter(|path| path.origin() == PathOrigin::Statistics) {
                item.keep_path(path.clone());
            }
        }
    }
}
