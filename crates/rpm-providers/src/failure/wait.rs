//! The time that a provider asks to wait before the next attempt.

use std::time::{Duration, SystemTime};

use serde_json::Value;

/// The time that the headers ask to wait, each given by its name in lower case. A date is measured from the server's own clock where
/// the answer carries it.
pub(crate) fn retry_after<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    let text = |name: &str| header(name).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(milliseconds / 1e3).ok();
    }
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = text("date").and_then(|date| httpdate::parse_http_date(date).ok());
    Some(until.duration_since(now.unwrap_or_else(SystemTime::now)).unwrap_or_default())
}

/// The time that a Gemini error's details ask to wait, such as `"34.5s"`.
pub(super) fn retry_delay(body: &Value) -> Option<Duration> {
    let outer = body.get(0).unwrap_or(body);
    let details = outer.pointer("/error/details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}
