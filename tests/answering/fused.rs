//! Answers by the estimate and a model's view together: one request, one letter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{ModelAtOnce as _, ScriptedBackend, query, reply, scale_history, scale_task, sent};
use pollster::block_on;
use rpm_core::answer::FusedAnswerer;
use rpm_core::explain::Measure;
use rpm_core::llm::{Stage, TokenChoices, TokenLogprob};
use rpm_core::stats::{Fusion, ModelView, PastView, Source, SupportThresholds, Unfused};
use rpm_core::{
    Answer, BackendError, Budget, Completion, Error, History, Interaction, Preset, Query, ResponseSpace, RpmPipeline,
    Task,
};

const NEW: &str = "A slow and quiet film with one loud chase.";

/// A reply whose first token is this, beside others with their probabilities.
fn letter(token: &str, likeliest: &[(&str, f64)]) -> Completion {
    let likeliest = likeliest.iter().map(|(token, p)| TokenLogprob::new(*token, p.ln())).collect();
    reply(token).tokens(vec![TokenChoices::new(token, likeliest)])
}

fn answered(
    script: impl Fn(usize) -> Result<Completion, BackendError> + Send + Sync + 'static,
    answerer: FusedAnswerer,
) -> (Result<Answer, Error>, Arc<ScriptedBackend>) {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let backend = ScriptedBackend::new(move |_| script(asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let pipeline = builder.answerer(answerer).build().unwrap();
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    (block_on(pipeline.personalize_model(&model, &query(NEW))), backend)
}

/// The same for five responses that have no numeral.
fn lettered(
    script: impl Fn(usize) -> Result<Completion, BackendError> + Send + Sync + 'static,
    answerer: FusedAnswerer,
) -> (Result<Answer, Error>, Arc<ScriptedBackend>) {
    let words = ["awful", "poor", "fair", "good", "great"];
    let task = Task::new("How does this person find the film?", ResponseSpace::labels(words).unwrap()).unwrap();
    let of = |past: &Interaction| words[past.response().parse::<usize>().unwrap() - 1];
    let past = scale_history()
        .interactions()
        .iter()
        .map(|past| Interaction::new(past.id().as_str(), past.query().clone(), of(past)).unwrap())
        .collect::<Vec<_>>();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let backend = ScriptedBackend::new(move |_| script(asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
    let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let pipeline = builder.answerer(answerer).build().unwrap();
    let model = block_on(pipeline.learn(&History::new(&task, "ana", past).unwrap())).unwrap().model;
    (block_on(pipeline.personalize_model(&model, &query(NEW))), backend)
}

fn offline() -> Answer {
    let pipeline = RpmPipeline::offline(scale_task());
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    block_on(pipeline.personalize_model(&model, &query(NEW))).unwrap()
}

#[test]
fn one_request_for_one_token_moves_the_estimate_as_the_model_sees_the_text() {
    let sure = |_| Ok(letter("2", &[("2", 0.9), (" 2", 0.05), ("1", 0.02), ("The", 0.02)]));
    let (answer, backend) = answered(sure, FusedAnswerer::default());
    let answer = answer.unwrap();
    let requests = backend.requests();
    assert_eq!((requests.len(), requests[0].stage, requests[0].logprobs), (1, Stage::Answer, 10));
    let fused = answer.fused.as_ref().unwrap();
    assert!((fused.view.shares()[1] - 0.95 / 0.9999).abs() < 0.02, "{:?}", fused.view);
    let before = answer.estimate.as_ref().unwrap();
    assert_eq!(before, offline().estimate.as_ref().unwrap());
    assert!(fused.estimate.probability("2") > before.probability("2"));
    assert_eq!(answer.response, fused.estimate.decision());
    let added: f64 = fused.estimate.parts().iter().map(|part| part.added[1]).sum();
    let base = fused.estimate.responses()[1].base;
    assert!((base + added - fused.estimate.probability("2")).abs() < 1e-9);
    assert_eq!(fused.estimate.parts().last().unwrap().source, Source::Model);
    let told = answer.reasons(&prepared()).to_string();
    assert!(told.contains("what the model makes of it"), "{told}");
    assert!(told.contains("the model alone:") && told.contains("weight of the model 0.50"), "{told}");
}

fn prepared() -> rpm_core::pipeline::Prepared {
    let pipeline = RpmPipeline::offline(scale_task());
    block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap()
}

#[test]
fn nothing_of_the_user_is_in_the_request() {
    let (_, backend) = lettered(|_| Ok(letter("A", &[("A", 0.9)])), FusedAnswerer::default());
    let asked = sent(&backend.requests()[0]);
    for interaction in scale_history().interactions() {
        assert!(!asked.contains(interaction.query().text()), "{asked}");
    }
    assert!(asked.contains(NEW) && asked.contains("A. \"awful\"\nB. \"poor\""), "{asked}");
}

#[test]
fn letters_are_read_whatever_stands_around_them_and_words_are_not() {
    for (token, likeliest, first) in [
        ("A", vec![("A", 0.6), ("B", 0.3)], 0),
        (" A", vec![(" A", 0.6), ("B", 0.3), ("Yes", 0.1)], 0),
        ("**B", vec![("**B", 0.5), ("A", 0.4)], 1),
        ("b", vec![("b", 0.5), ("A", 0.2), ("B", 0.1)], 1),
        ("E.", vec![("E.", 0.7), ("Z", 0.2)], 4),
        ("\u{2581}B", vec![("\u{2581}B", 0.7), ("\u{120}A", 0.2)], 1),
    ] {
        let likeliest = likeliest.clone();
        let (answer, _) = lettered(move |_| Ok(letter(token, &likeliest)), FusedAnswerer::default());
        let view = answer.unwrap().fused.unwrap().view;
        let most = view.shares().iter().copied().fold(0.0, f64::max);
        assert_eq!(view.shares().iter().position(|share| *share >= most), Some(first), "{token}");
    }
    // A letter after words is found where it stands.
    let late = |_| {
        let place = |token: &str| TokenChoices::new(token, vec![TokenLogprob::new(token, -0.1)]);
        Ok(reply("The answer is D").tokens(["The", " answer", " is", " D"].map(place).to_vec()))
    };
    let view = lettered(late, FusedAnswerer::default()).0.unwrap().fused.unwrap().view;
    assert!(view.shares()[3] > 0.5);
}

#[test]
fn a_scale_is_asked_for_by_its_own_numerals() {
    let place = |token: &str| TokenChoices::new(token, vec![TokenLogprob::new(token, -0.1)]);
    for (said, read) in [
        (vec!["4"], Some(3)),
        (vec![" 4", " stars"], Some(3)),
        (vec!["4", "/", "5"], Some(3)),
        (vec!["Rating", ":", " 4"], Some(3)),
        (vec!["**", "4", "**"], Some(3)),
        (vec!["4", ".", "5"], None),
        (vec!["1", "0"], None),
        (vec!["9"], None),
        (vec!["I", " saw", " 4", " films"], None),
    ] {
        let text = said.concat();
        let tokens: Vec<TokenChoices> = said.iter().map(|token| place(token)).collect();
        let (answer, backend) =
            answered(move |_| Ok(reply(&text).tokens(tokens.clone())), FusedAnswerer::default().max_reasks(0));
        let asked = sent(&backend.requests()[0]);
        assert!(asked.contains("an integer from 1 to 5") && !asked.contains("letter"), "{asked}");
        let view = answer.ok().and_then(|answer| answer.fused).map(|fused| fused.view);
        assert_eq!(view.is_some(), read.is_some(), "{said:?}");
        if let (Some(view), Some(read)) = (view, read) {
            assert!(view.shares()[read] > 0.5, "{said:?} {view:?}");
        }
    }
}

#[test]
fn without_probabilities_the_stated_letter_or_response_is_taken_or_samples_are() {
    let place = 2;
    for text in ["3", "3.", "3 stars", "3/5", "\"3\"", "(3)", "Answer: 3", "It is:\n**3**"] {
        let view = answered(move |_| Ok(reply(text)), FusedAnswerer::default()).0.unwrap().fused.unwrap().view;
        // Of a point that is stated, the ones beside it are likelier than those at the ends.
        let stated = 9.0 / 17.0;
        assert!((view.shares()[place] - (stated + 0.1) / 1.5).abs() < 1e-9, "{text} {view:?}");
        assert!(view.shares()[1] > view.shares()[0] && view.shares()[3] > view.shares()[4], "{view:?}");
    }
    let drawn = |n: usize| Ok(reply(["3", "3", "2", "1-3", "2"][n]));
    let (answer, backend) = answered(drawn, FusedAnswerer::default().samples(4).max_reasks(0));
    let view = answer.unwrap().fused.unwrap().view;
    // Of four, one could not be read: twice C, once B, with what is near to each.
    let (c, b) = (9.0 / 17.0, 1.0 / (1.0 + 1.0 / 3.0 + 1.0 / 3.0 + 1.0 / 9.0 + 1.0 / 27.0));
    assert!((view.shares()[2] - (2.0 * c + b / 3.0 + 0.1) / 3.5).abs() < 1e-9, "{view:?}");
    assert!((view.shares()[1] - (2.0 * c / 3.0 + b + 0.1) / 3.5).abs() < 1e-9, "{view:?}");
    let temperatures: Vec<(f32, Option<u64>)> =
        backend.requests().iter().map(|request| (request.temperature, request.seed)).collect();
    assert_eq!(temperatures, [(0.0, None), (1.0, Some(1)), (1.0, Some(2)), (1.0, Some(3))]);
}

#[test]
fn a_provider_that_tells_no_probabilities_is_asked_again_without_and_not_for_them_after() {
    let backend = ScriptedBackend::new(|request| match request.logprobs {
        0 => Ok(reply("2")),
        _ => Err(BackendError::no_logprobs("not here")),
    });
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let pipeline = builder.build().unwrap();
    let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
    let answer = block_on(pipeline.personalize(&user, &query(NEW))).unwrap();
    let shares = answer.fused.unwrap().view.shares().to_vec();
    assert!(shares.iter().all(|share| *share <= shares[1]), "{shares:?}");
    assert_eq!(answer.usage.total().stepped_down, 1);
    assert_eq!(backend.take().iter().map(|request| request.logprobs).collect::<Vec<_>>(), [10, 0]);
    block_on(pipeline.personalize(&user, &query("A loud chase."))).unwrap();
    assert_eq!(backend.take().iter().map(|request| request.logprobs).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_reply_that_says_nothing_is_asked_again_and_then_an_error() {
    let (error, backend) = answered(|_| Ok(reply("I like films.")), FusedAnswerer::default());
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Answer(_)), "{error}");
    let requests = backend.requests();
    assert_eq!(requests.len(), 2);
    let again = sent(&requests[1]);
    assert!(again.contains("it is no such response") && !again.contains("JSON"), "{again}");
}

#[test]
fn without_budget_or_trust_the_answer_is_the_offline_one() {
    let backend = ScriptedBackend::new(|_| Ok(reply("A")));
    let base = || RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    for (builder, why) in [
        (base().budget(Budget::default().calls(0)), Unfused::Budget),
        (base().answerer(FusedAnswerer::default().fusion(Fusion::nothing())), Unfused::NotTrusted),
    ] {
        let pipeline = builder.build().unwrap();
        let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
        let answer = block_on(pipeline.personalize_model(&model, &query(NEW))).unwrap();
        let offline = offline();
        assert_eq!(
            (&answer.response, &answer.path, &answer.estimate),
            (&offline.response, &offline.path, &offline.estimate)
        );
        assert_eq!((answer.fused.as_ref(), answer.unfused), (None, Some(why)));
        let told = answer.reasons(&prepared()).to_string();
        assert!(told.contains(&format!("without the model: {}", why.as_str())), "{told}");
        // It is explained as the offline one is.
        let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
        let what_if = block_on(pipeline.explain(&user, &answer)).unwrap();
        assert_eq!(what_if.measure, Measure::Estimate);
    }
    assert!(backend.requests().is_empty());
}

#[test]
fn a_host_may_have_the_statistics_answer_where_the_model_fails() {
    let failing: [fn() -> Result<Completion, BackendError>; 3] = [
        || Err(BackendError::permanent("no")),
        || Err(BackendError::prompt_too_long("no")),
        || Ok(reply("I like films.")),
    ];
    for fails in failing {
        let (answer, _) = answered(move |_| fails(), FusedAnswerer::default().falling_back());
        let answer = answer.unwrap();
        assert_eq!((answer.unfused, answer.fused), (Some(Unfused::Failed), None));
        assert_eq!((answer.response, answer.path), (offline().response, offline().path));
        assert!(answered(move |_| fails(), FusedAnswerer::default()).0.is_err());
    }
}

#[test]
fn many_responses_are_asked_for_in_words_and_own_options_by_letters_beside_the_query() {
    let labels: Vec<String> = (0..30).map(|label| format!("shelf {label}")).collect();
    let many = Task::new("Which shelf?", ResponseSpace::labels(labels.clone()).unwrap()).unwrap();
    let choices = Task::new("What does this person say?", ResponseSpace::choices()).unwrap();
    let plain =
        |n: usize| Interaction::new(format!("i{n}"), Query::new(format!("A lamp {n}")).unwrap(), labels[n].clone());
    let choice = |n: usize| {
        let asked = Query::with_options(format!("Do you like lamp {n}?"), ["yes", "no"]).unwrap();
        Interaction::new(format!("i{n}"), asked, ["yes", "no"][n % 2])
    };
    let own = Query::with_options("Do you like the fog?", ["yes", "no", "at times"]).unwrap();
    for (task, history, query, text, told, wanted) in [
        (
            &many,
            (0..4).map(|n| plain(n).unwrap()).collect::<Vec<_>>(),
            Query::new("A lamp.").unwrap(),
            "shelf 7",
            "\"shelf 29\"",
            0,
        ),
        (&choices, (0..4).map(|n| choice(n).unwrap()).collect(), own, "C", "A. \"yes\"\nB. \"no\"\nC. \"at times\"", 6),
    ] {
        let backend = ScriptedBackend::new(move |_| Ok(reply(text)));
        let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).preset(Preset::Fused);
        let pipeline = builder.build().unwrap();
        let model = block_on(pipeline.learn(&History::new(task, "u", history).unwrap())).unwrap().model;
        let answer = block_on(pipeline.personalize_model(&model, &query)).unwrap();
        let requests = backend.requests();
        assert!(sent(&requests[0]).contains(told), "{}", sent(&requests[0]));
        assert_eq!(requests[0].logprobs, wanted);
        let stated = if text == "C" { "at times" } else { text };
        let fused = answer.fused.unwrap();
        assert!(fused.estimate.probability(stated) > answer.estimate.unwrap().probability(stated));
    }
}

#[test]
fn past_views_stand_beside_estimates_without_the_item_and_tell_how_far_the_model_is_trusted() {
    // A model that knows what a chase is worth.
    let backend = ScriptedBackend::new(|request| {
        let loud = sent(request).contains("loud");
        let (first, second) = if loud { ("1", "5") } else { ("5", "1") };
        Ok(letter(first, &[(first, 0.8), (second, 0.1)]))
    });
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let pipeline = builder.build().unwrap();
    let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
    let past = block_on(pipeline.past_views(&user, 4)).unwrap();
    assert_eq!((past.views.len(), past.without.len(), past.usage.total().calls), (4, 0, 4));
    let items = user.model().memory().items();
    let latest = items.len() - 4;
    for (place, view) in past.views.iter().enumerate() {
        assert_eq!((view.given() + 1).to_string(), items[latest + place].response());
    }
    let about: Vec<Vec<String>> = backend.requests().iter().map(|request| request.about.clone()).collect();
    assert_eq!(about[0], [items[latest].id().as_str()]);
    // Another answerer has no views.
    let offline = RpmPipeline::offline(scale_task());
    assert!(matches!(block_on(offline.past_views(&user, 4)), Err(Error::Contract { part: "answerer", .. })));
}

#[test]
fn the_weight_of_a_model_is_that_by_which_it_foretold() {
    let past = |first: f64, given: usize| {
        PastView::new(ModelView::new(vec![first, 1.0 - first]).unwrap(), vec![0.5, 0.5], given).unwrap()
    };
    let right: Vec<PastView> = (0..40).map(|n| past(if n % 2 == 0 { 0.7 } else { 0.3 }, n % 2)).collect();
    let wrong: Vec<PastView> = (0..40).map(|n| past(if n % 2 == 0 { 0.7 } else { 0.3 }, 1 - n % 2)).collect();
    assert!(Fusion::fit(&[right]).weight() > 1.0 && Fusion::fit(&[wrong]).weight() <= 0.0);
}

fn titles() -> (Task, History) {
    let task =
        Task::new("Give this text a title.", ResponseSpace::text(80).unwrap()).unwrap().response_name("title").unwrap();
    let pair = |n: usize| {
        let (what, how) = (["maps", "clocks", "boats"][n % 3], ["old", "quiet"][n % 2]);
        let text = format!("We look at {what} that are {how}. A method for {what} is shown, and it is cheap.");
        Interaction::new(format!("i{n}"), Query::new(text).unwrap(), format!("A method for {how} {what}")).unwrap()
    };
    let history = History::new(&task, "ana", (0..8).map(pair)).unwrap();
    (task, history)
}

#[test]
fn of_proposed_titles_and_ones_own_the_users_habits_choose() {
    let (task, history) = titles();
    let said = r#"{"proposals":["Cheap things and what we think of them in the end", "A method for tall lamps", "Lamps", "A method for tall lamps", ""]}"#;
    let backend = ScriptedBackend::new(move |_| Ok(reply(said)));
    let mut thresholds = SupportThresholds::default();
    (thresholds.least_interactions, thresholds.least_similarity, thresholds.least_factors) = (0, 0.0, 0);
    let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let pipeline = builder.thresholds(thresholds).build().unwrap();
    let model = block_on(pipeline.learn(&history)).unwrap().model;
    let new = query("We look at lamps that are tall. A method for lamps is shown, and it is cheap.");
    let answer = block_on(pipeline.personalize_model(&model, &new)).unwrap();
    assert_eq!(answer.response, "A method for tall lamps");
    assert_eq!(answer.proposals[0].response, answer.response);
    assert!(answer.proposals.windows(2).all(|pair| pair[0].overlap >= pair[1].overlap));
    // Each once, and the offline one among them.
    let offline = block_on(RpmPipeline::offline(task).personalize_model(&model, &new)).unwrap().response;
    assert!(answer.proposals.iter().any(|it| it.response == offline && !it.by_model), "{offline}");
    assert_eq!(answer.proposals.iter().filter(|it| it.response == answer.response).count(), 1);
    assert!(answer.proposals.iter().all(|it| (0.0..=1.0).contains(&it.overlap)));
    let told = answer.reasons(&block_on(pipeline.open(model)).unwrap()).to_string();
    assert!(told.contains("proposed: \"A method for tall lamps\", the model's, expected overlap"), "{told}");
    assert_eq!(backend.requests().len(), 1);
    let asked = sent(&backend.requests()[0]);
    assert!(asked.contains("Past examples of this person, each with the title the person gave:"), "{asked}");
    assert!(!format!("{answer:?} {:?}", answer.proposals).contains("lamps"));
}

#[test]
fn without_budget_or_proposals_the_title_is_the_offline_one() {
    let (task, history) = titles();
    let new = query("We look at lamps that are tall. A method for lamps is shown, and it is cheap.");
    let backend = ScriptedBackend::new(|_| Ok(reply(r#"{"proposals":["Lamps"]}"#)));
    let base = || RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    for builder in [base().budget(Budget::default().calls(0)), base().answerer(FusedAnswerer::default().proposals(0))] {
        let pipeline = builder.build().unwrap();
        let model = block_on(pipeline.learn(&history)).unwrap().model;
        let answer = block_on(pipeline.personalize_model(&model, &new)).unwrap();
        let offline = block_on(RpmPipeline::offline(task.clone()).personalize_model(&model, &new)).unwrap();
        assert_eq!(answer.response, offline.response);
    }
    assert!(backend.requests().is_empty());
    let nonsense = ScriptedBackend::new(|_| Ok(reply(r#"{"proposals":["", "  "]}"#)));
    let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&nonsense)).preset(Preset::Fused);
    let pipeline = builder.build().unwrap();
    let model = block_on(pipeline.learn(&history)).unwrap().model;
    assert!(matches!(block_on(pipeline.personalize_model(&model, &new)), Err(Error::Answer(_))));
}

#[test]
fn a_fused_answer_is_explained_by_what_becomes_of_its_probability() {
    // The model goes by one word, and by nothing else.
    let backend = ScriptedBackend::new(|request| {
        let (first, second) = if sent(request).contains("loud") { ("1", "5") } else { ("5", "1") };
        Ok(letter(first, &[(first, 0.9), (second, 0.05)]))
    });
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let pipeline = builder.build().unwrap();
    let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
    let answer = block_on(pipeline.personalize(&user, &query(NEW))).unwrap();
    let what_if = block_on(pipeline.explain(&user, &answer)).unwrap();
    assert_eq!(what_if.measure, Measure::Estimate);
    assert!(!what_if.factors.is_empty());
    let fused = answer.fused.as_ref().unwrap();
    for found in &what_if.factors {
        let (expected, response) = (fused.estimate.expected().unwrap(), answer.response.parse::<f64>().unwrap());
        let without = expected - found.effect.expected.unwrap();
        let nearer = (without - response).abs() - (expected - response).abs();
        assert!((found.effect.size - nearer).abs() < 1e-12, "{} {nearer}", found.effect.size);
    }
    let of = |label: &str| what_if.factors.iter().find(|found| found.factor.label == label).unwrap().effect.size;
    assert!(of("loud").abs() > 2.0 * of("slow").abs(), "{} {}", of("loud"), of("slow"));
}

#[test]
fn a_letter_in_a_sentence_is_none_and_what_a_server_does_not_tell_is_not_known() {
    let place = |token: &str, p: f64| TokenChoices::new(token, vec![TokenLogprob::new(token, p.ln())]);
    let prose =
        move |n: usize| match n {
            // "This is a hard one": the article is no letter.
            0 => Ok(reply("This is a hard one")
                .tokens(["This", " is", " a", " hard", " one"].map(|t| place(t, 0.9)).to_vec())),
            _ => Ok(letter("D", &[("D", 0.9), ("B", 0.05)])),
        };
    let (answer, backend) = lettered(prose, FusedAnswerer::default());
    assert!(answer.unwrap().fused.unwrap().view.shares()[3] > 0.8);
    assert_eq!(backend.requests().len(), 2);
    // Nor is a capital that a sentence begins with; one with its own response after it is.
    for (first, next, is_answer) in
        [("A", " slow film", false), ("B", " film", false), ("B", " poor", true), ("B", "\n", true)]
    {
        let said = move |n: usize| match n {
            0 => Ok(reply(&format!("{first}{next}")).tokens(vec![place(first, 0.9), place(next, 0.9)])),
            _ => Ok(letter("D", &[("D", 0.9), ("B", 0.05)])),
        };
        let (answer, backend) = lettered(said, FusedAnswerer::default());
        assert!(answer.is_ok());
        assert_eq!(backend.requests().len(), if is_answer { 1 } else { 2 }, "{first}{next}");
    }
    // A letter whose probability is not told, or told as never, is taken as it is stated.
    for likeliest in [vec![], vec![("Z", 0.9)], vec![("B", 0.0), ("The", 0.9)]] {
        let view =
            lettered(move |_| Ok(letter("B", &likeliest)), FusedAnswerer::default()).0.unwrap().fused.unwrap().view;
        let most = view.shares().iter().copied().fold(0.0, f64::max);
        assert!((view.shares()[1] - most).abs() < 1e-12 && most < 0.75, "{view:?}");
    }
    // One of which a server tells a large number for nothing leaves the others as they are.
    let odd = |_| {
        let mut likeliest: Vec<TokenLogprob> =
            [("A", 0.6), ("B", 0.3)].map(|(t, p): (&str, f64)| TokenLogprob::new(t, p.ln())).to_vec();
        likeliest.push(TokenLogprob::new("C", -9_999.0));
        Ok(reply("A").tokens(vec![TokenChoices::new("A", likeliest)]))
    };
    let view = lettered(odd, FusedAnswerer::default()).0.unwrap().fused.unwrap().view;
    assert!(view.shares()[2] > 0.01, "{view:?}");
}

#[test]
fn responses_that_are_letters_themselves_are_asked_for_in_words() {
    let grades = ["F", "D", "C", "B", "A"];
    let task = Task::new("Which grade?", ResponseSpace::labels(grades).unwrap()).unwrap();
    let past = (0..4).map(|n| Interaction::new(format!("i{n}"), query(&format!("Essay {n}")), grades[n]).unwrap());
    let history = History::new(&task, "u", past).unwrap();
    let backend = ScriptedBackend::new(|_| Ok(reply("A")));
    let builder = RpmPipeline::builder(task).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let pipeline = builder.build().unwrap();
    let model = block_on(pipeline.learn(&history)).unwrap().model;
    let answer = block_on(pipeline.personalize_model(&model, &query("Essay"))).unwrap();
    let shares = answer.fused.unwrap().view.shares().to_vec();
    assert!(shares[4] > 0.5, "{shares:?}");
    assert_eq!(backend.requests()[0].logprobs, 0);
}

#[test]
fn what_asking_costs_is_known_before_whatever_the_responses_are() {
    let labels: Vec<String> = (0..30).map(|label| format!("shelf {label}")).collect();
    let many = Task::new("Which shelf?", ResponseSpace::labels(labels.clone()).unwrap()).unwrap();
    let past =
        (0..4).map(|n| Interaction::new(format!("i{n}"), query(&format!("A lamp {n}")), labels[n].clone()).unwrap());
    let wide = Task::new("How \"good\" is it?", ResponseSpace::scale(0, 100).unwrap()).unwrap();
    let wide_history = History::new(
        &wide,
        "u",
        (0..4).map(|n| Interaction::new(format!("i{n}"), query(&format!("Lamp {n}")), "50").unwrap()),
    )
    .unwrap();
    let choices = Task::new("What does this person say?", ResponseSpace::choices()).unwrap();
    let offered =
        |n: usize| Query::with_options(format!("Which lamp, {n}?"), (0..25).map(|o| format!("lamp {o}"))).unwrap();
    let chosen = (0..4).map(|n| Interaction::new(format!("i{n}"), offered(n), "lamp 3").unwrap());
    let choices_history = History::new(&choices, "u", chosen).unwrap();
    let (many_history, (text, text_history)) = (History::new(&many, "u", past).unwrap(), titles());
    let plain = query("A lamp that is tall.");
    for (task, history, asked, least) in [
        (&many, &many_history, plain.clone(), 1),
        (&text, &text_history, plain.clone(), 50),
        (&scale_task(), &scale_history(), plain.clone(), 1),
        (&wide, &wide_history, plain, 1),
        (&choices, &choices_history, offered(9), 1),
    ] {
        let unused = ScriptedBackend::new(|_| panic!("nothing is sent"));
        let pipeline = RpmPipeline::builder(task.clone()).backend(unused).preset(Preset::Fused).build().unwrap();
        let user = block_on(pipeline.open(block_on(pipeline.learn(history)).unwrap().model)).unwrap();
        let cost = block_on(pipeline.cost_of_answer(&user, &asked)).unwrap();
        assert_eq!(cost.total().calls, 1);
        assert!(cost.total().output_expected >= least, "{cost}");
    }
}

#[test]
fn views_that_failed_are_named_with_the_reason_and_if_all_did_it_is_an_error() {
    let only_first = ScriptedBackend::new(|request| {
        let fails = sent(request).contains("chase");
        if fails { Err(BackendError::permanent("no")) } else { Ok(letter("1", &[("1", 0.9)])) }
    });
    let never = ScriptedBackend::new(|_| Err(BackendError::permanent("no")));
    for (backend, fails) in [(only_first, false), (never, true)] {
        let pipeline = RpmPipeline::builder(scale_task()).backend(backend).preset(Preset::Fused).build().unwrap();
        let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
        match block_on(pipeline.past_views(&user, 100)) {
            Ok(past) => {
                assert!(!fails && !past.views.is_empty() && !past.without.is_empty());
                assert_eq!(past.views.len() + past.without.len(), user.model().memory().len());
                assert!(
                    past.without.iter().all(|(_, why)| why == "the backend refused the request"),
                    "{:?}",
                    past.without
                );
            }
            Err(error) => assert!(fails && matches!(error, Error::Answer(_)), "{error}"),
        }
    }
}

#[cfg(feature = "response-log")]
#[test]
fn a_replay_of_fused_answers_and_titles_is_the_same_to_the_byte_and_a_view_is_paid_for_once_for_all_users() {
    use rpm_core::llm::{LogMode, ReplyCacheLimits, ResponseLog};

    let (text, text_history) = titles();
    for (refuses, task, history) in
        [(false, scale_task(), scale_history()), (true, scale_task(), scale_history()), (false, text, text_history)]
    {
        let log = ResponseLog::in_memory(ReplyCacheLimits::default());
        let backend =
            ScriptedBackend::new(move |request| match (request.schema.is_some(), refuses, request.logprobs) {
                (true, ..) => Ok(reply(r#"{"proposals":["A tall lamp","Lamps of an old kind"]}"#)),
                (_, true, 1..) => Err(BackendError::no_logprobs("not here")),
                (_, true, 0) => Ok(reply("2")),
                _ => Ok(letter("2", &[("2", 0.8), ("1", 0.15)])),
            });
        let run = |mode: LogMode, user: &str| {
            let logged = log.wrap(Arc::clone(&backend)).mode(mode);
            let pipeline = RpmPipeline::builder(task.clone()).backend(logged).preset(Preset::Fused).build().unwrap();
            let past = history.interactions().to_vec();
            let model = block_on(pipeline.learn(&History::new(&task, user, past).unwrap())).unwrap().model;
            let user = block_on(pipeline.open(model)).unwrap();
            let answer = block_on(pipeline.personalize(&user, &query(NEW))).unwrap();
            let told = serde_json::to_string(&answer.reasons(&user)).unwrap();
            (told, answer.fused.map(|fused| fused.view), answer.stated)
        };
        let first = run(LogMode::Record, "ana");
        let paid = backend.take().len();
        assert_eq!(paid, if refuses { 2 } else { 1 });
        assert_eq!(run(LogMode::ReplayOnly, "ana"), first);
        // Another user with the same text.
        assert_eq!(run(LogMode::Record, "bo"), first);
        let again = backend.take();
        assert!(again.iter().all(|request| request.logprobs > 0 && refuses), "{again:?}");
    }
}

#[test]
fn words_that_are_set_aside_reach_no_request() {
    let backend = ScriptedBackend::new(|_| Ok(letter("2", &[("2", 0.8), ("1", 0.15)])));
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let pipeline = builder.build().unwrap();
    let mut model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let loud = model.factors().iter().find(|factor| factor.label() == "loud").unwrap().id().clone();
    model.edit(rpm_core::Edit::Mute { factor: loud }).unwrap();
    let user = block_on(pipeline.open(model)).unwrap();
    block_on(pipeline.personalize(&user, &query(NEW))).unwrap();
    let past = block_on(pipeline.past_views(&user, 100)).unwrap();
    assert!(!past.views.is_empty());
    assert!(backend.requests().iter().all(|request| !sent(request).to_lowercase().contains("loud")));
}

proptest::proptest! {
    #[test]
    fn whatever_a_provider_tells_of_tokens_a_view_is_shares_or_the_reply_is_asked_for_again(
        text in "[ -~\u{e4}\u{3b1}\u{2581}]{0,12}",
        places in proptest::collection::vec(
            ("[A-Fa-f1-6 .:*\u{2581}]{0,3}", proptest::collection::vec(("[A-Fa-f1-6 .:*\u{2581}]{0,3}", proptest::num::f64::ANY), 0..6)), 0..5),
    ) {
        let tokens: Vec<TokenChoices> = places
            .iter()
            .map(|(token, likeliest)| {
                let likeliest = likeliest.iter().map(|(token, ln)| TokenLogprob::new(token.as_str(), *ln)).collect();
                TokenChoices::new(token.as_str(), likeliest)
            })
            .collect();
        let said = reply(&text).tokens(tokens);
        let (answer, _) = answered(move |_| Ok(said.clone()), FusedAnswerer::default());
        match answer {
            Ok(answer) => {
                let fused = answer.fused.unwrap();
                let sum: f64 = fused.view.shares().iter().sum();
                proptest::prop_assert!((sum - 1.0).abs() < 1e-9 && fused.view.shares().iter().all(|share| *share > 0.0));
                let sum: f64 = fused.estimate.responses().iter().map(|it| it.probability).sum();
                proptest::prop_assert!((sum - 1.0).abs() < 1e-9);
            }
            Err(error) => proptest::prop_assert!(matches!(error, Error::Answer(_))),
        }
    }

    #[test]
    fn no_request_is_sent_beyond_the_calls_of_a_budget(calls in 0_u64..4, samples in 1_u32..6, reads in proptest::bool::ANY) {
        let backend = ScriptedBackend::new(move |_| Ok(reply(if reads { "3" } else { "I like films." })));
        let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
        let answerer = FusedAnswerer::default().samples(samples);
        let pipeline = builder.answerer(answerer).budget(Budget::default().calls(calls)).build().unwrap();
        let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
        let answer = block_on(pipeline.personalize(&user, &query(NEW)));
        proptest::prop_assert!(backend.take().len() as u64 <= calls);
        if calls == 0 {
            proptest::prop_assert_eq!(answer.unwrap().unfused, Some(Unfused::Budget));
        } else if reads {
            proptest::prop_assert!(answer.unwrap().fused.is_some());
        }
        let _ = block_on(pipeline.past_views(&user, 100));
        proptest::prop_assert!(backend.take().len() as u64 <= calls);
    }
}

#[test]
fn an_explanation_compares_no_answer_of_the_model_with_one_without_it() {
    use std::sync::atomic::{AtomicBool, Ordering};
    for fails_later in [true, false] {
        let down = Arc::new(AtomicBool::new(!fails_later));
        let is_down = Arc::clone(&down);
        let backend = ScriptedBackend::new(move |_| {
            let fails = is_down.load(Ordering::Relaxed);
            if fails { Err(BackendError::permanent("down")) } else { Ok(letter("1", &[("1", 0.9)])) }
        });
        let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
        let pipeline = builder.answerer(FusedAnswerer::default().falling_back()).build().unwrap();
        let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
        let answer = block_on(pipeline.personalize(&user, &query(NEW))).unwrap();
        assert_eq!(answer.unfused.is_some(), !fails_later);
        down.store(fails_later, Ordering::Relaxed);
        backend.take();
        let what_if = block_on(pipeline.explain(&user, &answer)).unwrap();
        if fails_later {
            // Factors need the model's view of another text; an exemplar is taken away from the same.
            assert!(what_if.factors.is_empty() && !what_if.untried.is_empty(), "{what_if}");
        } else {
            let offline = RpmPipeline::offline(scale_task());
            let alone = block_on(offline.explain(&prepared(), &self::offline())).unwrap();
            assert_eq!(what_if.factors, alone.factors);
            assert!(backend.take().is_empty(), "what was answered without the model is explained without it");
        }
    }
}
