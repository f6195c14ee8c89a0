//! What a reply lacks is asked for again: that alone, with what was wrong, and only so often.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{
    ModelAtOnce as _, ScriptedBackend, blocks, history_of, obey, query, reply, scale_task, sent, short_text_history,
    text_task,
};
use pollster::block_on;
use rpm_core::context::StageContext;
use rpm_core::extract::{ExtractionRequest, PromptedExtractor, ReplyReading};
use rpm_core::llm::{FinishReason, Ledger, Role, Stage};
use rpm_core::pipeline::{ItemOutcome, Learned};
use rpm_core::prompt::PromptSet;
use rpm_core::{Completion, CompletionRequest, FeatureExtractor, RpmPipeline, UserModel, backend_fn};
use serde_json::{Value, json};

const FILMS: [(&str, &str); 4] =
    [("A slow film.", "5"), ("A loud chase.", "1"), ("A quiet baker.", "4"), ("A loud harbour.", "2")];

fn is_reask(request: &CompletionRequest) -> bool {
    request.messages.iter().any(|message| message.content.contains("Your reply could not be used"))
}

fn asked(request: &CompletionRequest) -> String {
    request.messages.iter().find(|message| message.role == Role::User).unwrap().content.clone()
}

fn names(model: &UserModel) -> Vec<Vec<String>> {
    let items = model.memory().items().iter();
    items.map(|item| item.features().iter().map(|feature| feature.name().to_owned()).collect()).collect()
}

/// Learns the four films, `texts` in one request, from a model whose first replies about features are changed.
fn extracted(
    texts: usize,
    change: impl Fn(&CompletionRequest, Value) -> Value + Send + Sync + 'static,
) -> (Learned, Vec<CompletionRequest>) {
    let task = scale_task();
    let backend = ScriptedBackend::except(move |request| {
        let spoiled = request.stage == Stage::Extract && !is_reask(request);
        spoiled.then(|| change(request, serde_json::from_str(&obey(request)).unwrap()).to_string())
    });
    let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend));
    let pipeline = builder.extractor(PromptedExtractor::default().items_per_request(texts)).build().unwrap();
    let learned = block_on(pipeline.learn(&history_of(&task, &FILMS))).unwrap();
    (learned, backend.of(Stage::Extract))
}

type Spoil = fn(&mut Vec<Value>);

#[test]
fn bad_items_of_a_batch_are_asked_for_alone_and_cost_no_other() {
    let whole = names(&extracted(4, |_, said| said).0.model);
    assert_eq!(
        whole,
        [
            vec!["slow pacing"],
            vec!["loud action", "car pursuit"],
            vec!["quiet mood", "small trades"],
            vec!["loud action", "seaside setting"]
        ]
    );
    let cases: [(&str, Spoil, &[&str]); 9] = [
        ("right as it is", |_| {}, &[]),
        ("one is missing", |items| drop(items.remove(1)), &["b"]),
        ("two are missing", |items| items.truncate(2), &["c", "d"]),
        ("one has another's id", |items| items[2]["about"] = json!("t9"), &["c"]),
        ("one has an id of another type", |items| items[2]["about"] = json!(3), &["c"]),
        ("one has features of another type", |items| items[0]["features"] = json!("slow pacing"), &["a"]),
        ("one is no object", |items| items[3] = json!("t4"), &["d"]),
        ("one stands twice", |items| items.push(items[1].clone()), &[]),
        (
            "some were not asked about",
            |items| {
                items.insert(0, json!({ "about": "t5", "features": [{ "name": "odd", "quote": "slow" }] }));
                items.push(json!({ "about": "x1", "features": [] }));
            },
            &[],
        ),
    ];
    for (what, spoil, missing) in cases {
        let (learned, requests) = extracted(4, move |_, mut said| {
            spoil(said["items"].as_array_mut().unwrap());
            said
        });
        assert_eq!(names(&learned.model), whole, "{what}");
        let again: Vec<&CompletionRequest> = requests.iter().skip(1).collect();
        assert!(again.iter().all(|request| is_reask(request)), "{what}");
        assert_eq!(again.iter().map(|request| request.about.join(" ")).collect::<Vec<_>>(), missing, "{what}");
        assert!(again.iter().all(|request| blocks(&asked(request)).len() == 1), "{what}");
        assert_eq!(learned.report.usage.stage(Stage::Extract).reasks, missing.len() as u64, "{what}");
        assert_eq!(learned.report.read(ReplyReading::AskedAgain), missing.len(), "{what}");
        assert_eq!(learned.report.read(ReplyReading::InPart), 0, "{what}");
    }
}

#[test]
fn the_report_says_of_each_interaction_what_it_took_to_read_it() {
    let task = scale_task();
    let backend = ScriptedBackend::new(|request| {
        let whole = obey(request);
        Ok(match request.about.first().map(String::as_str) {
            _ if request.stage != Stage::Extract => reply(&whole),
            Some("a") => reply(&format!("Here you are:\n```json\n{whole}\n```")),
            Some("b") if !is_reask(request) => reply("I cannot."),
            Some("c") => {
                reply(&whole[..whole.find("small trades").unwrap_or(whole.len())]).finish(FinishReason::Length)
            }
            _ => reply(&whole),
        })
    });
    let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
    let Learned { model, report, .. } = block_on(pipeline.learn(&history_of(&task, &FILMS))).unwrap();
    let readings: Vec<Option<ReplyReading>> = report.items.iter().map(|item| item.reading).collect();
    let expected =
        [ReplyReading::Repaired, ReplyReading::AskedAgain, ReplyReading::InPart, ReplyReading::AtOnce].map(Some);
    assert_eq!(readings, expected);
    assert_eq!(names(&model)[2], ["quiet mood"], "what was whole in the cut reply, and nothing else");
    let line = "read 1 at once, 1 repaired, 1 after asking again, 1 in part";
    assert!(report.to_string().contains(line), "{report}");
}

#[test]
fn bad_features_of_an_item_cost_no_other_feature() {
    let (learned, requests) = extracted(1, |_, mut said| {
        let features = said["items"][0]["features"].as_array_mut().unwrap();
        features.insert(0, json!(["loud action", "loud"]));
        features.insert(0, json!({ "name": 7, "quote": "A" }));
        features.insert(0, json!({ "name": "quote", "quote": "A" }));
        features.insert(0, json!({ "name": "made up", "quote": "not in any of the films" }));
        features.push(features[4].clone());
        said
    });
    let whole = names(&extracted(1, |_, said| said).0.model);
    assert_eq!((names(&learned.model), requests.len()), (whole, 4), "nothing is asked again");
    let dropped = learned.report.dropped;
    assert_eq!((dropped.unusable_name, dropped.ungrounded, dropped.repeated), (12, 4, 4));
}

/// A model whose replies of a stage are cut after `keep` bytes, always or only the first time.
fn cutting(stage: Stage, keep: fn(&str) -> usize, always: bool) -> Arc<ScriptedBackend> {
    ScriptedBackend::new(move |request| {
        let whole = obey(request);
        if request.stage != stage || (is_reask(request) && !always) {
            return Ok(reply(&whole));
        }
        Ok(reply(&whole[..keep(&whole)]).finish(FinishReason::Length))
    })
}

#[test]
fn a_reply_cut_by_length_keeps_whole_texts_and_asks_for_the_rest() {
    let task = scale_task();
    let history = history_of(&task, &FILMS);
    let inside_third: fn(&str) -> usize = |reply| reply.find("small trades").unwrap_or(reply.len());
    let backend = cutting(Stage::Extract, inside_third, false);
    let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend));
    let pipeline = builder.extractor(PromptedExtractor::default().items_per_request(4)).build().unwrap();
    let learned = block_on(pipeline.learn(&history)).unwrap();
    assert_eq!(
        names(&learned.model)[2..],
        [vec!["quiet mood", "small trades"], vec!["loud action", "seaside setting"]]
    );
    let about: Vec<String> = backend.of(Stage::Extract).iter().map(|request| request.about.join(" ")).collect();
    assert_eq!(about, ["a b c d", "c", "d"]);
    let note = "it was cut off at the length limit; list fewer features";
    assert!(backend.of(Stage::Extract).iter().skip(1).all(|request| asked(request).contains(note)));

    // Cut every time: what was whole of the text is kept, instead of nothing.
    let backend = cutting(Stage::Extract, inside_third, true);
    let pipeline = RpmPipeline::builder(task).backend(Arc::clone(&backend)).build().unwrap();
    let learned = block_on(pipeline.learn(&history)).unwrap();
    assert_eq!(names(&learned.model)[2], ["quiet mood"]);
    assert_eq!(learned.report.items[2].outcome, ItemOutcome::Learned { features: 1 });
    let about: Vec<String> = backend.of(Stage::Extract).iter().map(|request| request.about.join(" ")).collect();
    assert_eq!(about, ["a", "b", "c", "d", "c"], "the others were whole");
}

#[test]
fn a_path_or_an_answer_cut_by_length_is_asked_for_again_and_told_so() {
    let task = scale_task();
    for stage in [Stage::WritePath, Stage::Answer] {
        for keep in [|reply: &str| reply.len() - 3, |reply: &str| reply.find("goes").unwrap_or(1)] {
            let backend = cutting(stage, keep, false);
            let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
            let learned = block_on(pipeline.learn(&history_of(&task, &FILMS))).unwrap();
            assert_eq!((learned.report.paths_written, learned.report.paths_composed), (4, 0));
            let answer = block_on(pipeline.personalize_model(&learned.model, &query("A slow film."))).unwrap();
            let requests = backend.of(stage);
            let again: Vec<&CompletionRequest> = requests.iter().filter(|request| is_reask(request)).collect();
            assert_eq!(again.len(), requests.len() / 2, "{stage}");
            for request in again {
                assert!(sent(request).contains("it was cut off at the length limit, so be shorter"), "{stage}");
            }
            assert!(!answer.response.is_empty());
        }
    }
}

#[test]
fn groups_that_no_factor_took_are_asked_for_alone() {
    let task = scale_task();
    let backend = ScriptedBackend::except(|request| {
        (request.stage == Stage::Group && !is_reask(request)).then(|| {
            let mut said: Value = serde_json::from_str(&obey(request)).unwrap();
            said["factors"]["g77"] = json!("made up");
            said["factors"]["g2"] = json!(["no name"]);
            said.to_string()
        })
    });
    let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
    let learned = block_on(pipeline.learn(&history_of(&task, &FILMS))).unwrap();
    let requests = backend.of(Stage::Group);
    assert_eq!(requests.len(), 2);
    let (first, again) = (blocks(&asked(&requests[0])), blocks(&asked(&requests[1])));
    let line = |text: &str| text.lines().find_map(|line| line.strip_prefix("| ")).unwrap().to_owned();
    assert_eq!(again.len(), 1);
    assert_eq!(line(&again[0].1), line(&first[1].1), "only the one that was missing");
    // None of them is in three interactions, so none is a factor in the end.
    assert_eq!((learned.report.unplaced_groups, learned.report.factors, first.len()), (0, 0, 6));
    let shown: Vec<&str> = requests[1].about.iter().map(String::as_str).collect();
    assert!(!shown.is_empty() && shown.len() < FILMS.len(), "{shown:?}");
}

#[test]
fn a_factor_of_nearly_everything_is_refused_and_the_model_is_told_so() {
    let task = scale_task();
    let history = crate::common::scale_history();
    let backend = ScriptedBackend::except(|request| {
        let first = request.stage == Stage::Group && !is_reask(request);
        first.then(|| {
            let names: serde_json::Map<String, Value> =
                blocks(&asked(request)).into_iter().map(|(id, _)| (id, json!("style"))).collect();
            json!({ "factors": names }).to_string()
        })
    });
    let pipeline = RpmPipeline::builder(task).backend(Arc::clone(&backend)).build().unwrap();
    let report = block_on(pipeline.learn(&history)).unwrap().report;
    let requests = backend.of(Stage::Group);
    assert_eq!(requests.len(), 2);
    let shown = blocks(&asked(&requests[0])).len();
    assert!(shown > 4);
    assert!(asked(&requests[1]).contains("one name was given to more than 4 groups"), "{}", asked(&requests[1]));
    assert_eq!((report.refused_groups, report.unplaced_groups), (shown, 0));
}

#[test]
fn features_that_were_not_judged_are_asked_about_alone_and_the_others_stay() {
    let task = text_task();
    let learn = |spoil: fn(&mut Value), always: bool| {
        let backend = ScriptedBackend::except(move |request| {
            (request.stage == Stage::Judge && (always || !is_reask(request))).then(|| {
                let mut said: Value = serde_json::from_str(&obey(request)).unwrap();
                spoil(&mut said);
                said.to_string()
            })
        });
        let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
        (block_on(pipeline.learn(&short_text_history())).unwrap(), backend.of(Stage::Judge))
    };
    let judged = |learned: &Learned| {
        let features = learned.model.memory().items().iter().flat_map(rpm_core::data::MemoryItem::features);
        features.filter(|feature| feature.judgement().is_some()).count()
    };
    let (whole, requests) = learn(|_| {}, false);
    assert_eq!((judged(&whole), requests.len(), whole.report.unjudged), (8, 1, 0));

    // The second feature of the second text is left out, the third text has its features in two items.
    let spoil: fn(&mut Value) = |said| {
        let items = said["items"].as_array_mut().unwrap();
        for item in items.iter_mut().filter(|item| item["about"] == "t2") {
            item["features"][1]["id"] = json!("x9");
        }
        if items.len() > 2 {
            let half = items[2]["features"].as_array_mut().unwrap().pop().unwrap();
            items.push(json!({ "about": "t3", "features": [half] }));
        }
    };
    let (learned, requests) = learn(spoil, false);
    assert_eq!((judged(&learned), learned.report.unjudged), (8, 0));
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].about, ["b"]);
    let again = asked(&requests[1]);
    assert!(
        again.contains("\nx1 \"exact search\"") && !again.contains("x2") && !again.contains("slow pacing"),
        "{again}"
    );

    // Never judged: the text's other feature keeps its judgement, and the text is reported.
    let (learned, requests) = learn(
        |said| {
            for item in said["items"].as_array_mut().unwrap() {
                let features = item["features"].as_array_mut().unwrap();
                if features.len() > 1 {
                    features.truncate(1);
                } else {
                    features[0]["polarity"] = json!("sideways");
                }
            }
        },
        true,
    );
    // Four texts with one, two, two and three features: of each that has several the first was judged, and asked again the second of three.
    assert_eq!((judged(&learned), learned.report.unjudged), (4, 4));
    assert_eq!(requests.len(), 5, "one request for all, one more for each");
}

#[test]
fn asking_again_is_bounded_for_every_stage() {
    let task = text_task();
    for (stage, first) in [(Stage::Extract, 4), (Stage::Group, 1), (Stage::Judge, 1), (Stage::WritePath, 4)] {
        let backend =
            ScriptedBackend::except(move |request| (request.stage == stage).then(|| "I would not say.".into()));
        let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
        let learned = block_on(pipeline.learn(&short_text_history()));
        let requests = backend.of(stage);
        let again = requests.iter().filter(|request| is_reask(request)).count();
        // Judging asks again text by text.
        let expected = if stage == Stage::Judge { 4 } else { first };
        assert_eq!((requests.len() - again, again), (first, expected), "{stage}");
        assert_eq!(learned.is_err(), stage == Stage::Extract, "{stage}");
    }
}

#[test]
fn a_text_none_of_whose_listed_features_can_be_used_gets_the_first_of_its_own_words() {
    let echo = r#"{"items":[{"about":"t1","features":[{"name":"runs small","quote":"Combating defamation"}]}]}"#;
    let nothing = r#"{"items":[{"about":"t1","features":[]}]}"#;
    let task = scale_task();
    let query = query("Combating defamation of religions");
    let read = |reply: &'static str, extractor: PromptedExtractor| {
        let backend = backend_fn(move |_| async move { Ok(Completion::new(reply)) });
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let ctx = StageContext::new(&backend, &prompts, &ledger);
        let found = block_on(extractor.extract(ExtractionRequest::new(&task, "query", &query), &ctx)).unwrap();
        let names: Vec<String> = found.features.iter().map(|it| it.feature.name().to_owned()).collect();
        (names, found.reading, found.dropped.unusable_name)
    };
    let (names, reading, dropped) = read(echo, PromptedExtractor::default());
    assert_eq!(names, ["combating defamation", "combating"]);
    // Both replies were of no use, and both are counted.
    assert_eq!((reading, dropped), (ReplyReading::Words, 2));
    let none = PromptedExtractor::default().from_words(0);
    assert_eq!(read(echo, none), (Vec::new(), ReplyReading::AskedAgain, 2));
    // A model that says there is nothing is believed.
    assert_eq!(read(nothing, PromptedExtractor::default()), (Vec::new(), ReplyReading::AtOnce, 0));
}
