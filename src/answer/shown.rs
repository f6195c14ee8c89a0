//! Chooses what of a user an answer's request shows, and names whose text that is.

use std::collections::BTreeSet;

use crate::context::StageContext;
use crate::data::{Exemplar, Factor, FactorId, MemoryItem};
use crate::prompt::{self, Sources};
use crate::stats::Tier;

use super::AnswerRequest;

/// The most factors that a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MostShown {
    /// Their number.
    pub(super) factors: usize,
    /// About how many tokens they take; one is always shown.
    pub(super) tokens: Option<u64>,
}

impl Default for MostShown {
    fn default() -> Self {
        Self { factors: 12, tokens: None }
    }
}

/// The past interactions that a request of this tier shows.
pub(super) fn shown_exemplars<'r>(request: &AnswerRequest<'r>) -> &'r [Exemplar] {
    if request.support.tier >= Tier::Pairs { request.exemplars } else { &[] }
}

/// Pinned factors, which are always shown, then the query's, then those of the exemplars that are shown: first those in which the
/// user differs most surely from most people, beside a population, then the surest.
pub(super) fn shown_factors<'r>(
    most: MostShown,
    request: &AnswerRequest<'r>,
    exemplars: &[Exemplar],
    ctx: &StageContext<'_>,
) -> Vec<&'r Factor> {
    let known = request.beliefs.factors();
    let mut in_query: BTreeSet<&FactorId> = request.features.iter().filter_map(|f| f.factor.as_ref()).collect();
    in_query.extend(known.iter().filter(|factor| factor.is_pinned()).map(Factor::id));
    let mut shown: Vec<&Factor> = in_query.into_iter().filter_map(|id| known.get(id)).collect();
    let mut past: Vec<&Factor> = known.present_in(exemplars.iter().flat_map(|exemplar| exemplar.item.features()));
    past.retain(|factor| shown.iter().all(|other| other.id() != factor.id()));
    for part in [&mut shown, &mut past] {
        part.sort_by(|a, b| {
            let off = |factor: &Factor| request.beliefs.distinct(factor.id());
            let distinct = off(b).total_cmp(&off(a));
            let surer = request.beliefs.q(a.id()).total_cmp(&request.beliefs.q(b.id()));
            let pinned = b.is_pinned().cmp(&a.is_pinned());
            pinned
                .then(distinct)
                .then(surer)
                .then_with(|| b.stats().coverage.total_cmp(&a.stats().coverage))
                .then_with(|| a.id().cmp(b.id()))
        });
    }
    shown.append(&mut past);
    let pinned = shown.iter().filter(|factor| factor.is_pinned()).count();
    shown.truncate(most.factors.max(pinned));
    if let Some(tokens) = most.tokens {
        let within = prompt::factors_within(request.beliefs, &shown, Some(request.query), tokens, ctx.redaction());
        shown.truncate(within.max(pinned));
    }
    shown
}

/// Whose text a request holds that shows these exemplars and factors: the query's, the exemplars', and that of every
/// interaction a factor was seen in.
pub(super) fn sources_of<'r>(
    request: &AnswerRequest<'r>,
    exemplars: &'r [Exemplar],
    shown: &[&'r Factor],
) -> Vec<&'r str> {
    let past = exemplars.iter().map(|exemplar| &exemplar.item);
    let own = std::iter::once("query").chain(past.clone().map(|item| item.id().as_str()));
    // The paths of the examples may speak of factors that are not shown.
    let spoken = request.beliefs.factors().present_in(past.flat_map(MemoryItem::features));
    let sources = Sources::new(request.beliefs.factors(), request.memory.items());
    sources.about(own, shown.iter().copied().chain(spoken))
}
