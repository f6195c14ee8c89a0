//! What each user adds to a sum over all users, kept with the model that it is of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio_postgres::types::Type;

use rpm_core::data::UserId;
use rpm_core::model::UserModel;
use rpm_core::store::StoreError;

use super::error::failed;
use super::{PostgresStore, Value, rows, statements};

/// A user's part of a sum, such as the text of a [`Census`](rpm_core::stats::population::Census).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// Which sum.
    pub kind: String,
    /// What the user adds to it. As private as the model.
    pub bytes: Vec<u8>,
}

/// The parts of a model.
pub(super) type PartsOf = Arc<dyn Fn(&UserModel) -> Vec<Part> + Send + Sync>;

impl Part {
    /// A part of the sum of this kind.
    pub fn new(kind: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { kind: kind.into(), bytes: bytes.into() }
    }
}

impl PostgresStore {
    /// This store with each user's parts of sums over all users kept beside the model: `of` is asked at each save, and what it gives is
    /// written in the transaction that saves the model, in the place of what was there, so that the two agree. They go with the user, and with a
    /// forgetting by a store that keeps none; other saves by such a store leave them [behind](super::Finding::PartsBehind). Let it be
    /// quick and not panic: it is called where the save is awaited.
    #[must_use]
    pub fn keeping_parts(mut self, of: impl Fn(&UserModel) -> Vec<Part> + Send + Sync + 'static) -> Self {
        self.parts_of = Some(Arc::new(of));
        self
    }

    /// The kinds and the bytes of a model's parts, one of each kind: the last.
    pub(super) fn parts_of(&self, model: &UserModel) -> (Vec<String>, Vec<Vec<u8>>) {
        let parts = self.parts_of.as_ref().map(|of| of(model)).unwrap_or_default();
        let of_kinds: BTreeMap<String, Vec<u8>> = parts.into_iter().map(|part| (part.kind, part.bytes)).collect();
        of_kinds.into_iter().unzip()
    }

    /// The parts of one kind of at most `limit` users, those after `after`, in ascending order of their ids' bytes. Fewer than
    /// `limit` means that there are no more. Users that come and go between two pages may be missed; others are not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parts(
        &self,
        kind: &str,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<(UserId, Vec<u8>)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = after.map_or("", UserId::as_str);
        let values: [Value<'_>; 3] = [(&kind, Type::TEXT), (&after, Type::TEXT), (&limit, Type::INT8)];
        let found = self.inner.all(statements::PARTS, &values).await?;
        found.iter().map(|row| Ok((rows::user(row)?, row.try_get(1).map_err(failed)?))).collect()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("kind", &self.kind).field("bytes", &self.bytes.len()).finish()
    }
}
