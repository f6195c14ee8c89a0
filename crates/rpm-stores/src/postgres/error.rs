//! What a database's errors are to a caller, without what they say of the rows.

use std::error::Error as _;
use std::io;

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, SqlState};

use rpm_core::store::StoreError;

/// Why the database refused. Messages about rows may quote them, and are left out.
#[derive(Debug, thiserror::Error)]
#[error("the database refused ({state}){}", .message.as_deref().map(|message| format!(": {message}")).unwrap_or_default())]
struct Refused {
    /// The SQLSTATE.
    state: String,
    /// The server's words, where they are about its objects and not about rows.
    message: Option<String>,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection to the database failed: {0}")]
struct Unreachable(&'static str);

/// The error of a statement.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(super) fn failed(error: tokio_postgres::Error) -> StoreError {
    if let Some(refused) = error.as_db_error() {
        return refused_by(refused);
    }
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match (error.is_closed(), io.map(io::Error::kind)) {
        (true, _) => StoreError::transient(Unreachable("it was closed")),
        (_, Some(io::ErrorKind::ConnectionRefused)) => StoreError::transient(Unreachable("nobody listens there")),
        (_, Some(io::ErrorKind::TimedOut)) => StoreError::transient(Unreachable("it timed out")),
        (_, Some(_)) => StoreError::transient(Unreachable("it was broken off")),
        (false, None) => StoreError::permanent(Unreachable("the client and the server do not understand each other")),
    }
}

/// The error of waiting for a connection.
pub(super) fn no_connection(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => failed(error),
        PoolError::Timeout(_) => StoreError::transient(Unreachable("none was free in time")),
        PoolError::Closed => StoreError::permanent(Unreachable("the pool is closed")),
        PoolError::NoRuntimeSpecified => {
            StoreError::permanent(Unreachable("the pool has time-outs and no runtime for them"))
        }
        PoolError::PostCreateHook(_) => StoreError::permanent(Unreachable("the pool's hook refused it")),
    }
}

fn refused_by(error: &DbError) -> StoreError {
    let state = error.code().code();
    let class = state.get(..2).unwrap_or_default();
    // Connections, authorization, catalogs, schemas, objects and rights, resources, limits and locks, an operator's doing, the system's.
    let is_of_objects = matches!(class, "08" | "0A" | "28" | "3D" | "3F" | "42" | "53" | "54" | "55" | "57" | "58");
    let message = is_of_objects.then(|| error.message().to_owned());
    let source = Refused { state: state.to_owned(), message };
    match (error.code(), class) {
        (&SqlState::DISK_FULL, _) => StoreError::Full { source: source.into() },
        (&SqlState::DATABASE_DROPPED, _) => StoreError::permanent(source),
        (_, "XX") => StoreError::Damaged { source: source.into() },
        (_, "08" | "25" | "40" | "53" | "55" | "57" | "58") => StoreError::transient(source),
        _ => StoreError::permanent(source),
    }
}
