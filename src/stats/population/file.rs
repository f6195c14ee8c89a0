//! The portable file of a population.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::axis::{Axes, Axis};
use super::fit::{TERMS, TEXTS};
use super::form::Form;
use super::search::AXES;
use super::{Population, PopulationError, Promise};

/// Stands in the `format` field of every file of a population.
pub const FORMAT_NAME: &str = "rpm-core/population";

/// The version this crate writes, and the latest one it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The most that any sum may be, so that no sum of them overflows.
pub(super) const MOST: f64 = 1e12;
/// The most that a term may add on an axis, and the least variance that axes leave: whatever is read, where a user stands is told to a few digits.
pub(super) const MOST_EFFECT: f64 = 64.0;
pub(super) const LEAST_VARIANCE: f64 = 1e-3;

const FORM: Form = Form {
    name: FORMAT_NAME,
    version: FORMAT_VERSION,
    wrong: |problem, line, column| PopulationError::NotAPopulation { problem, line, column },
};

/// A population as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written<'p> {
    format: Cow<'p, str>,
    format_version: u32,
    responses: Cow<'p, [String]>,
    scale: bool,
    k: usize,
    users: u64,
    interactions: u64,
    base: Cow<'p, [f64]>,
    strength: f64,
    slope: f64,
    terms: Cow<'p, [(u64, f64)]>,
    texts: Cow<'p, [u64]>,
    axes: Vec<Cow<'p, [f64]>>,
    texts_sums: Cow<'p, [f64]>,
    masses: Cow<'p, [f64]>,
    ridge: f64,
    variance: f64,
    alone: f64,
    /// Not there where nothing is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noise: Option<Promise>,
    #[serde(default)]
    digest: Cow<'p, str>,
}

impl<'p> Written<'p> {
    pub(super) fn of(population: &'p Population) -> Self {
        let axis = |axis: &'p Axis| Cow::Borrowed(axis.effects.as_slice());
        Self {
            format: Cow::Borrowed(FORMAT_NAME),
            format_version: FORMAT_VERSION,
            responses: Cow::Borrowed(&population.responses),
            scale: population.scale,
            k: population.k,
            users: population.users,
            interactions: population.interactions,
            base: Cow::Borrowed(&population.base),
            strength: population.strength,
            slope: population.slope,
            terms: Cow::Borrowed(&population.terms),
            texts: Cow::Borrowed(&population.texts),
            axes: population.axes.each.iter().map(axis).collect(),
            texts_sums: Cow::Borrowed(&population.axes.texts),
            masses: Cow::Borrowed(&population.axes.masses),
            ridge: population.ridge,
            variance: population.variance,
            alone: population.alone,
            noise: population.promise,
            digest: Cow::Borrowed(population.digest()),
        }
    }
}

impl Population {
    /// The population as one JSON file, ending in a line feed. Equal populations give equal bytes.
    pub fn to_json(&self) -> String {
        // Checked to be finite: it cannot fail.
        let mut json = serde_json::to_string(&Written::of(self)).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Reads a file that [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`PopulationError::FutureVersion`], or [`PopulationError::NotAPopulation`] with the place where it fails.
    pub fn from_json(json: &str) -> Result<Self, PopulationError> {
        let written: Written<'_> = FORM.read(json)?;
        let digest = written.digest.clone().into_owned();
        let population = Self::checked(written)?;
        if digest == population.digest() { Ok(population) } else { Err(FORM.whole("its digest is of other contents")) }
    }

    fn checked(written: Written<'_>) -> Result<Self, PopulationError> {
        let (responses, terms, texts) = (written.responses.len(), written.terms.len(), written.texts.len());
        let own_options = responses == 0;
        let columns = if written.scale { 1 } else { responses.max(1) };
        let ascending = |digests: &[u64]| digests.is_sorted_by(|a, b| a < b);
        let digests: Vec<u64> = written.terms.iter().map(|(digest, _)| *digest).collect();
        let up_to = |numbers: &[f64], most: f64| numbers.iter().all(|number| number.abs() <= most);
        let axes = written.axes.len();
        let base: f64 = written.base.iter().sum();
        let sizes = terms <= TERMS && texts <= TEXTS && axes <= AXES + 1;
        let checks = [
            (sizes, "it has more terms, texts or axes than a population keeps"),
            (written.k >= 2 && written.users >= written.k as u64, "k is below 2, or more than its users"),
            (responses != 1 && !(own_options && written.scale), "it has a single response, or a scale without points"),
            (written.base.len() == responses, "its base rates are not one for each response"),
            (
                written.base.iter().all(|p| *p > 0.0) && (own_options || (base - 1.0).abs() < 1e-6),
                "its base rates do not sum to 1",
            ),
            ((1.0..=1_000.0).contains(&written.strength), "its strength is not from 1 to 1,000"),
            ((0.0..=1.0).contains(&written.slope), "its slope is not from 0 to 1"),
            (ascending(&digests) && ascending(&written.texts), "its digests are not in order"),
            (
                written.terms.iter().all(|(_, weight)| (0.5..=64.0).contains(weight)),
                "a term's weight is not from 0.5 to 64",
            ),
            (written.noise.is_none_or(|promise| promise.is_one()), "no noise keeps its promise"),
            ((1e-3..=1e3).contains(&written.ridge), "its ridge is not from 0.001 to 1,000"),
            ((LEAST_VARIANCE..=MOST).contains(&written.variance), "its variance is not from 0.001 to 10^12"),
            ((0.0..=1.0).contains(&written.alone), "the part of users who are like no others is not from 0 to 1"),
            (
                written.axes.iter().all(|axis| axis.len() == terms * columns && up_to(axis, MOST_EFFECT)),
                "an axis's numbers do not fit its terms",
            ),
            (
                written.texts_sums.len() == texts * columns
                    && up_to(&written.texts_sums, MOST)
                    && written.masses.len() == texts
                    && written.masses.iter().all(|mass| (0.0..=MOST).contains(mass)),
                "what went with its texts does not fit them",
            ),
        ];
        FORM.check(&checks)?;
        let each = written.axes.into_iter().map(|effects| Axis { effects: effects.into_owned() }).collect();
        let axes = Axes { each, texts: written.texts_sums.into_owned(), masses: written.masses.into_owned() };
        let promise = written.noise;
        let mut population = Self::unsealed(
            (written.responses.into_owned(), written.scale),
            (written.k, written.users, written.interactions),
            (written.base.into_owned(), written.strength, written.slope),
            (written.terms.into_owned(), written.texts.into_owned()),
            (axes, written.ridge, written.variance, written.alone),
        );
        population.promise = promise;
        population.seal();
        Ok(population)
    }
}
