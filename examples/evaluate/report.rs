//! One markdown table per set, and the same as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::chance::paired;
use crate::data::Set;
use crate::metrics::{self, Guess, Scores};

/// Baselines that say the same whatever is asked: of the user, or for titles of nobody.
const BASELINES: [&str; 2] = ["user-majority", "first-sentence"];

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
    /// By user, what each item counts for.
    pub(crate) worth: Vec<Vec<f64>>,
    /// By tier and reason: items, and what they count for in all.
    pub(crate) tiers: BTreeMap<(&'static str, &'static str), (usize, f64)>,
}

impl Line {
    /// A method's line for these guesses.
    pub(crate) fn of(method: &str, set: &Set, guesses: &[Guess]) -> Self {
        let mut line = Self::new(method, metrics::score(set, guesses));
        line.worth = metrics::by_user(set, guesses);
        for (guess, worth) in guesses.iter().zip(line.worth.iter().flatten()) {
            if let Some(support) = guess.support {
                let tier = line.tiers.entry(support).or_default();
                *tier = (tier.0 + 1, tier.1 + worth);
            }
        }
        line
    }

    fn new(method: &str, scores: Scores) -> Self {
        Self {
            method: method.to_owned(),
            scores,
            learn_seconds: None,
            p50_ms: None,
            account: None,
            worth: Vec::new(),
            tiers: BTreeMap::new(),
        }
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
        self.paired(f)?;
        for line in self.lines.iter().filter(|line| !line.tiers.is_empty()) {
            let all: usize = line.tiers.values().map(|(n, _)| n).sum();
            writeln!(f, "\n{} by tier:\n\n| tier | why | answers | score |\n|---|---|---:|---:|", line.method)?;
            for ((tier, why), (n, worth)) in &line.tiers {
                let (share, mean) = (100.0 * *n as f64 / all.max(1) as f64, worth / (*n).max(1) as f64);
                writeln!(f, "| {tier} | {why} | {share:.1} % | {mean:.3} |")?;
            }
        }
        for line in &self.lines {
            if let Some(account) = &line.account {
                write!(f, "\n{} on {}:\n\n```text\n{account}```\n", line.method, self.set)?;
            }
        }
        Ok(())
    }
}

impl Report {
    /// Each method less the baseline that says the same whatever is asked, item by item.
    fn paired(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(base) = self.lines.iter().find(|line| BASELINES.contains(&line.method.as_str())) else {
            return Ok(());
        };
        writeln!(
            f,
            "\nLess {}, by item (accuracy, or ROUGE-1 for titles), with the 95 % interval of 2,000 bootstrap",
            base.method
        )?;
        writeln!(f, "samples of users:\n\n| method | difference | interval |\n|---|---:|---:|")?;
        for line in self.lines.iter().filter(|line| line.method != base.method && !line.worth.is_empty()) {
            let users = line.worth.iter().zip(&base.worth);
            let differences: Vec<Vec<f64>> =
                users.map(|(own, other)| own.iter().zip(other).map(|(a, b)| a - b).collect()).collect();
            let (mean, low, high) = paired(&differences);
            writeln!(f, "| {} | {mean:+.3} | {low:+.3} to {high:+.3} |", line.method)?;
        }
        Ok(())
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}
