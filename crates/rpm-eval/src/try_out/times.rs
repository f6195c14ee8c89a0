//! Times as people write them: numbers, ISO dates, and dates with the day or the month first.

use std::str::FromStr;

use crate::dataset::date::{days_since_1970, days_to};

use super::clock::seconds_of_day;
use super::unread::Unread;

const DAY: i64 = 86_400;

/// What stands first in dates such as `04/05/2024`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// The day: `31/12/2024`.
    DayFirst,
    /// The month: `12/31/2024`.
    MonthFirst,
}

impl FromStr for DateOrder {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "day-first" => Ok(Self::DayFirst),
            "month-first" => Ok(Self::MonthFirst),
            _ => Err("day-first or month-first"),
        }
    }
}

/// A column of times that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// By cell, in seconds since 1970 or of another epoch; `None` where the cell is no such time.
    pub(super) values: Vec<Option<i64>>,
    /// How they were read, in words.
    pub(super) read_as: &'static str,
}

/// What became of a column of times.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Understood(Times),
    /// In so many cells, the first at this place, the day or the month may come first.
    Ambiguous(usize, usize),
    NotUnderstood(Unread),
}

/// Reads a column. It is understood where nine in ten of its cells that are not blank are of one form.
pub(super) fn read(cells: &[&str], order: Option<DateOrder>) -> Reading {
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    let enough = |values: &[Option<i64>]| {
        let read = values.iter().flatten().count();
        read > 0 && 10 * read >= 9 * filled
    };
    let understood = |values, read_as| Reading::Understood(Times { values, read_as });
    let (values, read_as) = numbers(cells);
    if enough(&values) {
        return understood(values, read_as);
    }
    let values: Vec<Option<i64>> = cells.iter().map(|cell| iso(cell)).collect();
    if enough(&values) {
        return understood(values, "dates with the year first");
    }
    let parts: Vec<Option<Parts>> = cells.iter().map(|cell| Parts::of(cell)).collect();
    let dates = |first: DateOrder| -> Vec<Option<i64>> {
        parts.iter().map(|parts| parts.as_ref().and_then(|it| it.time(first))).collect()
    };
    let first = match order.map_or_else(|| told_order(&parts), Order::Told) {
        Order::Told(first) => first,
        Order::Unknown(rows, place) if enough(&dates(DateOrder::DayFirst)) => return Reading::Ambiguous(rows, place),
        Order::Unknown(..) => return Reading::NotUnderstood(Unread::of(cells, None)),
    };
    let values = dates(first);
    match first {
        _ if !enough(&values) => Reading::NotUnderstood(Unread::of(cells, order)),
        DateOrder::DayFirst => understood(values, "dates with the day first"),
        DateOrder::MonthFirst => understood(values, "dates with the month first"),
    }
}

/// Numbers: dates without separators, or seconds, milliseconds, microseconds or nanoseconds since 1970, or any order.
fn numbers(cells: &[&str]) -> (Vec<Option<i64>>, &'static str) {
    let whole = |cell: &&str| cell.parse::<i64>().ok();
    let compact: Vec<Option<i64>> = cells.iter().map(|cell| whole(cell).and_then(compact_date)).collect();
    if compact.iter().zip(cells).all(|(date, cell)| date.is_some() || cell.is_empty()) {
        return (compact, "dates as YYYYMMDD");
    }
    let values: Vec<Option<i64>> = cells.iter().map(|cell| whole(cell).or_else(|| fraction(cell))).collect();
    let largest = values.iter().flatten().map(|value| value.unsigned_abs()).max().unwrap_or_default();
    let (divisor, read_as) = match largest {
        100_000_000_000_000_000.. => (1_000_000_000, "nanoseconds since 1970"),
        100_000_000_000_000.. => (1_000_000, "microseconds since 1970"),
        100_000_000_000.. => (1_000, "milliseconds since 1970"),
        100_000_000.. => (1, "seconds since 1970"),
        _ => (1, "numbers that say the order"),
    };
    (values.into_iter().map(|value| value.map(|value| value.div_euclid(divisor))).collect(), read_as)
}

/// Seconds that some programs write with decimals.
pub(super) fn fraction(cell: &str) -> Option<i64> {
    let (whole, decimals) = cell.split_once('.')?;
    let digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
    if digits { whole.parse().ok() } else { None }
}

fn compact_date(value: i64) -> Option<i64> {
    let year = value / 10_000;
    if !(1_900..=2_100).contains(&year) {
        return None;
    }
    days_to(year, value / 100 % 100, value % 100).map(|days| days * DAY)
}

/// `2024-12-31`, `2024/12/31`, and a time of day after a blank or a `T`.
pub(super) fn iso(cell: &str) -> Option<i64> {
    let (date, rest) = cell.split_once([' ', 'T', 't']).unwrap_or((cell, ""));
    let first = date.split(['-', '/']).next()?;
    if first.len() != 4 {
        return None;
    }
    Some(days_since_1970(&date.replace('/', "-"))? * DAY + seconds_of_day(rest)?)
}

/// A date whose year comes last.
pub(super) struct Parts {
    pub(super) first: i64,
    pub(super) second: i64,
    year: i64,
    /// Dots are written where the day comes first.
    dotted: bool,
    seconds: i64,
}

impl Parts {
    pub(super) fn of(cell: &str) -> Option<Self> {
        let (date, rest) = cell.split_once([' ', 'T', ',']).unwrap_or((cell, ""));
        let mut parts = date.split(['/', '.', '-']);
        let number = |part: &str| part.parse::<i64>().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
        let (first, second, year) = (number(parts.next()?)?, number(parts.next()?)?, parts.next()?);
        if year.len() != 4 || parts.next().is_some() {
            return None;
        }
        let (year, seconds) = (number(year)?, seconds_of_day(rest)?);
        Some(Self { first, second, year, dotted: date.contains('.'), seconds })
    }

    pub(super) fn time(&self, order: DateOrder) -> Option<i64> {
        let (day, month) = match order {
            DateOrder::DayFirst => (self.first, self.second),
            DateOrder::MonthFirst => (self.second, self.first),
        };
        Some(days_to(self.year, month, day)? * DAY + self.seconds)
    }
}

/// What a column tells of the order of its dates.
enum Order {
    Told(DateOrder),
    /// So many dates may be of either order, the first at this place.
    Unknown(usize, usize),
}

/// The order that the whole column tells: by the dates that can only be of one.
fn told_order(parts: &[Option<Parts>]) -> Order {
    let dates = || parts.iter().flatten();
    let day_first = dates().filter(|date| date.first > 12).count();
    let month_first = dates().filter(|date| date.second > 12).count();
    match (day_first, month_first) {
        (1.., 0) => return Order::Told(DateOrder::DayFirst),
        (0, 1..) => return Order::Told(DateOrder::MonthFirst),
        (0, 0) if dates().all(|date| date.dotted || date.first == date.second) => {
            return Order::Told(DateOrder::DayFirst);
        }
        _ => {}
    }
    let either = |date: &Parts| date.first <= 12 && date.second <= 12 && date.first != date.second;
    let mut places = (0..parts.len()).filter(|place| parts.get(*place).and_then(Option::as_ref).is_some_and(either));
    let first = places.next().unwrap_or_default();
    Order::Unknown(1 + places.count(), first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(cells: &[&str], order: Option<DateOrder>) -> (Vec<Option<i64>>, &'static str) {
        match read(cells, order) {
            Reading::Understood(times) => (times.values, times.read_as),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_are_read_by_their_size() {
        let one = |cell| {
            let (values, read_as) = understood(&[cell], None);
            (values[0].unwrap(), read_as)
        };
        assert_eq!(one("1700000000"), (1_700_000_000, "seconds since 1970"));
        assert_eq!(one("1700000000.0"), (1_700_000_000, "seconds since 1970"));
        assert_eq!(one("1700000000123"), (1_700_000_000, "milliseconds since 1970"));
        assert_eq!(one("20240229"), (days_to(2024, 2, 29).unwrap() * DAY, "dates as YYYYMMDD"));
        assert_eq!(one("17"), (17, "numbers that say the order"));
        assert_eq!(one("2019"), (2019, "numbers that say the order"));
    }

    #[test]
    fn dates_with_the_year_first_may_have_a_time_and_a_zone() {
        let day = days_to(2024, 3, 1).unwrap() * DAY;
        let cells = ["2024-03-01", "2024/03/01 01:00", "2024-03-01T02:00:30.5Z", "2024-03-01T02:00:00+02:00", ""];
        let (values, read_as) = understood(&cells, None);
        assert_eq!(values, [Some(day), Some(day + 3_600), Some(day + 7_230), Some(day), None]);
        assert_eq!(read_as, "dates with the year first");
    }

    #[test]
    fn the_whole_column_tells_whether_the_day_comes_first() {
        let (values, read_as) = understood(&["04/05/2024", "31/05/2024 3:30 PM"], None);
        assert_eq!(values[0], days_to(2024, 5, 4).map(|days| days * DAY));
        assert_eq!(values[1], days_to(2024, 5, 31).map(|days| days * DAY + 15 * 3_600 + 1_800));
        assert_eq!(read_as, "dates with the day first");
        assert_eq!(understood(&["04/05/2024", "05/31/2024"], None).1, "dates with the month first");
        assert_eq!(understood(&["04.05.2024"], None).1, "dates with the day first");
    }

    #[test]
    fn dates_of_either_order_are_told_and_the_order_can_be_given() {
        let cells = ["01/01/2024", "04/05/2024", "06/07/2024"];
        assert_eq!(read(&cells, None), Reading::Ambiguous(2, 1));
        assert_eq!(understood(&cells, Some(DateOrder::MonthFirst)).1, "dates with the month first");
        for cells in [["13/05/2024", "05/13/2024"], ["soon", "later"], ["", ""]] {
            assert!(matches!(read(&cells, None), Reading::NotUnderstood(_)));
        }
    }
}
