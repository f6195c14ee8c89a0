//! Why a column of times cannot be read: the row and the cause.

use super::times::{DateOrder, Parts, fraction, iso};

/// What to write.
const WRITE: &str = "write unix times, or dates such as 2024-12-31 or 2024-12-31T23:59";

/// Why a column is not read. Places are those of cells in the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// No cell has anything in it.
    Blank,
    /// A month above 12, in the order that was given.
    Month { place: usize, month: i64, other: DateOrder },
    /// In the first the day can only be first, in the second only the month.
    Orders(usize, usize),
    /// Two cells of different forms.
    Forms((usize, Form), (usize, Form)),
    /// A cell that is no time.
    NoTime(usize),
}

/// A form of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Number,
    YearFirst,
    YearLast,
}

impl Form {
    fn of(cell: &str) -> Option<Self> {
        if cell.parse::<i64>().is_ok() || fraction(cell).is_some() {
            return Some(Self::Number);
        }
        if iso(cell).is_some() {
            return Some(Self::YearFirst);
        }
        Parts::of(cell).map(|_| Self::YearLast)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::YearFirst => "a date with the year first",
            Self::YearLast => "a date with the year last",
        }
    }
}

impl Unread {
    /// Finds out why these cells are no column of times, read in this order where one is given.
    pub(super) fn of(cells: &[&str], order: Option<DateOrder>) -> Self {
        let filled = || cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
        let dates = || filled().filter_map(|(place, cell)| Some((place, Parts::of(cell)?)));
        let forms: Vec<(usize, Form)> = filled().filter_map(|(place, cell)| Some((place, Form::of(cell)?))).collect();
        if let Some(first) = forms.first()
            && let Some(other) = forms.iter().find(|(_, form)| *form != first.1)
        {
            return Self::Forms(*first, *other);
        }
        if let Some(order) = order {
            let other = if order == DateOrder::DayFirst { DateOrder::MonthFirst } else { DateOrder::DayFirst };
            let turned = dates().find(|(_, date)| date.time(order).is_none() && date.time(other).is_some());
            if let Some((place, date)) = turned {
                let month = if order == DateOrder::DayFirst { date.second } else { date.first };
                return Self::Month { place, month, other };
            }
        }
        let only = |first: fn(&Parts) -> bool| dates().find(|(_, date)| first(date)).map(|(place, _)| place);
        if let Some((day, month)) = only(|date| date.first > 12).zip(only(|date| date.second > 12)) {
            return Self::Orders(day, month);
        }
        let is_no_time = |(_, cell): &(usize, &&str)| match Form::of(cell) {
            None => true,
            Some(Form::YearLast) => {
                let either = [DateOrder::DayFirst, DateOrder::MonthFirst];
                Parts::of(cell).is_none_or(|date| either.iter().all(|order| date.time(*order).is_none()))
            }
            Some(_) => false,
        };
        match (filled().find(is_no_time), filled().next()) {
            (Some((place, _)), _) | (None, Some((place, _))) => Self::NoTime(place),
            (None, None) => Self::Blank,
        }
    }

    /// In words, with the row of each cell.
    pub(super) fn in_words(self, rows: &[usize]) -> String {
        let row = |place: usize| rows.get(place).copied().unwrap_or_default();
        match self {
            Self::Blank => format!("all its cells are blank: {WRITE}"),
            Self::Month { place, month, other } => {
                let other = if other == DateOrder::DayFirst { "day-first" } else { "month-first" };
                format!("row {}: month {month} does not exist: pass --dates {other}", row(place))
            }
            Self::Orders(day, month) => format!(
                "rows {} and {} disagree: in the first the day must come first, in the second the month. Write all dates in one \
                 order",
                row(day),
                row(month)
            ),
            Self::Forms((one, form), (other, second)) => format!(
                "rows {} and {} disagree: the first has {}, the second {}. Write all in one form",
                row(one),
                row(other),
                form.words(),
                second.words()
            ),
            Self::NoTime(place) => format!("row {}: is no time that there can be: {WRITE}", row(place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_and_the_cause_are_told() {
        let told = |cells: &[&str], order| Unread::of(cells, order).in_words(&[2, 3, 4]);
        let month = told(&["24/03/2024", "25/03/2024"], Some(DateOrder::MonthFirst));
        assert_eq!(month, "row 2: month 24 does not exist: pass --dates day-first");
        assert!(told(&["13/05/2024", "05/13/2024"], None).starts_with("rows 2 and 3 disagree: in the first the day"));
        let forms = told(&["", "2024-05-01", "17000"], None);
        assert!(
            forms.starts_with("rows 3 and 4 disagree: the first has a date with the year first, the second a number")
        );
        assert!(told(&["01.02.2024", "soon"], None).starts_with("row 3: is no time"));
        assert!(told(&["31/02/2024", "30/02/2024"], None).starts_with("row 2: is no time"));
        assert!(told(&["", ""], None).starts_with("all its cells are blank"));
    }
}
