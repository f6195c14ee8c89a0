//! Sessions with their owners: rmcp's sessions in memory, of which each is there for its own user alone.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, LocalSessionManagerError};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use rpm_core::UserId;

use crate::limits;
use crate::places::{Place, Places};

tokio::task_local! {
    /// The user of the request that is being answered.
    static OF: UserId;
}

/// Answers a request of this user: the sessions that are opened meanwhile are theirs, and no others are there.
pub(super) async fn of_user<T>(user: UserId, answering: impl Future<Output = T>) -> T {
    OF.scope(user, answering).await
}

/// rmcp's sessions in memory, and whose each is. rmcp knows no owner: whoever has a session's id could read its streams, answer its forms and end it.
pub(super) struct Sessions {
    inner: LocalSessionManager,
    places: Arc<Places>,
    /// The place that each session has taken, with its owner.
    owners: Mutex<HashMap<SessionId, Place>>,
}

impl Default for Sessions {
    fn default() -> Self {
        let inner = LocalSessionManager::default();
        Self { inner, places: Places::new(limits::SESSIONS), owners: Mutex::default() }
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionsError {
    /// The user has as many as they may.
    #[error("this user has {} sessions open: end one, or wait five minutes", limits::SESSIONS)]
    TooMany,
    /// The request is of nobody.
    #[error("the request is of no user")]
    Nobody,
    /// There is none, or it failed.
    #[error(transparent)]
    Session(#[from] LocalSessionManagerError),
}

impl Sessions {
    fn held(&self) -> MutexGuard<'_, HashMap<SessionId, Place>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True for a session of this user.
    pub(super) fn is_of(&self, id: &str, user: &UserId) -> bool {
        self.held().get(id).is_some_and(|place| place.user() == user)
    }

    /// The owner of each session.
    pub(super) fn owners(&self) -> Vec<UserId> {
        self.held().values().map(|place| place.user().clone()).collect()
    }

    /// Refuses a session that is not that of the request's user.
    fn check(&self, id: &SessionId) -> Result<(), SessionsError> {
        if OF.try_with(|user| self.is_of(id, user)).unwrap_or_default() {
            Ok(())
        } else {
            Err(LocalSessionManagerError::SessionNotFound(id.clone()).into())
        }
    }
}

impl SessionManager for Sessions {
    type Error = SessionsError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionsError> {
        let user = OF.try_with(Clone::clone).map_err(|_| SessionsError::Nobody)?;
        // Taken before anything is waited for, and given back when that fails.
        let place = self.places.take(&user).ok_or(SessionsError::TooMany)?;
        let (id, transport) = self.inner.create_session().await?;
        self.held().insert(id.clone(), place);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionsError> {
        self.check(id)?;
        Ok(self.inner.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionsError> {
        Ok(self.check(id).is_ok() && self.inner.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), SessionsError> {
        // Outside of a request it is the session's own end.
        if OF.try_with(|_| ()).is_ok() {
            self.check(id)?;
        }
        let closed = self.inner.close_session(id).await;
        self.held().remove(id);
        Ok(closed?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl futures_util::Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionsError> {
        self.check(id)?;
        Ok(self.inner.create_stream(id, message).await?)
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), SessionsError> {
        self.check(id)?;
        Ok(self.inner.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl futures_util::Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionsError> {
        self.check(id)?;
        Ok(self.inner.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl futures_util::Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionsError> {
        self.check(id)?;
        Ok(self.inner.resume(id, last_event_id).await?)
    }
}
