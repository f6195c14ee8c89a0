//! Work is in proportion to the input, whoever wrote it: what a text, a reply or a history costs is measured at four sizes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;
#[path = "common/growth.rs"]
mod growth;

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::{ScriptedBackend, interaction, query, reply, scale_task};
use growth::assert_in_proportion;
use pollster::block_on;
use rpm_core::prompt::{read_items, read_reply};
use rpm_core::{Forget, History, Interaction, ItemId, Preset, ResponseSpace, RpmPipeline, Task, UserModel};
use serde::Deserialize;

/// What stages ask for, loosely.
#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Item {
    name: String,
}

/// Parts that, repeated, make a reader of JSON in prose go back: strings, lists, comments and tags that nothing ends.
const PARTS: [&str; 20] = [
    "\"[",
    "[\"",
    "[\"a\" b",
    "{\"a\":\"b\" c",
    "'[",
    "“[",
    "[ /*",
    "[\"\\",
    "{a:\"",
    "[[",
    "[{\"a\":[",
    "[1,",
    "}],",
    "<think>",
    "</think>",
    "<|",
    "`",
    "```[\"",
    "{\"a\":1,\"",
    "[\"a\", \"b\" c",
];

fn read(reply: &str) {
    let _ = read_reply::<Item>(reply);
    let _ = read_items::<Item>(reply, "items");
}

#[test]
fn reading_a_reply_takes_time_in_proportion_to_its_length() {
    for part in PARTS {
        let make = |bytes: usize| format!("x{}", part.repeat(bytes / part.len()));
        assert_in_proportion(part, 2_000, make, |reply| read(reply));
    }
}

#[test]
fn learning_from_tangled_replies_takes_time_in_proportion_to_their_length() {
    let learn = |bytes: &mut usize| {
        let tangled = format!("x{}", "\"[".repeat(*bytes / 2));
        let backend = ScriptedBackend::new(move |_| Ok(reply(&tangled)));
        let pipeline = RpmPipeline::builder(scale_task()).preset(Preset::Paper).backend(backend).build().unwrap();
        let history = History::new(&scale_task(), "ana", [interaction("a", "A quiet drama.", "5", 1)]).unwrap();
        block_on(pipeline.learn(&history)).unwrap_err();
    };
    assert_in_proportion("learning", 2_000, |bytes| bytes, learn);
}

/// Films told by a few of many invented words, so that texts share some.
fn film(n: usize) -> Interaction {
    let words = (0..8).map(|word| format!("word{}", (n * 31 + word * word * 17) % 211));
    let text = words.collect::<Vec<_>>().join(" ");
    interaction(&format!("i{n:05}"), &text, &(1 + n % 5).to_string(), i64::try_from(n).unwrap())
}

/// A text of invented words, none of which any other text has.
fn of_new_words(from: usize, bytes: usize) -> String {
    let words = (from..).map(|n| format!("w{:x} ", n.wrapping_mul(2_654_435_761) % (1 << 28)));
    let mut text = String::new();
    for word in words {
        if text.len() + word.len() > bytes {
            break;
        }
        text.push_str(&word);
    }
    text
}

/// Polls to the end, and counts the stretches.
fn counted<T>(future: impl Future<Output = T>) -> (usize, T) {
    let (mut future, mut context) = (std::pin::pin!(future), Context::from_waker(Waker::noop()));
    let mut polls = 0;
    loop {
        polls += 1;
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return (polls, done);
        }
    }
}

/// Polls to the end, and gives the time of each stretch between two pauses.
fn stretches<T>(future: impl Future<Output = T>) -> Vec<Duration> {
    let (mut future, mut context) = (std::pin::pin!(future), Context::from_waker(Waker::noop()));
    let mut stretches = Vec::new();
    loop {
        let began = Instant::now();
        let done = future.as_mut().poll(&mut context).is_ready();
        stretches.push(began.elapsed());
        if done {
            return stretches;
        }
    }
}

#[test]
fn observing_older_interactions_at_once_takes_time_in_proportion_to_their_number() {
    let pipeline = RpmPipeline::offline(scale_task());
    let history = History::new(pipeline.task(), "ana", [film(90_000)]).unwrap();
    let first = block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await }).unwrap();
    let observe = |items: &mut Vec<Interaction>| {
        block_on(pipeline.observe(&mut first.clone(), items.drain(..))).unwrap();
    };
    assert_in_proportion("observing, the newest first", 60, |n| (0..n).rev().map(film).collect(), observe);
}

#[test]
fn learning_opening_answering_and_observing_pause_in_proportion_to_the_text_whatever_its_words() {
    // What may be gone through between two pauses, in bytes.
    const AT_ONCE: usize = 64 << 10;
    let titles = Task::new("What would this person call the film?", ResponseSpace::text(80).unwrap()).unwrap();
    for bytes in [4_096, 16_384] {
        let all = 24 * bytes;
        let learned = [(scale_task(), "4"), (titles.clone(), "A Quiet Walk")].map(|(task, response)| {
            let item = |n: usize| {
                let text = of_new_words(n * 10_000, bytes);
                interaction(&format!("i{n}"), &text, response, i64::try_from(n).unwrap())
            };
            let pipeline = RpmPipeline::offline(task.clone());
            let history = History::new(&task, "ana", (0..24).map(item)).unwrap();
            let (learning, learned) = counted(pipeline.learn(&history));
            // As one who reads it from a file, of which nothing is known yet.
            let model = UserModel::from_json(&learned.unwrap().model.to_json()).unwrap();
            let (opening, open) = counted(pipeline.open(model));
            let mut open = open.unwrap();
            let (answering, answer) = counted(pipeline.personalize(&open, &query("A quiet film.")));
            answer.unwrap();
            let (observing, observed) = counted(pipeline.observe(&mut open, [item(24)]));
            observed.unwrap();
            for (what, polls) in [("open", opening), ("answer", answering), ("observe", observing)] {
                assert!(polls > all / AT_ONCE, "to {what} {all} bytes: {polls} polls");
            }
            learning
        });
        // A scale is fitted and calibrated: its texts are read once more, and each is left out.
        let [scale, titles] = learned;
        assert!(
            titles > 4 * (all / AT_ONCE) && scale > titles + 2 * (all / AT_ONCE),
            "{all}: {scale} and {titles} polls"
        );
    }
}

#[test]
fn forgetting_pauses_more_often_in_a_longer_history_and_half_of_it_takes_time_in_proportion() {
    let pipeline = RpmPipeline::offline(scale_task());
    let learned = |n: usize| {
        let history = History::new(pipeline.task(), "ana", (0..n).map(film)).unwrap();
        block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await }).unwrap()
    };
    let one = Forget::Items(vec![ItemId::new("i00007").unwrap()]);
    let [short, long] = [1_000, 8_000].map(|n| stretches(pipeline.forget(&mut learned(n), &one)));
    assert!(long.len() >= 2 * short.len() && short.len() > 10, "{} and {}", short.len(), long.len());
    let (all, longest) = (long.iter().sum::<Duration>(), long.iter().max().copied().unwrap_or_default());
    assert!(longest < all / 2, "{longest:?} of {all:?} without a pause");

    let half = Forget::Where(&|item| item.time().is_some_and(|time| time % 2 == 0));
    let forget = |open: &mut rpm_core::Prepared| drop(block_on(pipeline.forget(open, &half)).unwrap());
    assert_in_proportion("forgetting half", 100, learned, forget);
}

#[test]
fn dropping_a_forgetting_at_any_pause_leaves_the_model_as_it_was() {
    let pipeline = RpmPipeline::offline(scale_task());
    let history = History::new(pipeline.task(), "ana", (0..80).map(film)).unwrap();
    let open = block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await }).unwrap();
    let what = Forget::Items(vec![ItemId::new("i00007").unwrap()]);
    let (mut gone, before) = (open.clone(), open.model().to_json());
    block_on(pipeline.forget(&mut gone, &what)).unwrap();
    let (mut polls, mut as_it_was) = (0, 0);
    loop {
        let mut open = open.clone();
        let mut context = Context::from_waker(Waker::noop());
        let mut future = Box::pin(pipeline.forget(&mut open, &what));
        let done = (0..=polls).any(|_| future.as_mut().poll(&mut context).is_ready());
        drop(future);
        let now = open.model().to_json();
        assert!(now == before || now == gone.model().to_json(), "dropped after {polls} pauses");
        as_it_was += usize::from(now == before);
        if done {
            break;
        }
        polls += 1;
    }
    assert!(polls > 8 && as_it_was > 5, "{polls} pauses, {as_it_was}");
}

#[test]
fn explaining_an_answer_to_a_long_query_takes_time_in_proportion_and_pauses_before_each_factor() {
    let pipeline = RpmPipeline::offline(scale_task());
    let history = common::scale_history();
    let open = block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await }).unwrap();
    let long = |n: usize, words: &[&str]| -> String { (0..n).map(|i| words[(i * 7 + i / 5) % words.len()]).collect() };
    let explain = |answer: &mut rpm_core::Answer| drop(block_on(pipeline.explain(&open, answer)).unwrap());
    for words in [&["a ", "b ", "c ", "d ", "e ", "f "][..], &["slow ", "quiet ", "loud ", "chase ", "x "]] {
        let answered = |n: usize| block_on(pipeline.personalize(&open, &query(&long(n, words)))).unwrap();
        assert_in_proportion("explaining", 500, answered, explain);
        let answer = answered(2_000);
        let factors = answer.features.iter().filter(|assigned| assigned.factor.is_some()).count();
        let pauses = stretches(pipeline.explain(&open, &answer)).len();
        assert!(pauses > 2 * factors, "{factors} factors, {pauses} pauses");
    }
}
