//! What an observation costs as a history grows.

use std::error::Error;
use std::time::Instant;

use pollster::block_on;
use rpm_core::{History, Interaction, RpmPipeline};

use crate::data::Set;

const OBSERVED: usize = 60;

/// The value that this percentage is not above.
fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

pub(crate) fn print(set: &Set) -> Result<(), Box<dyn Error>> {
    let rows: Vec<_> = set.users.iter().flat_map(|user| user.history.iter().chain(&user.test)).collect();
    let pipeline = RpmPipeline::offline(set.task.clone());
    println!("| interactions | learn, ms | observe p50, ms | p99 | question warm p50 | first question after p50 |");
    println!("|---:|---:|---:|---:|---:|---:|");
    for size in [100, 1_000, 10_000] {
        let row = |n: usize| rows[n % rows.len()];
        let made = |n: usize| -> Result<Interaction, rpm_core::DataError> {
            let time = i64::try_from(n).unwrap_or(i64::MAX);
            Ok(Interaction::new(format!("i{n:06}"), row(n).query(set.kind)?, &row(n).response)?.at(time))
        };
        let history = History::new(&set.task, "all of them", (0..size).map(made).collect::<Result<Vec<_>, _>>()?)?;
        let start = Instant::now();
        let mut model = block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await })?;
        let learn = start.elapsed();
        let (mut observe, mut warm, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for n in size..size + OBSERVED {
            let new = made(n)?;
            let query = new.query().clone();
            block_on(pipeline.personalize(&model, &query))?;
            let timed = |times: &mut Vec<f64>, work: &mut dyn FnMut() -> Result<(), rpm_core::Error>| {
                let start = Instant::now();
                let result = work();
                times.push(1e3 * start.elapsed().as_secs_f64());
                result
            };
            timed(&mut warm, &mut || block_on(pipeline.personalize(&model, &query)).map(drop))?;
            timed(&mut observe, &mut || block_on(pipeline.observe(&mut model, [new.clone()])).map(drop))?;
            timed(&mut first, &mut || block_on(pipeline.personalize(&model, &query)).map(drop))?;
        }
        for times in [&mut observe, &mut warm, &mut first] {
            times.sort_by(f64::total_cmp);
        }
        println!(
            "| {size} | {:.0} | {:.3} | {:.3} | {:.3} | {:.3} |",
            1e3 * learn.as_secs_f64(),
            at(&observe, 50),
            at(&observe, 99),
            at(&warm, 50),
            at(&first, 50)
        );
    }
    println!();
    Ok(())
}
