//! What was looked at and found: a line a check, or one JSON object.

use std::fmt;

use serde::Serialize;
use serde_json::json;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// To be known, and nothing is lost by it.
    Note,
    /// Somebody has to do something.
    Wrong,
}

/// One check. Holds numbers and ids, no text of a user.
#[derive(Serialize)]
pub(crate) struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    level: Level,
    means: String,
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    what_to_do: Option<&'static str>,
}

impl Check {
    pub(crate) fn ok(name: &'static str, means: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, means: means.into(), what_to_do: None }
    }

    pub(crate) fn note(name: &'static str, means: impl Into<String>, what_to_do: &'static str) -> Self {
        Self { name, level: Level::Note, means: means.into(), what_to_do: Some(what_to_do) }
    }

    pub(crate) fn wrong(name: &'static str, means: impl Into<String>, what_to_do: &'static str) -> Self {
        Self { name, level: Level::Wrong, means: means.into(), what_to_do: Some(what_to_do) }
    }
}

/// All checks, and what could not be looked at.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) checks: Vec<Check>,
    pub(crate) could_not_look: Vec<String>,
}

impl Report {
    /// The exit code: 0 where nothing is wrong, 1 where something is, 2 where something could not be looked at.
    pub(crate) fn code(&self) -> u8 {
        match self.verdict() {
            "ok" => 0,
            "wrong" => 1,
            _ => 2,
        }
    }

    fn verdict(&self) -> &'static str {
        if !self.could_not_look.is_empty() {
            return "could not look";
        }
        let is_wrong = self.checks.iter().any(|check| check.level == Level::Wrong);
        if is_wrong { "wrong" } else { "ok" }
    }

    pub(crate) fn to_json(&self) -> String {
        json!({ "verdict": self.verdict(), "checks": self.checks, "could_not_look": self.could_not_look }).to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { name, level, means, what_to_do } in &self.checks {
            let level = match level {
                Level::Ok => "ok",
                Level::Note => "note",
                Level::Wrong => "wrong",
            };
            write!(f, "{level:<5} {name}: {means}")?;
            if let Some(what_to_do) = what_to_do {
                write!(f, ". {what_to_do}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
