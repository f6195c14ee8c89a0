//! What the integration tests share: a scripted backend, invented tasks and histories, and strategies for arbitrary ones.
#![allow(dead_code, unreachable_pub)]

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use rpm_core::data::{PathOrigin, PathStep};
use rpm_core::explain::{ExplainOptions, WhatIf};
use rpm_core::llm::{CostEstimate, Role, Stage, Usage};
use rpm_core::model::Receipt;
use rpm_core::pipeline::ObserveReport;
use rpm_core::{
    Answer, BackendError, Completion, CompletionRequest, Error, Forget, History, Interaction, ItemId, LlmBackend,
    Query, ReasoningPath, Reasons, ResponseSpace, RpmPipeline, Task, UserModel, async_trait,
};
use serde_json::{Value, json};

/// What each scripted reply is said to cost.
pub const COST: Usage = Usage { input_tokens: 100, output_tokens: 10, cached_tokens: 40 };

type Script = dyn Fn(&CompletionRequest) -> Result<Completion, BackendError> + Send + Sync;

/// A backend that replies from a closure on the request and keeps every request.
pub struct ScriptedBackend {
    seen: Mutex<Vec<CompletionRequest>>,
    script: Box<Script>,
}

impl ScriptedBackend {
    pub fn new(
        script: impl Fn(&CompletionRequest) -> Result<Completion, BackendError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), script: Box::new(script) })
    }

    /// A model that always does as asked.
    pub fn obedient() -> Arc<Self> {
        Self::new(|request| Ok(reply(&obey(request))))
    }

    /// An obedient model, except where `script` gives the reply's text.
    pub fn except(script: impl Fn(&CompletionRequest) -> Option<String> + Send + Sync + 'static) -> Arc<Self> {
        Self::new(move |request| Ok(script(request).map_or_else(|| reply(&obey(request)), Completion::new)))
    }

    pub fn requests(&self) -> Vec<CompletionRequest> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn of(&self, stage: Stage) -> Vec<CompletionRequest> {
        self.requests().into_iter().filter(|request| request.stage == stage).collect()
    }

    /// Forgets the requests and returns them.
    pub fn take(&self) -> Vec<CompletionRequest> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl LlmBackend for ScriptedBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        (self.script)(request)
    }

    fn name(&self) -> &'static str {
        "scripted"
    }
}

pub fn reply(text: &str) -> Completion {
    Completion::new(text).usage(COST)
}

/// Words of the invented texts, with the feature an obedient model finds in them.
const FEATURES: [(&str, &str); 8] = [
    ("slow", "slow pacing"),
    ("quiet", "quiet mood"),
    ("loud", "loud action"),
    ("chase", "car pursuit"),
    ("baker", "small trades"),
    ("harbour", "seaside setting"),
    ("parser", "grammar tooling"),
    ("solver", "exact search"),
];

/// A model's file with all that could be left out: features, factors and counts.
pub fn whole_file(model: &UserModel) -> Value {
    let mut file: Value = serde_json::from_str(&model.to_json()).unwrap();
    let inner = file["model"].as_object_mut().unwrap();
    inner.remove("reader");
    inner.insert("factors".to_owned(), serde_json::to_value(model.factors()).unwrap());
    inner.insert("set_aside".to_owned(), serde_json::to_value(model.set_aside()).unwrap());
    inner.insert("memory".to_owned(), serde_json::to_value(model.memory()).unwrap());
    file
}

/// The reply of a model that does as asked.
pub fn obey(request: &CompletionRequest) -> String {
    let asked = request.messages.iter().find(|message| message.role == Role::User).map_or("", |m| &m.content);
    let reply = match request.stage {
        Stage::Extract => {
            let items: Vec<Value> =
                blocks(asked).into_iter().map(|(id, text)| json!({ "about": id, "features": found(&text) })).collect();
            json!({ "items": items })
        }
        Stage::Group => {
            let factors: serde_json::Map<String, Value> = blocks(asked)
                .into_iter()
                .map(|(id, text)| {
                    let line = text.lines().find_map(|line| line.strip_prefix("| ")).unwrap_or("nameless");
                    (id, json!(line.split(" (also").next().unwrap_or(line)))
                })
                .collect();
            json!({ "factors": factors })
        }
        Stage::Judge => {
            let items: Vec<Value> = blocks(asked)
                .into_iter()
                .map(|(id, text)| {
                    let features: Vec<Value> = aliases(&text)
                        .into_iter()
                        .map(|x| json!({ "id": x, "influential": true, "polarity": "positive" }))
                        .collect();
                    json!({ "about": id, "features": features })
                })
                .collect();
            json!({ "items": items })
        }
        // Asked for one letter, or for one point of a scale.
        Stage::Answer if request.schema.is_none() => {
            let letter = request.messages.iter().any(|message| message.content.contains("Reply with the letter"));
            return if letter { "A" } else { "1" }.to_owned();
        }
        _ => {
            let properties = request.schema.as_ref().map_or(&Value::Null, |schema| &schema.schema["properties"]);
            let mut reply = serde_json::Map::new();
            if properties["reasons"]["items"]["properties"].get("quote").is_some() {
                let new = asked.split("New text").last().unwrap_or_default();
                let reason = |mut feature: Value| {
                    feature["why"] = json!("This person goes by it.");
                    feature
                };
                reply.insert("reasons".into(), found(new).into_iter().map(reason).collect());
            } else if properties.get("reasons").is_some() {
                reply.insert("reasons".into(), json!([{ "feature": "x1", "why": "This person goes by it." }]));
            }
            if properties.get("proposals").is_some() {
                reply.insert("proposals".into(), json!(["A Plain Title", "Another Plain Title"]));
            }
            for key in ["answer", "response"] {
                let Some(response) = properties.get(key) else { continue };
                let first = response["enum"].get(0).cloned();
                reply.insert(key.into(), first.unwrap_or_else(|| json!("A Plain Title")));
            }
            Value::Object(reply)
        }
    };
    reply.to_string()
}

/// The `[id]` blocks of a request.
pub fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let id = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(id, _)| id);
        match (id, blocks.last_mut()) {
            (Some(id), _) => blocks.push((id.to_owned(), String::new())),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

fn found(text: &str) -> Vec<Value> {
    let text = text.to_lowercase();
    let known = FEATURES.iter().filter(|(word, _)| text.contains(word));
    known.map(|(word, name)| json!({ "name": name, "quote": word })).collect()
}

fn aliases(text: &str) -> Vec<String> {
    let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    text.lines().filter(|line| line.starts_with('x')).map(first).collect()
}

/// Everything a request sends, as one text.
pub fn sent(request: &CompletionRequest) -> String {
    let mut text = String::new();
    for message in &request.messages {
        let _ = writeln!(text, "--- {}\n{}", message.role.as_str(), message.content);
    }
    if let Some(schema) = &request.schema {
        let schema_text = serde_json::to_string_pretty(&sorted(&schema.schema)).unwrap_or_default();
        let _ = writeln!(text, "--- schema {}\n{schema_text}", schema.name);
    }
    text
}

/// The same value with its keys in alphabetical order, whatever order the JSON library keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// An error with all its causes.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} / {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, " / {error} / {error:?}");
        cause = error.source();
    }
    text
}

pub fn causes(error: &rpm_core::Error) -> String {
    let own = error.source().map(told).unwrap_or_default();
    format!("{error} / {own}")
}

pub fn scale_task() -> Task {
    let space = ResponseSpace::scale(1, 5).expect("a scale");
    let task = Task::new("How would this person rate the film?", space).expect("a task");
    task.query_name("film").unwrap().response_name("rating").unwrap()
}

pub fn labels_task() -> Task {
    let space = ResponseSpace::labels(["drama", "thriller", "Sci-Fi"]).expect("labels");
    let task = Task::new("Which tag would this person give the film?", space).expect("a task");
    task.query_name("film").unwrap().response_name("tag").unwrap()
}

pub fn choices_task() -> Task {
    let task = Task::new("Which option would this person choose?", ResponseSpace::choices()).expect("a task");
    task.query_name("question").unwrap().response_name("answer").unwrap()
}

pub fn text_task() -> Task {
    let space = ResponseSpace::text(80).expect("a length");
    let task = Task::new("Which title would this person give the abstract?", space).expect("a task");
    task.query_name("abstract").unwrap().response_name("title").unwrap()
}

pub const OPTIONS: [&str; 3] = ["More trains", "More roads", "Neither of them"];

const FILMS: [&str; 6] = [
    "A slow, quiet drama about a lighthouse keeper.",
    "A loud chase through the city.",
    "A slow film about a quiet town, its baker and one chase.",
    "A loud sequel without a quiet thought.",
    "Long days at the harbour, slow and warm.",
    "A chase with loud music and a thin plot.",
];

const ABSTRACTS: [(&str, &str); 6] = [
    ("We describe a parser for noisy text. The parser is fast.", "A Fast Parser for Noisy Text"),
    ("An exact solver for schedules is given. The solver is slow but sure.", "An Exact Solver for Schedules"),
    ("A parser that learns from a solver is studied.", "Learning a Parser from a Solver"),
    ("We measure how slow and quiet a harbour can be.", "How Quiet Is a Harbour?"),
    ("A slow parser is checked by a solver.", "Checking a Parser"),
    ("Where a parser fails, a solver can help.", "When Parsers Fail"),
];

pub fn query(text: &str) -> Query {
    Query::new(text).expect("a query")
}

pub fn interaction(id: &str, text: &str, response: &str, time: i64) -> Interaction {
    Interaction::new(id, query(text), response).expect("an interaction").at(time)
}

/// Interactions `a`, `b`, … with these texts and responses.
pub fn interactions(pairs: &[(&str, &str)]) -> Vec<Interaction> {
    let ids = ('a'..='z').map(String::from);
    let timed = pairs.iter().zip(ids).zip(1..);
    timed.map(|(((text, response), id), time)| interaction(&id, text, response, time)).collect()
}

pub fn history_of(task: &Task, pairs: &[(&str, &str)]) -> History {
    History::new(task, "ana", interactions(pairs)).expect("a history")
}

pub fn scale_history() -> History {
    let ratings = ["5", "2", "5", "1", "4", "2"];
    let pairs: Vec<(&str, &str)> = FILMS.into_iter().zip(ratings).collect();
    history_of(&scale_task(), &pairs)
}

/// Films that are told at length, so that a request may show less than all of one.
pub fn long_history() -> History {
    let filler = "It opens on a ferry at dawn and nobody says a word for ten minutes. ".repeat(8);
    let texts: Vec<String> = FILMS.iter().map(|film| format!("{filler}{film} {filler}")).collect();
    let pairs: Vec<(&str, &str)> = texts.iter().map(String::as_str).zip(["5", "2", "5", "1", "4", "2"]).collect();
    history_of(&scale_task(), &pairs)
}

pub fn labels_history() -> History {
    let tags = ["drama", "thriller", "drama", "thriller", "drama", "Sci-Fi"];
    let pairs: Vec<(&str, &str)> = FILMS.into_iter().zip(tags).collect();
    history_of(&labels_task(), &pairs)
}

pub fn choices_history() -> History {
    let chosen = [0, 1, 0, 1, 0, 2];
    let asked = FILMS.into_iter().zip(chosen).zip('a'..='z').map(|((text, choice), id)| {
        let query = Query::with_options(text, OPTIONS).expect("a query");
        Interaction::new(id, query, OPTIONS[choice]).expect("an interaction")
    });
    History::new(&choices_task(), "ana", asked).expect("a history")
}

pub fn text_history() -> History {
    history_of(&text_task(), &ABSTRACTS)
}

/// The first four of them.
pub fn short_text_history() -> History {
    history_of(&text_task(), &ABSTRACTS[..4])
}

/// A task of each kind with its history and a new query that is like it.
pub fn cases() -> [(&'static str, Task, History, Query); 4] {
    let film = "A slow and quiet film with one loud chase.";
    let choice = Query::with_options(film, OPTIONS).expect("a query");
    let paper = query("A solver and a parser are joined.");
    [
        ("scale", scale_task(), scale_history(), query(film)),
        ("labels", labels_task(), labels_history(), query(film)),
        ("choices", choices_task(), choices_history(), choice),
        ("text", text_task(), text_history(), paper),
    ]
}

/// A path that a model could have written for the model's first item with features, to be adopted.
pub fn a_path(model: &UserModel) -> (ItemId, ReasoningPath) {
    let item = model.memory().items().iter().find(|item| !item.features().is_empty()).unwrap();
    let factor_of = |place: usize| model.factors().factor_of(&item.features()[place].key()).map(|f| f.id().clone());
    let step = PathStep { feature: 0, factor: factor_of(0), text: "It suits this person.".to_owned() };
    let path = ReasoningPath::new(vec![step], item.response(), PathOrigin::Model, item.features(), factor_of);
    (item.id().clone(), path.unwrap())
}

/// A pipeline's operations on a plain user model, which is opened for each of them.
#[allow(async_fn_in_trait)]
pub trait ModelAtOnce {
    async fn personalize_model(&self, model: &UserModel, query: &Query) -> Result<Answer, Error>;
    async fn observe_model(
        &self,
        model: &mut UserModel,
        new: impl IntoIterator<Item = Interaction> + Send,
    ) -> Result<ObserveReport, Error>;
    async fn forget_model(&self, model: &mut UserModel, what: &Forget<'_>) -> Result<Receipt, Error>;
    async fn explain_model(&self, model: &UserModel, answer: &Answer) -> Result<WhatIf, Error>;
    async fn explain_with_model(
        &self,
        model: &UserModel,
        answer: &Answer,
        options: &ExplainOptions,
    ) -> Result<WhatIf, Error>;
    async fn estimate_query_model(&self, model: &UserModel, query: &Query) -> Result<CostEstimate, Error>;
}

impl ModelAtOnce for RpmPipeline {
    async fn personalize_model(&self, model: &UserModel, query: &Query) -> Result<Answer, Error> {
        self.personalize(&self.open(model.clone()).await?, query).await
    }

    async fn observe_model(
        &self,
        model: &mut UserModel,
        new: impl IntoIterator<Item = Interaction> + Send,
    ) -> Result<ObserveReport, Error> {
        let mut prepared = self.open(model.clone()).await?;
        let report = self.observe(&mut prepared, new).await;
        *model = prepared.into_model();
        report
    }

    async fn forget_model(&self, model: &mut UserModel, what: &Forget<'_>) -> Result<Receipt, Error> {
        let mut prepared = self.open(model.clone()).await?;
        let receipt = self.forget(&mut prepared, what).await;
        *model = prepared.into_model();
        receipt
    }

    async fn explain_model(&self, model: &UserModel, answer: &Answer) -> Result<WhatIf, Error> {
        self.explain(&self.open(model.clone()).await?, answer).await
    }

    async fn explain_with_model(
        &self,
        model: &UserModel,
        answer: &Answer,
        options: &ExplainOptions,
    ) -> Result<WhatIf, Error> {
        self.explain_with(&self.open(model.clone()).await?, answer, options).await
    }

    async fn estimate_query_model(&self, model: &UserModel, query: &Query) -> Result<CostEstimate, Error> {
        self.cost_of_answer(&self.open(model.clone()).await?, query).await
    }
}

/// The reasons of an answer that a plain user model gave.
pub trait ReasonsOf {
    fn reasons_of(&self, model: &UserModel) -> Reasons;
}

impl ReasonsOf for Answer {
    fn reasons_of(&self, model: &UserModel) -> Reasons {
        let offline = RpmPipeline::offline(model.task().clone());
        self.reasons(&pollster::block_on(offline.open(model.clone())).unwrap())
    }
}
