//! Puts the request for the features of queries.

use std::fmt::Write as _;

use serde_json::json;

use crate::context::StageContext;
use crate::extract::ExtractionRequest;
use crate::llm::{CompletionRequest, ReplySchema, Stage, note};
use crate::prompt::{self, Prompt, Sources, alias};

use super::PromptedExtractor;

impl PromptedExtractor {
    /// The request for the features of texts; `None` without one.
    pub(super) fn request(
        &self,
        texts: &[&ExtractionRequest<'_>],
        problem: Option<&str>,
        ctx: &StageContext<'_>,
    ) -> Option<CompletionRequest> {
        let first = texts.first()?;
        let mut items = String::new();
        for (place, seen) in texts.iter().enumerate() {
            let text = ctx.leaving(seen.query.text());
            let _ = writeln!(items, "[{}]\n{}", alias('t', place), prompt::frame(&text));
        }
        let values = prompt::task_values(first.task)
            .set("max_features", self.max_features.to_string())
            .set(
                "known_factors",
                first.known.map(|known| prompt::known_factors(known, ctx.redaction())).unwrap_or_default(),
            )
            .set("items", items)
            .set("note", problem.map(note).unwrap_or_default());
        let messages = ctx.prompts().render(Prompt::Extract, &values);
        let per_item = 60 * u32::try_from(self.max_features).unwrap_or(32) + 40;
        let max_tokens = per_item.saturating_mul(u32::try_from(texts.len()).unwrap_or(1)).min(4_096);
        let ids: Vec<String> = (0..texts.len()).map(|place| alias('t', place)).collect();
        let own = texts.iter().map(|seen| seen.item);
        let about = match first.known {
            Some(known) => Sources::new(known, first.past).about(own, prompt::known_shown(known)),
            None => own.collect(),
        };
        Some(CompletionRequest::new(Stage::Extract, messages, max_tokens).schema(self.schema(&ids)).about(about))
    }

    fn schema(&self, ids: &[String]) -> ReplySchema {
        let feature = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "maxLength": 60 },
                "quote": { "type": "string", "maxLength": 160 },
            },
            "required": ["name", "quote"],
            "additionalProperties": false,
        });
        let item = json!({
            "type": "object",
            "properties": {
                "about": { "type": "string", "enum": ids },
                "features": { "type": "array", "items": feature, "maxItems": self.max_features },
            },
            "required": ["about", "features"],
            "additionalProperties": false,
        });
        let items = json!({ "type": "array", "items": item, "minItems": ids.len(), "maxItems": ids.len() });
        let schema = json!({
            "type": "object", "properties": { "items": items }, "required": ["items"], "additionalProperties": false,
        });
        ReplySchema { name: "features", schema }
    }
}
