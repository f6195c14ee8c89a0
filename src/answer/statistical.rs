use async_trait::async_trait;

use crate::data::ResponseSpace;
use crate::prompt::StageContext;
use crate::reason::compose;

use super::extractive::TitleModel;
use super::{AnswerError, AnswerRequest, Answerer, Draft};

/// Answers without a model: with the estimate's decision, or, for free text, with a title-like phrase from the query's own
/// words, chosen by what this user's past responses took from their queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatisticalAnswerer;

#[async_trait]
impl Answerer for StatisticalAnswerer {
    async fn answer(&self, request: AnswerRequest<'_>, _ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        let response = match (request.task.space(), request.estimate) {
            (ResponseSpace::Text { max_chars }, _) => title(&request, *max_chars)?,
            (_, Some(estimate)) => estimate.decision().to_owned(),
            (_, None) => return Err(AnswerError::NoBasis { missing: "the estimate" }),
        };
        let response = request.task.parse_response(request.query, &response);
        let response = response.ok_or(AnswerError::NoBasis { missing: "a response inside the task's space" })?;
        let path = compose(request.query, request.features, request.beliefs, &response);
        let path = path.map_err(|error| AnswerError::Other(Box::new(error)))?;
        Ok(Draft::new(response, path))
    }

    fn name(&self) -> &'static str {
        "statistical"
    }
}

fn title(request: &AnswerRequest<'_>, max_chars: usize) -> Result<String, AnswerError> {
    let model = request.memory.derived("titles", |memory| {
        TitleModel::fit(memory.items().iter().map(|item| (item.query().text(), item.response())))
    });
    let title = model.title(request.query.text(), max_chars);
    title.map(|title| title.text).ok_or(AnswerError::NoBasis { missing: "a word in the query" })
}
