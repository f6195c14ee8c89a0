//! One item of a memory as it stands in a file.

use serde::{Deserialize, Serialize, Serializer};

use super::edit::is_zero;
use super::feature::UncheckedFeature;
use super::features::{Features, Reader};
use super::history::UncheckedQuery;
use super::path::UncheckedPath;
use super::{DataError, Feature, Interaction, ItemId, MemoryItem, ReasoningPath};

/// An item as it is written.
#[derive(Serialize)]
pub(crate) struct WrittenItem<'a> {
    #[serde(flatten)]
    interaction: &'a Interaction,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<&'a [Feature]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_features: Option<usize>,
    #[serde(skip_serializing_if = "<[Feature]>::is_empty")]
    more_features: &'a [Feature],
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a ReasoningPath>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    composed: bool,
    #[serde(skip_serializing_if = "is_zero")]
    after: u32,
}

impl WrittenItem<'_> {
    /// True when its features are left out, to be read off its text.
    pub(crate) fn is_to_read(&self) -> bool {
        self.features.is_none()
    }
}

/// An item as it stands in a file.
#[derive(Deserialize)]
pub(crate) struct UncheckedItem {
    id: ItemId,
    query: UncheckedQuery,
    response: String,
    #[serde(default)]
    time: Option<i64>,
    #[serde(default)]
    features: Option<Vec<UncheckedFeature>>,
    #[serde(default)]
    first_features: Option<usize>,
    #[serde(default)]
    more_features: Vec<UncheckedFeature>,
    #[serde(default)]
    path: Option<UncheckedPath>,
    #[serde(default)]
    composed: bool,
    #[serde(default)]
    after: u32,
}

impl UncheckedItem {
    /// The item with its query checked, and nothing else. Features that it does not give are those that `reader` reads off
    /// its text.
    pub(crate) fn assume(self, reader: Option<Reader>) -> Result<MemoryItem, DataError> {
        let bad = |problem| DataError::BadFeature { item: self.id.to_string(), position: 0, problem };
        let assumed = |features: Vec<UncheckedFeature>| features.into_iter().map(UncheckedFeature::assume).collect();
        let features = match (self.features, self.first_features, reader) {
            (Some(found), None, _) if self.more_features.is_empty() => Features::found(assumed(found)),
            (None, first, Some(reader)) if first != Some(0) => {
                Features::to_read(reader, first, assumed(self.more_features))
            }
            (None, _, None) => return Err(bad("is missing, and no reader is named that reads it off the text")),
            _ => return Err(bad("is neither given nor one that can be read off the text")),
        };
        Ok(MemoryItem {
            interaction: Interaction::read(self.id, self.query, self.response, self.time)?,
            features,
            path: self.path.map(UncheckedPath::assume),
            composed: self.composed,
            after: self.after,
        })
    }
}

impl TryFrom<UncheckedItem> for MemoryItem {
    type Error = DataError;
    fn try_from(unchecked: UncheckedItem) -> Result<Self, DataError> {
        unchecked.assume(None)?.checked()
    }
}

impl Serialize for MemoryItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written(None).serialize(serializer)
    }
}

impl MemoryItem {
    /// Reads an item that was written as JSON.
    pub(crate) fn from_record(json: &[u8], reader: Option<Reader>) -> Result<Self, DataError> {
        let item: UncheckedItem = serde_json::from_slice(json).map_err(|error| super::error::unreadable(&error))?;
        item.assume(reader)?.checked()
    }

    /// The item as it is written: without the features that this reader reads off its text. A path cites features by
    /// position, so an item that has one keeps them.
    pub(crate) fn written(&self, reader: Option<Reader>) -> WrittenItem<'_> {
        let reader = reader.filter(|_| self.path.is_none());
        let reading = reader.and_then(|reader| self.features.reading(self.query(), reader));
        let more = reading.and_then(|reading| self.features().get(reading.others?..));
        WrittenItem {
            interaction: &self.interaction,
            features: reading.is_none().then(|| self.features()),
            first_features: reading.and_then(|reading| reading.first),
            more_features: more.unwrap_or_default(),
            path: self.path.as_ref(),
            composed: self.composed,
            after: self.after,
        }
    }
}
