//! What muting a user's most telling factor would change, told before it is done.

use std::error::Error;

use pollster::block_on;
use rpm_core::{Edit, RpmPipeline};

use crate::data::Set;

pub(crate) fn print(set: &Set) -> Result<(), Box<dyn Error>> {
    let pipeline = RpmPipeline::offline(set.task.clone());
    let (mut users, mut answered, mut looked_at, mut shift) = (0, 0, 0, 0.0);
    for position in 0..set.users.len() {
        let history = set.history(position)?;
        let ana = block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await })?;
        let Some(factor) = ana.model().most_telling(&ana.beliefs(), 1).pop() else { continue };
        let effect = pipeline.preview(&ana, Edit::Mute { factor: factor.id })?;
        users += 1;
        answered += effect.answered_otherwise.len();
        looked_at += effect.looked_at;
        shift += effect.mean_shift * effect.looked_at as f64;
    }
    println!(
        "Muting the most telling factor of each of {users} users would change {answered} of {looked_at} past answers, and move \
         {:.1} points of probability on average.\n",
        100.0 * shift / f64::from(u32::try_from(looked_at).unwrap_or(u32::MAX)).max(1.0)
    );
    Ok(())
}
