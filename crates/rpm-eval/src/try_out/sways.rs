//! What sways one person, in words.

use rpm_core::pipeline::Prepared;
use rpm_core::stats::FactorSummary;

use super::page::{percent, short};

/// The most factors that are told.
const FACTORS: usize = 3;
/// The longest label that is shown, in characters.
const LABEL: usize = 40;
/// A false-discovery rate up to which a factor is called sure.
const SURE: f64 = 0.05;

/// The strongest factors of a person, a line each; empty where none recurs.
pub(super) fn sways(user: &Prepared) -> Vec<String> {
    let factors = user.model().most_telling(&user.beliefs(), FACTORS);
    factors.iter().map(factor).collect()
}

fn factor(factor: &FactorSummary) -> String {
    let label = short(&factor.label, LABEL);
    let FactorSummary { coverage, total, .. } = factor;
    let sure = if factor.q <= SURE { "" } else { ", but that may be chance" };
    let effect = match (&factor.difference, factor.strongest()) {
        (Some(means), _) => {
            let way = if means.difference < 0.0 { "lower" } else { "higher" };
            format!(": rated {:.1} {way} than the rest{sure}", means.difference.abs())
        }
        (None, Some(strongest)) => {
            let (with, usual) = (percent(strongest.propensity), percent(strongest.base));
            format!(": {:?} in {with} of cases instead of {usual}{sure}", short(&strongest.response, LABEL))
        }
        (None, None) => String::new(),
    };
    format!("{label:?} (in {coverage:.0} of {total:.0}){effect}")
}
