//! What moves probabilities from the base rates, part by part.

use ndarray::Array1;

use super::choices::Chosen;
use super::labels::Labels;
use super::ordinal::Latent;

/// What an estimate goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    All,
    /// Factors and tone; not what else makes queries similar.
    Factors,
}

/// Probabilities with what moved them from the base rates.
pub(super) struct Moved {
    pub(super) p: Vec<f64>,
    pub(super) parts: Vec<(Mover, Vec<f64>)>,
}

/// What moved probabilities; a factor by its number in the query.
pub(super) enum Mover {
    Factor(usize),
    Similar,
    Tone,
    Options,
    Others,
}

/// The probabilities that the base rates come to by what others add, by a tone and by parts of regressions: the query's factors
/// in their order and, last, similar queries. On a scale they are shifts of the latent mean.
pub(super) fn by_parts(
    latent: Option<&Latent>,
    (base, others): (&[f64], Option<&[f64]>),
    tone: Option<f64>,
    mut parts: Vec<Array1<f64>>,
    heard: Heard,
) -> Moved {
    if let (Heard::Factors, Some(rest)) = (heard, parts.last_mut()) {
        rest.fill(0.0);
    }
    let factors = parts.len().saturating_sub(1);
    let (p, by_tone, by_others, by_part) = match latent {
        Some(latent) => {
            let more = others.map(|added| added.iter().sum::<f64>());
            let shifts: Vec<f64> = parts.iter().map(|part| part.sum()).chain(more).collect();
            let mut moved = latent.moved(base, tone, &shifts);
            let by_others = more.and_then(|_| moved.by_shift.pop());
            (moved.p, moved.by_tone, by_others, moved.by_shift)
        }
        None => {
            let from: Vec<f64> = match others {
                Some(added) => base.iter().zip(added).map(|(base, added)| base + added).collect(),
                None => base.to_vec(),
            };
            let (p, by_part) = Labels::moved(&from, parts);
            (p, None, others.map(<[f64]>::to_vec), by_part)
        }
    };
    let mover = |number: usize| if number < factors { Mover::Factor(number) } else { Mover::Similar };
    let parts = by_part.into_iter().enumerate().map(|(number, added)| (mover(number), added));
    let first = by_tone.map(|added| (Mover::Tone, added)).into_iter();
    let first = first.chain(by_others.map(|added| (Mover::Others, added)));
    Moved { p, parts: first.chain(parts).collect() }
}

pub(super) fn of_options(mut moved: Chosen, heard: Heard) -> Moved {
    if heard == Heard::Factors {
        // What similar questions say is somewhere between none of it and all of it for each part, so this stays a distribution.
        moved.p.iter_mut().zip(&moved.by_similar).for_each(|(p, by)| *p = (*p - by).clamp(0.0, 1.0));
        moved.by_similar.fill(0.0);
    }
    let factors = moved.by_factor.into_iter().enumerate().map(|(number, added)| (Mover::Factor(number), added));
    let parts = [(Mover::Options, moved.by_options)].into_iter();
    let parts = parts.chain(moved.by_others.map(|added| (Mover::Others, added))).chain(factors);
    Moved { p: moved.p, parts: parts.chain([(Mover::Similar, moved.by_similar)]).collect() }
}
