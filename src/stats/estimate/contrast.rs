//! How a user differs from most people where a factor is.

use std::fmt;

use serde::Serialize;

use crate::data::FactorId;

use super::estimator::{Estimator, Space};

/// How a user's responses to the interactions with a factor differ from what most people would have responded to the same
/// ones, by a [population](crate::stats::population): what of a factor is the user's own, and not everybody's.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contrast {
    /// The interactions with the factor that are compared, of the latest 256.
    pub n: f64,
    /// By response, in the order of the task's.
    pub responses: Vec<ContrastedResponse>,
    /// Of a scale: the user's mean response less that of most people, in points.
    pub higher: Option<f64>,
    /// The difference in standard errors of what chance makes of most people's responses: of the mean on a scale, of the response
    /// that differs most among labels. At least 0; above 2 it is seldom chance.
    pub deviates: f64,
}

/// One response, as the user gave it and as most people would have.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ContrastedResponse {
    /// The response.
    pub response: String,
    /// Its share of the user's responses, from 0 to 1.
    pub own: f64,
    /// The share that most people would have given it, from 0 to 1.
    pub most: f64,
}

impl fmt::Debug for Contrast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, higher, deviates) = (self.n, self.higher, self.deviates);
        let mut shown = f.debug_struct("Contrast");
        shown.field("n", &n).field("higher", &higher).field("deviates", &deviates).finish_non_exhaustive()
    }
}

impl fmt::Debug for ContrastedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ContrastedResponse");
        shown.field("own", &self.own).field("most", &self.most).finish_non_exhaustive()
    }
}

impl Contrast {
    /// In words: on a scale by how much the user is above or below most people, otherwise for a response.
    pub fn in_words(&self, response: &str) -> Option<String> {
        let n = self.n;
        if let Some(higher) = self.higher {
            let side = if higher < 0.0 { "lower" } else { "higher" };
            return Some(match higher.abs() {
                ..0.05 => format!("as most people would, n {n:.0}"),
                points => format!("{points:.1} {side} than most people would, n {n:.0}"),
            });
        }
        let of = self.of(response)?;
        Some(format!("most people {:.0}%, here {:.0}%, n {n:.0}", 100.0 * of.most, 100.0 * of.own))
    }

    /// The response in whose share the user differs most from most people.
    pub fn strongest(&self) -> Option<&ContrastedResponse> {
        self.responses.iter().max_by(|a, b| (a.own - a.most).abs().total_cmp(&(b.own - b.most).abs()))
    }

    /// The shares of a response.
    pub fn of(&self, response: &str) -> Option<&ContrastedResponse> {
        self.responses.iter().find(|contrasted| contrasted.response == response)
    }
}

/// Sums over the interactions with a factor.
#[derive(Clone)]
struct Sums {
    n: f64,
    own: Vec<f64>,
    most: Vec<f64>,
    /// By response, the variance that chance gives its number; last is that of the sum of points.
    variance: Vec<f64>,
}

impl Estimator {
    /// How the user differs from most people in each factor that was seen in the latest 256 interactions, in order of id. Empty
    /// without a population, and for options, which differ from question to question.
    pub fn contrasts(&self) -> Vec<(FactorId, Contrast)> {
        let Some(others) = &self.others else { return Vec::new() };
        if matches!(self.space, Space::Choices(_)) {
            return Vec::new();
        }
        let responses = &self.past.responses;
        let points = self.points();
        let empty = Sums {
            n: 0.0,
            own: vec![0.0; responses.len()],
            most: vec![0.0; responses.len()],
            variance: vec![0.0; responses.len() + 1],
        };
        let mut sums = vec![empty; self.past.ids.len()];
        let first = self.past.first();
        for (number, factors) in self.past.factors_of.iter().enumerate() {
            let item = first + number;
            let (Some(most), Some(given)) = (others.most_people(&self.past, item), self.past.given(Some(item))) else {
                continue;
            };
            let weight = self.past.weight(Some(item));
            let mean: f64 = most.iter().zip(&points).map(|(p, point)| p * point).sum();
            let spread: f64 = most.iter().zip(&points).map(|(p, point)| p * (point - mean).powi(2)).sum();
            for factor in factors {
                let Some(sums) = sums.get_mut(*factor) else { continue };
                sums.n += weight;
                if let Some(own) = sums.own.get_mut(given) {
                    *own += weight;
                }
                sums.most.iter_mut().zip(&most).for_each(|(sum, p)| *sum += weight * p);
                let chance = most.iter().map(|p| p * (1.0 - p)).chain([spread]);
                sums.variance.iter_mut().zip(chance).for_each(|(sum, chance)| *sum += weight * weight * chance);
            }
        }
        let known = self.past.ids.iter().zip(&sums).filter(|(_, sums)| sums.n > 0.0);
        known.map(|(id, sums)| (id.clone(), self.contrast(sums, &points))).collect()
    }

    fn contrast(&self, sums: &Sums, points: &[f64]) -> Contrast {
        let off: Vec<f64> = sums.own.iter().zip(&sums.most).map(|(own, most)| own - most).collect();
        let in_errors = |(off, variance): (&f64, &f64)| off.abs() / variance.sqrt().max(1e-3);
        let points_off: f64 = off.iter().zip(points).map(|(off, point)| off * point).sum();
        let ordinal = matches!(self.space, Space::Scale(_));
        let deviates = match sums.variance.last() {
            Some(variance) if ordinal => in_errors((&points_off, variance)),
            _ => off.iter().zip(&sums.variance).map(in_errors).fold(0.0, f64::max),
        };
        let shares = self.past.responses.iter().zip(sums.own.iter().zip(&sums.most));
        let response = |(response, (own, most)): (&String, (&f64, &f64))| ContrastedResponse {
            response: response.clone(),
            own: own / sums.n,
            most: most / sums.n,
        };
        let higher = ordinal.then_some(points_off / sums.n);
        Contrast { n: sums.n, responses: shares.map(response).collect(), higher, deviates }
    }

    /// The points of a scale; zeros for labels.
    fn points(&self) -> Vec<f64> {
        let scale = matches!(self.space, Space::Scale(_));
        self.past.responses.iter().map(|y| if scale { y.parse().unwrap_or_default() } else { 0.0 }).collect()
    }
}
