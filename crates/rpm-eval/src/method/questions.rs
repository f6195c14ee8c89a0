//! What is found out of a user by putting questions to them, played from their history.

use rpm_core::data::{Interaction, Query};
use rpm_core::pipeline::{Prepared, RpmPipeline};

use super::MethodError;
use crate::chance::Chance;

/// The questions that are put to a user of whom nothing is known. The history answers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Questions {
    /// So many, each the one that tells most, given the answers before.
    Asked(usize),
    /// So many, drawn at random.
    Drawn(usize),
}

impl Questions {
    /// Puts the questions and takes the answers into the model. Fewer are asked when no other tells anything.
    pub(super) async fn put(
        self,
        pipeline: &RpmPipeline,
        user: &mut Prepared,
        mut history: Vec<Interaction>,
        seed: u64,
    ) -> Result<(), MethodError> {
        match self {
            Self::Drawn(questions) => {
                let mut chance = Chance::of(seed, user.model().user().as_str());
                let left = history.len().saturating_sub(questions);
                for _ in 0..left {
                    history.swap_remove(chance.below(history.len()));
                }
                pipeline.observe(user, history).await?;
            }
            Self::Asked(questions) => {
                for _ in 0..questions {
                    let pool: Vec<Query> = history.iter().map(|interaction| interaction.query().clone()).collect();
                    let Some(next) = user.next_question(&pool).filter(|next| next.place < history.len()) else { break };
                    let answered = history.remove(next.place);
                    pipeline.observe(user, [answered]).await?;
                }
            }
        }
        Ok(())
    }
}
