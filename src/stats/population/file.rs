//! The portable file of a population.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::fit::{TERMS, TEXTS};
use super::form::Form;
use super::kind::Kind;
use super::seeds::KINDS;
use super::{Population, PopulationError, Promise};

/// Stands in the `format` field of every file of a population.
pub const FORMAT_NAME: &str = "rpm-core/population";

/// The version this crate writes, and the latest one it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The most that any number of a kind may be, so that no sum of them overflows.
pub(super) const MOST: f64 = 1e12;

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
    kinds: Vec<WrittenKind<'p>>,
    /// Not there where nothing is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noise: Option<Promise>,
    #[serde(default)]
    digest: Cow<'p, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKind<'p> {
    share: f64,
    effects: Cow<'p, [f64]>,
    texts: Cow<'p, [f64]>,
    masses: Cow<'p, [f64]>,
}

impl<'p> Written<'p> {
    pub(super) fn of(population: &'p Population) -> Self {
        let kind = |kind: &'p Kind| WrittenKind {
            share: kind.share,
            effects: Cow::Borrowed(&kind.effects),
            texts: Cow::Borrowed(&kind.texts),
            masses: Cow::Borrowed(&kind.masses),
        };
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
            kinds: population.kinds.iter().map(kind).collect(),
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
        let share = |share: &f64| (0.0..=1.0).contains(share);
        let kind = |kind: &WrittenKind<'_>| {
            let finite = |numbers: &[f64]| numbers.iter().all(|number| number.abs() <= MOST);
            kind.effects.len() == terms * columns
                && kind.texts.len() == texts * columns
                && kind.masses.len() == texts
                && finite(&kind.effects)
                && finite(&kind.texts)
                && kind.masses.iter().all(|mass| (0.0..=MOST).contains(mass))
                && share(&kind.share)
        };
        let alone = 1.0 - written.kinds.iter().map(|kind| kind.share).sum::<f64>();
        let base: f64 = written.base.iter().sum();
        let sizes = terms <= TERMS && texts <= TEXTS && written.kinds.len() <= KINDS;
        let checks = [
            (sizes, "it has more terms, texts or kinds than a population keeps"),
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
            (written.kinds.iter().all(kind) && alone > -1e-9, "a kind's numbers do not fit its terms and texts"),
        ];
        FORM.check(&checks)?;
        let kind = |kind: WrittenKind<'_>| Kind {
            share: kind.share,
            effects: kind.effects.into_owned(),
            texts: kind.texts.into_owned(),
            masses: kind.masses.into_owned(),
        };
        let promise = written.noise;
        let mut population = Self::unsealed(
            (written.responses.into_owned(), written.scale),
            (written.k, written.users, written.interactions),
            (written.base.into_owned(), written.strength, written.slope),
            (written.terms.into_owned(), written.texts.into_owned()),
            written.kinds.into_iter().map(kind).collect(),
        );
        population.promise = promise;
        population.seal();
        Ok(population)
    }
}
