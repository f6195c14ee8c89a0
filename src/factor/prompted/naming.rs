//! The inquiry about groups: what each is named, which makes the factors.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::context::StageContext;
use crate::data::FeatureKey;
use crate::data::text::{fold, one_line};
use crate::llm::{Ask, Completion, CompletionRequest, Inquiry, ReplySchema, Stage, Verdict, note, unless_cut};
use crate::prompt::{self, OwnWords, Prompt, alias, rows_of};

use super::placing::{LABEL_CHARS, Named, Names, Placed, most_groups, read_factors, read_names};
use super::{FactorGroup, FitRequest, lacking, object, tokens};

/// Feature names shown of one group, besides its label.
const NAMES_SHOWN: usize = 4;

/// Groups that a model is asked to name, and what it named so far.
pub(super) struct Naming<'a> {
    request: FitRequest<'a>,
    groups: &'a [FactorGroup],
    /// The rows in which each group was seen.
    seen: Vec<BTreeSet<usize>>,
    /// The words of the request besides the groups.
    own: OwnWords,
    ctx: &'a StageContext<'a>,
    /// The factors of all replies.
    pub(super) named: Vec<Named>,
    /// The number of ids, names and groups in the replies that could not be used.
    pub(super) refused: usize,
    /// The number of replies.
    pub(super) replies: usize,
}

impl<'a> Naming<'a> {
    pub(super) fn new(request: FitRequest<'a>, groups: &'a [FactorGroup], ctx: &'a StageContext<'a>) -> Self {
        let seen = rows_of(request.rows, groups.iter().map(|group| group.features.as_slice()));
        let values = prompt::task_values(request.task).set("groups", "seen").set("note", "");
        let own = OwnWords::of(&ctx.prompts().render(Prompt::Group, &values));
        Self { request, groups, seen, own, ctx, named: Vec::new(), refused: 0, replies: 0 }
    }
}

impl Inquiry<()> for Naming<'_> {
    fn request(&self, ask: &Ask<'_, ()>) -> Option<CompletionRequest> {
        let mut text = String::new();
        let mut rows: BTreeSet<usize> = BTreeSet::new();
        let parts = ask.parts().iter();
        for (place, (group, seen)) in parts.filter_map(|i| Some((self.groups.get(*i)?, self.seen.get(*i)?))).enumerate()
        {
            let label = fold(&group.label);
            let names = group.features.iter().map(FeatureKey::as_str).filter(|name| *name != label);
            let names: Vec<&str> = names.take(NAMES_SHOWN).collect();
            let also = if names.is_empty() { String::new() } else { format!(" (also: {})", names.join("; ")) };
            let line = one_line(&self.ctx.leaving(&format!("{}{also}", group.label)), usize::MAX);
            let id = alias('g', place);
            let _ = writeln!(
                text,
                "[{id}] seen in {} of {}\n{}",
                seen.len(),
                self.request.rows.len(),
                prompt::frame(&line)
            );
            rows.extend(seen);
        }
        let values = prompt::task_values(self.request.task)
            .set("groups", text)
            .set("note", ask.problem().map(note).unwrap_or_default());
        let ids: Vec<String> = (0..ask.parts().len()).map(|place| alias('g', place)).collect();
        let name = json!({ "type": "string", "maxLength": LABEL_CHARS });
        let names: Map<String, Value> = ids.iter().map(|id| (id.clone(), name.clone())).collect();
        let schema = object(&json!({ "factors": object(&json!(names), &ids) }), &["factors"]);
        let messages = self.ctx.prompts().render(Prompt::Group, &values);
        let about = rows.into_iter().filter_map(|row| self.request.rows.get(row)).map(|row| row.id().as_str());
        let request = CompletionRequest::new(Stage::Group, messages, tokens(24, ids.len()))
            .schema(ReplySchema { name: "factors", schema })
            .about(about);
        Some(request)
    }

    fn read(&mut self, ask: &Ask<'_, ()>, completion: &Completion) -> Vec<Verdict<()>> {
        let (names, problem) = match read_names(&completion.text) {
            Ok(reply) => (self.ctx.accept(Stage::Group, reply), lacking(completion)),
            Err(error) => (Names::new(), unless_cut(error.problem(), completion)),
        };
        let Placed { factors, refused, missing, overfull } = read_factors(&names, ask.parts(), self.groups, &self.own);
        self.named.extend(factors);
        self.refused += refused;
        self.replies += 1;
        let most = most_groups(ask.parts().len());
        let overfull = overfull
            .then(|| format!("one name was given to more than {most} groups, which makes it too broad; split it"));
        let problem = overfull.unwrap_or(problem);
        let verdict = |group: &usize| {
            let again = || Verdict::Again { problem: Some(problem.clone()), partial: None };
            if missing.contains(group) { again() } else { Verdict::Done(()) }
        };
        ask.parts().iter().map(verdict).collect()
    }
}
