//! What a factor is, offline: it recurs, it is one idea, its name says something; and what is set aside moves nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use crate::common::{ModelAtOnce as _, choices_task, labels_task, query, scale_task};
use pollster::block_on;
use proptest::prelude::*;
use rpm_core::answer::StatisticalAnswerer;
use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, FeatureKey, Span};
use rpm_core::extract::{ExtractError, Extraction, ExtractionRequest};
use rpm_core::factor::SimilarityFactorModel;
use rpm_core::reason::ComposedPathWriter;
use rpm_core::{
    Edit, Feature, FeatureExtractor, History, Interaction, Query, RpmPipeline, Task, UserModel, async_trait,
};

fn learned(task: &Task, texts: &[String], responses: &[&str]) -> UserModel {
    let past = texts.iter().enumerate().map(|(n, text)| {
        let response = responses[n % responses.len()];
        Interaction::new(format!("i{n:04}"), query(text), response).unwrap()
    });
    let history = History::new(task, "ana", past).unwrap();
    block_on(RpmPipeline::offline(task.clone()).learn(&history)).unwrap().model
}

fn labels(texts: &[&str]) -> BTreeSet<String> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let model = learned(&scale_task(), &texts, &["2", "5"]);
    model.factors().iter().map(|factor| factor.label().to_owned()).collect()
}

fn set(labels: &[&str]) -> BTreeSet<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

#[test]
fn a_factor_is_in_three_interactions_or_more() {
    let twice = ["A lighthouse.", "The lighthouse, again.", "Bread.", "Rain."];
    assert_eq!(labels(&twice), set(&[]));
    let thrice = ["A lighthouse.", "The lighthouse, again.", "Bread.", "Rain.", "One more lighthouse."];
    assert_eq!(labels(&thrice), set(&["lighthouse"]));
}

#[test]
fn what_is_in_nearly_all_interactions_is_no_factor() {
    let all = ["Harbour fog.", "Harbour bread.", "Harbour rain.", "Harbour ferry.", "Harbour dance."];
    assert_eq!(labels(&all), set(&[]));
}

#[test]
fn words_of_the_same_interactions_are_one_factor_and_the_phrase_names_it() {
    let texts = ["Human rights in the north.", "On human rights.", "Fog.", "Human rights and bread.", "Rain."];
    assert_eq!(labels(&texts), set(&["human rights"]));
    let apart =
        ["Human rights.", "Human rights.", "Human rights.", "Rights.", "My rights.", "Rights.", "Fog.", "Fog, bread."];
    assert!(labels(&apart).contains("rights"));
}

#[test]
fn a_negated_name_is_a_factor_of_its_own() {
    let texts = ["A chase.", "No chase.", "The chase.", "Without a chase.", "Never a chase.", "One chase, fog."];
    assert_eq!(labels(&texts), set(&["chase", "not chase"]));
}

#[test]
fn light_words_and_words_of_the_question_name_no_factor() {
    let texts = [
        "However, the film makes sense of fog.",
        "However, it makes a point of fog.",
        "However, they make a film of bread.",
        "A film, however, rated by fog.",
        "Rain.",
    ];
    assert_eq!(labels(&texts), set(&["fog"]));
}

#[test]
fn german_words_are_light_in_a_german_history() {
    let texts = [
        "Der Hafen soll nicht mit dem Geld des Bundes wachsen.",
        "Die Stadt und der Hafen sollen für eine Brücke zahlen.",
        "Der Hafen ist auf eine Brücke angewiesen und soll zahlen.",
        "Das Land soll für eine Brücke sorgen.",
        "Es regnet.",
    ];
    let found = labels(&texts);
    assert!(found.contains("hafen") && found.contains("brücke"), "{found:?}");
    for light in ["der", "soll", "sollen", "eine", "und", "für"] {
        assert!(!found.contains(light), "{light}");
    }
}

/// Texts of invented words, each of which is in about a seventh of them.
fn many(words: usize, texts: usize) -> Vec<String> {
    let name = |n: usize| {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        format!("zo{}{}{}k", letter(n / 26), letter(n), letter(n * 7))
    };
    (0..texts)
        .map(|text| {
            let of = (0..words).filter(|word| {
                let mut mixed = (text * 1_000_003 + word) as u64 ^ 0x9e37_79b9_7f4a_7c15;
                for _ in 0..3 {
                    mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                }
                (mixed >> 20).is_multiple_of(7)
            });
            format!("Some {}", of.map(name).collect::<Vec<_>>().join(", "))
        })
        .collect()
}

#[test]
fn a_user_has_at_most_forty_factors_and_eighty_of_a_long_history() {
    let short = learned(&scale_task(), &many(150, 60), &["2", "5"]);
    assert_eq!(short.factors().len(), 40);
    let long = learned(&scale_task(), &many(150, 130), &["2", "5"]);
    assert_eq!(long.factors().len(), 80);
}

#[test]
fn observing_one_by_one_gives_the_factors_of_learning_at_once_where_more_recurs_than_is_kept() {
    let (task, texts) = (scale_task(), many(150, 115));
    let interactions = |range: std::ops::Range<usize>| {
        let past = range.map(|n| {
            let response = ["2", "5", "4"][n % 3];
            Interaction::new(format!("i{n:04}"), query(&texts[n]), response).unwrap().at(i64::try_from(n).unwrap())
        });
        past.collect::<Vec<_>>()
    };
    let pipeline = RpmPipeline::offline(task.clone());
    let learned = |n: usize| {
        let history = History::new(&task, "ana", interactions(0..n)).unwrap();
        block_on(pipeline.learn(&history)).unwrap().model
    };
    let mut grown = block_on(pipeline.open(learned(90))).unwrap();
    for n in 90..115 {
        block_on(pipeline.observe(&mut grown, interactions(n..n + 1))).unwrap();
        // The number that is kept doubles on the way.
        if [91, 99, 100, 114].contains(&n) {
            let at_once = learned(n + 1);
            assert_eq!(grown.model().factors(), at_once.factors(), "{n}");
            assert_eq!(grown.model().calibration(), at_once.calibration(), "{n}");
        }
    }
    assert_eq!(grown.model().factors().len(), 80);
}

#[test]
fn the_most_telling_share_few_interactions_and_no_words() {
    let model = learned(&scale_task(), &many(60, 90), &["2", "5", "4"]);
    let shown = model.most_telling(&model.beliefs(), 12);
    assert!(!shown.is_empty() && shown.len() <= 12);
    let seen_in = |id| -> BTreeSet<usize> {
        let factor = model.factors().get(id).unwrap();
        let has = |item: &rpm_core::data::MemoryItem| {
            item.features().iter().any(|feature| factor.features().contains(&feature.key()))
        };
        (0..model.memory().len()).filter(|i| has(&model.memory().items()[*i])).collect()
    };
    for (place, a) in shown.iter().enumerate() {
        for b in &shown[..place] {
            let (a, b) = (seen_in(&a.id), seen_in(&b.id));
            let shared = a.intersection(&b).count() as f64;
            assert!(shared / (a.union(&b).count() as f64) <= 0.25);
        }
    }
}

#[test]
fn a_pinned_factor_is_shown_first_and_a_significant_one_before_what_is_only_frequent() {
    let texts: Vec<String> = (0..40)
        .map(|n| match n % 4 {
            0 => format!("Fog {}.", if n % 8 == 0 { "ferry" } else { "bread" }),
            1 => "Bread and rain.".to_owned(),
            2 => "Rain, a dance.".to_owned(),
            _ => "A ferry, a dance.".to_owned(),
        })
        .collect();
    let mut model = learned(&scale_task(), &texts, &["5", "2", "3", "2"]);
    let label = |model: &UserModel, place: usize| model.most_telling(&model.beliefs(), 12)[place].label.clone();
    let first = model.most_telling(&model.beliefs(), 1).remove(0);
    assert!(first.q <= 0.05 && first.label == "fog", "{first:?}");
    let rain = model.factors().factor_of(&FeatureKey::of("rain")).unwrap().id().clone();
    model.edit(Edit::Pin { factor: rain }).unwrap();
    assert_eq!((label(&model, 0), label(&model, 1)), ("rain".to_owned(), "fog".to_owned()));
}

/// One feature for each of these words, without pairs.
struct Words;

const KNOWN: [&str; 6] = ["fog", "bread", "ferry", "rain", "dance", "tower"];

#[async_trait]
impl FeatureExtractor for Words {
    async fn extract(&self, seen: ExtractionRequest<'_>, _ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let text = seen.query.text();
        let feature = |word: &&str| {
            let start = text.find(word)?;
            Feature::new(seen.query, *word, Span { start, end: start + word.len() }).ok()
        };
        let features = KNOWN.iter().filter_map(feature).map(AssignedFeature::unknown).collect();
        Ok(Extraction { features, ..Extraction::default() })
    }
}

fn said(words: &[usize]) -> String {
    let words: BTreeSet<usize> = words.iter().copied().collect();
    let mut text = "It had".to_owned();
    for word in words {
        text.push(' ');
        text.push_str(KNOWN[word]);
    }
    text
}

fn asked(task: &Task, text: &str) -> Query {
    match task.space() {
        rpm_core::ResponseSpace::Choices => Query::with_options(text, crate::common::OPTIONS).unwrap(),
        _ => query(text),
    }
}

fn tasks() -> [(Task, [&'static str; 3]); 3] {
    let [a, b, c] = crate::common::OPTIONS;
    [(scale_task(), ["1", "3", "5"]), (labels_task(), ["drama", "thriller", "Sci-Fi"]), (choices_task(), [a, b, c])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40)
    ))]

    #[test]
    fn a_muted_factor_moves_no_estimate(
        history in prop::collection::vec((prop::collection::vec(0..KNOWN.len(), 0..4), 0..3_usize), 8..40),
        new in prop::collection::vec(0..KNOWN.len(), 0..5),
        muted in 0..KNOWN.len(),
        not_me in any::<bool>(),
    ) {
        for (task, responses) in tasks() {
            let pipeline = RpmPipeline::builder(task.clone())
                .extractor(Words)
                .factor_model(SimilarityFactorModel::default())
                .path_writer(ComposedPathWriter::default())
                .answerer(StatisticalAnswerer)
                .build()
                .unwrap();
            let past = history.iter().enumerate().map(|(n, (words, response))| {
                Interaction::new(format!("i{n:03}"), asked(&task, &said(words)), responses[*response]).unwrap()
            });
            let history = History::new(&task, "ana", past).unwrap();
            let mut model = block_on(pipeline.learn(&history)).unwrap().model;
            let Some(factor) = model.factors().factor_of(&FeatureKey::of(KNOWN[muted])) else { continue };
            let (factor, words) = (factor.id().clone(), factor.features().clone());
            model.edit(if not_me { Edit::NotMe { factor } } else { Edit::Mute { factor } }).unwrap();
            let heard: Vec<usize> =
                new.iter().copied().filter(|word| !words.contains(&FeatureKey::of(KNOWN[*word]))).collect();
            let answer = |text: &str| block_on(pipeline.personalize_model(&model, &asked(&task, text))).unwrap();
            let (with, without) = (answer(&said(&new)), answer(&said(&heard)));
            prop_assert_eq!(&with.estimate, &without.estimate);
            prop_assert_eq!(&with.response, &without.response);
            let ids = |answer: &rpm_core::Answer| -> Vec<_> {
                answer.exemplars.iter().map(|exemplar| exemplar.item.id().clone()).collect()
            };
            prop_assert_eq!(ids(&with), ids(&without));
        }
    }
}
