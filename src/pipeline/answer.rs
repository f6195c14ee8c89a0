use std::fmt::Write as _;

use crate::data::{AssignedFeature, Exemplar, ItemId, PathOrigin, Query, ReasoningPath, UserModel};
use crate::extract::Dropped;
use crate::llm::UsageReport;
use crate::stats::{Estimate, Support};

/// A response with everything it rests on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The response, inside the task's response space and in its spelling.
    pub response: String,
    /// How features and factors led to it; its citations were checked.
    pub path: ReasoningPath,
    /// The query's features with their factors, the answerer's own where it found some. The path cites them by position.
    pub features: Vec<AssignedFeature>,
    /// The past interactions it rests on, most similar first.
    pub exemplars: Vec<Exemplar>,
    /// P(response | features, user) from the statistics alone; `None` for free text.
    pub estimate: Option<Estimate>,
    /// The evidence, the tier it allows and why.
    pub support: Support,
    /// Features of the query that were found and not kept.
    pub dropped: Dropped,
    /// Calls and tokens by stage.
    pub usage: UsageReport,
    /// Reasoning paths written for exemplars on the way, for
    /// [`UserModel::adopt_paths`](crate::UserModel::adopt_paths).
    pub written_paths: Vec<(ItemId, ReasoningPath)>,
    pub(super) query: Query,
}

impl Answer {
    /// The answer and its reasons as text: response, tier and why, estimate, path with the features and factors it cites,
    /// exemplars. It quotes the user's own material; treat it as such.
    pub fn explain(&self, model: &UserModel) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}: {}", model.task().response_name_str(), self.response);
        let _ = writeln!(text, "tier: {} ({})", self.support.tier.as_str(), self.support.reason.as_str());
        if let Some(estimate) = &self.estimate {
            let shares = estimate.responses().iter().map(|weighted| {
                format!(
                    "{} {:.0}% (usually {:.0}%)",
                    weighted.response,
                    100.0 * weighted.probability,
                    100.0 * weighted.base
                )
            });
            let _ = writeln!(text, "estimate: {}", shares.collect::<Vec<_>>().join(", "));
        }
        let origin = match self.path.origin() {
            PathOrigin::Model => "written by the model, citations checked",
            PathOrigin::Statistics => "composed from the statistics",
            PathOrigin::User => "written by the user",
        };
        let _ = writeln!(text, "path ({origin}):");
        for (number, step) in self.path.steps().iter().enumerate() {
            let _ = writeln!(text, "  {}. {}", number + 1, step.text);
            if let Some(cited) = self.features.get(step.feature) {
                let factor = step.factor.as_ref().and_then(|id| model.factors().get(id));
                let factor = factor.map_or("no known factor".to_owned(), |f| format!("{} \"{}\"", f.id(), f.label()));
                let context = cited.feature.context(&self.query).split_whitespace().collect::<Vec<_>>().join(" ");
                let _ = writeln!(text, "     feature \"{}\" in \"{context}\", factor {factor}", cited.feature.name());
            }
        }
        for exemplar in &self.exemplars {
            let _ = writeln!(
                text,
                "exemplar {}: {} {} (similarity {:.2})",
                exemplar.item.id(),
                model.task().response_name_str(),
                exemplar.item.response(),
                exemplar.similarity
            );
        }
        text
    }
}
