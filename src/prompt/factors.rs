//! The factors of a user as lines of a request.

use std::fmt::Write as _;

use crate::data::{Factor, Query, ResponseSpace};
use crate::llm::tokens_by_rule;
use crate::stats::{Beliefs, Interval};

use super::{Redaction, inline};

/// Responses shown of one factor.
const RESPONSES: usize = 2;
/// Responses shown of all that were given.
const MOST_GIVEN: usize = 3;

/// Returns the counts of each factor, one line each; its alias is its place.
pub(crate) fn factors(
    beliefs: &Beliefs<'_>,
    shown: &[&Factor],
    query: Option<&Query>,
    redaction: Redaction<'_>,
) -> String {
    if shown.is_empty() {
        return "none known".to_owned();
    }
    let line = |(place, factor): (usize, &&Factor)| factor_line(place, factor, beliefs, query, redaction);
    shown.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// The responses that a person gave most, whatever the query, in one line; empty where each query has its own.
pub(crate) fn overall(beliefs: &Beliefs<'_>, responses: &[String], redaction: Redaction<'_>) -> String {
    let mut shares: Vec<(&String, f64)> =
        responses.iter().map(|response| (response, beliefs.base(response))).filter(|(_, share)| *share > 0.0).collect();
    // Stable: of equals the first of the task.
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told = |(response, share): (&String, f64)| {
        let shown = match beliefs.task().space() {
            ResponseSpace::Scale { .. } => response.clone(),
            _ => inline(&redaction.apply(response)),
        };
        format!("{shown} in {:.0}%", share * 100.0)
    };
    let told: Vec<String> = shares.into_iter().take(MOST_GIVEN).map(told).collect();
    if told.is_empty() { String::new() } else { format!("Overall, of all past answers: {}\n", told.join(", ")) }
}

/// Returns the number of factors, from the first, that are shown in about this many tokens; at least one.
pub(crate) fn factors_within(
    beliefs: &Beliefs<'_>,
    shown: &[&Factor],
    query: Option<&Query>,
    tokens: u64,
    redaction: Redaction<'_>,
) -> usize {
    let lines = shown.iter().enumerate().map(|entry| factor_line(entry.0, entry.1, beliefs, query, redaction));
    let used = lines.scan(0, |sum, line| {
        *sum += tokens_by_rule(&line) + 1;
        Some(*sum)
    });
    used.take_while(|sum| *sum <= tokens).count().max(1)
}

fn factor_line(
    place: usize,
    factor: &Factor,
    beliefs: &Beliefs<'_>,
    query: Option<&Query>,
    redaction: Redaction<'_>,
) -> String {
    let mut line = counted(place, factor, beliefs, query, redaction);
    if factor.is_pinned() {
        line.push_str("; this person says that it matters");
    }
    if factor.boost() > 1.0 {
        line.push_str("; this person wants it to count for more");
    } else if factor.boost() < 1.0 {
        line.push_str("; this person wants it to count for less");
    }
    line
}

fn counted(
    place: usize,
    factor: &Factor,
    beliefs: &Beliefs<'_>,
    query: Option<&Query>,
    redaction: Redaction<'_>,
) -> String {
    let summary = beliefs.summary(factor, query);
    let label = inline(&redaction.apply(&summary.label));
    let mut line = format!("F{} {label}: n={} of {}", place + 1, count(summary.coverage), count(summary.total));
    if let Some(influence) = summary.influence {
        // The middle of the interval, not the raw share: one sighting must not read as certain.
        let _ = write!(line, "; influential in {}", share(influence.interval.middle(), &influence.interval));
        if let (Some(sides), true) = (summary.polarity, factor.stats().polarity.total() > 0.0) {
            let sides = ["positive", "neutral", "negative"].into_iter().zip(sides);
            let most = sides.reduce(|most, side| if side.1.share > most.1.share { side } else { most });
            if let Some((side, of)) = most {
                let _ = write!(line, "; then {side} in {}", share(of.share, &of.interval));
            }
        }
        return line;
    }
    let figures: Vec<String> = summary
        .responses
        .iter()
        .filter(|belief| belief.count > 0.0)
        .take(RESPONSES)
        .map(|belief| {
            let response = match beliefs.task().space() {
                ResponseSpace::Scale { .. } => belief.response.clone(),
                _ => inline(&redaction.apply(&belief.response)),
            };
            let share = share(belief.propensity, &belief.interval);
            format!("{response} in {share} against {:.0}% overall", belief.base * 100.0)
        })
        .collect();
    if !figures.is_empty() {
        let _ = write!(line, "; {}", figures.join(", "));
    }
    let strongest = summary.responses.iter().find(|belief| belief.count > 0.0).map(|belief| belief.response.as_str());
    let most = summary.contrast.as_ref().zip(strongest).and_then(|(contrast, response)| contrast.in_words(response));
    if let Some(most) = most {
        let _ = write!(line, "; {most}");
    }
    let q = if summary.q < 0.01 { "q<0.01".to_owned() } else { format!("q={:.2}", summary.q) };
    let _ = write!(line, ", {q}");
    line
}

fn share(share: f64, interval: &Interval) -> String {
    format!("{:.0}% [{:.0}-{:.0}%]", share * 100.0, interval.low * 100.0, interval.high * 100.0)
}

/// Counts are whole unless interactions are weighted.
fn count(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { format!("{count:.1}") }
}
