//! Answers from the statistics alone, without a model.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{AssignedFeature, Feature, ReasoningPath, ResponseSpace};
use crate::reason::supports;
use crate::reason::{compose, compose_supported, compose_title};
use crate::stats::{Title, TitleBoosts, Titles};
use crate::words::tokens;

use super::{AnswerError, AnswerRequest, Answerer, Draft};

/// Answers without a model: with the estimate's decision, or, for free text, with a title-like phrase from the query's own
/// words, chosen by what this user's past responses took from their queries.
///
/// The path cites the factors in the order in which the estimate depends on them: by how much the response's probability
/// falls when a factor's words are taken out of the query. Of a query with more than 16 known factors, only the 16 whose
/// counts say most for the response are taken out, and as few as 8 where words of the query times items are over 40,000.
/// A request without an [estimator](AnswerRequest::estimator) has the factors in the order of what their counts say. A
/// title's path cites first what the title took up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatisticalAnswerer;

#[async_trait]
impl Answerer for StatisticalAnswerer {
    async fn answer(&self, request: AnswerRequest<'_>, _ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        if matches!(request.task.space(), ResponseSpace::Text { .. }) {
            return titled(&request).await;
        }
        let estimate = request.estimate.ok_or(AnswerError::NoBasis { missing: "the estimate" })?;
        let response = in_space(&request, estimate.decision())?;
        let path = supported_path(&request, &response).await?;
        Ok(Draft::new(response, path))
    }

    fn name(&self) -> &'static str {
        "statistical"
    }
}

/// The path over the statistics to a response: the factors of the query, the one the estimate depends on most first.
pub(super) async fn supported_path(request: &AnswerRequest<'_>, response: &str) -> Result<ReasoningPath, AnswerError> {
    let (query, features, beliefs) = (request.query, request.features, request.beliefs);
    let path = match (request.estimator, request.estimate) {
        (Some(estimator), Some(estimate)) => {
            let supports = supports(estimator, beliefs, query, features, estimate, response).await;
            compose_supported(query, features, beliefs, response, &supports)
        }
        _ => compose(query, features, beliefs, response),
    };
    path.map_err(|error| AnswerError::Other(Box::new(error)))
}

async fn titled(request: &AnswerRequest<'_>) -> Result<Draft, AnswerError> {
    let title = title_of(request).await.ok_or(AnswerError::NoBasis { missing: "a word in the query" })?;
    let response = in_space(request, &title.text)?;
    let taken = |feature: &Feature| title.start <= feature.span().start && feature.span().end <= title.end;
    let path = compose_title(request.query, request.features, request.beliefs, &response, taken);
    Ok(Draft::new(response, path.map_err(|error| AnswerError::Other(Box::new(error)))?))
}

/// The title that the user's habits make of the query's own words.
pub(super) async fn title_of(request: &AnswerRequest<'_>) -> Option<Title> {
    let ResponseSpace::Text { max_chars } = request.task.space() else { return None };
    let unkept = Titles::default();
    let titles = request.titles.unwrap_or(&unkept);
    titles.fit_in_steps(request.memory.items()).await;
    let habits = titles.of(request.memory.items());
    habits.title(request.query.text(), &boosts_of(request), *max_chars)
}

/// The words of the query whose factors the user boosted.
pub(super) fn boosts_of(request: &AnswerRequest<'_>) -> TitleBoosts {
    let known = |f: &'_ AssignedFeature| f.factor.as_ref().and_then(|id| request.beliefs.factors().get(id));
    let known = request.features.iter().filter_map(|f| Some((&f.feature, known(f)?)));
    TitleBoosts::of(request.query, known)
}

/// The path to a title: first what it took up of the query.
pub(super) fn composed_title(request: &AnswerRequest<'_>, title: &str) -> Result<ReasoningPath, AnswerError> {
    let said: BTreeSet<String> = tokens(title).into_iter().map(|token| token.word).collect();
    let taken =
        |feature: &Feature| tokens(feature.context(request.query)).iter().all(|token| said.contains(&token.word));
    let path = compose_title(request.query, request.features, request.beliefs, title, taken);
    path.map_err(|error| AnswerError::Other(Box::new(error)))
}

fn in_space(request: &AnswerRequest<'_>, response: &str) -> Result<String, AnswerError> {
    let response = request.task.parse_response(request.query, response);
    response.ok_or(AnswerError::NoBasis { missing: "a response inside the task's space" })
}
