use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What was computed from a memory and can be computed again: indexes and vectors, by the fingerprint of what made them.
///
/// Never saved, never compared, shared by clones. Whoever changes the memory starts a new one.
#[derive(Clone, Default)]
pub(crate) struct Derived(Arc<Mutex<BTreeMap<String, Arc<dyn Any + Send + Sync>>>>);

impl Derived {
    /// The value under `fingerprint`, if it is there and of the type asked for.
    pub(crate) fn get<T: Any + Send + Sync>(&self, fingerprint: &str) -> Option<Arc<T>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(fingerprint).cloned().and_then(|value| value.downcast().ok())
    }

    /// Takes a value out: the value itself when nobody else holds it, else a copy, and it stays with the clones.
    pub(crate) fn take<T: Any + Send + Sync + Clone>(&self, fingerprint: &str) -> Option<T> {
        if Arc::strong_count(&self.0) > 1 {
            return self.get::<T>(fingerprint).map(Arc::unwrap_or_clone);
        }
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(fingerprint)?;
        value.downcast::<T>().ok().map(Arc::unwrap_or_clone)
    }

    /// The same values under no name of these, no longer shared with clones.
    pub(crate) fn without(&self, fingerprints: &[&str]) -> Self {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.retain(|name, _| !fingerprints.contains(&name.as_str()));
        Self(Arc::new(Mutex::new(entries)))
    }

    /// Keeps a value. Two threads that computed the same value at once both find one of them afterwards.
    pub(crate) fn put<T: Any + Send + Sync>(&self, fingerprint: &str, value: Arc<T>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(fingerprint.to_owned(), value);
    }
}

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived")
    }
}
