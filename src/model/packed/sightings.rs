//! Where each factor was seen, kept so that a first answer need not read all texts.
//!
//! A section of JSON: for each factor in order of id the gaps between the positions of its items, the first counted from −1.

use crate::model::file::head_is_current;
use crate::model::over_time::{Drifts, Sightings};
use crate::model::{PackedError, PackedModel, UserModel};

const SIGHTINGS: &str = "sightings";

/// The section of a model.
pub(super) fn section(model: &UserModel) -> (&'static str, Vec<u8>) {
    let sightings = model.sightings();
    let gaps = |positions: &Vec<usize>| -> Vec<usize> {
        let before = std::iter::once(0).chain(positions.iter().map(|position| position + 1));
        positions.iter().zip(before).map(|(position, before)| position + 1 - before).collect()
    };
    let by_factor: Vec<Vec<usize>> =
        model.factors().iter().map(|factor| sightings.get(factor.id()).map(gaps).unwrap_or_default()).collect();
    (SIGHTINGS, serde_json::to_vec(&by_factor).unwrap_or_default())
}

impl PackedModel {
    /// What is known of the drifts of its model; nothing in a file that does not say where factors were seen, or whose factors
    /// were made anew.
    pub(crate) fn drifts(&self, model: &UserModel) -> Result<Drifts, PackedError> {
        let Ok(section) = self.section(SIGHTINGS) else { return Ok(Drifts::default()) };
        if !head_is_current(self.head()?)? {
            return Ok(Drifts::default());
        }
        let read = sightings(section, model).ok_or_else(|| self.wrong(SIGHTINGS, "it names no places of the items"))?;
        Ok(Drifts::knowing(read))
    }
}

fn sightings(section: &[u8], model: &UserModel) -> Option<Sightings> {
    let by_factor: Vec<Vec<usize>> = serde_json::from_slice(section).ok()?;
    let mut sightings = Sightings::new();
    for (factor, gaps) in model.factors().iter().zip(&by_factor) {
        let mut next = 0_usize;
        let mut positions = Vec::with_capacity(gaps.len());
        for gap in gaps {
            next = next.checked_add(*gap).filter(|_| *gap > 0)?;
            positions.push(next - 1);
        }
        if !positions.is_empty() {
            sightings.insert(factor.id().clone(), positions);
        }
        if next > model.memory().len() {
            return None;
        }
    }
    (by_factor.len() == model.factors().len()).then_some(sightings)
}
