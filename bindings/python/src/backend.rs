//! A model that is asked by Python code.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rpm_core::llm::{
    Capabilities, FinishReason, LogMode, ReplyForm, Resilient, ResponseLog, TokenChoices, TokenLogprob, Usage,
};
use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend};

use crate::calls;
use crate::errors::{Failure, Raised};

/// A deadline that no reply outlasts, where none was asked for.
const NO_DEADLINE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The settings of a backend, as `rpm_core._backend` hands them over.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    adapter: Py<PyAny>,
    model: String,
    form: String,
    inline: bool,
    at_once: usize,
    retries: u32,
    deadline: Option<f64>,
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u64>,
    log: Option<std::path::PathBuf>,
    replay: bool,
}

impl Settings {
    /// The backend with what is around it, and the log that it keeps.
    pub(crate) fn backend(self) -> PyResult<(Arc<dyn LlmBackend>, Option<ResponseLog>)> {
        let form = form_of(&self.form)
            .ok_or_else(|| Failure::new("ConfigError", "a backend's form is \"text\", \"json\" or \"schema\""))?;
        let deadline = match self.deadline {
            None => NO_DEADLINE,
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .map_err(|_| Failure::new("ConfigError", "a deadline is a number of seconds, from 0 on"))?,
        };
        let called = PythonBackend { adapter: self.adapter, model: self.model, form, inline: self.inline };
        let mut backend = Resilient::new(called).retries(self.retries).in_flight(self.at_once).deadline(deadline);
        if let Some(requests) = self.requests_per_minute {
            backend = backend.requests_per_minute(requests);
        }
        if let Some(tokens) = self.tokens_per_minute {
            backend = backend.tokens_per_minute(tokens);
        }
        let Some(path) = self.log else { return Ok((Arc::new(backend), None)) };
        let log = ResponseLog::open(path).map_err(Failure::from)?;
        let mode = if self.replay { LogMode::ReplayOnly } else { LogMode::Record };
        Ok((Arc::new(log.wrap(backend).mode(mode).in_flight(self.at_once)), Some(log)))
    }
}

fn form_of(name: &str) -> Option<ReplyForm> {
    match name {
        "text" => Some(ReplyForm::Text),
        "json" => Some(ReplyForm::Json),
        "schema" => Some(ReplyForm::Schema),
        _ => None,
    }
}

struct PythonBackend {
    adapter: Py<PyAny>,
    model: String,
    form: ReplyForm,
    /// True when the function is called on the thread that waits, one request at a time.
    inline: bool,
}

impl fmt::Debug for PythonBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonBackend").field("model", &self.model).field("form", &self.form).finish_non_exhaustive()
    }
}

#[async_trait]
impl LlmBackend for PythonBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        calls::unless_interrupted().await;
        if self.inline {
            return Python::attach(|py| {
                let reply = asked(py, request).and_then(|asked| self.adapter.bind(py).call_method1("call", (asked,)));
                reply.and_then(|reply| completion(&reply)).map_err(|error| failed(py, error, request.form))
            });
        }
        let pending = Python::attach(|py| {
            let begun = asked(py, request).and_then(|asked| self.adapter.bind(py).call_method1("begin", (asked,)));
            begun.and_then(Pending::of).map_err(|error| failed(py, error, request.form))
        })?;
        pending.done().await;
        Python::attach(|py| {
            let reply = pending.future.bind(py).call_method0("result");
            reply.and_then(|reply| completion(&reply)).map_err(|error| failed(py, error, request.form))
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::up_to(self.form)
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn name(&self) -> &str {
        &self.model
    }
}

/// The request as `rpm_core.CompletionRequest` has it.
fn asked<'py>(py: Python<'py>, request: &CompletionRequest) -> PyResult<Bound<'py, PyDict>> {
    let asked = PyDict::new(py);
    let messages = request.messages.iter().map(|message| (message.role.as_str(), message.content.as_str()));
    asked.set_item("stage", request.stage.as_str())?;
    asked.set_item("messages", PyTuple::new(py, messages)?)?;
    let schema = request.schema.as_ref();
    asked.set_item("schema_name", schema.map(|schema| schema.name))?;
    asked.set_item("schema", schema.map(|schema| pythonize::pythonize(py, &schema.schema)).transpose()?)?;
    asked.set_item("max_tokens", request.max_tokens)?;
    // As it is written: 0.7 and not the nearest number of half the digits.
    asked.set_item("temperature", request.temperature.to_string().parse::<f64>().unwrap_or_default())?;
    asked.set_item("seed", request.seed)?;
    let form = match request.form {
        ReplyForm::Text => "text",
        ReplyForm::Json => "json",
        ReplyForm::Schema => "schema",
    };
    asked.set_item("form", form)?;
    asked.set_item("logprobs", request.logprobs)?;
    asked.set_item("about", PyTuple::new(py, &request.about)?)?;
    asked.set_item("time_left", request.time_left().map(|left| left.as_secs_f64()))?;
    Ok(asked)
}

/// The reply: text, or a `rpm_core.Completion`.
fn completion(reply: &Bound<'_, PyAny>) -> PyResult<Completion> {
    if let Ok(text) = reply.extract::<String>() {
        return Ok(Completion::new(text));
    }
    let completion = Completion::new(reply.getattr("text")?.extract::<String>()?);
    let completion = completion.finish(match reply.getattr("finish")?.extract::<String>()?.as_str() {
        "length" => FinishReason::Length,
        "content_filter" | "filtered" => FinishReason::Filtered,
        _ => FinishReason::Stop,
    });
    let choices: Vec<(String, Vec<(String, f64)>)> = reply.getattr("tokens")?.extract()?;
    let choices = choices.into_iter().map(|(token, likeliest)| {
        TokenChoices::new(token, likeliest.into_iter().map(|(token, log)| TokenLogprob::new(token, log)).collect())
    });
    let completion = completion.tokens(choices.collect());
    let tokens = |name: &str| reply.getattr(name)?.extract::<Option<u64>>();
    let (input_tokens, output_tokens) = (tokens("input_tokens")?, tokens("output_tokens")?);
    Ok(match (input_tokens, output_tokens) {
        (None, None) => completion,
        (input, output) => completion.usage(Usage {
            input_tokens: input.unwrap_or_default(),
            output_tokens: output.unwrap_or_default(),
            cached_tokens: tokens("cached_tokens")?.unwrap_or_default(),
        }),
    })
}

/// What a Python exception means: its kind where it is one of `rpm_core`'s, a wish to stop where it is no failure, else a failure that stays.
fn failed(py: Python<'_>, exception: PyErr, form: ReplyForm) -> BackendError {
    let kinds = py.import("rpm_core._errors").ok();
    let is = |name: &str| {
        let class = kinds.as_ref().and_then(|kinds| kinds.getattr(name).ok());
        class.is_some_and(|class| exception.is_instance(py, &class))
    };
    if !exception.is_instance_of::<PyException>(py) {
        calls::interrupt(exception.clone_ref(py));
    }
    let (transient, too_long, unsupported) = (is("TransientError"), is("PromptTooLongError"), is("UnsupportedError"));
    let wait = exception.value(py).getattr("retry_after").and_then(|wait| wait.extract::<Option<f64>>()).ok().flatten();
    let source = Raised::new(py, exception);
    if transient {
        let retry_after = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        return BackendError::Transient { retry_after, source: source.into() };
    }
    if too_long {
        return BackendError::prompt_too_long(source);
    }
    if unsupported { BackendError::unsupported(form, source) } else { BackendError::permanent(source) }
}

/// A `concurrent.futures.Future` that is waited for without a thread, and cancelled when nobody waits any more.
struct Pending {
    future: Py<PyAny>,
    told: Told,
}

#[derive(Default)]
struct State {
    done: bool,
    waker: Option<Waker>,
}

/// What the future calls when it is done.
#[pyclass(frozen, module = "rpm_core._native")]
#[derive(Clone, Default)]
struct Told(Arc<Mutex<State>>);

#[pymethods]
impl Told {
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        let waker = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.done = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Pending {
    fn of(future: Bound<'_, PyAny>) -> PyResult<Self> {
        let told = Told::default();
        future.call_method1("add_done_callback", (told.clone(),))?;
        Ok(Self { future: future.unbind(), told })
    }

    async fn done(&self) {
        poll_fn(|cx| {
            let mut state = self.told.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.done {
                return Poll::Ready(());
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let done = self.told.0.lock().unwrap_or_else(PoisonError::into_inner).done;
        if !done {
            Python::attach(|py| {
                // A future that cannot be cancelled goes on to its end, which nobody waits for.
                let _ = self.future.call_method0(py, "cancel");
            });
        }
    }
}
