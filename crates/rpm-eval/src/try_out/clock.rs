//! The time of day behind a date.

/// Seconds since midnight, UTC where a zone is given; 0 of nothing. `None` when it is no time of day. Fractions of a second
/// are dropped.
pub(super) fn seconds_of_day(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() {
        return Some(0);
    }
    let (text, ahead) = zone(text)?;
    let (text, half) = half_of_day(text.trim());
    let mut parts = text.trim().split(':');
    let hour = number(parts.next()?, 24)?;
    let minute = number(parts.next()?, 59)?;
    let second = parts.next().map_or(Some(0), |part| number(part.split(['.', ',']).next()?, 60))?;
    if parts.next().is_some() {
        return None;
    }
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(half) => hour % 12 + half,
    };
    Some(3_600 * hour + 60 * minute + second - ahead)
}

/// The hours that a half of the day begins after, where the text ends in AM or PM.
fn half_of_day(text: &str) -> (&str, Option<i64>) {
    let Some((before, half)) = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) else {
        return (text, None);
    };
    match half.to_ascii_lowercase().as_str() {
        "am" => (before, Some(0)),
        "pm" => (before, Some(12)),
        _ => (text, None),
    }
}

/// The text before the zone, and the seconds that the zone is ahead of UTC.
fn zone(text: &str) -> Option<(&str, i64)> {
    for utc in ["Z", "z", "UTC", "GMT"] {
        if let Some(before) = text.strip_suffix(utc) {
            return Some((before, 0));
        }
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let (before, zone) = text.split_at_checked(at)?;
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 59)? };
    let ahead = 3_600 * number(hours, 14)? + 60 * minutes;
    Some((before, if zone.starts_with('-') { -ahead } else { ahead }))
}

fn number(part: &str, most: i64) -> Option<i64> {
    let digits = !part.is_empty() && part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    part.parse().ok().filter(|value| digits && *value <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read_with_halves_and_zones() {
        for (text, seconds) in [
            ("", Some(0)),
            ("00:00", Some(0)),
            ("23:59:59.999", Some(86_399)),
            ("12:15 AM", Some(900)),
            ("12:15pm", Some(44_100)),
            ("1:00:00 -05:30", Some(3_600 + 19_800)),
            ("01:00 UTC", Some(3_600)),
            ("13:00 PM", None),
            ("25:00", None),
            ("noon", None),
            ("10", None),
        ] {
            assert_eq!(seconds_of_day(text), seconds, "{text}");
        }
    }
}
