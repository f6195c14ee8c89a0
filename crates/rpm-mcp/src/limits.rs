//! What one call may bring.

/// Bytes of the text of one query: what rpm-core takes.
pub const QUERY_BYTES: usize = rpm_core::data::limits::QUERY_BYTES;
/// Bytes of one response or option: what rpm-core takes.
pub const RESPONSE_BYTES: usize = rpm_core::data::limits::RESPONSE_BYTES;
/// Bytes of an id, of the name of a factor, and of a label.
pub const NAME_BYTES: usize = rpm_core::data::limits::ID_BYTES;
/// Options of one query: what rpm-core takes.
pub const OPTIONS: usize = rpm_core::data::limits::OPTIONS;
/// Answers of one `record`.
pub const RECORDS: usize = 64;
/// Questions of one `next_question`, and of the host's pool.
pub const CANDIDATES: usize = 512;
/// Interactions of one `forget`.
pub const FORGOTTEN: usize = 256;
/// Calls of one user that are under way at a time, in all their sessions.
pub const CALLS: usize = 64;
/// Requests of one user over HTTP that are under way at a time; a stream that is listened to is one while it is open.
#[cfg(feature = "http")]
pub const REQUESTS: usize = 128;
/// How long a client may take over the body of one HTTP request.
#[cfg(feature = "http")]
pub const BODY_TIME: std::time::Duration = std::time::Duration::from_secs(30);
/// Bytes of the body of one HTTP request.
#[cfg(feature = "http")]
pub const BODY_BYTES: usize = 4 * 1024 * 1024;
/// Sessions over HTTP that one user may have open.
#[cfg(feature = "http")]
pub const SESSIONS: usize = 64;
