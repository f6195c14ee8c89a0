//! Responses as numbers: the points of a scale, and the cells that are none.

use std::collections::BTreeMap;
use std::str::FromStr;

use rpm_core::data::{ResponseSpace, limits};

use super::ResponseKind;
use super::kind::Told;

/// The share of numbers among responses above which the others are mistakes: nineteen in twenty.
const NEARLY_ALL: (usize, usize) = (19, 20);
/// The share above which the column is one of numbers, so that it is not taken for labels: four in five.
const MOST: (usize, usize) = (4, 5);
/// A value that less than one in so many rows has is rare.
const RARE: usize = 200;
/// All values that are far off are at most one in so many rows, or one.
const FAR: usize = 50;
/// In half points: on a scale within 0 to 10 users may seldom use its lower end, or its upper where the others span less than this.
const COMMON: (i64, i64) = (0, 20);
const WIDE: i64 = 8;

/// The lowest and the highest point of a scale. Read from `1..5`, or `0.5..5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleEnds {
    /// In half points.
    low: i64,
    high: i64,
}

impl FromStr for ScaleEnds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = |text: &str| number(text.trim()).and_then(Result::ok);
        let ends = text.split_once("..").and_then(|(low, high)| Some((end(low)?, end(high)?)));
        let ends = ends.filter(|(low, high)| low < high).map(|(low, high)| Self { low, high });
        ends.ok_or("the lowest and the highest point in whole or half points, such as 1..5")
    }
}

/// Twice the number of a text, or what is neither whole nor half; `None` for no number.
fn number(text: &str) -> Option<Result<i64, ()>> {
    // Where cells are parted by semicolons, decimals often follow a comma.
    let value = text.replace(',', ".").parse::<f64>().ok().filter(|value| value.abs() < 1e12)?;
    let twice = 2.0 * value;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and far below 2^52")]
    let half = if twice.fract() == 0.0 { Ok(twice as i64) } else { Err(()) };
    Some(half)
}

/// Responses as numbers of half points.
pub(super) struct Numbers<'a> {
    /// Twice the number; `None` for what is no number.
    halves: Vec<Option<Result<i64, ()>>>,
    rows: &'a [usize],
}

impl<'a> Numbers<'a> {
    pub(super) fn of(responses: &[&str], rows: &'a [usize]) -> Self {
        Self { halves: responses.iter().map(|text| number(text)).collect(), rows }
    }

    /// True where nearly all are numbers.
    pub(super) fn nearly_all(&self) -> bool {
        let (of, all) = NEARLY_ALL;
        self.halves.iter().flatten().count() * all >= of * self.halves.len()
    }

    /// True where most are points of a scale.
    pub(super) fn most_are_points(&self) -> bool {
        let (of, all) = MOST;
        let points: Vec<i64> = self.points().map(|(_, half)| half).collect();
        let span = points.iter().max().zip(points.iter().min()).map(|(high, low)| (high - low) / 2);
        points.len() * all >= of * self.halves.len() && span.is_some_and(|span| span < limits::SCALE_POINTS)
    }

    /// What is wrong with a column of which most are points and too many are no numbers.
    pub(super) fn told_of_others(&self) -> String {
        let mut others = self.halves.iter().zip(self.rows).filter(|(half, _)| half.is_none()).map(|(_, row)| row);
        let first = others.next().copied().unwrap_or_default();
        format!(
            "{} of {} cells, the first in row {first}, are no numbers; correct them, or pass --kind scale to leave them out, or \
             --kind labels",
            1 + others.count(),
            self.halves.len()
        )
    }

    /// True for whole numbers that go too far for a scale, and none of which stands alone.
    pub(super) fn are_codes(&self) -> bool {
        self.halves.iter().flatten().all(|half| half.is_ok_and(|half| half % 2 == 0)) && self.far_off().is_none()
    }

    /// True for nothing but 0 and 1.
    pub(super) fn are_yes_and_no(&self) -> bool {
        self.halves.iter().all(|half| matches!(half, Some(Ok(0 | 2))))
    }

    /// Whole and half numbers, with their places.
    fn points(&self) -> impl Iterator<Item = (usize, i64)> {
        self.halves.iter().enumerate().filter_map(|(place, half)| Some((place, (*half)?.ok()?)))
    }

    /// The scale that the numbers tell.
    pub(super) fn scale(&self) -> Result<Told, String> {
        let (numbers, points) = (self.halves.iter().flatten().count(), self.points().count());
        if points < numbers {
            return Err(format!(
                "{} of {numbers} numbers are neither whole nor half: a scale has whole points, so round them to whole or half \
                 points, or pass --kind labels if they are names",
                numbers - points
            ));
        }
        if let Some(far) = self.far_off() {
            return Err(far);
        }
        let ends = self.points().map(|(_, half)| half).min().zip(self.points().map(|(_, half)| half).max());
        let Some((low, high)) = ends else {
            return Err("none of the responses is a number: pass --kind labels or --kind text".to_owned());
        };
        self.told(ScaleEnds { low, high }, None)
    }

    /// The scale that is given. What is not on it is no response.
    pub(super) fn scale_from(&self, ends: ScaleEnds) -> Result<Told, String> {
        let on = self.points().filter(|(_, half)| (ends.low..=ends.high).contains(half)).count();
        if on == 0 {
            return Err(
                "none of the responses is on the scale that --scale gives: correct it, or leave it out".to_owned()
            );
        }
        self.told(ends, Some("as --scale says"))
    }

    fn told(&self, ends: ScaleEnds, given: Option<&str>) -> Result<Told, String> {
        let on = |half: &i64| (ends.low..=ends.high).contains(half);
        let mut all = self.points().map(|(_, half)| half).filter(on).chain([ends.low, ends.high]);
        let whole = all.all(|half| half % 2 == 0);
        let (per_step, step) = if whole { (2, 1.0) } else { (1, 0.5) };
        let (low, high) = (ends.low / per_step, ends.high / per_step);
        let (least, most) = (ends.low as f64 / 2.0, ends.high as f64 / 2.0);
        let space = ResponseSpace::scale(low, high).map_err(|_| {
            format!(
                "its numbers go from {least} to {most}{}: a scale has from 2 to {} points. Bring them to fewer, such as 0 to \
                 100, or pass --kind labels if they are names",
                if whole { "" } else { " in half points" },
                limits::SCALE_POINTS
            )
        })?;
        let halves = if whole { "" } else { " in half points" };
        let why = given.map_or_else(
            || {
                let numbers = if whole { "whole numbers" } else { "numbers in half points" };
                format!("since responses are {numbers} from {least} to {most}")
            },
            str::to_owned,
        );
        let twice = if whole { "" } else { ". In the question and in the folder of --out they are taken twice" };
        let reason = format!("a rating scale{halves} from {least} to {most}, {why}{twice}");
        let point = |half: &Option<Result<i64, ()>>| {
            half.and_then(Result::ok).filter(on).map(|half| (half / per_step).to_string())
        };
        let responses = self.halves.iter().map(point).collect();
        Ok(Told { kind: ResponseKind::Scale, space, responses, reason, step })
    }

    /// What is wrong where a few numbers leave a gap to the others that is larger than all that these span: a slip of the hand
    /// would make another scale of them.
    fn far_off(&self) -> Option<String> {
        let mut times: BTreeMap<i64, usize> = BTreeMap::new();
        self.points().for_each(|(_, half)| *times.entry(half).or_default() += 1);
        let all: usize = times.values().sum();
        let (least, most) = (*times.first_key_value()?.0, *times.last_key_value()?.0);
        let is_common = least >= COMMON.0 && most <= COMMON.1;
        let values: Vec<i64> = times.keys().copied().collect();
        let far = |is_far: &dyn Fn(i64) -> bool| {
            let mut far = times.iter().filter(|(value, _)| is_far(**value)).map(|(_, times)| *times);
            let rare = far.clone().all(|times| times == 1 || times * RARE < all);
            rare && far.by_ref().sum::<usize>() <= (all / FAR).max(1)
        };
        let cut = values.windows(2).find_map(|pair| {
            let [below, above] = *pair else { return None };
            let gap = above - below;
            let may_be = is_common && below - least < WIDE;
            if gap > below - least && !may_be && far(&|value| value >= above) {
                return Some((least, below));
            }
            (gap > most - above && !is_common && far(&|value| value <= below)).then_some((above, most))
        });
        let (low, high) = cut?;
        let mut rows = self.points().filter(|(_, half)| !(low..=high).contains(half)).map(|(place, _)| place);
        let row = rows.next().and_then(|place| self.rows.get(place)).copied().unwrap_or_default();
        let (low, high) = (low as f64 / 2.0, high as f64 / 2.0);
        let others = rows.count();
        let (first, is) = if others == 0 { ("in", "is") } else { ("the first in", "are") };
        let count = others + 1;
        Some(format!(
            "{count} of {all} numbers, {first} row {row}, {is} far off the others, which go from {low} to {high}: correct what is \
             wrong, or give the scale, such as --scale {low}..{high}, which leaves out what is not on it"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<'a>(responses: &[&str], rows: &'a [usize]) -> Numbers<'a> {
        Numbers::of(responses, rows)
    }

    #[test]
    fn a_lone_value_far_off_is_told_with_its_row_and_a_rare_one_nearby_is_not() {
        let rows: Vec<usize> = (2..300).collect();
        let mut responses = ["1", "3", "5", "4"].repeat(20);
        responses.push("55");
        let told = numbers(&responses, &rows).far_off().unwrap();
        assert!(told.starts_with("1 of 81 numbers, in row 82, is far off the others, which go from 1 to 5"), "{told}");
        responses.pop();
        responses.insert(0, "-30");
        assert!(numbers(&responses, &rows).far_off().unwrap().contains("in row 2, is far off"));
        // The lowest of a common scale is seldom given, and a wide scale has gaps.
        assert_eq!(numbers(&["4", "5", "4", "5", "1"], &rows).far_off(), None);
        assert_eq!(numbers(&["10", "9", "6", "7", "8", "0"], &rows).far_off(), None);
        assert!(numbers(&["1", "5", "4", "2", "3", "10"], &rows).far_off().unwrap().contains("in row 7, is far off"));
        assert_eq!(numbers(&["0", "20", "50", "80", "100"], &rows).far_off(), None);
        let codes = ["101", "205", "909"].repeat(4);
        assert_eq!(numbers(&codes, &rows).far_off(), None);
    }

    #[test]
    fn a_scale_that_is_given_leaves_out_what_is_not_on_it() {
        let rows: Vec<usize> = (2..9).collect();
        let told = numbers(&["1", "5", "55", "4.5", "good"], &rows).scale_from("1..5".parse().unwrap()).unwrap();
        assert_eq!(told.space, ResponseSpace::scale(2, 10).unwrap());
        assert_eq!(
            told.responses.iter().map(Option::as_deref).collect::<Vec<_>>(),
            [Some("2"), Some("10"), None, Some("9"), None]
        );
        for wrong in ["5", "5..1", "1..x", "0.3..5", ".."] {
            assert!(wrong.parse::<ScaleEnds>().is_err(), "{wrong}");
        }
    }
}
