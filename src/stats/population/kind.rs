//! One kind of person: what sways them in words and in whole texts.

use crate::stats::latent::CutNormal;

/// What sways one kind of person. Columns are the responses of labels, or the one latent mean of a scale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kind {
    /// The part of the users that is of this kind, from 0 to 1.
    pub(super) share: f64,
    /// By term: its effect, by column.
    pub(super) effects: Vec<f64>,
    /// By text: what went with it in all, by column, and how many interactions that were.
    pub(super) texts: Vec<f64>,
    pub(super) masses: Vec<f64>,
}

/// Where a query stands among the terms and texts of a population.
#[derive(Debug, Clone, Default)]
pub(super) struct Placed {
    /// Terms, ascending, with their weights, whose squares sum to 1.
    pub(super) terms: Vec<(usize, f64)>,
    pub(super) text: Option<usize>,
}

/// The interactions with a text that weigh as much as what its words say.
const WORDS_WEIGH: f64 = 2.0;

impl Kind {
    /// What the words of a query add, by column; where many answered the same text, mostly what went with that.
    pub(super) fn says(&self, placed: &Placed, columns: usize) -> Vec<f64> {
        let mut says = vec![0.0; columns];
        for (term, weight) in &placed.terms {
            let effects = self.effects.get(term * columns..(term + 1) * columns).unwrap_or_default();
            says.iter_mut().zip(effects).for_each(|(says, effect)| *says += weight * effect);
        }
        if let Some(text) = placed.text {
            let mass = self.masses.get(text).copied().unwrap_or_default();
            let sums = self.texts.get(text * columns..(text + 1) * columns).unwrap_or_default();
            for (says, sum) in says.iter_mut().zip(sums) {
                *says = (WORDS_WEIGH * *says + sum) / (WORDS_WEIGH + mass);
            }
        }
        says
    }
}

/// The base rates of a user, and how they are moved.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    base: Vec<f64>,
    /// Of a scale.
    normal: Option<CutNormal>,
}

/// The least probability of a response, in parts of its base rate.
const LEAST: f64 = 0.1;

impl Ground {
    pub(super) fn new(base: Vec<f64>, scale: bool) -> Self {
        let normal = scale.then(|| CutNormal::new(&base));
        Self { base, normal }
    }

    /// The probabilities that the base rates come to: on a scale under a normal whose mean is shifted; of labels by what is
    /// added, with no response below a tenth of its base rate.
    pub(crate) fn moved(&self, by: &[f64]) -> Vec<f64> {
        if let Some(normal) = &self.normal {
            return scaled(normal.under(by.iter().sum(), 1.0));
        }
        scaled(self.base.iter().zip(by).map(|(base, by)| (base + by).max(LEAST * base)).collect())
    }

    /// What of a response the base rates do not explain, by column.
    pub(super) fn left(&self, given: usize) -> Vec<f64> {
        match &self.normal {
            Some(normal) => vec![normal.inside().get(given).copied().unwrap_or_default()],
            None => {
                let left = |(place, base): (usize, &f64)| f64::from(u8::from(place == given)) - base;
                self.base.iter().enumerate().map(left).collect()
            }
        }
    }
}

fn scaled(mut p: Vec<f64>) -> Vec<f64> {
    let all: f64 = p.iter().sum();
    if all > 0.0 {
        for p in &mut p {
            *p /= all;
        }
    }
    p
}
