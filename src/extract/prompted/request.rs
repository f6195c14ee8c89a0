//! Puts the request for the features of queries.

use std::fmt::Write as _;

use serde_json::json;

use crate::catalog::CatalogFactor;
use crate::context::StageContext;
use crate::data::Task;
use crate::extract::ExtractionRequest;
use crate::llm::{CompletionRequest, ReplySchema, Stage, note};
use crate::prompt::{self, OwnWords, Prompt, Sources, alias};

use super::{PromptedExtractor, shown};

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
        // Under a catalog nothing of the user is shown besides the texts.
        let known = first.known.filter(|_| first.catalog.is_none());
        let shown = shown::shown(texts, ctx);
        let factors = match known {
            Some(known) => prompt::known_factors(known, ctx.redaction()),
            None => shown::lines(&shown, ctx.redaction()),
        };
        let values = prompt::task_values(first.task)
            .set("max_features", self.max_features.to_string())
            .set("known_factors", factors)
            .set("items", items)
            .set("note", problem.map(note).unwrap_or_default());
        let messages = ctx.prompts().render(Prompt::Extract, &values);
        let per_feature = if shown.is_empty() { 60 } else { 68 };
        let per_item = per_feature * u32::try_from(self.max_features).unwrap_or(32) + 40;
        let max_tokens = per_item.saturating_mul(u32::try_from(texts.len()).unwrap_or(1)).min(4_096);
        let ids: Vec<String> = (0..texts.len()).map(|place| alias('t', place)).collect();
        let own = texts.iter().map(|seen| seen.item);
        let about = match known {
            Some(known) => Sources::new(known, first.past).about(own, prompt::known_shown(known)),
            None => own.collect(),
        };
        Some(
            CompletionRequest::new(Stage::Extract, messages, max_tokens).schema(self.schema(&ids, &shown)).about(about),
        )
    }

    /// The words of the request besides the texts and the factors.
    pub(super) fn own_words(task: Option<&Task>, ctx: &StageContext<'_>) -> OwnWords {
        let values = task.map(prompt::task_values).unwrap_or_default();
        let values = values.set("max_features", "").set("known_factors", "").set("items", "").set("note", "");
        OwnWords::of(&ctx.prompts().render(Prompt::Extract, &values))
    }

    fn schema(&self, ids: &[String], shown: &[&CatalogFactor]) -> ReplySchema {
        let mut properties = json!({
            "name": { "type": "string", "maxLength": 60 },
            "quote": { "type": "string", "maxLength": 160 },
        });
        let mut required = vec!["name", "quote"];
        if !shown.is_empty()
            && let Some(properties) = properties.as_object_mut()
        {
            properties.insert("factor".to_owned(), json!({ "type": "string", "enum": shown::ids(shown) }));
            required.push("factor");
        }
        let feature = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
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
