//! Has a model merge and name groups of features, and judge what swayed responses.

mod judge;
mod naming;
mod placing;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::context::StageContext;
use crate::data::{FactorId, Judgement};
use crate::llm::{AskError, Completion, FinishReason, Plan, Rest};

use self::naming::Naming;
use self::placing::assemble;
use super::ideas::{Ideas, only_recurring};
use super::recurring::LEAST_SEEN;
use super::{AssignRequest, FactorError, FactorFit, FactorGroup, FactorModel, FitRequest, SimilarityFactorModel};

/// Asks a model which features act alike, what to call them and, for open-ended tasks, which swayed the response.
///
/// Features that look alike, and those in the same interactions, are grouped first without the model, so it only merges and
/// names groups; what is in fewer than three interactions, once merged, is no factor. Whatever it leaves out or makes up
/// cannot break the partition: a group that no factor took is asked for again and then stays a factor of its own, under the
/// name of its most typical feature. A name that is but the request's own words is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptedFactorModel {
    groups_per_request: usize,
    max_reasks: u32,
    merges_rare: bool,
}

impl Default for PromptedFactorModel {
    fn default() -> Self {
        Self { groups_per_request: 24, max_reasks: 1, merges_rare: false }
    }
}

impl PromptedFactorModel {
    /// Groups in one request, from 1 to 200. Only groups of one request, and factors of one name, are merged, so more
    /// find more factors that are the same; small models then leave more groups out. Default: 24.
    #[must_use]
    pub fn groups_per_request(mut self, groups: usize) -> Self {
        self.groups_per_request = groups.clamp(1, 200);
        self
    }

    /// Shows the model the groups in one or two interactions as well, so that it can merge those that mean the same in other
    /// words. They are most of all groups, and each is a line of the request and of the reply. Default: they are not shown.
    #[must_use]
    pub fn merging_rare(mut self) -> Self {
        self.merges_rare = true;
        self
    }

    /// Sets the most times that groups that no factor took, and rows that were not judged, are asked for again.
    /// Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }
}

fn object(properties: &Value, required: &[impl serde::Serialize]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn tokens(each: u32, count: usize) -> u32 {
    each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)).saturating_add(80).min(4_096)
}

/// Returns the problem of a reply that lacks some of what was asked, in words for the model.
fn lacking(completion: &Completion) -> String {
    let problem = match completion.finish {
        FinishReason::Length => "it was cut off at the length limit, so be shorter",
        _ => "some ids were missing or not in the form asked for; only those are listed here",
    };
    problem.to_owned()
}

#[async_trait]
impl FactorModel for PromptedFactorModel {
    async fn fit(&self, request: FitRequest<'_>, ctx: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        if request.rows.len() < LEAST_SEEN {
            return Ok(FactorFit::new(Vec::new()));
        }
        let Ideas { recurring: mut groups, rare } = Ideas::of(request);
        if self.merges_rare {
            groups.extend(rare);
        }
        let plan = Plan {
            parts: groups.len(),
            per_request: self.groups_per_request,
            rest: Rest::Together,
            reasks: self.max_reasks,
        };
        let mut naming = Naming::new(request, &groups, ctx);
        let outcomes = ctx.ask_parts(plan, &mut naming).await;
        let Naming { named, refused, replies, .. } = naming;
        if replies == 0 {
            // A reply withheld for its content is the text's doing; without any backend there is nothing to build on. The
            // first group of a request has its error.
            let failures = outcomes.into_iter().step_by(self.groups_per_request).filter_map(Result::err);
            if let Some(error) = failures.into_iter().find(|error| !matches!(error, AskError::Filtered)) {
                return Err(error.into());
            }
        }
        let (mut groups, unplaced) = assemble(&groups, named);
        only_recurring(&mut groups, request.rows);
        Ok(FactorFit { refused, unplaced, ..FactorFit::new(groups) })
    }

    async fn assign(
        &self,
        request: AssignRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Option<FactorId>>, FactorError> {
        SimilarityFactorModel::default().assign(request, ctx).await
    }

    async fn judge(
        &self,
        request: FitRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Vec<Option<Judgement>>, FactorError>> {
        judge::judge(request, self.max_reasks, ctx).await
    }

    fn needs_backend(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "prompted"
    }
}
