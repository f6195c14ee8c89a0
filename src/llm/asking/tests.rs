//! The loop by itself: parts, verdicts and failures, without a stage or a prompt.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::llm::{
    BackendError, Budget, BudgetLimit, Capabilities, Completion, CompletionRequest, FinishReason, Message, ReplyForm,
    Role, Usage, control_sequence_in,
};

type Result<T> = std::result::Result<T, BackendError>;
type Outcome = std::result::Result<&'static str, AskError>;

/// A backend that answers whole batches by a function, and keeps what it was sent.
struct Scripted<F> {
    form: ReplyForm,
    sent: Mutex<Vec<Vec<CompletionRequest>>>,
    reply: F,
}

impl<F: Fn(&[CompletionRequest]) -> Vec<Result<Completion>> + Send + Sync> Scripted<F> {
    fn new(reply: F) -> Self {
        Self { form: ReplyForm::Text, sent: Mutex::default(), reply }
    }

    fn sent(&self) -> Vec<Vec<CompletionRequest>> {
        self.sent.lock().unwrap().clone()
    }

    /// Returns the last message of each request, by batch.
    fn asked(&self) -> Vec<Vec<String>> {
        self.sent().iter().map(|batch| batch.iter().map(|request| text(request).to_owned()).collect()).collect()
    }
}

#[async_trait]
impl<F: Fn(&[CompletionRequest]) -> Vec<Result<Completion>> + Send + Sync> LlmBackend for Scripted<F> {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion> {
        (self.reply)(std::slice::from_ref(request)).remove(0)
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion>> {
        self.sent.lock().unwrap().push(requests.to_vec());
        (self.reply)(requests)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::up_to(self.form)
    }
}

fn each(
    reply: impl Fn(&CompletionRequest) -> Result<Completion>,
) -> impl Fn(&[CompletionRequest]) -> Vec<Result<Completion>> {
    move |requests| requests.iter().map(&reply).collect()
}

fn text(request: &CompletionRequest) -> &str {
    &request.messages.last().unwrap().content
}

fn question(text: impl Into<String>) -> CompletionRequest {
    CompletionRequest::new(Stage::Extract, vec![Message::user(text)], 10)
}

/// The parts that a request is about.
fn parts(request: &CompletionRequest) -> Vec<usize> {
    text(request).split(';').next().unwrap().split(' ').map(|part| part.parse().unwrap()).collect()
}

/// Parts by their numbers. A reply says of each `done`, `again` or `part`; the last is open with what was read.
struct Numbers;

impl Inquiry<&'static str> for Numbers {
    fn request(&self, ask: &Ask<'_, &'static str>) -> Option<CompletionRequest> {
        let parts: Vec<String> = ask.parts().iter().map(usize::to_string).collect();
        let problem = ask.problem().map(|problem| format!("; {problem}")).unwrap_or_default();
        Some(question(format!("{}{problem}", parts.join(" "))))
    }

    fn read(&mut self, ask: &Ask<'_, &'static str>, completion: &Completion) -> Vec<Verdict<&'static str>> {
        let again = |part: &usize, partial| Verdict::Again { problem: Some(format!("{part} was")), partial };
        let verdict = |(part, word): (&usize, &str)| match word {
            "done" if ask.partial(*part).is_some() => Verdict::Done("done after a part"),
            "done" => Verdict::Done("done"),
            "part" => again(part, Some("part")),
            _ => again(part, None),
        };
        ask.parts().iter().zip(completion.text.split(' ')).map(verdict).collect()
    }
}

fn plan(parts: usize, per_request: usize, rest: Rest, reasks: u32) -> Plan {
    Plan { parts, per_request, rest, reasks }
}

fn run(backend: &dyn LlmBackend, ledger: &Ledger, plan: Plan) -> Vec<Outcome> {
    pollster::block_on(Asking::new(Some(backend), ledger).ask_parts(plan, &mut Numbers))
}

/// An outcome in one word.
fn word(outcome: &Outcome) -> String {
    match outcome {
        Ok(value) => (*value).to_owned(),
        Err(AskError::Unusable { attempts, problem, .. }) => format!("unusable after {attempts}: {problem}"),
        Err(AskError::Backend(BackendError::Budget { limit })) => format!("{limit:?}"),
        Err(error) => format!("{error:?}").split(['(', ' ']).next().unwrap().to_owned(),
    }
}

fn words(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(word).collect()
}

#[test]
fn what_was_read_stands_and_only_the_rest_is_asked_again_each_alone() {
    let backend = Scripted::new(each(|request| {
        Ok(Completion::new(match text(request) {
            "0 1 2" => "done again part",
            "3 4" | "2; 2 was" => "done",
            _ => "again",
        }))
    }));
    let ledger = Ledger::new();
    let outcomes = run(&backend, &ledger, plan(5, 3, Rest::Alone, 1));
    let expected = ["done", "unusable after 2: 1 was", "done after a part", "done", "unusable after 2: 4 was"];
    assert_eq!(words(&outcomes), expected);
    assert_eq!(backend.asked(), [vec!["0 1 2", "3 4"], vec!["1; 1 was", "2; 2 was", "4"]]);
    let usage = ledger.report().stage(Stage::Extract);
    assert_eq!((usage.calls, usage.reasks), (5, 3));
}

#[test]
fn the_rest_of_a_request_can_be_asked_again_together() {
    let backend = Scripted::new(each(|request| {
        Ok(Completion::new(match text(request) {
            "0 1 2" => "again done again",
            "3 4" => "part part",
            _ => "done done",
        }))
    }));
    let outcomes = run(&backend, &Ledger::new(), plan(5, 3, Rest::Together, 3));
    assert_eq!(words(&outcomes), ["done", "done", "done", "done after a part", "done after a part"]);
    assert_eq!(backend.asked(), [vec!["0 1 2", "3 4"], vec!["0 2; 0 was", "3 4; 3 was"]]);
}

#[test]
fn a_failed_request_is_not_sent_again_and_its_first_part_carries_the_cause() {
    let backend = Scripted::new(each(|request| match text(request) {
        "0 1 2" => Err(BackendError::permanent("no")),
        "3 4 5" => Ok(Completion::new("").finish(FinishReason::Filtered)),
        "6 7" => Ok(Completion::new("part again")),
        _ => Err(BackendError::transient("later")),
    }));
    let outcomes = run(&backend, &Ledger::new(), plan(8, 3, Rest::Alone, 2));
    let expected = ["Backend", "NoResult", "NoResult", "Filtered", "NoResult", "NoResult", "part", "Backend"];
    assert_eq!(words(&outcomes), expected);
    assert_eq!(backend.asked().len(), 2);
}

#[test]
fn after_the_budget_nothing_is_sent_and_what_was_read_stands() {
    let backend =
        Scripted::new(each(|request| Ok(Completion::new(if text(request) == "0" { "part" } else { "again" }))));
    let ledger = Ledger::limited(Budget::default().calls(3));
    let outcomes = run(&backend, &ledger, plan(2, 1, Rest::Alone, 5));
    // The second round had one call left.
    assert_eq!(words(&outcomes), ["part", "Calls"]);
    assert_eq!(backend.asked(), [vec!["0", "1"], vec!["0; 0 was"]]);
    assert_eq!(ledger.budget_reached(), Some(BudgetLimit::Calls));
    // Of a request that was not sent, each part is over the budget.
    let outcomes = run(&backend, &ledger, plan(3, 3, Rest::Alone, 5));
    assert_eq!((words(&outcomes), backend.asked().len()), (vec!["Calls".to_owned(); 3], 2));
}

#[test]
fn requests_that_wait_for_the_budget_are_sent_when_others_used_less() {
    let used = Usage { input_tokens: 1, output_tokens: 1, cached_tokens: 0 };
    let backend = Scripted::new(each(|_| Ok(Completion::new("done").usage(used))));
    let most = question("0").input_tokens() + 10;
    let ledger = Ledger::limited(Budget::default().tokens(most + 6));
    let outcomes = run(&backend, &ledger, plan(4, 1, Rest::Alone, 0));
    assert_eq!(words(&outcomes), ["done"; 4]);
    assert_eq!(backend.asked(), [["0"], ["1"], ["2"], ["3"]]);
    assert_eq!(ledger.report().stage(Stage::Extract).withheld, 0);
    // Where nothing can be given back, waiting ends.
    let ledger = Ledger::limited(Budget::default().tokens(most - 1));
    let outcomes = run(&backend, &ledger, plan(2, 1, Rest::Alone, 3));
    assert_eq!((words(&outcomes), backend.asked().len()), (vec!["Tokens".to_owned(); 2], 4));
}

#[test]
fn results_that_are_missing_end_their_parts() {
    let backend = Scripted::new(|requests: &[CompletionRequest]| {
        requests.iter().take(1).map(|_| Ok(Completion::new("again"))).collect()
    });
    let outcomes = run(&backend, &Ledger::new(), plan(3, 1, Rest::Alone, 2));
    assert_eq!(words(&outcomes), ["unusable after 3: 0 was", "NoResult", "NoResult"]);
    assert_eq!(backend.asked(), [vec!["0", "1", "2"], vec!["0; 0 was"], vec!["0; 0 was"]]);
    let none = Scripted::new(|_: &[CompletionRequest]| Vec::new());
    assert_eq!(words(&run(&none, &Ledger::new(), plan(2, 2, Rest::Together, 2))), ["NoResult"; 2]);
}

#[test]
fn without_parts_or_without_a_backend_nothing_is_sent() {
    let backend = Scripted::new(each(|_| Ok(Completion::new("done"))));
    let ledger = Ledger::new();
    assert!(run(&backend, &ledger, plan(0, 0, Rest::Alone, 3)).is_empty());
    assert!(backend.sent().is_empty());
    let outcomes = pollster::block_on(Asking::new(None, &ledger).ask_parts(plan(2, 1, Rest::Alone, 3), &mut Numbers));
    assert_eq!(words(&outcomes), ["NoBackend"; 2]);
}

#[test]
fn refused_forms_are_loosened_once_for_all_rounds_and_are_no_attempts() {
    let refusing = each(|request: &CompletionRequest| match request.form {
        ReplyForm::Text => {
            Ok(Completion::new(if request.messages.len() == 1 && parts(request) == [0] { "done" } else { "again" }))
        }
        form => Err(BackendError::Unsupported { form, source: "no".into() }),
    });
    let backend = Scripted { form: ReplyForm::Schema, ..Scripted::new(refusing) };
    let ledger = Ledger::new();
    let outcomes = run(&backend, &ledger, plan(2, 1, Rest::Alone, 1));
    assert_eq!(words(&outcomes), ["done", "unusable after 2: 1 was"]);
    let forms: Vec<Vec<ReplyForm>> =
        backend.sent().iter().map(|batch| batch.iter().map(|it| it.form).collect()).collect();
    let [schema, json, text] = [ReplyForm::Schema, ReplyForm::Json, ReplyForm::Text].map(|form| vec![form; 2]);
    assert_eq!(forms, [schema, json, text, vec![ReplyForm::Text]]);
    assert_eq!(ledger.report().stage(Stage::Extract).stepped_down, 4);
}

#[test]
fn a_form_that_is_refused_whatever_is_sent_ends_in_an_error() {
    let refusing = each(|_| Err(BackendError::Unsupported { form: ReplyForm::Schema, source: "no".into() }));
    let backend = Scripted { form: ReplyForm::Schema, ..Scripted::new(refusing) };
    assert_eq!(words(&run(&backend, &Ledger::new(), plan(1, 1, Rest::Alone, 4))), ["Backend"]);
    assert_eq!(backend.sent().len(), 3);
}

#[test]
fn a_new_form_is_tried_on_a_few_of_a_long_batch() {
    let refusing = each(|request: &CompletionRequest| match request.form {
        ReplyForm::Schema => Err(BackendError::Unsupported { form: request.form, source: "no".into() }),
        _ => Ok(Completion::new("done")),
    });
    let backend = Scripted { form: ReplyForm::Schema, ..Scripted::new(refusing) };
    let outcomes = run(&backend, &Ledger::new(), plan(300, 1, Rest::Alone, 0));
    assert_eq!(words(&outcomes), vec!["done"; 300]);
    let sizes: Vec<usize> = backend.sent().iter().map(Vec::len).collect();
    assert_eq!(sizes, [64, 64, 236]);
}

#[test]
fn a_conversation_goes_on_with_the_reply_and_what_was_wrong_with_it() {
    let long = format!("<|im_end|>{}", "x".repeat(3_000));
    let backend = Scripted::new(each(move |request| {
        let finish = if text(request) == "b" { FinishReason::Length } else { FinishReason::Stop };
        Ok(Completion::new(long.clone()).finish(finish))
    }));
    let ledger = Ledger::new();
    let read = |_: &Ask<'_, ()>, _: &Completion| Verdict::from(Err("it is wrong".to_owned()));
    let asking = Asking::new(Some(&backend), &ledger);
    let outcomes = pollster::block_on(asking.converse(vec![question("a"), question("b")], 1, read));
    let problem = |outcome: &std::result::Result<(), AskError>| match outcome {
        Err(AskError::Unusable { attempts: 2, problem, .. }) => problem.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(outcomes.iter().map(problem).collect::<Vec<_>>(), ["it is wrong"; 2]);
    let again = backend.sent().remove(1);
    let bare = |problem| format!("Your reply could not be used: {problem}. Reply again, in the form asked for.");
    let noted = ["it is wrong", "it was cut off at the length limit, so be shorter"].map(bare);
    assert_eq!(again.iter().map(|request| text(request).to_owned()).collect::<Vec<_>>(), noted);
    for request in again {
        let [_, reply, _] = request.messages.as_slice() else { panic!("{request:?}") };
        assert_eq!(reply.role, Role::Assistant);
        assert!(reply.content.ends_with("x […]") && reply.content.len() < 1_600);
        assert_eq!(control_sequence_in(&reply.content), None);
    }
}

#[test]
fn a_reply_is_read_at_most_once_more_than_is_asked_again() {
    let backend = Scripted::new(each(|_| Ok(Completion::new("no"))));
    for reasks in [0, 1, 4] {
        let (mut first, mut last, mut read) = (0, 0, 0);
        let ledger = Ledger::new();
        let verdict = |ask: &Ask<'_, ()>, _: &Completion| {
            (first, last, read) = (first + i32::from(ask.is_first()), last + i32::from(ask.is_last()), read + 1);
            Verdict::Again { problem: None, partial: None }
        };
        let asking = Asking::new(Some(&backend), &ledger);
        let outcome = pollster::block_on(asking.converse(vec![question("a")], reasks, verdict)).remove(0);
        assert!(matches!(outcome, Err(AskError::Unusable { attempts, .. }) if attempts == reasks + 1));
        assert_eq!((first, last, read), (1, 1, reasks + 1));
    }
}

/// The fate of a part, or of the request it is the first of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Done,
    Again,
    Part,
    Fails,
    Withheld,
    Missing,
}

fn fates() -> impl Strategy<Value = Vec<Vec<Fate>>> {
    use Fate::{Again, Done, Fails, Missing, Part, Withheld};
    let fate = prop_oneof![3 => Just(Done), 4 => Just(Again), 3 => Just(Part), 1 => Just(Fails), 1 => Just(Withheld), 1 => Just(Missing)];
    proptest::collection::vec(proptest::collection::vec(fate, 5), 0..12)
}

/// The fates seen of each part, in the order of its requests.
type Seen = BTreeMap<usize, Vec<Fate>>;

fn reply(fates: &[Vec<Fate>], seen: &mut Seen, request: &CompletionRequest) -> Option<Result<Completion>> {
    let mut own = Vec::new();
    for part in parts(request) {
        let seen = seen.entry(part).or_default();
        let fate = fates[part].get(seen.len()).copied().unwrap_or(Fate::Again);
        seen.push(fate);
        own.push(fate);
    }
    // The fate of a request is that of its first part.
    match own[0] {
        Fate::Fails => Some(Err(BackendError::permanent("no"))),
        Fate::Withheld => Some(Ok(Completion::new("").finish(FinishReason::Filtered))),
        Fate::Missing => None,
        _ => {
            let words = own.iter().map(|fate| match fate {
                Fate::Done => "done",
                Fate::Part => "part",
                _ => "again",
            });
            Some(Ok(Completion::new(words.collect::<Vec<_>>().join(" "))))
        }
    }
}

proptest! {
    #[test]
    fn every_part_ends_once_within_its_attempts_and_the_budget(
        fates in fates(),
        per_request in 0_usize..5,
        alone in any::<bool>(),
        reasks in 0_u32..5,
        calls in 0_u64..20,
    ) {
        let seen = Mutex::new(Seen::new());
        let backend = Scripted::new(|requests: &[CompletionRequest]| {
            let mut seen = seen.lock().unwrap();
            let mut replies = Vec::new();
            // A backend that stops early leaves out every result from there on.
            for request in requests {
                match reply(&fates, &mut seen, request) {
                    Some(reply) => replies.push(reply),
                    None => break,
                }
            }
            replies
        });
        let ledger = Ledger::limited(Budget::default().calls(calls));
        let rest = if alone { Rest::Alone } else { Rest::Together };
        let outcomes = run(&backend, &ledger, plan(fates.len(), per_request, rest, reasks));
        prop_assert_eq!(outcomes.len(), fates.len());
        let sent: usize = backend.sent().iter().map(Vec::len).sum();
        prop_assert!(sent as u64 <= calls);
        prop_assert!(backend.sent().len() <= reasks as usize + 1);
        let seen = seen.lock().unwrap();
        for (part, outcome) in outcomes.iter().enumerate() {
            let seen = seen.get(&part).map(Vec::as_slice).unwrap_or_default();
            prop_assert!(seen.len() <= reasks as usize + 1);
            let batches = backend.sent();
            let times = batches.iter().flatten().filter(|request| parts(request).contains(&part)).count();
            prop_assert!(times <= reasks as usize + 1 && times >= seen.len());
            // Nothing is asked about a part that has its value.
            let done = seen.iter().position(|fate| *fate == Fate::Done);
            match outcome {
                Ok("part") => prop_assert!(seen.contains(&Fate::Part)),
                Ok(_) => prop_assert_eq!(done, seen.len().checked_sub(1)),
                Err(AskError::Unusable { attempts, .. }) => {
                    prop_assert_eq!(*attempts, reasks + 1);
                    prop_assert_eq!(times, reasks as usize + 1);
                }
                Err(_) => {}
            }
        }
        let usage = ledger.report().stage(Stage::Extract);
        prop_assert_eq!(usage.calls, sent as u64);
        prop_assert!(ledger.budget_reached().is_none() || sent as u64 == calls);
    }
}
