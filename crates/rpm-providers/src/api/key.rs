//! A provider's secret key.

use std::fmt;

use reqwest::header::HeaderValue;

/// A provider's secret key. Its `Debug` shows only that there is one, and it is sent only to the base URL of the
/// provider it was given to: redirects are not followed.
///
/// White space around the key, such as the line end of a file, is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A header that carries the key after a prefix, marked so that HTTP logs hide it. `None` when the key holds what
    /// no header may.
    pub(super) fn header(&self, prefix: &str) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self(key.trim().to_owned())
    }
}

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self::from(key.as_str())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}
