//! The files of sums: a census, and counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::data::hex;

use super::axis::pairs;
use super::census::{Shared, UNITS};
use super::counts::{AxisCounts, POWERS, Sums, are_possible};
use super::fit::{TERMS, TEXTS};
use super::form::Form;
use super::search::AXES;
use super::user::{FARTHEST, OF_PLACE, OF_PRODUCT, triangle};
use super::{Census, Counts, PopulationError};

/// Stands in the `format` field of every file of a [`Census`].
pub const CENSUS_FORMAT_NAME: &str = "rpm-core/census";

/// Stands in the `format` field of every file of [`Counts`].
pub const COUNTS_FORMAT_NAME: &str = "rpm-core/counts";

/// The version of both that this crate writes, and the latest one it reads.
pub const SUMS_FORMAT_VERSION: u32 = 1;

/// The most that any sum may be, so that it can be added to.
const MOST: i64 = 1 << 62;

const CENSUS: Form = Form {
    name: CENSUS_FORMAT_NAME,
    version: SUMS_FORMAT_VERSION,
    wrong: |problem, line, column| PopulationError::NotSums { what: "a census", problem, line, column },
};

const COUNTS: Form = Form {
    name: COUNTS_FORMAT_NAME,
    version: SUMS_FORMAT_VERSION,
    wrong: |problem, line, column| PopulationError::NotSums { what: "counts", problem, line, column },
};

/// A digest, by how many users, and in how many interactions.
type Row = (u64, u64, u64);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCensus<'c> {
    format: Cow<'c, str>,
    format_version: u32,
    responses: Cow<'c, [String]>,
    scale: bool,
    users: u64,
    interactions: u64,
    shares: Cow<'c, [i64]>,
    pairs: (u64, i64),
    terms: Vec<Row>,
    texts: Vec<Row>,
    #[serde(default)]
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCounts<'c> {
    format: Cow<'c, str>,
    format_version: u32,
    under: Cow<'c, str>,
    users: u64,
    interactions: u64,
    tones: (i64, i64),
    likeness: Vec<(u32, i64)>,
    having: Vec<(u32, i64)>,
    products: Vec<i64>,
    spread: Vec<i64>,
    texts: Vec<(u32, i64)>,
    masses: Vec<(u32, i64)>,
    axes: Vec<WrittenAxis>,
    #[serde(default)]
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAxis {
    effects: Vec<(u32, i64)>,
    powers: [i64; POWERS],
    having: [Vec<(u32, i64)>; POWERS],
}

impl Census {
    /// The census as one JSON file, ending in a line feed. Equal ones give equal bytes. It is as private as the histories: it has
    /// digests of words that one user alone may have.
    pub fn to_json(&self) -> String {
        let rows = |all: &BTreeMap<u64, Shared>| {
            all.iter().map(|(digest, shared)| (*digest, shared.users, shared.interactions)).collect()
        };
        let mut written = WrittenCensus {
            format: Cow::Borrowed(CENSUS_FORMAT_NAME),
            format_version: SUMS_FORMAT_VERSION,
            responses: Cow::Borrowed(&self.responses),
            scale: self.scale,
            users: self.users,
            interactions: self.interactions,
            shares: Cow::Borrowed(&self.shares),
            pairs: self.pairs,
            terms: rows(&self.terms),
            texts: rows(&self.texts),
            digest: String::new(),
        };
        written.digest = digest(&written);
        file(&written)
    }

    /// Reads a file that [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`PopulationError::FutureVersion`], or [`PopulationError::NotSums`] with the place where it fails.
    pub fn from_json(json: &str) -> Result<Self, PopulationError> {
        let mut written: WrittenCensus<'_> = CENSUS.read(json)?;
        let given = std::mem::take(&mut written.digest);
        let (users, interactions) = (written.users, written.interactions);
        let row =
            |(_, having, times): &Row| *having >= 1 && having <= times && *having <= users && *times <= interactions;
        let rows = |rows: &[Row]| rows.is_sorted_by(|a, b| a.0 < b.0) && rows.iter().all(row);
        let different: BTreeSet<&String> = written.responses.iter().collect();
        // Each user's share is rounded by itself.
        let most = users_times(users, units() + 1);
        let (pairs, alike) = written.pairs;
        CENSUS.check(&[
            (are_possible(users, interactions), "its users and interactions cannot be"),
            (
                written.responses.len() != 1 && !(written.scale && written.responses.is_empty()),
                "it has a single response, or a scale without points",
            ),
            (different.len() == written.responses.len(), "two of its responses are the same"),
            (written.shares.len() == written.responses.len(), "its shares are not one for each response"),
            (
                written.shares.iter().all(|share| (0..=most).contains(share)),
                "a share is below 0, or more than all users",
            ),
            (
                pairs <= users && (0..=users_times(pairs, units())).contains(&alike),
                "its pairs are not those of its users",
            ),
            (rows(&written.terms) && rows(&written.texts), "its digests are not in order, or of more than its users"),
            (given == digest(&written), "its digest is of other contents"),
        ])?;
        let all = |rows: Vec<Row>| -> BTreeMap<u64, Shared> {
            rows.into_iter().map(|(digest, users, interactions)| (digest, Shared { users, interactions })).collect()
        };
        Ok(Self {
            responses: written.responses.into_owned(),
            scale: written.scale,
            users,
            interactions,
            shares: written.shares.into_owned(),
            pairs: written.pairs,
            terms: all(written.terms),
            texts: all(written.texts),
        })
    }
}

impl Counts {
    /// The counts as one JSON file, ending in a line feed. Equal ones give equal bytes. They are as private as the histories:
    /// those of few users tell what these responded.
    pub fn to_json(&self) -> String {
        let axis = |axis: &AxisCounts| WrittenAxis {
            effects: cells(&axis.effects),
            powers: axis.powers,
            having: axis.having.each_ref().map(cells),
        };
        let mut written = WrittenCounts {
            format: Cow::Borrowed(COUNTS_FORMAT_NAME),
            format_version: SUMS_FORMAT_VERSION,
            under: Cow::Borrowed(&self.under),
            users: self.users,
            interactions: self.interactions,
            tones: self.tones,
            likeness: cells(&self.likeness),
            having: cells(&self.having),
            products: self.products.clone(),
            spread: self.spread.clone(),
            texts: cells(&self.texts),
            masses: cells(&self.masses),
            axes: self.axes.iter().map(axis).collect(),
            digest: String::new(),
        };
        written.digest = digest(&written);
        file(&written)
    }

    /// Reads a file that [`to_json`](Self::to_json) wrote. Which population they were counted under is known when they are
    /// merged or fitted.
    ///
    /// # Errors
    /// [`PopulationError::FutureVersion`], or [`PopulationError::NotSums`] with the place where it fails.
    pub fn from_json(json: &str) -> Result<Self, PopulationError> {
        let mut written: WrittenCounts<'_> = COUNTS.read(json)?;
        let given = std::mem::take(&mut written.digest);
        let (users, interactions) = (written.users, written.interactions);
        let is_hex = |digest: &str| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let possible = are_possible(users, interactions);
        // An interaction has a text for each of its options, whose terms have squares of 2²⁰ in all, and roundings.
        let squares_of_terms = users_times(interactions, 1 << 29);
        let (all_cells, any) = (TERMS + TEXTS, usize::MAX);
        let axis = |axis: &WrittenAxis| {
            let mut most = users;
            are_cells(&axis.effects, any, -MOST..=MOST)
                && axis.powers.iter().zip(&axis.having).enumerate().all(|(power, (sum, having))| {
                    most = most.saturating_mul(farthest());
                    let most = i64::try_from(most).unwrap_or(i64::MAX);
                    // Odd powers may be below 0.
                    let least = if power % 2 == 0 { -most } else { 0 };
                    (least..=most).contains(sum) && are_cells(having, TERMS, least..=most)
                })
        };
        let axes = written.axes.len();
        let products = users_times(users, most_product());
        let of_pairs =
            |sums: &[i64], most: i64| sums.len() == pairs(axes) && sums.iter().all(|sum| (-most..=most).contains(sum));
        let likeness = are_cells(&written.likeness, triangle(TERMS, 0), 1..=squares_of_terms);
        let (toned, squares) = written.tones;
        COUNTS.check(&[
            (is_hex(&written.under), "it does not say which population it was counted under"),
            (possible, "its users and interactions cannot be"),
            ((-MOST..=MOST).contains(&toned) && (0..=MOST).contains(&squares), "its tones are not such sums"),
            (likeness, "its likeness is not in order, or not of its interactions"),
            (are_cells(&written.having, all_cells, 1..=users_times(users, 1)), "more have a word than its users"),
            (axes <= AXES + 1, "it has more axes than there are"),
            (
                of_pairs(&written.products, products) && of_pairs(&written.spread, MOST),
                "its products are not those of its users",
            ),
            (
                are_cells(&written.texts, any, -MOST..=MOST) && are_cells(&written.masses, TEXTS, 1..=MOST),
                "what went with its texts is not in order, or below 0 times",
            ),
            (written.axes.iter().all(axis), "an axis's numbers are not in order, or not of its users"),
            (given == digest(&written), "its digest is of other contents"),
        ])?;
        let sums = |cells: Vec<(u32, i64)>| Sums::new(cells.into_iter().collect());
        let axis = |axis: WrittenAxis| AxisCounts {
            effects: sums(axis.effects),
            powers: axis.powers,
            having: axis.having.map(sums),
        };
        Ok(Self {
            under: written.under.into_owned(),
            users,
            interactions,
            tones: written.tones,
            likeness: sums(written.likeness),
            having: sums(written.having),
            products: written.products,
            spread: written.spread,
            texts: sums(written.texts),
            masses: sums(written.masses),
            axes: written.axes.into_iter().map(axis).collect(),
        })
    }
}

fn cells(sums: &Sums) -> Vec<(u32, i64)> {
    sums.0.iter().map(|(place, number)| (*place, *number)).collect()
}

/// True for numbers in order of place, none of them 0, at places below this.
fn are_cells(cells: &[(u32, i64)], places: usize, range: std::ops::RangeInclusive<i64>) -> bool {
    let one = |(place, number): &(u32, i64)| (*place as usize) < places && *number != 0 && range.contains(number);
    cells.is_sorted_by(|a, b| a.0 < b.0) && cells.iter().all(one)
}

/// The most that so many can add up to; 0 of more than can be.
fn users_times(number: u64, each: i64) -> i64 {
    i64::try_from(number).ok().and_then(|number| number.checked_mul(each)).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "a power of two")]
const fn units() -> i64 {
    UNITS as i64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a power of two")]
const fn farthest() -> u64 {
    (FARTHEST * OF_PLACE) as u64
}

/// The most that a user's product of positions can be: the square of the farthest, with a variance of at most 1.
#[expect(clippy::cast_possible_truncation, reason = "a power of two")]
const fn most_product() -> i64 {
    ((FARTHEST * FARTHEST + 1.0) * OF_PRODUCT) as i64
}

/// SHA-256 of what is written but for its own digest, which is empty then.
fn digest(written: &impl Serialize) -> String {
    hex(&Sha256::digest(serde_json::to_vec(written).unwrap_or_default()))
}

fn file(written: &impl Serialize) -> String {
    // Whole numbers and texts: it cannot fail.
    let mut json = serde_json::to_string(written).unwrap_or_default();
    json.push('\n');
    json
}
