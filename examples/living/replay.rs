//! Predict, then observe.

use std::error::Error;

use pollster::block_on;
use rpm_core::answer::StatisticalAnswerer;
use rpm_core::data::Decay;
use rpm_core::extract::LexicalExtractor;
use rpm_core::factor::SimilarityFactorModel;
use rpm_core::reason::ComposedPathWriter;
use rpm_core::{DataError, History, Interaction, Query, RpmPipeline, UserModel};

use crate::chance::paired;
use crate::data::{Kind, Set};

/// Interactions before the first question.
const START: usize = 10;

/// One user's interactions as they happened, those of the test after the history.
pub(crate) fn timeline(set: &Set, user: usize) -> Result<Vec<(Interaction, Query)>, DataError> {
    let rows = set.users[user].history.iter().chain(&set.users[user].test);
    let mut all = Vec::new();
    for (n, row) in rows.enumerate() {
        let query = row.query(set.kind)?;
        let interaction = Interaction::new(format!("i{n:06}"), query.clone(), &row.response)?;
        // Sets without times are in order.
        let interaction = match row.timestamp {
            Some(time) => interaction.at(time),
            None => interaction,
        };
        all.push((interaction, query));
    }
    all.sort_by(|(a, _), (b, _)| (a.time(), a.id()).cmp(&(b.time(), b.id())));
    Ok(all)
}

fn offline(set: &Set, decay: Option<Decay>) -> Result<RpmPipeline, Box<dyn Error>> {
    let Some(decay) = decay else { return Ok(RpmPipeline::offline(set.task.clone())) };
    let builder = RpmPipeline::builder(set.task.clone()).decay(decay);
    let builder = builder.extractor(LexicalExtractor::default()).factor_model(SimilarityFactorModel::default());
    Ok(builder.path_writer(ComposedPathWriter::default()).answerer(StatisticalAnswerer).build()?)
}

fn learned(pipeline: &RpmPipeline, user: usize, first: &[(Interaction, Query)]) -> Result<UserModel, Box<dyn Error>> {
    let interactions = first.iter().map(|(interaction, _)| interaction.clone());
    let history = History::new(pipeline.task(), format!("user {user}"), interactions)?;
    Ok(block_on(pipeline.learn(&history))?.model)
}

/// By item from `START` on: 1 when the answer was the response.
fn hits(
    pipeline: &RpmPipeline,
    user: usize,
    timeline: &[(Interaction, Query)],
    frozen_at: usize,
    same: &mut [usize; 2],
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut model = block_on(pipeline.open(learned(pipeline, user, &timeline[..START])?))?;
    let mut hits = Vec::new();
    let every = (timeline.len() / 5).max(1);
    for (n, (interaction, query)) in timeline.iter().enumerate().skip(START) {
        let answer = block_on(pipeline.personalize(&model, query))?;
        hits.push(f64::from(u8::from(answer.response == interaction.response())));
        if n < frozen_at {
            block_on(pipeline.observe(&mut model, [interaction.clone()]))?;
            if frozen_at == usize::MAX && n % every == every - 1 {
                let at_once = learned(pipeline, user, &timeline[..=n])?;
                same[usize::from(at_once.digest() == model.model().digest())] += 1;
            }
        }
    }
    Ok(hits)
}

pub(crate) fn print(set: &Set) -> Result<(), Box<dyn Error>> {
    if matches!(set.kind, Kind::Title) {
        println!("Free text has no accuracy to follow.\n");
        return Ok(());
    }
    let mut same = [0, 0];
    let mut rows: Vec<(String, Vec<Vec<f64>>)> = Vec::new();
    let timelines = (0..set.users.len()).map(|user| timeline(set, user)).collect::<Result<Vec<_>, _>>()?;
    // Percent of the user's own span in time, so that one setting fits all.
    let timed = timelines.iter().flatten().all(|(interaction, _)| interaction.time().is_some());
    let shares: Vec<Option<i64>> =
        [None, Some(100), Some(50), Some(25), Some(10)].into_iter().take(if timed { 5 } else { 1 }).collect();
    for (kind, share) in shares.into_iter().map(|share| ("observes", share)).chain([("frozen at half", None)]) {
        let mut by_user = Vec::new();
        for (user, timeline) in timelines.iter().enumerate() {
            let mut result = Vec::new();
            if timeline.len() > 2 * START {
                let time = |at: usize| timeline[at].0.time().unwrap_or_default();
                let span = time(timeline.len() - 1) - time(0);
                let decay = share.map(|percent| Decay::half_life((span * percent / 100).max(1))).transpose()?;
                let frozen = if kind == "observes" { usize::MAX } else { timeline.len() / 2 };
                let mut ignored = [0, 0];
                let counted = if share.is_none() { &mut same } else { &mut ignored };
                result = hits(&offline(set, decay)?, user, timeline, frozen, counted)?;
            }
            by_user.push(result);
        }
        let name = share.map_or(kind.to_owned(), |percent| format!("{kind}, half-life {percent} % of the span"));
        rows.push((name, by_user));
    }
    println!("Accuracy by tenth of each user's time, then on all and on the second half of each user:\n");
    println!("| model |{} all | second half | less observing, second half |", " · |".repeat(10));
    println!("|---|{}---:|---:|---:|", "---:|".repeat(10));
    let second = |hits: &[f64]| {
        hits.get(usize::midpoint(hits.len(), START).saturating_sub(START)..).unwrap_or_default().to_vec()
    };
    let observing = rows.first().map(|(_, by_user)| by_user.clone()).unwrap_or_default();
    for (name, by_user) in &rows {
        let mean = |all: Vec<f64>| all.iter().sum::<f64>() / all.len().max(1) as f64;
        let tenth = |of: usize| {
            let part = |hits: &Vec<f64>| hits[hits.len() * of / 10..hits.len() * (of + 1) / 10].to_vec();
            mean(by_user.iter().flat_map(part).collect())
        };
        let tenths: Vec<String> = (0..10).map(|of| format!("{:.3}", tenth(of))).collect();
        let differences: Vec<Vec<f64>> = by_user
            .iter()
            .zip(&observing)
            .map(|(own, other)| second(own).iter().zip(second(other)).map(|(a, b)| a - b).collect())
            .collect();
        let (difference, low, high) = paired(&differences);
        println!(
            "| {name} | {} | {:.3} | {:.3} | {difference:+.3} [{low:+.3}, {high:+.3}] |",
            tenths.join(" | "),
            mean(by_user.iter().flatten().copied().collect()),
            mean(by_user.iter().flat_map(|hits| second(hits)).collect()),
        );
    }
    println!(
        "\nObserved models that equal the one learned at once, byte for byte: {} of {}.\n",
        same[1],
        same[0] + same[1]
    );
    Ok(())
}
