//! Profile augmentation: the model sees a summary of the user and past interactions, and answers.

use async_trait::async_trait;

use rpm_core::data::{History, Interaction, Query};
use rpm_core::llm::{UsageReport, tokens_by_rule};
use rpm_core::prompt::frame;

use super::ask::{Ask, Asker};
use super::rag::{Choice, Shown};
use super::{Bench, Method, MethodError, Prediction, Session, retrievers};

/// Profile augmentation (Richardson et al. 2023): the model summarizes the user's history once, and answers from this
/// profile and the `k` past interactions most like the query.
///
/// One request to learn, with the model that learns ([`Bench::learner`]), and one for each query. A history longer than
/// about 2,000 tokens is summarized from the latest texts that fit, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pag {
    k: usize,
}

/// The most tokens of a history that are summarized, as the crate estimates them without a vocabulary.
const HISTORY_TOKENS: u64 = 2_000;

/// The instructions for the model when it writes the profile.
const PROFILE: &str = "You get past texts, the oldest first, each with the response the person gave. Describe this person in \
                       at most 120 words: what the person pays attention to, how the responses follow from it, and what \
                       the responses have in common. Write about the person, not about single texts.";

/// The most tokens of a profile.
const PROFILE_TOKENS: u32 = 220;

/// The instructions for the model when it answers.
const RULES: &str = "You answer as one particular person would. You get a profile of this person and past texts, each with \
                     the response the person gave. Give the response to the new text that this person would give, not your \
                     own.";

impl Pag {
    /// Shows `k` past interactions under the profile.
    pub(super) fn new(k: usize) -> Self {
        Self { k }
    }
}

struct Ready {
    shown: Shown,
    k: usize,
    profile: String,
    summarized: usize,
    usage: UsageReport,
}

/// The latest interactions that fit, the oldest first.
fn latest<'i>(history: &'i [Interaction], asker: &Asker<'_>) -> Vec<&'i Interaction> {
    let mut left = HISTORY_TOKENS;
    let mut kept: Vec<&Interaction> = Vec::new();
    for past in history.iter().rev() {
        let takes = tokens_by_rule(&asker.examples([past], |_| None));
        if takes > left && !kept.is_empty() {
            break;
        }
        left = left.saturating_sub(takes);
        kept.push(past);
    }
    kept.reverse();
    kept
}

#[async_trait]
impl Method for Pag {
    fn name(&self) -> String {
        "pag".to_owned()
    }

    fn asks_model(&self) -> bool {
        true
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        let asker = Asker::learning(bench)?;
        let past = latest(history.interactions(), &asker);
        let summarized = past.len();
        let profile = asker
            .write(PROFILE, "your description of the person", &asker.examples(past, |_| None), PROFILE_TOKENS)
            .await?;
        let shown = Shown::new(history, Choice::Retrieved(retrievers::bm25_queries()), bench).await?;
        Ok(Box::new(Ready { shown, k: self.k, profile, summarized, usage: asker.usage() }))
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let asker = Asker::new(bench)?;
        let near = self.shown.first(query, self.k, &asker.context()).await?;
        let examples = asker.examples(near.into_iter().map(|(interaction, _)| interaction), |_| None);
        // A model wrote the profile from the user's texts, so it is data as they are.
        let shown = format!("Profile of this person:\n{}\n\n{examples}", frame(&self.profile));
        let outcome = asker.ask(query, &Ask { rules: RULES, shown, ..Ask::default() }).await;
        self.usage.add(&asker.usage());
        Ok(outcome?.prediction)
    }

    fn usage(&mut self) -> UsageReport {
        std::mem::take(&mut self.usage)
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![("items summarized", self.summarized as u64)]
    }
}
