//! The portable file of a user model. `docs/user-model.md` describes it field by field.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize, Serializer};

use super::UserModel;
use super::reading::{READER, ReaderName};
use super::user_model::{Derived, Provenance, Snapshots};
use crate::data::grouping::Grouping;
use crate::data::{
    Calibration, DataError, Decay, EditRecord, FactorSet, MemoryItem, PathOrigin, Reader, ReasoningMemory, Task,
    UncheckedCalibration, UncheckedFactors, UncheckedItem, UserId, WrittenItem, unreadable,
};
use crate::pause::{AT_ONCE, pause, within};

/// Stands in the `format` field of every user model file.
pub const FORMAT_NAME: &str = "rpm-core/user-model";

/// The version this crate writes, and the latest one it reads.
pub const FORMAT_VERSION: u32 = 5;

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

/// A user model as it is written: without what follows from the rest.
#[derive(Serialize)]
struct WrittenModel<'m> {
    user: &'m UserId,
    revision: u64,
    #[serde(skip_serializing_if = "is_never")]
    forgotten_at: u64,
    task: &'m Task,
    provenance: &'m Provenance,
    calibration: &'m Calibration,
    #[serde(skip_serializing_if = "Option::is_none")]
    decay: Option<Decay>,
    grouping: &'m Grouping,
    #[serde(skip_serializing_if = "<[EditRecord]>::is_empty")]
    edits: &'m [EditRecord],
    #[serde(skip_serializing_if = "Snapshots::is_empty")]
    snapshots: &'m Snapshots,
    #[serde(skip_serializing_if = "Option::is_none")]
    reader: Option<ReaderName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factors: Option<&'m FactorSet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<&'m FactorSet>,
    memory: Vec<WrittenItem<'m>>,
}

/// True of the revision of a forgetting that there was not.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_never(revision: &u64) -> bool {
    *revision == 0
}

#[derive(Serialize)]
struct WrittenFactors<'m> {
    factors: &'m FactorSet,
    set_aside: &'m FactorSet,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedDerived {
    factors: UncheckedFactors,
    set_aside: UncheckedFactors,
}

/// A user model as it stands in a file, of any version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UncheckedModel {
    user: UserId,
    revision: u64,
    #[serde(default)]
    forgotten_at: u64,
    task: Task,
    provenance: Provenance,
    #[serde(with = "UncheckedCalibration")]
    calibration: Calibration,
    #[serde(default)]
    decay: Option<Decay>,
    #[serde(default)]
    grouping: Grouping,
    #[serde(default)]
    edits: Vec<EditRecord>,
    #[serde(default)]
    snapshots: Snapshots,
    #[serde(default)]
    reader: Option<ReaderName>,
    #[serde(default)]
    factors: Option<UncheckedFactors>,
    #[serde(default)]
    set_aside: UncheckedFactors,
    memory: Vec<UncheckedItem>,
}

/// What follows from the rest of a file and is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    Factors,
    /// Factors and calibration: its texts are read by another rule now than when it was written.
    All,
}

impl UncheckedModel {
    /// The model with its items and these besides, whose parts have yet to be checked against each other.
    fn assume(self, beside: Vec<MemoryItem>) -> Result<(UserModel, Due), DataError> {
        let reader = self.reader.as_ref().map(ReaderName::reader).transpose()?;
        let items = self.memory.into_iter().map(|item| item.assume(reader)).chain(beside.into_iter().map(Ok));
        let items: Vec<MemoryItem> = items.collect::<Result<_, _>>()?;
        let due = match (self.reader, &self.factors) {
            (Some(reader), _) if !reader.is_current() => Due::All,
            (_, None) => Due::Factors,
            _ => Due::Nothing,
        };
        // What the host says of a task holds, whatever a file was written by.
        let language = self.task.language().unwrap_or(self.grouping.language);
        let model = UserModel {
            user: self.user,
            revision: self.revision,
            forgotten_at: self.forgotten_at,
            task: self.task,
            provenance: self.provenance,
            calibration: self.calibration,
            decay: self.decay,
            grouping: Grouping { language, ..self.grouping },
            edits: self.edits,
            snapshots: self.snapshots,
            factors: self.factors.unwrap_or_default().try_into()?,
            set_aside: self.set_aside.try_into()?,
            memory: ReasoningMemory::new(items),
            derived: Derived::default(),
        };
        Ok((model, due))
    }
}

impl Due {
    /// The model with what is due, checked.
    fn made(self, mut model: UserModel) -> Result<UserModel, DataError> {
        model.check_parts()?;
        let renewed = model.renew_ids()?;
        match self {
            Self::Nothing => {}
            Self::Factors => {
                model.read_features();
                model.derive_factors(&model.partition());
            }
            Self::All => drop(model.rebuild()),
        }
        if renewed {
            model.stamp_paths();
        }
        model.check_factors()?;
        model.memory.items_mut().iter_mut().for_each(|item| item.let_go(None));
        Ok(model)
    }
}

impl TryFrom<UncheckedModel> for UserModel {
    type Error = DataError;
    fn try_from(unchecked: UncheckedModel) -> Result<Self, DataError> {
        let (model, due) = unchecked.assume(Vec::new())?;
        due.made(model)
    }
}

impl Serialize for UserModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written(self.written_items()).serialize(serializer)
    }
}

impl UserModel {
    /// The model as one portable JSON file, ending in a line feed. Equal models give equal bytes.
    ///
    /// # Panics
    /// Never: every value of a user model can be written as JSON.
    pub fn to_json(&self) -> String {
        self.json_of(self.written_items())
    }

    fn json_of(&self, items: Vec<WrittenItem<'_>>) -> String {
        let file = File { format: FORMAT_NAME.to_owned(), version: FORMAT_VERSION, model: self.written(items) };
        // Only a map with keys that are no strings, or a failing writer, could fail here; there is neither.
        let mut json = serde_json::to_string_pretty(&file).unwrap_or_default();
        json.push('\n');
        json
    }

    /// The file of [`to_json`](Self::to_json), made with pauses.
    pub(crate) async fn to_json_in_steps(&self) -> String {
        let (mut items, mut rest) = (Vec::with_capacity(self.memory.len()), self.memory.items());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(within(AT_ONCE, rest.iter().map(|item| item.query().text().len())));
            items.extend(crate::parallel::map(now, |item| item.written(Some(READER))));
            pause().await;
            rest = later;
        }
        self.json_of(items)
    }

    /// The file of [`to_json`](Self::to_json) on one line, for stores.
    pub fn to_json_line(&self) -> Vec<u8> {
        let file = File { format: FORMAT_NAME.to_owned(), version: FORMAT_VERSION, model: self };
        serde_json::to_vec(&file).unwrap_or_default()
    }

    /// The items as they are written.
    pub(super) fn written_items(&self) -> Vec<WrittenItem<'_>> {
        crate::parallel::map(self.memory.items(), |item| item.written(Some(READER)))
    }

    fn written<'m>(&'m self, memory: Vec<WrittenItem<'m>>) -> WrittenModel<'m> {
        let told = !self.is_derived();
        WrittenModel {
            user: &self.user,
            revision: self.revision,
            forgotten_at: self.forgotten_at,
            task: &self.task,
            provenance: &self.provenance,
            calibration: &self.calibration,
            decay: self.decay,
            grouping: &self.grouping,
            edits: &self.edits,
            snapshots: &self.snapshots,
            reader: memory.iter().any(WrittenItem::is_to_read).then(ReaderName::current),
            factors: told.then_some(&self.factors),
            set_aside: (told && !self.set_aside.is_empty()).then_some(&self.set_aside),
            memory,
        }
    }

    /// The file on one line with an empty memory, for one that keeps these items beside it.
    pub(super) fn to_head(&self, items: &[WrittenItem<'_>]) -> Vec<u8> {
        let reader = items.iter().any(WrittenItem::is_to_read).then(ReaderName::current);
        let model = WrittenModel { reader, ..self.written(Vec::new()) };
        let file = File { format: FORMAT_NAME.to_owned(), version: FORMAT_VERSION, model };
        serde_json::to_vec(&file).unwrap_or_default()
    }

    /// Factors that a file leaves out, for one that keeps them beside it.
    pub(super) fn derived_factors(&self) -> Option<Vec<u8>> {
        let factors = WrittenFactors { factors: &self.factors, set_aside: &self.set_aside };
        self.is_derived().then(|| serde_json::to_vec(&factors).unwrap_or_default())
    }

    /// Takes in what [`derived_factors`](Self::derived_factors) gave.
    fn take_derived(&mut self, factors: &[u8]) -> Result<(), DataError> {
        let read: UncheckedDerived = serde_json::from_slice(factors).map_err(|error| unreadable(&error))?;
        (self.factors, self.set_aside) = (read.factors.try_into()?, read.set_aside.try_into()?);
        self.derived = Derived(OnceLock::from(true));
        Ok(())
    }

    /// Reads a file that [`to_json`](Self::to_json) wrote, and checks it as [`new`](Self::new) does. Writing it again
    /// gives the same bytes. It blocks in proportion to what the texts say: a tenth of a second for some 200 kB of words that never recur. In
    /// async code read a large one where blocking is allowed.
    ///
    /// # Errors
    /// [`DataError::FutureVersion`] for a file of a later version; [`DataError::NotAUserModel`] with the place for
    /// anything that is no user model; otherwise the check that failed.
    pub fn from_json(json: &str) -> Result<Self, DataError> {
        Self::from_head(json, None, |_| Ok(Vec::new()))
    }

    /// The model of a file, of items that are kept beside it, which are read as the file's own are, and of
    /// [`derived_factors`](Self::derived_factors).
    ///
    /// # Errors
    /// As for [`from_json`](Self::from_json), and those of `items`.
    pub(super) fn from_head<E: From<DataError>>(
        json: &str,
        factors: Option<&[u8]>,
        items: impl FnOnce(Option<&ReaderName>) -> Result<Vec<MemoryItem>, E>,
    ) -> Result<Self, E> {
        let (unchecked, version) = open(json)?;
        let items = items(unchecked.reader.as_ref())?;
        let (mut model, mut due) = unchecked.assume(items)?;
        if let Some(factors) = factors.filter(|_| due == Due::Factors && version >= FIRST_LONG_IDS) {
            model.take_derived(factors)?;
            due = Due::Nothing;
        }
        if version == 1 {
            model.migrate_version_1();
        }
        let mut model = due.made(model)?;
        match version {
            // Its estimate was another one.
            1 => model.recalibrate(),
            // And so were its factors.
            2 | 3 => drop(model.rebuild()),
            _ => {}
        }
        Ok(model)
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

/// The content of a file, not yet checked, and its version.
fn open(json: &str) -> Result<(UncheckedModel, u32), DataError> {
    let bad = |problem| DataError::NotAUserModel { problem, line: 0, column: 0 };
    let Header { format, version } = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    if format != FORMAT_NAME {
        return Err(bad("its format field names another format"));
    }
    if version == 0 {
        return Err(bad("its version is 0, and versions begin at 1"));
    }
    if version > FORMAT_VERSION {
        return Err(DataError::FutureVersion { found: version, supported: FORMAT_VERSION });
    }
    let file: File<UncheckedModel> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    if version < FIRST_DERIVED && (file.model.factors.is_none() || file.model.reader.is_some()) {
        return Err(bad("it leaves out what its version does not"));
    }
    Ok((file.model, version))
}

/// The reader that a file names.
pub(super) fn head_reader(json: &str) -> Result<Option<Reader>, DataError> {
    head_reader_name(json)?.as_ref().map(ReaderName::reader).transpose()
}

fn head_reader_name(json: &str) -> Result<Option<ReaderName>, DataError> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        reader: Option<ReaderName>,
    }
    #[derive(Deserialize)]
    struct Named {
        model: Head,
    }
    let file: Named = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    Ok(file.model.reader)
}

/// True when the factors of a file are those that it was written with: its texts are read by the rule of today, or need none, and
/// their ids are in today's order.
pub(super) fn head_is_current(json: &str) -> Result<bool, DataError> {
    let Header { version, .. } = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    Ok(version >= FIRST_LONG_IDS && head_reader_name(json)?.is_none_or(|reader| reader.is_current()))
}

/// The first version whose factors have ids that no two features share.
const FIRST_LONG_IDS: u32 = 5;

/// The first version that leaves out what follows from the rest.
const FIRST_DERIVED: u32 = 4;
