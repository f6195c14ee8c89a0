//! A user model with its indexes as one binary file, for hosts that open a user per request.
//!
//! ```text
//! UserModel → PackedModel::pack → with_index … → to_bytes ⇢ file ⇢ open → index, item (one at a time), model (all)
//! ```
//!
//! The JSON file stays the portable one: text is the truth, and every index can be computed from it again. The packed file
//! saves that work. Opening reads it, checks every section's checksum and decodes nothing. Its form is that of every file of this
//! crate ([`container`](crate::container)). Files of version 1 are read without their indexes, which are computed anew.

mod old;
mod sightings;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::container::{Damage, DamagedFile, HEAD, HEADER, LONGEST_NAME, ReadError, Writer, read_from};
use crate::data::{DataError, MemoryItem, Reader};
use crate::model::UserModel;
use crate::model::file::head_reader;
use crate::model::reading::ReaderName;

/// The kind of the file.
const KIND: &str = "packed";
/// The version this crate writes. Version 1 had a form of its own ([`old`]).
const VERSION: u32 = 2;

const MODEL: &str = "model";
const ITEMS: &str = "items";
const PLACES: &str = "places";
/// Factors that the model leaves out, where making them takes longer than reading them.
const FACTORS: &str = "factors";
/// They are packed if they take at most this part of the items' bytes: there is a most of factors, and a short memory makes its
/// own soon.
const FACTORS_OF_ITEMS: usize = 4;
const INDEX: &str = "index ";

/// A user model and its indexes, opened from a packed file or about to become one.
///
/// ```
/// use rpm_core::model::PackedModel;
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
/// let prepared = pipeline.open(pipeline.learn(&history).await?.model).await?;
///
/// let file = pipeline.pack(&prepared).await?.to_bytes()?;
/// let packed = PackedModel::from_bytes(&file)?;
/// assert_eq!(packed.item(0)?.response(), "5");
/// assert_eq!(pipeline.unpack(&packed).await?.model(), prepared.model());
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PackedModel {
    sections: Vec<Section>,
}

/// A section and its name.
#[derive(Clone, PartialEq, Eq)]
struct Section {
    name: String,
    bytes: Vec<u8>,
}

/// Why a packed file could not be made, opened or decoded. No text of the user is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackedError {
    /// The bytes are no packed file, or not as they were written; packing the JSON file again helps.
    #[error("the packed file cannot be used")]
    Damaged(#[from] DamagedFile),
    /// There is no item at this position.
    #[error("position {position} in a memory of {len} items")]
    NoSuchPosition {
        /// The position asked for.
        position: usize,
        /// The number of items there are.
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
        let written = model.written_items();
        for item in &written {
            serde_json::to_writer(&mut items, item).map_err(|_| unwritable())?;
            places.extend((items.len() as u64).to_le_bytes());
        }
        let head = model.to_head(&written);
        let small = |factors: &Vec<u8>| factors.len() <= items.len() / FACTORS_OF_ITEMS;
        let factors = model.derived_factors().filter(small);
        let section = |name: &str, bytes| Section { name: name.to_owned(), bytes };
        let mut sections = vec![section(MODEL, head), section(PLACES, places), section(ITEMS, items)];
        sections.extend(factors.map(|factors| section(FACTORS, factors)));
        let (name, bytes) = sightings::section(model);
        sections.push(section(name, bytes));
        Ok(Self { sections })
    }

    /// Adds an index under this name, in place of one that has it. See
    /// [`MemoryIndex::bytes`](crate::retrieve::MemoryIndex::bytes).
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
    /// [`Damage::TooLarge`] for an index whose name is over 64 KiB long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PackedError> {
        let mut writer = Writer::new(KIND, VERSION);
        for Section { name, bytes } in &self.sections {
            if name.len() > LONGEST_NAME {
                return Err(DamagedFile::new(KIND, "index", 0, Damage::TooLarge).into());
            }
            writer.section(name, bytes);
        }
        Ok(writer.finish())
    }

    /// Opens a file. Every section is read and its checksum verified; nothing is decoded. Blocks while it reads.
    ///
    /// # Errors
    /// [`PackedError`] that names the section: a flipped bit or a cut is never a wrong result.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PackedError> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Self::read_sized(file, Some(size))
    }

    /// Opens what is in memory already. Errors as for [`open`](Self::open).
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PackedError> {
        Self::read_sized(bytes, Some(bytes.len() as u64))
    }

    /// Opens what a reader gives, to its end.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn read(input: impl Read) -> Result<Self, PackedError> {
        Self::read_sized(input, None)
    }

    fn read_sized(mut input: impl Read, size: Option<u64>) -> Result<Self, PackedError> {
        let mut first = Vec::with_capacity(old::MAGIC.len());
        input.by_ref().take(old::MAGIC.len() as u64).read_to_end(&mut first)?;
        let sections = if first == old::MAGIC {
            let mut sections = old::read(input)?;
            // An index of an older form is computed anew from the items.
            sections.retain(|section| !section.name.starts_with(INDEX));
            sections
        } else {
            let sections = read_from(first.as_slice().chain(input), size, KIND, VERSION)?;
            sections.into_iter().map(|(name, bytes)| Section { name, bytes }).collect()
        };
        let packed = Self { sections };
        for name in [MODEL, PLACES, ITEMS] {
            packed.section(name)?;
        }
        Ok(packed)
    }

    /// The number of items of the memory.
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
        self.item_read_by(position, head_reader(self.head()?)?)
    }

    fn item_read_by(&self, position: usize, reader: Option<Reader>) -> Result<MemoryItem, PackedError> {
        let (places, _) = self.section(PLACES)?.as_chunks();
        let len = places.len();
        let end = |at: usize| places.get(at).and_then(|place| usize::try_from(u64::from_le_bytes(*place)).ok());
        let to = end(position).ok_or(PackedError::NoSuchPosition { position, len })?;
        let from = position.checked_sub(1).map_or(Some(0), end).unwrap_or(usize::MAX);
        let record = self.section(ITEMS)?.get(from..to).ok_or_else(|| self.wrong(PLACES, NOWHERE))?;
        Ok(MemoryItem::from_record(record, reader)?)
    }

    fn head(&self) -> Result<&str, PackedError> {
        std::str::from_utf8(self.section(MODEL)?).map_err(|_| self.wrong(MODEL, "it is no text"))
    }

    /// The whole model, decoded and checked as [`UserModel::from_json`] does. Its indexes are left out; a pipeline's
    /// [`unpack`](crate::RpmPipeline::unpack) takes them along.
    ///
    /// # Errors
    /// [`PackedError::Model`].
    pub fn model(&self) -> Result<UserModel, PackedError> {
        UserModel::from_head(self.head()?, self.section(FACTORS).ok(), |reader| {
            let reader = reader.map(ReaderName::reader).transpose()?;
            (0..self.len()).map(|position| self.item_read_by(position, reader)).collect()
        })
    }

    /// The error for a section that says what cannot be.
    fn wrong(&self, name: &str, problem: &'static str) -> PackedError {
        let before = self.sections.iter().take_while(|section| section.name != name);
        let at = before.fold(HEADER, |at, section| at + HEAD + section.name.len() + section.bytes.len());
        DamagedFile::new(KIND, name, at as u64, Damage::Content { problem }).into()
    }

    fn section(&self, name: &str) -> Result<&[u8], PackedError> {
        let section = self.sections.iter().find(|section| section.name == name);
        section.map(|section| &section.bytes[..]).ok_or_else(|| DamagedFile::new(KIND, name, 0, Damage::Missing).into())
    }
}

const NOWHERE: &str = "it names places outside of the items";

fn unwritable() -> DamagedFile {
    DamagedFile::new(KIND, ITEMS, 0, Damage::Content { problem: "an item cannot be written as JSON" })
}

impl From<ReadError> for PackedError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error.into(),
            ReadError::Damaged(damaged) => damaged.into(),
        }
    }
}

impl fmt::Debug for PackedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections = self.sections.iter().map(|section| (&section.name, section.bytes.len()));
        f.debug_map().entries(sections).finish()
    }
}
