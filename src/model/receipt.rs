//! The receipt of a forgetting, and the digest of a model.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::grouping::Grouping;
use crate::data::text::hex;
use crate::data::{Calibration, Decay, Edit, EditRecord, FactorId, FactorSet, ItemId, MemoryItem, Task, UserId};
use crate::model::{Provenance, UserModel};
use crate::pause::Pace;

pub use super::probe::Probe;

/// The receipt of a forgetting: what went, which places were searched for what remains of it, and which were not and why. It is as
/// good a proof as its [`Probe`] says ([`bears_out`](Probe::bears_out)). Holds ids and numbers, no text of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// Interactions that are gone, in canonical order.
    pub items: Vec<ItemId>,
    /// Interactions that are there and lost features.
    pub stripped: Vec<ItemId>,
    /// Different features that no interaction has any more.
    pub features: usize,
    /// Factors that are gone.
    pub factors: Vec<FactorId>,
    /// Reasoning paths that are gone: those of the interactions, and those of others that spoke of what is gone.
    pub paths: usize,
    /// Replies removed from response logs.
    pub log_records: usize,
    /// The model's [digest](UserModel::digest) before.
    pub digest_before: String,
    /// The model's digest after.
    pub digest_after: String,
    /// The model's revision after.
    pub revision: u64,
    /// A search of what remains for the text that was removed.
    pub probe: Probe,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "forgotten: {} interactions, {} features, {} factors, {} reasoning paths, {} logged replies",
            self.items.len(),
            self.features,
            self.factors.len(),
            self.paths,
            self.log_records
        )?;
        writeln!(
            f,
            "user model: {} before, {} after (revision {})",
            self.digest_before, self.digest_after, self.revision
        )?;
        self.probe.fmt(f)
    }
}

/// The content of a digest: everything but how the model came to be as it is.
#[derive(Serialize)]
struct Content<'m> {
    user: &'m UserId,
    task: &'m Task,
    provenance: &'m Provenance,
    calibration: &'m Calibration,
    decay: Option<Decay>,
    grouping: &'m Grouping,
    edits: Vec<&'m Edit>,
    factors: &'m FactorSet,
    set_aside: &'m FactorSet,
    /// Its items, one by one, stand here.
    memory: [MemoryItem; 0],
}

impl UserModel {
    /// SHA-256 over the model's content, in hexadecimal: everything but the revision, the snapshots and edits that were
    /// taken back. Models with the same digest answer alike, whatever happened to them before.
    pub fn digest(&self) -> String {
        let mut digest = self.begun_digest();
        digest.take(self.memory.items());
        digest.end()
    }

    /// The same with pauses.
    pub(crate) async fn digest_in_steps(&self) -> String {
        let mut digest = self.begun_digest();
        let mut pace = Pace::default();
        for item in self.memory.items() {
            pace.step(item.query().text().len()).await;
            digest.take(std::slice::from_ref(item));
        }
        digest.end()
    }

    fn begun_digest(&self) -> Digesting {
        let content = Content {
            user: &self.user,
            task: &self.task,
            provenance: &self.provenance,
            calibration: &self.calibration,
            decay: self.decay,
            grouping: &self.grouping,
            edits: self.edits_in_force().into_iter().map(EditRecord::edit).collect(),
            factors: &self.factors,
            set_aside: &self.set_aside,
            memory: [],
        };
        let json = serde_json::to_vec(&content).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(json.strip_suffix(END).unwrap_or(&json));
        Digesting { hash, is_first: true }
    }
}

/// How a content ends.
const END: &[u8] = b"]}";

/// A digest whose items are being taken in.
struct Digesting {
    hash: Sha256,
    is_first: bool,
}

impl Digesting {
    fn take(&mut self, items: &[MemoryItem]) {
        for item in items {
            let mut since_the_start = item.clone();
            since_the_start.after = 0;
            if !std::mem::replace(&mut self.is_first, false) {
                self.hash.update(b",");
            }
            self.hash.update(serde_json::to_vec(&since_the_start).unwrap_or_default());
        }
    }

    fn end(mut self) -> String {
        self.hash.update(END);
        hex(&self.hash.finalize())
    }
}
