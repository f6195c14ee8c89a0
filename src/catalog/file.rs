//! The portable file of a catalog.

use serde::{Deserialize, Serialize};

use super::contents::{UncheckedCatalog, WrittenCatalog};
use super::{Catalog, CatalogError};

/// Stands in the `format` field of every catalog file.
pub const FORMAT_NAME: &str = "rpm-core/catalog";

/// The version this crate writes, and the latest one it reads.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Deserialize)]
struct Header {
    format: String,
    format_version: u32,
}

#[derive(Serialize, Deserialize)]
struct File<C> {
    format: String,
    format_version: u32,
    catalog: C,
}

impl Catalog {
    /// The catalog as one JSON file, ending in a line feed. Equal catalogs give equal bytes.
    pub fn to_json(&self) -> String {
        let (format, format_version) = (FORMAT_NAME.to_owned(), FORMAT_VERSION);
        let file = File { format, format_version, catalog: WrittenCatalog::from(self.clone()) };
        // Strings, and numbers that were checked to be finite: it cannot fail.
        let mut json = serde_json::to_string_pretty(&file).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Reads a file that [`to_json`](Self::to_json) wrote, or one that was written by hand: there a factor may be its name
    /// alone, a term its words alone, and ids, version and digest may be left out.
    ///
    /// ```
    /// use rpm_core::catalog::Catalog;
    ///
    /// let films = Catalog::from_json(r#"{ "format": "rpm-core/catalog", "format_version": 1, "catalog": { "factors": [
    ///     "car chase",
    ///     { "label": "slow pace", "terms": ["slow", "unhurried"] },
    ///     { "label": "nature", "description": "Landscapes, weather, animals." }
    /// ] } }"#)?;
    /// assert_eq!(films.assign("Animals and weather, filmed in one slow take.").len(), 2);
    /// assert_eq!(Catalog::from_json(&films.to_json())?, films);
    /// # Ok::<(), rpm_core::catalog::CatalogError>(())
    /// ```
    ///
    /// # Errors
    /// [`CatalogError::FutureVersion`], [`CatalogError::NotACatalog`] with the place, [`CatalogError::OtherDigest`], or the
    /// check that failed.
    pub fn from_json(json: &str) -> Result<Self, CatalogError> {
        let whole = |problem| CatalogError::NotACatalog { problem, line: 0, column: 0 };
        let header: Header = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        if header.format != FORMAT_NAME {
            return Err(whole("its format field names another format"));
        }
        if header.format_version == 0 {
            return Err(whole("its format version is 0, and versions begin at 1"));
        }
        if header.format_version > FORMAT_VERSION {
            return Err(CatalogError::FutureVersion { found: header.format_version, supported: FORMAT_VERSION });
        }
        let file: File<UncheckedCatalog> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        file.catalog.try_into()
    }
}

/// Keeps the place and the kind of a JSON error.
fn unreadable(error: &serde_json::Error) -> CatalogError {
    let problem = match error.classify() {
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Eof => "it is cut short",
        serde_json::error::Category::Data => "a field is missing, unknown or not valid",
        serde_json::error::Category::Io => "it could not be read",
    };
    CatalogError::NotACatalog { problem, line: error.line(), column: error.column() }
}
