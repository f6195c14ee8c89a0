//! The checks of the suite, by what they look at.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::adapter::{ITEM, KEY, LONG, MODEL, PROMPT, Run, Setup, request};
use super::dialect::{Asked, Ending, Expected, Recorded};
use super::server::{Canned, MockServer, Sent};
use crate::llm::{CompletionRequest, FinishReason, LlmBackend, ReplyForm, Usage};

/// A date with a server's clock 7 s before it. Neither is near the clock of the machine that runs this.
const DATE: &str = "Fri, 01 Jan 2100 00:00:00 GMT";
const UNTIL: &str = "Fri, 01 Jan 2100 00:00:07 GMT";

const DONE: Recorded = Recorded { text: Some("done"), ending: Ending::Done, metered: true };

pub(super) async fn requests<B: LlmBackend, F: Fn(&Setup) -> B>(run: &mut Run<'_, F>) -> io::Result<()> {
    let answer = run.dialect.reply(&DONE).to_string();
    for (name, form, schema) in [
        ("a request with a schema", ReplyForm::Schema, true),
        ("a request in JSON mode", ReplyForm::Json, true),
        ("a request for text", ReplyForm::Text, true),
        ("a request without a schema", ReplyForm::Schema, false),
    ] {
        let answer = answer.clone();
        let (server, backend) = run.against(LONG, move |_| Canned::new(200, answer.clone()))?;
        let mut request = request("What?");
        request.form = form;
        request.schema = request.schema.filter(|_| schema);
        let result = backend.complete(&request).await;
        run.check(&format!("{name}: is answered"), result.is_ok());
        run.check(&format!("{name}: the model's identity names it and holds no key"), {
            backend.model().contains(MODEL) && !backend.model().contains(KEY) && !backend.name().contains(KEY)
        });
        let sent = server.requests();
        run.check(&format!("{name}: is sent once"), sent.len() == 1);
        let Some(sent) = sent.first() else { continue };
        let form = if schema { run.dialect.holds(form) } else { ReplyForm::Text };
        check_request(run, name, &request, form, sent);
    }
    Ok(())
}

fn check_request<B: LlmBackend, F: Fn(&Setup) -> B>(
    run: &mut Run<'_, F>,
    name: &str,
    request: &CompletionRequest,
    form: ReplyForm,
    sent: &Sent,
) {
    let body = sent.body.to_string();
    let in_header = sent.headers.iter().any(|(_, value)| value.contains(KEY));
    run.check(&format!("{name}: the key is in a header and only there"), {
        in_header && !body.contains(KEY) && !sent.path.contains(KEY)
    });
    run.check(&format!("{name}: no ids of items are sent"), !body.contains(ITEM));
    let asked = run.dialect.read(sent);
    run.check(&format!("{name}: is one of the API"), asked.is_some());
    let Some(Asked { model, messages, max_tokens, temperature, seed, form: held, schema }) = asked else { return };
    run.check(&format!("{name}: the model"), model == MODEL);
    let wanted: Vec<_> = request.messages.iter().map(|message| (message.role, message.content.clone())).collect();
    run.check(&format!("{name}: the messages, in their order"), messages == wanted);
    run.check(&format!("{name}: the length limit"), max_tokens == u64::from(request.max_tokens));
    run.check(&format!("{name}: the temperature"), (temperature - f64::from(request.temperature)).abs() < 1e-6);
    run.check(&format!("{name}: the seed"), seed == request.seed.filter(|_| run.dialect.takes_seed()));
    run.check(&format!("{name}: the form of the reply"), held == form);
    let wanted = request.schema.as_ref().filter(|_| form == ReplyForm::Schema);
    run.check(
        &format!("{name}: the schema, whole but for bounds"),
        match (&schema, wanted) {
            (Some(sent), Some(wanted)) => equal_except_bounds(sent, &wanted.schema),
            (sent, wanted) => sent.is_none() && wanted.is_none(),
        },
    );
}

/// True when a schema is another one, except that bounds, which every reply is checked for anyway, may be missing.
fn equal_except_bounds(sent: &Value, wanted: &Value) -> bool {
    match (sent, wanted) {
        (Value::Object(sent), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| match sent.get(name) {
                Some(sent) => equal_except_bounds(sent, value),
                None => value.is_number(),
            }) && sent.keys().all(|name| wanted.contains_key(name))
        }
        (Value::Array(sent), Value::Array(wanted)) => {
            sent.len() == wanted.len()
                && sent.iter().zip(wanted).all(|(sent, wanted)| equal_except_bounds(sent, wanted))
        }
        (sent, wanted) => sent == wanted,
    }
}

pub(super) async fn replies<B: LlmBackend, F: Fn(&Setup) -> B>(run: &mut Run<'_, F>) -> io::Result<()> {
    let text = " ```json\n{\"a\": \"\u{e9}\\n\u{1F3B5}\"}\n```\n ";
    let used = Usage { input_tokens: 100, cached_tokens: 40, output_tokens: 10 };
    for (name, ending, finish) in [
        ("a reply that ended by itself", Ending::Done, FinishReason::Stop),
        ("a reply cut at the length limit", Ending::Cut, FinishReason::Length),
        ("a filtered reply", Ending::Filtered, FinishReason::Filtered),
        ("a refused request", Ending::Refused, FinishReason::Filtered),
    ] {
        let withheld = finish == FinishReason::Filtered;
        let reply = Recorded { text: Some(text).filter(|_| !withheld), ending, metered: true };
        let body = run.dialect.reply(&reply).to_string();
        let (_server, backend) = run.against(LONG, move |_| Canned::new(200, body.clone()))?;
        let result = backend.complete(&request("What?")).await;
        let completion = result.as_ref().ok();
        run.check(&format!("{name}: the reason"), completion.is_some_and(|reply| reply.finish == finish));
        run.check(&format!("{name}: the tokens"), completion.is_some_and(|reply| reply.usage == Some(used)));
        if !withheld {
            run.check(&format!("{name}: the exact text"), completion.is_some_and(|reply| reply.text == text));
        }
    }
    let body = run.dialect.reply(&Recorded { metered: false, ..DONE }).to_string();
    let (_server, backend) = run.against(LONG, move |_| Canned::new(200, body.clone()))?;
    let result = backend.complete(&request("What?")).await;
    run.check("a reply without tokens: none are reported", result.is_ok_and(|reply| reply.usage.is_none()));
    Ok(())
}

pub(super) async fn refusals<B: LlmBackend, F: Fn(&Setup) -> B>(run: &mut Run<'_, F>) -> io::Result<()> {
    let echo = format!("{PROMPT} {KEY}");
    let mut cases = run.dialect.refusals(&echo);
    let page = format!("<!doctype html><title>Sign in</title>{echo}");
    let seven = Expected::Transient(Some(Duration::from_secs(7)));
    let empty = |text| run.dialect.reply(&Recorded { text, ..DONE }).to_string();
    cases.extend([
        ("a web page with status 200", Canned::new(200, &*page), Expected::Failure),
        ("an empty body with status 200", Canned::new(200, ""), Expected::Failure),
        ("another JSON with status 200", Canned::new(200, format!("{{\"ok\":\"{echo}\"}}")), Expected::Failure),
        ("a reply whose text is null", Canned::new(200, empty(None)), Expected::Failure),
        ("a reply whose text is empty", Canned::new(200, empty(Some(""))), Expected::Failure),
        ("a web page with status 502", Canned::new(502, &*page), Expected::Transient(None)),
        ("503 with seconds to wait", Canned::new(503, &*page).header("retry-after", "7"), seven),
        ("429 with a date to wait for", Canned::new(429, "").header("date", DATE).header("retry-after", UNTIL), seven),
        (
            "429 with a date that has passed",
            { Canned::new(429, "").header("date", UNTIL).header("retry-after", DATE) },
            Expected::Transient(Some(Duration::ZERO)),
        ),
        (
            "429 with a wait that cannot be read",
            { Canned::new(429, "").header("retry-after", "soon") },
            Expected::Transient(None),
        ),
        ("a web page with status 404", Canned::new(404, &*page), Expected::Permanent),
    ]);
    for (name, canned, expected) in cases {
        let (_server, backend) = run.against(LONG, move |_| canned.clone())?;
        let result = backend.complete(&request("What?")).await;
        run.check_error(name, &result, |error| expected.is(error));
    }
    Ok(())
}

pub(super) async fn connections<B: LlmBackend, F: Fn(&Setup) -> B>(run: &mut Run<'_, F>) -> io::Result<()> {
    let transient = |error: &crate::BackendError| error.is_transient();
    let (_server, backend) = run.against(Duration::from_millis(200), |_| Canned::silence())?;
    let begun = Instant::now();
    run.check_error("no answer in time", &backend.complete(&request("What?")).await, transient);
    run.check("no answer in time: the time is kept", begun.elapsed() < LONG / 2);

    let (_server, backend) = run.against(LONG, |_| Canned::broken())?;
    run.check_error("a broken connection", &backend.complete(&request("What?")).await, transient);

    let gone = MockServer::start(|_| Canned::silence())?;
    let backend = run.at(&gone.url(), LONG);
    drop(gone);
    run.check_error("no server", &backend.complete(&request("What?")).await, transient);

    let body = run.dialect.reply(&DONE).to_string();
    let other = MockServer::start(move |_| Canned::new(200, body.clone()))?;
    let target = other.url();
    let (_server, backend) =
        run.against(LONG, move |sent| Canned::new(307, "").header("location", &format!("{target}{}", sent.path)))?;
    run.check_error("a redirect", &backend.complete(&request("What?")).await, |_| true);
    run.check("a redirect: nothing is sent elsewhere", other.requests().is_empty());

    let (server, backend) = run.against(LONG, |_| Canned::silence())?;
    let asking = request("What?");
    let mut pending = backend.complete(&asking);
    let sent = until(|cx| pending.as_mut().poll(cx).is_pending() && !server.requests().is_empty()).await;
    drop(pending);
    let closed = until(|_| server.abandoned() == 1).await;
    run.check("a dropped request: its connection is closed", sent && closed);
    Ok(())
}

pub(super) async fn batches<B: LlmBackend, F: Fn(&Setup) -> B>(run: &mut Run<'_, F>) -> io::Result<()> {
    const REQUESTS: u64 = 9;
    const FAILS: u64 = 4;
    let named = |number: u64| format!("request number {number}.");
    let reply = |number| run.dialect.reply(&Recorded { text: Some(&named(number)), ..DONE }).to_string();
    let replies: Vec<String> = (0..REQUESTS).map(reply).collect();
    // The first come last, and one fails.
    let (_server, backend) = run.against(LONG, move |sent| {
        let body = sent.body.to_string();
        let asked = (0..).zip(&replies).find(|(number, _)| body.contains(&named(*number)));
        match asked {
            None | Some((FAILS, _)) => Canned::new(500, ""),
            Some((number, reply)) => Canned::new(200, reply).after(Duration::from_millis(10 * (REQUESTS - number))),
        }
    })?;
    let requests: Vec<_> = (0..REQUESTS).map(|number| request(&named(number))).collect();
    let results = backend.complete_batch(&requests).await;
    run.check("a batch: one result for each request", results.len() == requests.len());
    let placed = (0..).zip(&results).all(|(number, result)| match result {
        Ok(reply) => number != FAILS && reply.text == named(number),
        Err(error) => number == FAILS && error.is_transient(),
    });
    run.check("a batch: each result in its request's place", placed);
    run.check("an empty batch: no results", backend.complete_batch(&[]).await.is_empty());
    Ok(())
}

/// Waits, giving the executor its turns, until something holds or too much time has passed.
async fn until(mut holds: impl FnMut(&mut std::task::Context<'_>) -> bool) -> bool {
    let begun = Instant::now();
    poll_fn(|cx| {
        if holds(cx) {
            return Poll::Ready(true);
        }
        if begun.elapsed() > LONG / 3 {
            return Poll::Ready(false);
        }
        thread::sleep(Duration::from_millis(1));
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
