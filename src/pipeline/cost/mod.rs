//! The cost of an operation, counted before it is done.

use std::sync::Arc;

use crate::data::{History, Query};
use crate::llm::{Budget, CostEstimate, Forms};
use crate::operation::Operation;

use super::dry::DryBackend;
use super::{Error, Prepared, RpmPipeline};

impl RpmPipeline {
    /// Counts what [`learn`](Self::learn) would ask and cost for this history. Asks nothing: every prompt is rendered
    /// as it would be, and replies are made up from the prompts, so that later stages get about what they would get.
    ///
    /// Prompts of the first stage are counted exactly as they would be sent; those of later stages depend on what a
    /// model finds. Lengths of replies are assumed from a small model's real replies. Money goes by the
    /// [budget](Budget)'s prices; its limits are left aside. A part of the host's own is run as it is, with a stand-in
    /// for the backend.
    ///
    /// ```
    /// use rpm_core::llm::{Prices, Stage};
    /// use rpm_core::{Budget, History, Interaction, Preset, Query, ResponseSpace, RpmPipeline, Task};
    ///
    /// # async fn example(backend: impl rpm_core::LlmBackend + 'static) -> Result<(), Box<dyn std::error::Error>> {
    /// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    /// let history = History::new(&task, "ana", [Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?])?;
    /// let budget = Budget::default().prices(Prices::per_million(0.15, 0.60));
    /// let pipeline = RpmPipeline::builder(task).preset(Preset::Paper).budget(budget).backend(backend).build()?;
    /// let cost = pipeline.cost_of_learning(&history).await?;
    /// assert_eq!(cost.stage(Stage::Extract).calls, 1);
    /// assert!(cost.total().money_expected < 0.001);
    /// # Ok(())
    /// # }
    /// # let backend = rpm_core::backend_fn(|_| async { Err(rpm_core::BackendError::permanent("not asked")) });
    /// # pollster::block_on(example(backend)).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`learn`](Self::learn) for input that cannot be used and for parts that break their contract.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept.
    pub async fn cost_of_learning(&self, history: &History) -> Result<CostEstimate, Error> {
        let (pipeline, dry) = self.dry();
        let learning = pipeline.learning(history, pipeline.ledger());
        Operation::named("estimate_cost").run(learning).await?;
        Ok(dry.counted())
    }

    /// Counts what [`personalize`](Self::personalize) would ask and cost for this query, paths that would be written
    /// first included. Asks nothing, as [`cost_of_learning`](Self::cost_of_learning).
    ///
    /// # Errors
    /// As [`personalize`](Self::personalize) for input that cannot be used and for parts that break their contract.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept.
    pub async fn cost_of_answer(&self, prepared: &Prepared, query: &Query) -> Result<CostEstimate, Error> {
        let (pipeline, dry) = self.dry();
        let answering = pipeline.answering(prepared, query, pipeline.ledger_on(prepared));
        Operation::named("estimate_cost").run(answering).await?;
        Ok(dry.counted())
    }

    /// Puts a stand-in in place of every backend, without a limit.
    fn dry(&self) -> (Self, Arc<DryBackend>) {
        let dry = Arc::new(DryBackend::new(self.budget.clone()));
        let pipeline = Self {
            backend: Some(dry.clone()),
            roles: self.roles.without_backends(),
            budget: Budget::default(),
            forms: Forms::default(),
            ..self.clone()
        };
        (pipeline, dry)
    }
}

#[cfg(test)]
mod tests;
