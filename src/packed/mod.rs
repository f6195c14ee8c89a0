//! A user model with its indexes as one binary file, for hosts that open a user per request.
//!
//! ```text
//! UserModel → PackedModel::pack → with_index … → to_bytes ⇢ file ⇢ open → index, item (one at a time), model (all)
//! ```
//!
//! The JSON file stays the portable one: text is the truth, and every index can be computed from it again. The packed file
//! saves that work. Opening reads it, checks every section's checksum and decodes nothing.

mod sections;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::data::{DataError, MemoryItem};
use crate::model::UserModel;

use self::sections::Section;

const MODEL: &str = "model";
const ITEMS: &str = "items";
const PLACES: &str = "places";
const INDEX: &str = "index ";

/// A user model and its indexes, opened from a packed file or about to become one.
///
/// ```
/// use rpm_core::model::PackedModel;
/// use rpm_core::retrieve::Bm25Retriever;
/// use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let history = History::new(&task, "ana", [
///     Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?,
///     Interaction::new("b", Query::new("A loud chase through the city.")?, "2")?,
///     Interaction::new("c", Query::new("A slow film about a quiet town.")?, "5")?,
/// ])?;
/// let pipeline = RpmPipeline::offline(task);
/// let learned = pipeline.learn(&history).await?;
///
/// let file = pipeline.pack(&learned.model).await?.to_bytes()?;
/// let packed = PackedModel::from_bytes(&file)?;
/// assert_eq!(packed.item(0)?.response(), "5");
/// let model = pipeline.unpack(&packed)?;
/// assert_eq!(model, learned.model);
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PackedModel {
    sections: Vec<Section>,
}

/// Why a packed file could not be made, opened or decoded. No text of the user is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackedError {
    /// The bytes do not begin as a packed file does.
    #[error("the file is no packed user model")]
    NotPacked,
    /// Another version of the format; packing the JSON file again helps.
    #[error("the file has version {found}, this build reads version {known}")]
    OtherVersion {
        /// The file's version.
        found: u32,
        /// The version that can be read.
        known: u32,
    },
    /// The file ends too early.
    #[error("the file ends in section `{section}`")]
    Cut {
        /// Where.
        section: String,
    },
    /// The bytes are not those that were written.
    #[error("section `{section}` is damaged")]
    Damaged {
        /// Which.
        section: String,
    },
    /// The section is not there.
    #[error("section `{section}` is missing")]
    Missing {
        /// Which.
        section: String,
    },
    /// More than the format or the memory holds.
    #[error("section `{section}` is too large")]
    TooLarge {
        /// Which.
        section: String,
    },
    /// There is no item at this position.
    #[error("position {position} in a memory of {len} items")]
    NoSuchPosition {
        /// The position asked for.
        position: usize,
        /// How many items there are.
        len: usize,
    },
    /// The file holds what is no user model.
    #[error("the packed user model is not valid")]
    Model(#[from] DataError),
    /// The file could not be read.
    #[error("the file could not be read")]
    Io(#[from] io::Error),
}

impl PackedModel {
    /// Packs a model, without an index yet.
    ///
    /// # Errors
    /// [`PackedError::Damaged`] never occurs here; the result is one because writing JSON gives one.
    pub fn pack(model: &UserModel) -> Result<Self, PackedError> {
        let (mut items, mut places) = (Vec::new(), Vec::with_capacity(8 * model.memory().len()));
        for item in model.memory().items() {
            serde_json::to_writer(&mut items, item).map_err(|_| damaged(ITEMS))?;
            places.extend((items.len() as u64).to_le_bytes());
        }
        let head = model.clone().without_memory().to_json_line();
        let section = |name: &str, bytes| Section { name: name.to_owned(), bytes };
        Ok(Self { sections: vec![section(MODEL, head), section(PLACES, places), section(ITEMS, items)] })
    }

    /// The same with an index under this name, in place of one that has it. See
    /// [`Retriever::pack`](crate::Retriever::pack).
    #[must_use]
    pub fn with_index(mut self, name: &str, bytes: Vec<u8>) -> Self {
        let name = format!("{INDEX}{name}");
        self.sections.retain(|section| section.name != name);
        self.sections.push(Section { name, bytes });
        self
    }

    /// The index of this name.
    pub fn index(&self, name: &str) -> Option<&[u8]> {
        self.indexes().find(|(other, _)| *other == name).map(|(_, bytes)| bytes)
    }

    /// All indexes with their names.
    pub fn indexes(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.sections.iter().filter_map(|section| Some((section.name.strip_prefix(INDEX)?, &section.bytes[..])))
    }

    /// The file. Equal models with equal indexes give equal bytes.
    ///
    /// # Errors
    /// [`PackedError::TooLarge`] for an index whose name is over 64 KiB long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PackedError> {
        sections::write(&self.sections)
    }

    /// Opens a file. Every section is read and its checksum verified; nothing is decoded. Blocks while it reads.
    ///
    /// # Errors
    /// [`PackedError`] that names the section: a flipped bit or a cut is never a wrong result.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PackedError> {
        Self::read(File::open(path)?)
    }

    /// Opens what is in memory already. Errors as for [`open`](Self::open).
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PackedError> {
        Self::read(bytes)
    }

    /// Opens what a reader gives, to its end.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn read(input: impl Read) -> Result<Self, PackedError> {
        let packed = Self { sections: sections::read(input)? };
        for name in [MODEL, PLACES, ITEMS] {
            packed.section(name)?;
        }
        Ok(packed)
    }

    /// How many items the memory has.
    pub fn len(&self) -> usize {
        self.section(PLACES).map_or(0, <[u8]>::len) / 8
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at a position of the memory's canonical order. Only this one is decoded.
    ///
    /// # Errors
    /// [`PackedError::NoSuchPosition`]; [`PackedError::Model`] for a record that is no item.
    pub fn item(&self, position: usize) -> Result<MemoryItem, PackedError> {
        let (places, _) = self.section(PLACES)?.as_chunks();
        let len = places.len();
        let end = |at: usize| places.get(at).and_then(|place| usize::try_from(u64::from_le_bytes(*place)).ok());
        let to = end(position).ok_or(PackedError::NoSuchPosition { position, len })?;
        let from = position.checked_sub(1).map_or(Some(0), end).unwrap_or(usize::MAX);
        let record = self.section(ITEMS)?.get(from..to).ok_or_else(|| damaged(PLACES))?;
        Ok(MemoryItem::from_record(record)?)
    }

    /// The whole model, decoded and checked as [`UserModel::from_json`] does. Its indexes are left out; a pipeline's
    /// [`unpack`](crate::RpmPipeline::unpack) takes them along.
    ///
    /// # Errors
    /// [`PackedError::Model`].
    pub fn model(&self) -> Result<UserModel, PackedError> {
        let head = std::str::from_utf8(self.section(MODEL)?).map_err(|_| damaged(MODEL))?;
        let items: Result<Vec<MemoryItem>, PackedError> = (0..self.len()).map(|position| self.item(position)).collect();
        Ok(UserModel::from_json(head)?.with_memory(items?)?)
    }

    fn section(&self, name: &str) -> Result<&[u8], PackedError> {
        let section = self.sections.iter().find(|section| section.name == name);
        section.map(|section| &section.bytes[..]).ok_or_else(|| PackedError::Missing { section: name.to_owned() })
    }
}

fn damaged(section: &str) -> PackedError {
    PackedError::Damaged { section: section.to_owned() }
}

impl fmt::Debug for PackedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections = self.sections.iter().map(|section| (&section.name, section.bytes.len()));
        f.debug_map().entries(sections).finish()
    }
}
