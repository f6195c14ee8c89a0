//! The inquiry about texts: which features of each are kept, and which texts are asked about again.

use crate::context::StageContext;
use crate::extract::{Dropped, Extraction, ExtractionRequest, ReplyReading};
use crate::llm::{Ask, Completion, CompletionRequest, FinishReason, Inquiry, Stage, Verdict};
use crate::prompt::{read_cut_items, read_items};

use super::finds::{FoundItem, Offered};
use super::{PromptedExtractor, shown};

/// Texts that a model is asked about.
pub(super) struct Texts<'a> {
    extractor: &'a PromptedExtractor,
    seen: &'a [ExtractionRequest<'a>],
    ctx: &'a StageContext<'a>,
}

/// The content of a reply about several texts.
struct Listed {
    items: Vec<FoundItem>,
    unreadable: usize,
    reading: ReplyReading,
}

impl<'a> Texts<'a> {
    pub(super) fn new(
        extractor: &'a PromptedExtractor,
        seen: &'a [ExtractionRequest<'a>],
        ctx: &'a StageContext<'a>,
    ) -> Self {
        Self { extractor, seen, ctx }
    }

    fn of(&self, parts: &[usize]) -> Vec<&'a ExtractionRequest<'a>> {
        parts.iter().filter_map(|part| self.seen.get(*part)).collect()
    }

    fn listed(&self, ask: &Ask<'_, Extraction>, completion: &Completion) -> Listed {
        let mut listed = Listed { items: Vec::new(), unreadable: 1, reading: ReplyReading::AtOnce };
        if let Ok(read) = read_items(&completion.text, "items") {
            if !read.repairs.is_empty() {
                self.ctx.ledger().enter_repair(Stage::Extract);
                listed.reading = ReplyReading::Repaired;
            }
            (listed.items, listed.unreadable) = (read.items, read.unreadable);
        }
        if !ask.is_first() {
            listed.reading = ReplyReading::AskedAgain;
        }
        listed
    }

    /// Judges the features found of a part.
    fn verdict(
        &self,
        ask: &Ask<'_, Extraction>,
        part: usize,
        found: Extraction,
        reading: ReplyReading,
    ) -> Verdict<Extraction> {
        // Nothing found, though features are listed or another text may have led the model past this one: it is asked about
        // once more, by itself.
        let is_odd = found.dropped.total() > 0 || ask.parts().len() > 1;
        if found.features.is_empty() && is_odd && !ask.is_last() {
            let problem = (found.dropped.total() > 0).then(|| useless(&found.dropped));
            return Verdict::Again {
                problem,
                partial: Some(Extraction { reading: ReplyReading::AskedAgain, ..found }),
            };
        }
        let mut extraction = Extraction { reading, ..found };
        if let Some(earlier) = ask.partial(part) {
            extraction.dropped.add(&earlier.dropped);
        }
        Verdict::Done(match self.seen.get(part) {
            Some(seen) => self.extractor.or_words(seen, extraction),
            None => extraction,
        })
    }
}

impl Inquiry<Extraction> for Texts<'_> {
    fn request(&self, ask: &Ask<'_, Extraction>) -> Option<CompletionRequest> {
        self.extractor.request(&self.of(ask.parts()), ask.problem(), self.ctx)
    }

    fn read(&mut self, ask: &Ask<'_, Extraction>, completion: &Completion) -> Vec<Verdict<Extraction>> {
        let texts = self.of(ask.parts());
        let listed = self.listed(ask, completion);
        let shown = shown::shown(&texts, self.ctx);
        let words = PromptedExtractor::own_words(texts.first().map(|seen| seen.task), self.ctx);
        let offered = Offered { factors: &shown, words: &words };
        // What a cut reply held of a text: for the case that asking again brings no more.
        let mut cut: Option<Vec<FoundItem>> = None;
        let read_cut = || read_cut_items(&completion.text, "items").map_or_else(|_| Vec::new(), |read| read.items);
        let mut verdicts = Vec::with_capacity(texts.len());
        for (place, part) in ask.parts().iter().enumerate() {
            verdicts.push(match self.extractor.found(&listed.items, place, &texts, offered) {
                Some(found) => self.verdict(ask, *part, found, listed.reading),
                None => {
                    let partial = self.extractor.found(cut.get_or_insert_with(read_cut), place, &texts, offered);
                    let partial = partial.filter(|part| !part.features.is_empty());
                    Verdict::Again {
                        problem: Some(problem(completion, listed.unreadable)),
                        partial: partial.map(|part| Extraction { reading: ReplyReading::InPart, ..part }),
                    }
                }
            });
        }
        verdicts
    }
}

/// Returns the problem of a reply of which nothing listed for a text can be used, in words for the model.
fn useless(dropped: &Dropped) -> String {
    if dropped.ungrounded > 0 {
        "none of the quotes is in the text word for word; copy a few words of the text exactly".to_owned()
    } else {
        "none of the names says what is in the text; name what it has in the text's own words".to_owned()
    }
}

/// Returns the problem of a reply that lacks a text, in words for the model.
fn problem(completion: &Completion, unreadable: usize) -> String {
    match completion.finish {
        FinishReason::Length => "it was cut off at the length limit; list fewer features".to_owned(),
        _ if unreadable > 0 => "an item was not in the form asked for".to_owned(),
        _ => "the text's id was missing".to_owned(),
    }
}
