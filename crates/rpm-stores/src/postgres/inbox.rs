//! Interactions that wait to be observed, kept until they are in their user's model.

use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;

use rpm_core::data::{Interaction, ItemId, UserId};
use rpm_core::model::UserModel;
use rpm_core::store::StoreError;

use super::error::failed;
use super::{PostgresStore, Value, rows, statements};

/// Interactions that wait to be observed, beside the models of a [`PostgresStore`]; made by [`PostgresStore::inbox`].
///
/// What was put waits until a worker [takes it into](PostgresStore::taking) the user's model: it leaves the inbox in the transaction that
/// saves the model, so that it is in effect once, whoever is killed when, and however often it was read. An id waits once, and
/// one that was [forgotten](Self::forget) never again, so that whoever does not know whether a put arrived may put it again.
///
/// ```text
/// put ──► waits ──► read by a worker ──► observed ──► saved with the model, and gone from here, in one transaction
///                        ▲───────────────────┘ killed, or another was faster: nothing was saved
/// ```
#[derive(Debug, Clone)]
pub struct Inbox {
    pub(super) store: PostgresStore,
}

/// What became of an interaction that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Put {
    /// It waits.
    Waits,
    /// One with its id waits already; it stays as it is.
    Twice,
    /// The user forgot the item of this id. It is not taken in again; what is new gets an id of its own.
    Forgotten,
}

/// Interactions of one user that were read, in the order in which they were put.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The interactions.
    pub interactions: Vec<Interaction>,
    /// Their places in the inbox.
    pub(super) places: Vec<i64>,
}

/// What waits in an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Depth {
    /// Users of whom something waits.
    pub users: u64,
    /// Interactions that wait.
    pub interactions: u64,
    /// Since when the oldest does; zero when nothing waits.
    pub lag: Duration,
    /// Interactions that were [set aside](Inbox::put_off), and do not wait.
    pub aside: u64,
}

/// What a forgetting took out of an inbox and out of the replies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Gone {
    /// The ids of interactions that waited or were set aside.
    pub items: Vec<ItemId>,
    /// Replies that were paid for.
    pub replies: u64,
}

impl PostgresStore {
    /// The interactions that wait beside its models.
    pub fn inbox(&self) -> Inbox {
        Inbox { store: self.clone() }
    }
}

impl Inbox {
    /// Keeps interactions until they are observed, safely once it returns. One [`Put`] for each, in their order.
    ///
    /// # Errors
    /// [`StoreError`]; then they may wait or not, and can be put again.
    pub async fn put(&self, user: &UserId, interactions: &[Interaction]) -> Result<Vec<Put>, StoreError> {
        let ids: Vec<&str> = interactions.iter().map(|interaction| interaction.id().as_str()).collect();
        let events: Vec<Vec<u8>> =
            interactions.iter().map(serde_json::to_vec).collect::<Result<_, _>>().map_err(StoreError::permanent)?;
        let values: [Value<'_>; 3] =
            [(&user.as_str(), Type::TEXT), (&ids, Type::TEXT_ARRAY), (&events, Type::BYTEA_ARRAY)];
        let inner = &self.store.inner;
        let mut connection = inner.connections.one().await?;
        let transaction = connection.transaction().await.map_err(failed)?;
        // In a statement before: the one that puts sees what was forgotten by then.
        transaction.query_typed(&inner.sql(statements::NOBODY_FORGETS), &values[..1]).await.map_err(failed)?;
        let rows = transaction.query_typed(&inner.sql(statements::PUT), &values).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        let put = |row: &tokio_postgres::Row| -> Result<Put, tokio_postgres::Error> {
            Ok(match (row.try_get(0)?, row.try_get(1)?) {
                (_, true) => Put::Forgotten,
                (true, _) => Put::Waits,
                (false, false) => Put::Twice,
            })
        };
        rows.iter().map(put).collect::<Result<_, _>>().map_err(failed)
    }

    /// At most `most` of the user's interactions that wait and were not [put off](Self::put_off), those that were put first. Others may
    /// read the same.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Damaged`] where what waits is no interaction.
    pub async fn waiting(&self, user: &UserId, most: usize) -> Result<Waiting, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let values: [Value<'_>; 2] = [(&user.as_str(), Type::TEXT), (&most, Type::INT8)];
        let rows = self.store.inner.all(statements::WAITING, &values).await?;
        let (mut interactions, mut places) = (Vec::new(), Vec::new());
        for row in &rows {
            places.push(row.try_get(0).map_err(failed)?);
            let event: &[u8] = row.try_get(1).map_err(failed)?;
            // What it says is not told: it may quote the text.
            let read = serde_json::from_slice(event);
            interactions.push(read.map_err(|_| StoreError::Damaged { source: "what waits is no interaction".into() })?);
        }
        Ok(Waiting { interactions, places })
    }

    /// Takes interactions out that changed nothing in their user's model: it has them already, or they cannot be taken in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard(&self, user: &UserId, waiting: &Waiting) -> Result<(), StoreError> {
        let values: [Value<'_>; 2] = [(&user.as_str(), Type::TEXT), (&waiting.places, Type::INT8_ARRAY)];
        self.store.inner.all(statements::TAKE, &values).await.map(|_| ())
    }

    /// Takes out what waits of these items, with the replies about them that were paid for, and enters that they are forgotten: an
    /// item of such an id is not put again, nor taken in by whoever has read it, and no reply about it is kept. `None` for all that
    /// waits and all replies, without entering ids; the user's later interactions are taken in. Says what went.
    ///
    /// To be called before [`StoredPipeline::forget`](rpm_core::StoredPipeline::forget), which takes what was observed out of the
    /// model. [`delete`](rpm_core::store::UserModelStore::delete) needs no such call: it takes out all that is held of a user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, user: &UserId, items: Option<&[ItemId]>) -> Result<Gone, StoreError> {
        let inner = &self.store.inner;
        let ids: Option<Vec<&str>> = items.map(|items| items.iter().map(ItemId::as_str).collect());
        let mut connection = inner.connections.one().await?;
        let transaction = connection.transaction().await.map_err(failed)?;
        let whose = user.as_str();
        // Whoever is about to put an interaction or keep a reply has done so, or does it afterwards and finds the ids.
        let alone = inner.sql(statements::NOBODY_PUTS);
        transaction.query_typed(&alone, &[(&whose, Type::TEXT)]).await.map_err(failed)?;
        let values: [Value<'_>; 2] = [(&whose, Type::TEXT), (&ids, Type::TEXT_ARRAY)];
        let rows = transaction.query_typed(&inner.sql(statements::FORGET), &values).await.map_err(failed)?;
        let gone = rows.first().map_or_else(|| Ok(Gone::default()), gone)?;
        transaction.commit().await.map_err(failed)?;
        Ok(gone)
    }

    /// Takes out the replies about items that stay, of which something was forgotten. Says how many. Those about them that are still to come
    /// are kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_replies(&self, user: &UserId, items: &[ItemId]) -> Result<u64, StoreError> {
        let ids: Vec<&str> = items.iter().map(ItemId::as_str).collect();
        let values: [Value<'_>; 2] = [(&user.as_str(), Type::TEXT), (&ids, Type::TEXT_ARRAY)];
        let row = self.store.inner.one(statements::FORGET_REPLIES, &values).await?;
        Ok(row.map_or(Ok(0), |row| row.try_get::<_, i64>(0)).map_err(failed)?.unsigned_abs())
    }

    /// How much waits, and how long. Reads the whole inbox: for a dashboard, now and then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn depth(&self) -> Result<Depth, StoreError> {
        let row = self.store.inner.one(statements::DEPTH, &[]).await?;
        let Some(row) = row else { return Ok(Depth::default()) };
        let [users, interactions, aside] = [0, 1, 3].map(|column| row.try_get::<_, i64>(column).map_err(failed));
        let lag: f64 = row.try_get(2).map_err(failed)?;
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        let lag = Duration::try_from_secs_f64(lag).unwrap_or_default();
        Ok(Depth { users: count(users?), interactions: count(interactions?), lag, aside: count(aside?) })
    }

    /// At most `limit` users of whom something waits that was not [put off](Self::put_off), those after `after`, in ascending order of their bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn users(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = after.map_or("", UserId::as_str);
        let values: [Value<'_>; 2] = [(&after, Type::TEXT), (&limit, Type::INT8)];
        self.store.inner.all(statements::WHO_WAITS, &values).await?.iter().map(rows::user).collect()
    }

    /// The same of whom something could have been observed for longer than this, and was not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn overdue(
        &self,
        longer: Duration,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (after, seconds) = (after.map_or("", UserId::as_str), longer.as_secs_f64());
        let values: [Value<'_>; 3] = [(&after, Type::TEXT), (&limit, Type::INT8), (&seconds, Type::FLOAT8)];
        self.store.inner.all(statements::OVERDUE, &values).await?.iter().map(rows::user).collect()
    }

    /// Those of the users of whom nothing is here, neither waiting nor put off nor set aside.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn idle(&self, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        let users: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let values: [Value<'_>; 1] = [(&users, Type::TEXT_ARRAY)];
        self.store.inner.all(statements::NOTHING_OF, &values).await?.iter().map(rows::user).collect()
    }
}

impl Waiting {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.interactions.len()
    }

    /// Those of them for which this holds.
    #[must_use]
    pub fn only(&self, holds: impl Fn(&Interaction) -> bool) -> Self {
        let all = self.interactions.iter().zip(&self.places).filter(|(interaction, _)| holds(interaction));
        let (interactions, places) = all.map(|(interaction, place)| (interaction.clone(), *place)).unzip();
        Self { interactions, places }
    }

    /// Those that a model does not hold, the same in all.
    pub(super) fn without_those_in(&self, model: &UserModel) -> Self {
        self.only(|new| model.memory().get(new.id()).is_none_or(|item| item.interaction() != new))
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.interactions.is_empty()
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("interactions", &self.interactions.len()).finish_non_exhaustive()
    }
}

/// What a forgetting says that it took out.
fn gone(row: &tokio_postgres::Row) -> Result<Gone, StoreError> {
    let ids: Vec<&str> = row.try_get(0).map_err(failed)?;
    let id = |id: &str| ItemId::new(id).map_err(|source| StoreError::Damaged { source: source.into() });
    let replies: i64 = row.try_get(1).map_err(failed)?;
    Ok(Gone { items: ids.into_iter().map(id).collect::<Result<_, _>>()?, replies: replies.unsigned_abs() })
}

/// Holds or takes out places within a transaction; false when one of them was not there.
pub(super) async fn has_all(
    transaction: &Transaction<'_>,
    statement: &str,
    user: &UserId,
    places: &[i64],
) -> Result<bool, StoreError> {
    let values: [Value<'_>; 2] = [(&user.as_str(), Type::TEXT), (&places, Type::INT8_ARRAY)];
    let rows = transaction.query_typed(statement, &values).await.map_err(failed)?;
    let taken: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
    Ok(usize::try_from(taken) == Ok(places.len()))
}
