//! Interactions that wait and cannot be observed: tried again later and later, and in the end set aside, where they are seen.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use rpm_core::data::{ItemId, UserId};
use rpm_core::store::StoreError;

use super::error::failed;
use super::{Inbox, Value, rows, statements};

/// An interaction that was set aside: it stays in the inbox, and nobody reads it until it is [tried again](Inbox::try_again) or
/// [forgotten](Inbox::forget).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aside {
    /// Whose it is.
    pub user: UserId,
    /// Its id.
    pub item: ItemId,
    /// Why, as [`Inbox::put_off`] was told.
    pub why: String,
    /// How often it was tried.
    pub tries: u32,
}

impl Inbox {
    /// Notes that interactions of these ids could not be observed, each with a word that says why and quotes nothing of the user. They do
    /// not wait for 2 minutes, the next time for 4, and so on, 6 hours at most, so that others go first; who failed `most` times is set
    /// aside for good, which with 12 is after some 20 hours. With 0 they are set aside now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_off(&self, user: &UserId, items: &[(ItemId, &str)], most: u32) -> Result<(), StoreError> {
        let (ids, why): (Vec<&str>, Vec<&str>) = items.iter().map(|(id, why)| (id.as_str(), *why)).unzip();
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let values: [Value<'_>; 4] =
            [(&user.as_str(), Type::TEXT), (&ids, Type::TEXT_ARRAY), (&why, Type::TEXT_ARRAY), (&most, Type::INT4)];
        self.store.inner.all(statements::PUT_OFF, &values).await.map(|_| ())
    }

    /// Has all of the user's interactions wait again that were put off or set aside. Says how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn try_again(&self, user: &UserId) -> Result<u64, StoreError> {
        let row = self.store.inner.one(statements::TRY_AGAIN, &[(&user.as_str(), Type::TEXT)]).await?;
        let again: i64 = row.map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
        Ok(again.unsigned_abs())
    }

    /// How many of the user's interactions are here: those that wait, were put off or set aside.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of(&self, user: &UserId) -> Result<u64, StoreError> {
        let row = self.store.inner.one(statements::OF, &[(&user.as_str(), Type::TEXT)]).await?;
        let all: i64 = row.map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
        Ok(all.unsigned_abs())
    }

    /// At most `limit` interactions that were set aside, those after one of them, in ascending order of their users and ids. Reads the
    /// whole inbox.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn aside(&self, after: Option<&Aside>, limit: usize) -> Result<Vec<Aside>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (user, item) = after.map_or(("", ""), |aside| (aside.user.as_str(), aside.item.as_str()));
        let values: [Value<'_>; 3] = [(&user, Type::TEXT), (&item, Type::TEXT), (&limit, Type::INT8)];
        self.store.inner.all(statements::ASIDE, &values).await?.iter().map(aside).collect()
    }
}

fn aside(row: &Row) -> Result<Aside, StoreError> {
    let item: &str = row.try_get(1).map_err(failed)?;
    let item = ItemId::new(item).map_err(|source| StoreError::Damaged { source: source.into() })?;
    let why: Option<String> = row.try_get(2).map_err(failed)?;
    let tries: i32 = row.try_get(3).map_err(failed)?;
    Ok(Aside { user: rows::user(row)?, item, why: why.unwrap_or_default(), tries: tries.unsigned_abs() })
}
