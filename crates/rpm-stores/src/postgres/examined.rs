//! What a store holds, and what in it does not agree; nothing is repaired.

use std::fmt;

use rpm_core::store::StoreError;

use super::error::failed;
use super::{PostgresStore, statements};

/// What [`PostgresStore::examine`] found, by number. Nothing of a user is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Examined {
    /// Users with a model.
    pub models: u64,
    /// Places that are reserved and hold no model: learnings under way, and such that did not end.
    pub reserved: u64,
    /// Interactions that wait.
    pub waiting: u64,
    /// Replies that are kept.
    pub replies: u64,
    /// Bytes of all tables with their indexes, as they are on the disk.
    pub bytes: u64,
    /// What does not agree, or waits to be done.
    pub findings: Vec<Finding>,
}

/// Something that an operator should look at, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finding {
    /// Parts of sums of users without a model. They are counted, though nobody is there: `DELETE` them.
    PartsOfNobody(u64),
    /// Parts of sums that are of an older model: it was saved by a store that keeps none. Saving the model anew mends each.
    PartsBehind(u64),
    /// Replies of users of whom nothing else is held. They are never read: [delete](rpm_core::store::UserModelStore::delete) such a user.
    LeftOfNobody(u64),
    /// Parts of the tables with deleted text that was not erased yet: call [`PostgresStore::compact`].
    NotErased(u64),
}

impl PostgresStore {
    /// Counts what is held, and looks for what does not agree. Reads all tables but the models themselves: for an operator, now and then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn examine(&self) -> Result<Examined, StoreError> {
        let row = self.inner.one(statements::EXAMINE, &[]).await?;
        let row = row.ok_or_else(|| StoreError::Damaged { source: "the tables could not be counted".into() })?;
        let mut counts = [0_u64; 9];
        for (column, count) in counts.iter_mut().enumerate() {
            *count = u64::try_from(row.try_get::<_, i64>(column).map_err(failed)?).unwrap_or_default();
        }
        let [models, reserved, waiting, replies, bytes, of_nobody, behind, left, not_erased] = counts;
        let findings = [
            Finding::PartsOfNobody(of_nobody),
            Finding::PartsBehind(behind),
            Finding::LeftOfNobody(left),
            Finding::NotErased(not_erased),
        ];
        let findings = findings.into_iter().filter(|finding| finding.count() > 0).collect();
        Ok(Examined { models, reserved, waiting, replies, bytes, findings })
    }
}

/// One number a line, and a line for each finding.
impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "users with a model: {}", self.models)?;
        writeln!(f, "places reserved without a model: {}", self.reserved)?;
        writeln!(f, "interactions in the inbox: {}", self.waiting)?;
        writeln!(f, "replies kept: {}", self.replies)?;
        write!(f, "bytes of all tables: {}", self.bytes)?;
        self.findings.iter().try_for_each(|finding| write!(f, "\nto be seen to: {finding}"))
    }
}

impl Finding {
    /// How often.
    pub fn count(self) -> u64 {
        match self {
            Self::PartsOfNobody(n) | Self::PartsBehind(n) | Self::LeftOfNobody(n) | Self::NotErased(n) => n,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PartsOfNobody(n) => write!(f, "{n} parts of sums are of users without a model: delete them"),
            Self::PartsBehind(n) => {
                write!(
                    f,
                    "{n} parts of sums are of an older model than is held: save those models through a store that keeps parts"
                )
            }
            Self::LeftOfNobody(n) => {
                write!(f, "{n} replies are of users of whom nothing else is held: delete those users")
            }
            Self::NotErased(n) => {
                write!(f, "{n} parts of the tables hold deleted text still: call `PostgresStore::compact`")
            }
        }
    }
}
