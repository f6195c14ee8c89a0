//! A backend for a host's own tests: it answers by stage, from a script or from the request, and keeps what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::llm::{
    BackendError, Completion, CompletionRequest, LlmBackend, Stage, TokenChoices, TokenLogprob, Usage, estimate_tokens,
};
use crate::pipeline::made_up;

use super::NoReply;

/// Answers requests from a script, offline and the same on every run; for tests of what a host builds around a pipeline.
///
/// `ScriptedBackend::new()` alone learns and answers: to a request without a scripted reply it makes one up from the request, in the form
/// asked for, with features that are words of the text. What a test is about is scripted:
///
/// ```
/// # use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
/// use rpm_core::llm::Stage;
/// use rpm_core::testing::ScriptedBackend;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { pollster::block_on(run()) }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// # let history = History::new(&task, "ana", [
/// #     Interaction::new("a", Query::new("A slow, quiet drama about a lighthouse.")?, "5")?,
/// #     Interaction::new("b", Query::new("A slow, quiet walk along a river.")?, "5")?,
/// #     Interaction::new("c", Query::new("A loud chase.")?, "1")?,
/// # ])?;
/// let model = ScriptedBackend::new().always(Stage::Answer, r#"{"reasons":[{"feature":"x1","why":"It is slow."}],"response":"4"}"#);
/// let pipeline = RpmPipeline::builder(task).backend(model.clone()).build()?;
/// let ana = pipeline.open(pipeline.learn(&history).await?.model).await?;
/// let answer = pipeline.personalize(&ana, &Query::new("A slow, quiet film.")?).await?;
/// assert_eq!(answer.response, "4");
/// assert_eq!(model.requests_of(Stage::Answer).len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # Which reply a request gets
/// The first of these that there is:
/// 1. The failure of its number: [`fail`](Self::fail), [`fail_at`](Self::fail_at).
/// 2. The next reply about its item: [`reply_about`](Self::reply_about). Each is given once, in the order of the script.
/// 3. The next reply of its stage: [`reply`](Self::reply), each once too.
/// 4. What its stage [always](Self::always) replies, or [makes](Self::reply_with) of the request.
/// 5. The error [`NoReply`], where replies of the stage are scripted and used up, or the backend is [strict](Self::strict).
/// 6. A reply made up from the request: [`made_up`](Self::made_up). What it makes up is in form and says nothing: features of texts
///    that share no words do not recur. Script [`Stage::Extract`](crate::llm::Stage::Extract) where a test is about factors.
///
/// The forms of replies are documented [by stage](crate::prompt#replies). Clones share the script and the requests.
#[derive(Clone)]
#[must_use = "a backend does nothing until it is asked"]
pub struct ScriptedBackend {
    script: Arc<Mutex<Script>>,
}

type Replier = Arc<dyn Fn(&CompletionRequest) -> Result<Completion, BackendError> + Send + Sync>;

/// The reply to a request is made without the script's lock, since a closure may ask for the requests.
enum Next {
    Given(Result<Completion, BackendError>),
    Made(Replier),
}

#[derive(Default)]
struct Script {
    /// By stage, and by item where it is about one.
    replies: BTreeMap<(Stage, Option<String>), VecDeque<Completion>>,
    repliers: BTreeMap<Stage, Replier>,
    otherwise: Option<Replier>,
    /// By stage, or of any, and by number from 1.
    failures: BTreeMap<(Option<Stage>, usize), BackendError>,
    requests: Vec<CompletionRequest>,
    usage: Option<Usage>,
    /// Replies come as they are, without tokens counted or probabilities made up.
    bare: bool,
    refuses_logprobs: bool,
}

impl Default for ScriptedBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedBackend {
    /// A backend that makes up every reply that is not scripted.
    pub fn new() -> Self {
        Self { script: Arc::default() }
    }

    /// A backend that replies by this closure where nothing else is scripted. Its replies are given as they are: tokens and
    /// probabilities are what the closure says.
    pub fn from_fn(
        reply: impl Fn(&CompletionRequest) -> Result<Completion, BackendError> + Send + Sync + 'static,
    ) -> Self {
        Self::new().set(|script| {
            script.otherwise = Some(Arc::new(reply));
            script.bare = true;
        })
    }

    fn set(self, change: impl FnOnce(&mut Script)) -> Self {
        change(&mut self.script());
        self
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a reply to the next request of this stage that has none yet. Given once.
    pub fn reply(self, stage: Stage, reply: impl Into<Completion>) -> Self {
        self.set(|script| script.add((stage, None), reply.into()))
    }

    /// Adds a reply to the next request of this stage about this item: the first that [`CompletionRequest::about`] names, which is `query`
    /// for a new query. Given once.
    pub fn reply_about(self, stage: Stage, item: impl Into<String>, reply: impl Into<Completion>) -> Self {
        self.set(|script| script.add((stage, Some(item.into())), reply.into()))
    }

    /// Gives this reply to every request of the stage that has no other.
    pub fn always(self, stage: Stage, reply: impl Into<Completion>) -> Self {
        let reply = reply.into();
        self.reply_with(stage, move |_| Ok(reply.clone()))
    }

    /// Makes the reply to every request of the stage that has no other.
    pub fn reply_with(
        self,
        stage: Stage,
        reply: impl Fn(&CompletionRequest) -> Result<Completion, BackendError> + Send + Sync + 'static,
    ) -> Self {
        self.set(|script| drop(script.repliers.insert(stage, Arc::new(reply))))
    }

    /// Refuses a request without a scripted reply with [`NoReply`], where a reply would be made up otherwise.
    pub fn strict(self) -> Self {
        self.set(|script| script.otherwise = Some(Arc::new(|request| Err(NoReply::to(request).into()))))
    }

    /// Fails the `nth` request of all, from 1, with this error. Retries and requests that ask again count.
    pub fn fail(self, nth: usize, error: BackendError) -> Self {
        self.set(|script| drop(script.failures.insert((None, nth), error)))
    }

    /// Fails the `nth` request of a stage, from 1, with this error.
    pub fn fail_at(self, stage: Stage, nth: usize, error: BackendError) -> Self {
        self.set(|script| drop(script.failures.insert((Some(stage), nth), error)))
    }

    /// Says that each reply used so many tokens, unless the reply says itself. Default: as many as
    /// [`estimate_tokens`] counts in the request and in the reply.
    pub fn usage(self, usage: Usage) -> Self {
        self.set(|script| script.usage = Some(usage))
    }

    /// Tells no probabilities of tokens, as some providers do: a request for them fails with [`BackendError::NoLogprobs`]. Default: where
    /// they are asked for and the reply has none, each word of it has a probability of 0.7.
    pub fn without_logprobs(self) -> Self {
        self.set(|script| script.refuses_logprobs = true)
    }

    /// A reply of one token, the first of these, with the probabilities of all of them: what a preset such as `Fused` reads a view of.
    ///
    /// ```
    /// use rpm_core::{llm::Stage, testing::ScriptedBackend};
    ///
    /// let model = ScriptedBackend::new().always(Stage::Answer, ScriptedBackend::likely(&[("4", 0.6), ("5", 0.3), ("3", 0.1)]));
    /// # drop(model);
    /// ```
    pub fn likely(tokens: &[(&str, f64)]) -> Completion {
        let first = tokens.first().map_or("", |(token, _)| token);
        let likeliest = tokens.iter().map(|(token, p)| TokenLogprob::new(*token, p.ln())).collect();
        Completion::new(first).tokens(vec![TokenChoices::new(first, likeliest)])
    }

    /// The reply that is made up for a request: in the form that it asks for, from its ids, its allowed responses and the words of its
    /// texts. The first allowed response is given; of features, some words of the text.
    pub fn made_up(request: &CompletionRequest) -> Completion {
        Completion::new(made_up(request))
    }

    /// The requests so far, failed ones included, in the order in which they came.
    pub fn requests(&self) -> Vec<CompletionRequest> {
        self.script().requests.clone()
    }

    /// The requests of one stage so far.
    pub fn requests_of(&self, stage: Stage) -> Vec<CompletionRequest> {
        self.script().requests.iter().filter(|request| request.stage == stage).cloned().collect()
    }

    /// The requests so far, which it forgets. Requests are numbered from 1 again.
    pub fn take_requests(&self) -> Vec<CompletionRequest> {
        std::mem::take(&mut self.script().requests)
    }

    /// The number of scripted replies that no request got: 0 at the end of a test whose script was played to its end.
    pub fn replies_left(&self) -> usize {
        self.script().replies.values().map(VecDeque::len).sum()
    }
}

impl Script {
    pub(super) fn add(&mut self, key: (Stage, Option<String>), reply: Completion) {
        self.replies.entry(key).or_default().push_back(reply);
    }

    /// Keeps the request, and gives its reply; `None` where one is to be made up.
    fn next(&mut self, request: &CompletionRequest) -> Option<Next> {
        let stage = request.stage;
        self.requests.push(request.clone());
        let of_stage = self.requests.iter().filter(|other| other.stage == stage).count();
        let number = [(None, self.requests.len()), (Some(stage), of_stage)];
        if let Some(error) = number.iter().find_map(|number| self.failures.remove(number)) {
            return Some(Next::Given(Err(error)));
        }
        if self.refuses_logprobs && request.logprobs > 0 {
            let error = BackendError::no_logprobs("the scripted backend tells no probabilities");
            return Some(Next::Given(Err(error)));
        }
        let about = request.about.first().cloned();
        let keys = about.is_some().then_some((stage, about)).into_iter().chain([(stage, None)]);
        let mut keys = keys.map(|key| self.replies.get_mut(&key).and_then(VecDeque::pop_front));
        if let Some(reply) = keys.find_map(|reply| reply) {
            return Some(Next::Given(Ok(reply)));
        }
        if let Some(replier) = self.repliers.get(&stage) {
            return Some(Next::Made(Arc::clone(replier)));
        }
        if self.replies.keys().any(|(scripted, _)| *scripted == stage) {
            return Some(Next::Given(Err(NoReply::to(request).into())));
        }
        self.otherwise.clone().map(Next::Made)
    }
}

/// The tokens of a reply, its words and what is between them, each with the same probability.
fn spelled(text: &str) -> Vec<TokenChoices> {
    let mut pieces: Vec<String> = Vec::new();
    let mut in_word = None;
    for c in text.chars() {
        let is_word = c.is_alphanumeric();
        match pieces.last_mut().filter(|_| in_word == Some(is_word)) {
            Some(piece) => piece.push(c),
            None => pieces.push(c.to_string()),
        }
        in_word = Some(is_word);
    }
    let choices = |piece: String| TokenChoices::new(piece.clone(), vec![TokenLogprob::new(piece, 0.7_f64.ln())]);
    pieces.into_iter().map(choices).collect()
}

#[async_trait]
impl LlmBackend for ScriptedBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let next = self.script().next(request);
        let mut completion = match next {
            Some(Next::Given(reply)) => reply?,
            Some(Next::Made(reply)) => reply(request)?,
            None => Self::made_up(request),
        };
        let (bare, usage) = {
            let script = self.script();
            (script.bare, script.usage)
        };
        if completion.usage.is_none() {
            let counted = || Usage {
                input_tokens: request.input_tokens(),
                output_tokens: estimate_tokens(&completion.text),
                cached_tokens: 0,
            };
            completion.usage = usage.or_else(|| (!bare).then(counted));
        }
        if request.logprobs > 0 && completion.tokens.is_empty() && !bare {
            completion.tokens = spelled(&completion.text);
        }
        Ok(completion)
    }

    fn name(&self) -> &'static str {
        "scripted"
    }
}

impl fmt::Debug for ScriptedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedBackend")
            .field("requests", &self.script().requests.len())
            .field("replies_left", &self.replies_left())
            .finish_non_exhaustive()
    }
}
