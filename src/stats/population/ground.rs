//! The base rates of a user, and how they are moved.

use crate::stats::latent::CutNormal;

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
    pub(crate) fn left(&self, given: usize) -> Vec<f64> {
        match &self.normal {
            Some(normal) => vec![normal.inside().get(given).copied().unwrap_or_default()],
            None => {
                let left = |(place, base): (usize, &f64)| f64::from(u8::from(place == given)) - base;
                self.base.iter().enumerate().map(left).collect()
            }
        }
    }
}

/// The probability of a response that was given in so many of other responses, of so many that there are, by these alone: Jeffreys'
/// half of a response for each before the first.
pub(crate) fn own_rate(given: f64, of: f64, responses: usize) -> f64 {
    (given + 0.5) / (of + 0.5 * responses.max(1) as f64)
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
