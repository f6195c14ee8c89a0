//! How each request is sent: once, and within its time.

use std::time::Duration;

use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::config::{Builder, Config};

/// Local models are none here, but reasoning ones think long.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

/// The settings of one request: the SDK would send it up to three times, and none of the later attempts would be in the account.
pub(super) fn one_attempt(timeout: Duration) -> Builder {
    let within = TimeoutConfig::builder().operation_timeout(timeout).build();
    Config::builder().retry_config(RetryConfig::disabled()).timeout_config(within)
}
