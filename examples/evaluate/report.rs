//! One markdown table per set, and the same as JSON.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::data::Set;
use crate::metrics::Scores;

/// The results on one set.
pub(crate) struct Report {
    set: String,
    users: usize,
    items: usize,
    only_unseen: bool,
    pub(crate) lines: Vec<Line>,
}

/// The results of one method.
pub(crate) struct Line {
    method: String,
    scores: Scores,
    pub(crate) learn_seconds: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) account: Option<Account>,
}

impl Line {
    pub(crate) fn new(method: &str, scores: Scores) -> Self {
        Self { method: method.to_owned(), scores, learn_seconds: None, p50_ms: None, account: None }
    }
}

impl Report {
    pub(crate) fn new(set: &Set, only_unseen: bool) -> Self {
        let (users, items) = (set.users.len(), set.tests().count());
        Self { set: set.name.clone(), users, items, only_unseen, lines: Vec::new() }
    }

    pub(crate) fn to_json(&self) -> Value {
        let line = |line: &Line| {
            let scores: Map<String, Value> =
                line.scores.iter().map(|(name, score)| ((*name).to_owned(), json!(score))).collect();
            json!({
                "method": line.method,
                "scores": scores,
                "learn_seconds": line.learn_seconds,
                "personalize_p50_ms": line.p50_ms,
                "account": line.account.as_ref().map(Account::to_json),
            })
        };
        json!({
            "set": self.set,
            "users": self.users,
            "test_items": self.items,
            "only_unseen": self.only_unseen,
            "methods": self.lines.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unseen = if self.only_unseen { " (unseen only)" } else { "" };
        writeln!(f, "## {}: {} users, {} test items{unseen}\n", self.set, self.users, self.items)?;
        let Some(first) = self.lines.first() else {
            return writeln!(f, "None of the methods applies to this set.");
        };
        let names: Vec<&str> = first.scores.iter().map(|(name, _)| *name).collect();
        writeln!(f, "| method | {} | learn, s | personalize p50, ms |", names.join(" | "))?;
        writeln!(f, "|---{}|", "|---:".repeat(names.len() + 2))?;
        for line in &self.lines {
            write!(f, "| {} |", line.method)?;
            for (name, score) in &line.scores {
                write!(f, " {} |", number(*score, if *name == "answered" { 0 } else { 3 }))?;
            }
            writeln!(f, " {} | {} |", number(line.learn_seconds, 2), number(line.p50_ms, 2))?;
        }
        for line in &self.lines {
            if let Some(account) = &line.account {
                write!(f, "\n{} on {}:\n\n```text\n{account}```\n", line.method, self.set)?;
            }
        }
        Ok(())
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}
