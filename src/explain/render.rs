//! Explanations as text.

use std::fmt::{self, Write as _};

use crate::data::visible::{Shown, line};
use crate::data::{Decision, FactorId, PathOrigin};
use crate::stats::{Estimate, FactorSummary};

use super::{Candidate, Effect, Evidence, Faithfulness, Measure, ModelPart, Reasons, WhatIf};

/// The least points of a scale that are shown, and tenfold the least probability: less would show as 0.
const LEAST_SHOWN: f64 = 0.005;

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Shown::new(f);
        writeln!(f, "{}: {}", line(&self.response_name), line(&self.response))?;
        writeln!(f, "tier: {} ({})", self.support.tier.as_str(), self.support.reason.as_str())?;
        if let Some(estimate) = &self.estimate {
            writeln!(f, "estimate: {}", shares(estimate, self.usual()))?;
            writeln!(f, "made of: {}", self.parts(estimate))?;
            if let Some(people) = estimate.people() {
                write!(f, "others: {} people", people.users)?;
                if let Some(alone) = people.alone {
                    let (with, alone) = (100.0 * (1.0 - alone), 100.0 * alone);
                    write!(f, "; this person goes {with:.0}% with them, {alone:.0}% with none")?;
                }
                writeln!(f)?;
            }
            match decided_by(estimate) {
                _ if self.by_model && estimate.decision() != self.response => {
                    writeln!(f, "decided: by the model; the statistics alone would say {}", estimate.decision())?;
                }
                _ if self.by_model => writeln!(f, "decided: by the model; the statistics alone say the same")?,
                Some(how) => writeln!(f, "decided: {how}")?,
                None => {}
            }
        }
        if let Some(ModelPart { alone, without, weight }) = self.model {
            let (alone, without) = (100.0 * alone, 100.0 * without);
            writeln!(
                f,
                "the model alone: {alone:.0}%; the statistics alone: {without:.0}%; weight of the model {weight:.2}"
            )?;
        }
        if let Some(overruled) = &self.overruled {
            writeln!(f, "the model itself said: {}; its reasons were for that", line(overruled))?;
        }
        let of_model = self.origin == PathOrigin::Model || self.model.is_some() || self.overruled.is_some();
        if of_model && self.dropped.against > 0 {
            writeln!(f, "dropped reasons of the model: {}, the user's counts say the opposite", self.dropped.against)?;
        }
        let unusable = self.dropped.total() - self.dropped.against;
        if of_model && self.origin == PathOrigin::Statistics && unusable > 0 {
            writeln!(f, "reasons of the model that could not be used: {unusable}")?;
        }
        if let Some(why) = self.unfused {
            writeln!(f, "without the model: {}", why.as_str())?;
        }
        for proposed in &self.proposals {
            let by = if proposed.by_model { "the model's" } else { "of the text's own words" };
            writeln!(f, "proposed: \"{}\", {by}, expected overlap {:.2}", line(&proposed.response), proposed.overlap)?;
        }
        let origin = match self.origin {
            PathOrigin::Model => "written by the model, citations checked",
            PathOrigin::Statistics => "composed from the statistics",
            PathOrigin::User => "written by the user",
        };
        writeln!(f, "path ({origin}):")?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {}. {}", number + 1, line(&step.text))?;
            writeln!(f, "     feature \"{}\" in \"{}\"", line(&step.feature), line(&step.words))?;
            match &step.factor {
                Some(factor) => writeln!(f, "     factor {}", statistics(factor, &self.response))?,
                None => writeln!(f, "     no known factor")?,
            }
        }
        for aside in &self.set_aside {
            writeln!(
                f,
                "set aside at the user's wish: \"{}\" (factor \"{}\")",
                line(&aside.words),
                line(&aside.factor)
            )?;
        }
        for exemplar in &self.exemplars {
            let (item, name, response) = (&exemplar.item, line(&self.response_name), line(&exemplar.response));
            writeln!(f, "exemplar {item}: {name} {response} (similarity {:.2})", exemplar.similarity)?;
        }
        for factor in &self.drifting {
            writeln!(f, "factor {} is drifting: what it goes with has changed of late", short(factor))?;
        }
        Ok(())
    }
}

impl Reasons {
    /// Whose base rates these are: of a user who has said nothing yet, beside a population, most people's.
    pub(super) fn usual(&self) -> &'static str {
        let of_others = self.interactions == 0 && self.estimate.as_ref().is_some_and(|it| it.people().is_some());
        if of_others { "most people" } else { "usually" }
    }

    /// The base rate of the response and what was added to it, in percent; on a scale what is usual and was added in points.
    fn parts(&self, estimate: &Estimate) -> String {
        let points: Option<Vec<(&str, f64)>> =
            self.contributions.iter().map(|part| Some((part.name.as_str(), part.points?))).collect();
        let mut text = String::new();
        match points.filter(|points| !points.is_empty()) {
            Some(mut points) => {
                let _ = write!(text, "{} {:.2}", self.usual(), estimate.usual().unwrap_or_default());
                points.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
                for (name, added) in points.iter().filter(|(_, added)| added.abs() >= LEAST_SHOWN) {
                    let _ = write!(text, ", {} {added:+.2}", line(name));
                }
                let _ = write!(text, "; {:.2} expected", estimate.expected().unwrap_or_default());
            }
            None => {
                let base = estimate.responses().iter().find(|weighted| weighted.response == self.response);
                let base = 100.0 * base.map_or(0.0, |weighted| weighted.base);
                let _ = write!(text, "{} {base:.1}% {}", self.usual(), line(&self.response));
                for part in self.contributions.iter().filter(|part| part.added.abs() >= LEAST_SHOWN / 10.0) {
                    let _ = write!(text, ", {} {:+.1}", line(&part.name), 100.0 * part.added);
                }
            }
        }
        text
    }
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Shown::new(f);
        writeln!(f, "{}: {}", line(&self.response_name), line(&self.response))?;
        let measure = match self.measure {
            Measure::Estimate => "how far the estimate leans to the response",
            Measure::Response => "the response given without it",
        };
        writeln!(f, "what it depended on, by {measure}:")?;
        for factor in &self.factors {
            let cited = factor.cited.map_or("not cited".to_owned(), |step| format!("cited in step {}", step + 1));
            writeln!(f, "  {} ({cited})", change(&factor.effect))?;
            writeln!(f, "     factor {}", statistics(&factor.factor, &self.response))?;
            quotes(f, &factor.evidence, &self.response_name)?;
        }
        for exemplar in &self.exemplars {
            writeln!(f, "  {}", change(&exemplar.effect))?;
            let (item, name, response) = (&exemplar.item, line(&self.response_name), line(&exemplar.response));
            writeln!(f, "     exemplar {item}: {name} {response} (similarity {:.2})", exemplar.similarity)?;
        }
        for untried in &self.untried {
            let what = match &untried.candidate {
                Candidate::Factor(id) => format!("factor {}", short(id)),
                Candidate::Exemplar(id) => format!("exemplar {id}"),
            };
            writeln!(f, "  not tried: {what}, {}", untried.reason.as_str())?;
        }
        writeln!(f, "{}", self.faithfulness)
    }
}

impl fmt::Display for Faithfulness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |value: Option<f64>| value.map_or("unknown".to_owned(), |value| format!("{value:.2}"));
        let first = self.first_is_top.map_or("unknown", |top| if top { "yes" } else { "no" });
        write!(
            f,
            "faithfulness {}: {} of {} cited factors tried, first is top {first}, order {}, as claimed {}",
            known(self.score()),
            self.tried,
            self.cited,
            known(self.tau),
            known(self.as_claimed),
        )
    }
}

/// The rule of the decision, where that is not the most probable response.
fn decided_by(estimate: &Estimate) -> Option<&'static str> {
    let most = estimate.responses().iter().map(|it| it.probability).fold(0.0, f64::max);
    if estimate.probability(estimate.decision()) >= most {
        return None;
    }
    Some(match estimate.decided_by() {
        Decision::Median => "the median of these, which is nearest to them all",
        Decision::Mean => "the point nearest to the mean of these",
        Decision::LeastCost => "the point that costs least by these, a miss most",
        _ => "by the costs that the task has",
    })
}

fn shares(estimate: &Estimate, usual: &str) -> String {
    let shares = estimate.responses().iter().map(|weighted| {
        let (p, base) = (100.0 * weighted.probability, 100.0 * weighted.base);
        format!("{} {p:.0}% ({usual} {base:.0}%)", line(&weighted.response))
    });
    shares.collect::<Vec<_>>().join(", ")
}

/// A factor with the statistics that bear on the response.
fn statistics(factor: &FactorSummary, response: &str) -> String {
    let mut text =
        format!("{} \"{}\", seen in {} of {}", short(&factor.id), line(&factor.label), factor.coverage, factor.total);
    let said = line(response);
    if let Some(belief) = factor.responses.iter().find(|belief| belief.response == response) {
        let percent = |share: f64| 100.0 * share;
        let _ = write!(
            text,
            "; {said} came {:.0} times, estimated {:.0}% [{:.0}–{:.0}%], against {:.0}% overall; q {:.2}",
            belief.count,
            percent(belief.propensity),
            percent(belief.interval.low),
            percent(belief.interval.high),
            percent(belief.base),
            factor.q,
        );
    }
    if let Some(most) = factor.contrast.as_ref().and_then(|contrast| contrast.in_words(response)) {
        let _ = write!(text, "; {most}");
    }
    if let Some(influence) = &factor.influence {
        let (low, high) = (100.0 * influence.interval.low, 100.0 * influence.interval.high);
        let _ = write!(text, "; swayed in {:.0}% [{low:.0}–{high:.0}%]", 100.0 * influence.share);
    }
    text
}

/// The beginning of an id, which tells the factors of one user apart for a reader.
fn short(id: &FactorId) -> &str {
    id.as_str().get(..9).unwrap_or(id.as_str())
}

fn change(effect: &Effect) -> String {
    let mut text =
        if effect.flips { format!("without it: {}", line(&effect.response)) } else { "without it the same".to_owned() };
    if let Some(points) = effect.points.filter(|points| *points != 0.0) {
        let _ = write!(text, " ({:+} points)", -points);
    }
    let _ = match (effect.expected, effect.estimate) {
        (Some(change), _) => {
            let side = if change < 0.0 { "lowers" } else { "raises" };
            write!(text, "; it {side} what is expected by {:.2}", change.abs())
        }
        (None, Some(change)) => {
            let does = if change < 0.0 { "takes" } else { "adds" };
            write!(text, "; it {does} {:.1} points of probability", 100.0 * change.abs())
        }
        (None, None) => write!(text, "; change {:.2}", effect.size),
    };
    text
}

fn quotes(f: &mut impl fmt::Write, evidence: &Evidence, response_name: &str) -> fmt::Result {
    let words: Vec<String> = evidence.query.iter().map(|words| format!("\"{}\"", line(words))).collect();
    writeln!(f, "     here {}", words.join(", "))?;
    for past in &evidence.past {
        writeln!(f, "     in {}: \"{}\", {response_name} {}", past.item, line(&past.words), line(&past.response))?;
    }
    Ok(())
}
