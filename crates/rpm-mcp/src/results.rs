//! What the tools give as data, each with its schema.
//!
//! Numbers are rpm-core's own; the words for people are in the text beside them.

use rmcp::schemars::JsonSchema;
use serde::Serialize;

/// Of `record`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline, extend("additionalProperties" = false))]
pub(crate) struct RecordResult {
    /// The ids of the answers that were recorded, in the order they were given: `forget` takes them.
    pub(crate) interactions: Vec<String>,
    /// Answers that were not recorded, and why.
    pub(crate) not_recorded: Vec<NotRecorded>,
}

/// An answer that was not recorded.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct NotRecorded {
    /// Its place in `records`, from 0.
    pub(crate) place: usize,
    /// Why.
    pub(crate) reason: String,
}

/// Of `answer`: the response this user would give.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct AnswerResult {
    /// The response.
    pub(crate) response: String,
    /// True when a language model gave it; false when it was computed from the user's answers.
    pub(crate) by_model: bool,
    /// How probable it is by the user's past answers, from 0 to 1; absent for free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
    /// On a scale: the expected value, in points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<f64>,
    /// The past answers it rests on.
    pub(crate) past_answers: usize,
    /// How much of the user it could use: `generic` (nothing), `factors`, `pairs` or `full`.
    pub(crate) support: String,
    /// What moved it, the strongest first.
    pub(crate) reasons: Vec<Reason>,
}

/// One thing that moved an answer.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct Reason {
    /// What it is called.
    pub(crate) name: String,
    /// The id of the factor, where it is one: `set_factor` and `forget` take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) factor: Option<String>,
    /// What it added to the probability of the response; below 0 for what it took away.
    pub(crate) added: f64,
    /// On a scale: the points it added to the expected value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) points: Option<f64>,
}

/// Of `explain`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline, extend("additionalProperties" = false))]
pub(crate) struct ExplainResult {
    /// The question that is explained.
    pub(crate) query: String,
    /// The answer with its reasons.
    pub(crate) answer: AnswerResult,
    /// The past answers it rests on, the most similar first.
    pub(crate) similar: Vec<Similar>,
    /// What became of the answer when one thing was taken away, the largest effect first; absent unless `what_if` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what_if: Option<Vec<Without>>,
}

/// A past answer that another one rests on.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct Similar {
    /// Its id: `forget` takes it.
    pub(crate) interaction: String,
    /// The question.
    pub(crate) query: String,
    /// The user's response.
    pub(crate) response: String,
    /// Its similarity, from 0 to 1.
    pub(crate) similarity: f64,
}

/// An answer without one thing.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct Without {
    /// The factor that was taken away: its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) factor: Option<String>,
    /// The past answer that was taken away: its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interaction: Option<String>,
    /// What it is called.
    pub(crate) name: String,
    /// How much the answer depended on it; below 0 for what spoke against it.
    pub(crate) effect: f64,
    /// The response without it.
    pub(crate) response: String,
    /// True when that is another response.
    pub(crate) flips: bool,
}

/// Of `profile`: what is known of the user.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline, extend("additionalProperties" = false))]
pub(crate) struct ProfileResult {
    /// The answers it was learned from.
    pub(crate) past_answers: usize,
    /// What sways the user, the surest first.
    pub(crate) factors: Vec<KnownFactor>,
    /// The labels of factors that count too and are not shown.
    pub(crate) other_labels: Vec<String>,
    /// Factors that are set aside at the user's wish.
    pub(crate) set_aside: Vec<SetAsideFactor>,
    /// The user's own changes that hold: `set_factor` takes a number to undo one.
    pub(crate) edits: Vec<HeldEdit>,
}

/// A factor of the profile.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct KnownFactor {
    /// Its id.
    pub(crate) factor: String,
    /// Its label.
    pub(crate) label: String,
    /// The past answers it was seen in; less where old ones count less.
    pub(crate) seen: f64,
    /// How sure it is: `sure`, `likely` or `guess`.
    pub(crate) sureness: String,
    /// The response that goes with it, among labels and options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response: Option<String>,
    /// With it: the mean response on a scale, else a share from 0 to 1.
    pub(crate) with: f64,
    /// Without it, on a scale; else the usual share. Absent for free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) without: Option<f64>,
}

/// A factor that is set aside.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct SetAsideFactor {
    /// Its id.
    pub(crate) factor: String,
    /// Its label.
    pub(crate) label: String,
}

/// A change of the user's that holds.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct HeldEdit {
    /// Its number.
    pub(crate) edit: u32,
    /// What it does, such as `mute`.
    pub(crate) change: String,
}

/// Of `set_factor`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline, extend("additionalProperties" = false))]
pub(crate) struct SetFactorResult {
    /// The number of the change: undo it with `change` as `undo` and this as `edit`.
    pub(crate) edit: u32,
    /// What was done.
    pub(crate) change: String,
    /// The factor's id, where the change is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) factor: Option<String>,
}

/// Of `forget`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline, extend("additionalProperties" = false))]
pub(crate) struct ForgetResult {
    /// True when something was forgotten; false when there was nothing, or the user said no.
    pub(crate) forgotten: bool,
    /// What the user said where they were asked: `accept`, `decline` or `cancel`. Absent where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_said: Option<String>,
    /// The ids of the interactions that are gone.
    pub(crate) interactions: Vec<String>,
    /// The ids of the interactions that lost a factor and stay.
    pub(crate) stripped: Vec<String>,
    /// The ids of the factors that are gone.
    pub(crate) factors: Vec<String>,
}

/// Of `next_question`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline, extend("additionalProperties" = false))]
pub(crate) struct NextQuestionResult {
    /// The question that tells most; absent when none is worth asking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) question: Option<Question>,
    /// What the user said where they were asked: `accept`, `decline` or `cancel`. Absent where they were not: ask them, and `record` it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_said: Option<String>,
    /// The user's response, which is recorded, and the id it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded: Option<RecordedResponse>,
}

/// A question to ask.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct Question {
    /// Its place among the candidates, from 0.
    pub(crate) place: usize,
    /// The question.
    pub(crate) query: String,
    /// The responses open to it.
    pub(crate) responses: Vec<String>,
    /// Why it is asked; absent of one that was chosen before and would not be now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What its answer is expected to tell of an answer to another of the candidates, in bits; absent as `reason` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected_bits: Option<f64>,
}

/// A response that was asked for and recorded.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", extend("additionalProperties" = false))]
pub(crate) struct RecordedResponse {
    /// The id.
    pub(crate) interaction: String,
    /// The response.
    pub(crate) response: String,
}
