//! What indexes of embedded texts are kept under, and how they are found again after a change of the memory.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::{MemoryChange, MemoryItem, ReasoningMemory};
use crate::embed::Embedder;
use crate::prompt::StageContext;

use super::vectors::Screening;

/// Names everything that an index of embedded texts depends on apart from the memory and a redaction hook.
pub(super) fn own_name(kind: &str, screening: Screening, embedder: &dyn Embedder) -> String {
    format!("{kind} {screening:?} {}", embedder.fingerprint())
}

/// Whether an index of this name is [`own`](own_name), whatever a redaction hook left: that is looked at when the index
/// is asked for.
pub(super) fn is_own(name: &str, own: &str) -> bool {
    name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(REDACTED))
}

/// Stands before the digest of redacted texts.
const REDACTED: &str = " redacted ";

/// An item's texts to embed, as they may leave.
pub(super) type Texts = fn(&MemoryItem, &StageContext<'_>) -> Vec<String>;

/// The indexes of one kind and embedder, as one context may see them.
pub(super) struct Embedded<'a> {
    own: String,
    texts: Texts,
    ctx: &'a StageContext<'a>,
}

/// The name of an index. With a redaction hook it depends on what that leaves of the items, since another hook leaves
/// something else: a mark of each item's texts is then kept, so that a change of some items need not look at all.
pub(super) struct Name {
    name: String,
    marks: Option<Vec<u64>>,
}

/// By the names of a memory's indexes of redacted texts, the items' marks.
#[derive(Clone, Default)]
struct Redacted(Arc<Mutex<BTreeMap<String, Vec<u64>>>>);

impl<'a> Embedded<'a> {
    pub(super) fn new(own: String, texts: Texts, ctx: &'a StageContext<'a>) -> Self {
        Self { own, texts, ctx }
    }

    /// What the index of this memory is kept under.
    pub(super) fn name(&self, memory: &ReasoningMemory) -> Name {
        let redacted = self.ctx.redacts();
        self.named(redacted.then(|| memory.items().iter().map(|item| mark(&(self.texts)(item, self.ctx))).collect()))
    }

    /// The index that is kept under this name.
    pub(super) fn ready<I: Any + Send + Sync>(
        &self,
        memory: &ReasoningMemory,
        name: Name,
    ) -> Result<(String, Arc<I>), Name> {
        match memory.ready(&name.name) {
            Some(index) => Ok((self.note(memory, name), index)),
            None => Err(name),
        }
    }

    /// Keeps an index.
    pub(super) fn keep<I: Any + Send + Sync>(
        &self,
        memory: &ReasoningMemory,
        name: Name,
        index: I,
    ) -> (String, Arc<I>) {
        let index = memory.derived(&name.name, |_| index);
        (self.note(memory, name), index)
    }

    /// The texts of the items that came, in the order of the items.
    pub(super) fn came(&self, memory: &ReasoningMemory, change: &MemoryChange) -> Vec<Vec<String>> {
        inserted(memory, change).map(|item| (self.texts)(item, self.ctx)).collect()
    }

    /// The indexes of the memory before the change, each with the name it has once it is brought up to date, given the
    /// texts of the items that [`came`](Self::came).
    ///
    /// A hook is not asked about the items that stayed: what was embedded of them is what the name says. Only an index
    /// that was unpacked and not yet asked has no marks, and is found by asking it, if no item went.
    pub(super) fn take<I: Any + Send + Sync + Clone>(
        &self,
        memory: &ReasoningMemory,
        change: &MemoryChange,
        came: &[Vec<String>],
    ) -> Vec<(Name, I)> {
        if !self.ctx.redacts() {
            return change.take(&self.own).map(|index| (self.named(None), index)).into_iter().collect();
        }
        let noted = change.take::<Redacted>(&self.notes()).map(|Redacted(noted)| {
            noted.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>()
        });
        let before = noted.unwrap_or_else(|| match change.removed() {
            [] => vec![stayed(memory, change).map(|item| mark(&(self.texts)(item, self.ctx))).collect()],
            _ => Vec::new(),
        });
        let brought = |marks: Vec<u64>| {
            let index = change.take(&self.named(Some(marks.clone())).name)?;
            let stayed = marks.into_iter().enumerate().filter(|(at, _)| change.removed().binary_search(at).is_err());
            let (mut stayed, mut came) = (stayed.map(|(_, mark)| mark), came.iter().map(|texts| mark(texts)));
            let next = |at| if is_new(at, change) { came.next() } else { stayed.next() };
            Some((self.named(Some((0..memory.len()).filter_map(next).collect())), index))
        };
        before.into_iter().filter_map(brought).collect()
    }

    fn named(&self, marks: Option<Vec<u64>>) -> Name {
        let digest = |marks: &Vec<u64>| marks.iter().fold(START, |digest, mark| hashed(digest, &mark.to_le_bytes()));
        let redacted = marks.as_ref().map(|marks| format!("{REDACTED}{:016x}", digest(marks)));
        Name { name: format!("{}{}", self.own, redacted.unwrap_or_default()), marks }
    }

    /// What the marks are kept under.
    fn notes(&self) -> String {
        format!("{} marks", self.own)
    }

    fn note(&self, memory: &ReasoningMemory, Name { name, marks }: Name) -> String {
        if let Some(marks) = marks {
            let noted = memory.derived(&self.notes(), |_| Redacted::default());
            noted.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_insert(marks);
        }
        name
    }
}

fn is_new(at: usize, change: &MemoryChange) -> bool {
    change.inserted().binary_search(&at).is_ok()
}

fn inserted<'a>(memory: &'a ReasoningMemory, change: &'a MemoryChange) -> impl Iterator<Item = &'a MemoryItem> {
    change.inserted().iter().filter_map(|&at| memory.items().get(at))
}

fn stayed<'a>(memory: &'a ReasoningMemory, change: &'a MemoryChange) -> impl Iterator<Item = &'a MemoryItem> {
    memory.items().iter().enumerate().filter(|&(at, _)| !is_new(at, change)).map(|(_, item)| item)
}

/// A number for an item's texts.
fn mark(texts: &[String]) -> u64 {
    texts.iter().fold(START, |mark, text| {
        let mark = hashed(mark, &(text.len() as u64).to_le_bytes());
        hashed(mark, text.as_bytes())
    })
}

/// The hash of nothing.
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// 64-bit FNV-1a: a packed index is found by its name in other processes and versions, which std's hasher does not
/// promise.
fn hashed(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
