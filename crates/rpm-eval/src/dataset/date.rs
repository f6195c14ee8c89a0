//! Dates of the calendar as days since 1970.

/// Days from 1 January 1970 to a date of the proleptic Gregorian calendar, written `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; what
/// follows a blank or a `T` is not read, and a missing month or day is the first. `None` when it is no date.
pub(crate) fn days_since_1970(text: &str) -> Option<i64> {
    let date = text.trim().split([' ', 'T']).next()?;
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
    if parts.next().is_some() { None } else { days_to(year, month, day) }
}

/// Days from 1 January 1970 to a date; `None` when the calendar has no such day.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
pub(crate) fn days_to(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn number(part: &str, most: usize) -> Option<i64> {
    let digits = !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| part.parse().ok()).flatten()
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_are_counted_right() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2010-05-01", 14_730),
            ("2010-05-01 12:00:00", 14_730),
            ("2010", 14_610),
            ("2010-5", 14_730),
        ] {
            assert_eq!(days_since_1970(text), Some(days), "{text}");
        }
    }

    #[test]
    fn a_day_follows_the_one_before_it_over_four_centuries() {
        let mut last = days_since_1970("1799-12-31").unwrap();
        for year in 1800..2200 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month) {
                    let next = days_since_1970(&format!("{year}-{month:02}-{day:02}")).unwrap();
                    assert_eq!(next, last + 1);
                    last = next;
                }
            }
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "2010-13-01", "2010-02-30", "1900-02-29", "10-05-2010-1", "May 2010", "-5", "12345", "2010-+1"]
        {
            assert_eq!(days_since_1970(text), None, "{text}");
        }
    }
}
