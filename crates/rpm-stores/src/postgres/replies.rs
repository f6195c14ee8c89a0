//! Replies that were paid for, shared by all processes on a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;

use rpm_core::data::UserId;
use rpm_core::llm::{Capabilities, Endpoint, FinishReason, RequestKey, TokenChoices, Usage};
use rpm_core::store::{StoreError, UserModelStore as _};
use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend};

use super::error::failed;
use super::{PostgresStore, Value, rows, statements};

/// The replies of one user that were paid for, in a [`PostgresStore`]; made by [`PostgresStore::replies`].
///
/// What a [`ResponseLog`](rpm_core::llm::ResponseLog) is to one process this is to many: a reply that one worker paid for serves all, and
/// work that was killed goes on where it was. Each user has replies of their own. They go with the user, and with the items
/// that they are about ([`Inbox::forget`](super::Inbox::forget)): no reply is kept for a user who was deleted since this was made, and none about a
/// forgotten item.
#[derive(Debug, Clone)]
pub struct Replies {
    store: PostgresStore,
    user: UserId,
    /// The user's life in the store when this was made.
    life: i64,
}

/// A backend that answers from a user's [`Replies`] where it can, and keeps what it pays for; made by [`Replies::wrap`].
///
/// Put it around what talks to the provider, with retries, and an [`Allowance`](super::Allowance) within those, inside it: a reply that is kept
/// is no call. Kept are
/// replies that ended by themselves or at the length limit. Where the database cannot be asked the call fails, with
/// [`BackendError::Transient`]: it may have the reply. A reply that cannot be kept is given all the same.
#[derive(Clone)]
#[must_use = "a backend does nothing until it is asked"]
pub struct PaidOnce {
    replies: Replies,
    backend: Arc<dyn LlmBackend>,
}

/// A reply as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    text: String,
    cut: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<[u64; 3]>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    likeliest: Vec<TokenChoices>,
}

impl PostgresStore {
    /// The replies of a user, for work that begins now. Reserves the place of a user who is not there, so that a deletion meanwhile
    /// is seen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replies(&self, user: &UserId) -> Result<Replies, StoreError> {
        let (life, _) = rows::numbers(self.reserve(user).await?).ok_or(StoreError::Conflict)?;
        Ok(Replies { store: self.clone(), user: user.clone(), life })
    }

    /// The replies of a user who has a model; nothing for anybody else, whose place is not reserved by that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replies_of_known(&self, user: &UserId) -> Result<Option<Replies>, StoreError> {
        let Some(version) = self.version(user).await? else { return Ok(None) };
        let (life, _) = rows::numbers(version).ok_or(StoreError::Conflict)?;
        Ok(Some(Replies { store: self.clone(), user: user.clone(), life }))
    }
}

impl Replies {
    /// A backend that answers from these replies where it can and asks `backend` where it must.
    pub fn wrap(self, backend: impl LlmBackend + 'static) -> PaidOnce {
        PaidOnce { replies: self, backend: Arc::new(backend) }
    }

    async fn find(&self, key: &[u8]) -> Result<Option<Completion>, StoreError> {
        let inner = &self.store.inner;
        let values: [Value<'_>; 2] = [(&self.user.as_str(), Type::TEXT), (&key, Type::BYTEA)];
        let Some(row) = inner.one(statements::REPLY, &values).await? else { return Ok(None) };
        let bytes: &[u8] = row.try_get(0).map_err(failed)?;
        // One that cannot be read is asked for again.
        Ok(serde_json::from_slice::<Kept>(bytes).ok().map(Completion::from))
    }

    /// Keeps a reply, unless its user was deleted since or forgot one of the items.
    async fn keep(&self, key: &[u8], about: &[String], completion: &Completion) -> Result<(), StoreError> {
        let Some(kept) = Kept::of(completion) else { return Ok(()) };
        let bytes = serde_json::to_vec(&kept).map_err(StoreError::permanent)?;
        let inner = &self.store.inner;
        let mut connection = inner.connections.one().await?;
        let transaction = connection.transaction().await.map_err(failed)?;
        let user = self.user.as_str();
        let held =
            transaction.query_typed(&inner.sql(statements::HELD_FAST), &[(&user, Type::TEXT)]).await.map_err(failed)?;
        let life: Option<i64> = held.first().map_or(Ok(None), |row| row.try_get(0)).map_err(failed)?;
        if life == Some(self.life) {
            let values: [Value<'_>; 4] =
                [(&user, Type::TEXT), (&key, Type::BYTEA), (&about, Type::TEXT_ARRAY), (&bytes, Type::BYTEA)];
            transaction.query_typed(&inner.sql(statements::KEEP_REPLY), &values).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }
}

impl Kept {
    fn of(completion: &Completion) -> Option<Self> {
        let cut = match completion.finish {
            FinishReason::Stop => false,
            FinishReason::Length => true,
            _ => return None,
        };
        let usage = completion.usage.map(|usage| [usage.input_tokens, usage.output_tokens, usage.cached_tokens]);
        Some(Self { text: completion.text.clone(), cut, usage, likeliest: completion.tokens.clone() })
    }
}

impl From<Kept> for Completion {
    fn from(kept: Kept) -> Self {
        let finish = if kept.cut { FinishReason::Length } else { FinishReason::Stop };
        let mut completion = Self::new(kept.text).finish(finish);
        completion.usage = kept.usage.map(|[input_tokens, output_tokens, cached_tokens]| Usage {
            input_tokens,
            output_tokens,
            cached_tokens,
        });
        completion.tokens = kept.likeliest;
        completion
    }
}

#[async_trait]
impl LlmBackend for PaidOnce {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let key = RequestKey::of(self.backend.model(), request);
        let key = key.as_bytes();
        if let Some(completion) = self.replies.find(key).await.map_err(BackendError::transient)? {
            request.reused();
            return Ok(completion);
        }
        let attempt = (!self.backend.meters()).then(|| request.begin()).transpose()?;
        let result = self.backend.complete(request).await;
        if let Some(attempt) = attempt {
            attempt.end(&result);
        }
        let completion = result?;
        // It was paid for: whoever asked gets it.
        let _ = self.replies.keep(key, &request.about, &completion).await;
        Ok(completion)
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn model(&self) -> &str {
        self.backend.model()
    }

    fn meters(&self) -> bool {
        true
    }

    fn endpoint(&self) -> Endpoint<'_> {
        self.backend.endpoint()
    }

    fn name(&self) -> &str {
        self.backend.name()
    }
}

impl fmt::Debug for PaidOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaidOnce").field("backend", &self.backend.name()).finish_non_exhaustive()
    }
}
