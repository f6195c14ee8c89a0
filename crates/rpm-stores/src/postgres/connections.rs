//! Connections of the host's pool, whichever executor asks for one.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::runtime::Handle;

use rpm_core::store::StoreError;

use super::error::no_connection;

/// A pool, and the runtime that its connections run on.
pub(super) struct Connections {
    pool: Pool,
    runtime: Handle,
}

impl Connections {
    /// With the runtime that this is called in.
    pub(super) fn of(pool: Pool) -> Result<Self, StoreError> {
        let runtime = Handle::try_current()
            .map_err(|_| StoreError::permanent("a store in Postgres is opened within a tokio runtime"))?;
        Ok(Self { pool, runtime })
    }

    /// A connection, which goes back when it is dropped.
    pub(super) async fn one(&self) -> Result<Object, StoreError> {
        let mut getting = pin!(self.pool.get());
        let connected = poll_fn(|context| {
            let _within = self.runtime.enter();
            getting.as_mut().poll(context)
        });
        connected.await.map_err(no_connection)
    }

    /// Does work that takes long on a thread of the runtime's for that.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.runtime.spawn_blocking(work).await;
        done.map_err(|_| StoreError::transient("the runtime ended before the model was read"))
    }

    /// Waits, on the runtime's time driver.
    pub(super) async fn sleep(&self, time: Duration) {
        let sleep = {
            let _within = self.runtime.enter();
            tokio::time::sleep(time)
        };
        sleep.await;
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }
}
