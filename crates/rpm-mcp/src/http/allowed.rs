//! Which hosts and origins are taken as such.

use ::http::Uri;
use ::http::uri::Authority;

/// A host or origin that cannot be allowed, since no request would fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllowedError {
    /// A host.
    #[error(
        "host {place} is none: give a name or address, such as `mcp.example` or `mcp.example:8080`, without a scheme or path"
    )]
    Host {
        /// Its place among those given, from 0.
        place: usize,
    },
    /// An origin.
    #[error(
        "origin {place} is none: give scheme, name and port, such as `https://app.example:443` or `http://localhost:*`, without a path"
    )]
    Origin {
        /// Its place among those given, from 0.
        place: usize,
    },
}

/// These hosts, each of which can be one.
pub(super) fn hosts(given: impl IntoIterator<Item = impl Into<String>>) -> Result<Vec<String>, AllowedError> {
    let is_address = |host: &str| host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let is_name = |host: &str| {
        let authority = Authority::try_from(host);
        authority.is_ok_and(|it| {
            !it.host().is_empty() && !host.contains('@') && (it.port_u16().is_some() || it.host() == host)
        })
    };
    checked(given, |host| is_address(host) || is_name(host), |place| AllowedError::Host { place })
}

/// These origins, each of which can be one. `null`, that of any page in a sandbox, cannot.
pub(super) fn origins(given: impl IntoIterator<Item = impl Into<String>>) -> Result<Vec<String>, AllowedError> {
    let is_one = |origin: &str| {
        let base = origin.strip_suffix(":*").unwrap_or(origin);
        let Ok(uri) = Uri::try_from(base) else { return false };
        uri.scheme().is_some()
            && uri.authority().is_some_and(|it| !it.as_str().contains('@'))
            && uri.path() == "/"
            && uri.query().is_none()
            && !base.ends_with('/')
    };
    checked(given, is_one, |place| AllowedError::Origin { place })
}

fn checked(
    given: impl IntoIterator<Item = impl Into<String>>,
    can_be: impl Fn(&str) -> bool,
    error: impl Fn(usize) -> AllowedError,
) -> Result<Vec<String>, AllowedError> {
    let one = |(place, text): (usize, String)| if can_be(&text) { Ok(text) } else { Err(error(place)) };
    given.into_iter().map(Into::into).enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_request_would_fit_is_no_host_and_no_origin() {
        for host in ["mcp.example", "mcp.example:8080", "localhost", "127.0.0.1:1", "::1", "[::1]", "[::1]:8080"] {
            assert!(hosts([host]).is_ok(), "{host}");
        }
        for host in [
            "https://mcp.example",
            "mcp.example/mcp",
            "",
            " ",
            "a b",
            "me@mcp.example",
            "mcp.example:",
            "mcp.example:x",
            ":80",
        ] {
            assert_eq!(hosts(["mcp.example", host]), Err(AllowedError::Host { place: 1 }), "{host}");
        }
        for origin in ["https://app.example:443", "http://localhost:*", "https://app.example", "http://[::1]:8080"] {
            assert!(origins([origin]).is_ok(), "{origin}");
        }
        for origin in [
            "app.example",
            "app.example:443",
            "null",
            "",
            "https://app.example/",
            "https://app.example/x",
            "*",
            "//app.example",
        ] {
            assert_eq!(origins([origin]), Err(AllowedError::Origin { place: 0 }), "{origin}");
        }
    }
}
