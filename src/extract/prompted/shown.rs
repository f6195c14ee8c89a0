//! The factors of a catalog that a request about texts shows, and which of them a feature names.

use std::fmt::Write as _;

use serde_json::Value;

use crate::catalog::CatalogFactor;
use crate::context::StageContext;
use crate::data::FeatureKey;
use crate::data::text::one_line;
use crate::extract::ExtractionRequest;
use crate::llm::tokens_by_rule;
use crate::prompt::{Redaction, alias, inline, place};

/// The most factors shown, and about how many tokens of them.
const MOST: usize = 20;
const TOKENS: u64 = 500;
/// The longest account of what belongs to a factor, in characters.
const TOLD_CHARS: usize = 120;
/// The word for a feature of none of them.
pub(super) const NEW: &str = "new";

/// The factors that are shown with texts, the likeliest first; those of several texts by turns. They follow from the texts,
/// as they leave, and the catalog alone.
pub(super) fn shown<'a>(texts: &[&ExtractionRequest<'a>], ctx: &StageContext<'_>) -> Vec<&'a CatalogFactor> {
    let likely = |seen: &&ExtractionRequest<'a>| {
        seen.catalog.map(|catalog| catalog.likely(&ctx.leaving(seen.query.text()), MOST)).unwrap_or_default()
    };
    let of_texts: Vec<Vec<&CatalogFactor>> = texts.iter().map(likely).collect();
    let mut shown: Vec<&CatalogFactor> = Vec::new();
    let mut tokens = 0;
    for turn in 0..MOST {
        for factor in of_texts.iter().filter_map(|likely| likely.get(turn)) {
            if shown.iter().any(|other| other.id() == factor.id()) {
                continue;
            }
            tokens += tokens_by_rule(&line(shown.len(), factor, ctx.redaction())) + 1;
            if shown.len() >= MOST || tokens > TOKENS {
                return shown;
            }
            shown.push(factor);
        }
    }
    shown
}

fn line(at: usize, factor: &CatalogFactor, redaction: Redaction<'_>) -> String {
    let told = one_line(&redaction.apply(&factor.told()), TOLD_CHARS);
    format!("[{}] {}: {}", alias('c', at), inline(&redaction.apply(factor.label())), inline(&told))
}

/// The lines of a request that show factors; empty without any.
pub(super) fn lines(shown: &[&CatalogFactor], redaction: Redaction<'_>) -> String {
    if shown.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nKnown factors. A feature that is of one of them has its id as \"factor\", any other feature has \"{NEW}\"; do not \
         give a feature a factor that its quote does not show. The form of a feature is then \
         {{\"name\":\"<name>\",\"quote\":\"<exact words>\",\"factor\":\"<id or {NEW}>\"}}:"
    );
    for (at, factor) in shown.iter().enumerate() {
        let _ = write!(text, "\n{}", line(at, factor, redaction));
    }
    text
}

/// The ids that a feature may have for its factor.
pub(super) fn ids(shown: &[&CatalogFactor]) -> Vec<String> {
    (0..shown.len()).map(|at| alias('c', at)).chain(std::iter::once(NEW.to_owned())).collect()
}

/// The factor that a feature names, by its id or, as models do that no schema holds, by its label.
pub(super) fn meant<'a>(named: &Value, shown: &[&'a CatalogFactor]) -> Option<&'a CatalogFactor> {
    let named = named.as_str().filter(|named| !named.trim().eq_ignore_ascii_case(NEW))?;
    match place('c', named) {
        Some(at) => shown.get(at).copied(),
        None => shown.iter().find(|factor| factor.key() == FeatureKey::of(named)).copied(),
    }
}
