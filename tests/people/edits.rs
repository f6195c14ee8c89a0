//! Edits hold on every road to an answer, and their effect is told before they are kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::{
    ModelAtOnce as _, OPTIONS, ScriptedBackend, choices_task, labels_task, query, scale_task, sent, text_task,
};
use pollster::block_on;
use proptest::prelude::*;
use proptest::sample::Index;
use rpm_core::answer::{PromptedAnswerer, StatisticalAnswerer};
use rpm_core::catalog::{Catalog, CatalogFactor};
use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, FeatureKey, Span};
use rpm_core::embed::HashedEmbedder;
use rpm_core::extract::{ExtractError, Extraction, ExtractionRequest, LexicalExtractor};
use rpm_core::factor::{FactorError, FactorFit, FactorGroup, FitRequest, SimilarityFactorModel};
use rpm_core::model::EditEffect;
use rpm_core::reason::ComposedPathWriter;
use rpm_core::retrieve::{Bm25Retriever, CompareBy, DenseRetriever, HybridRetriever, OverlapRetriever};
use rpm_core::{
    Answer, Edit, FactorId, FactorModel, Feature, FeatureExtractor, History, InMemoryStore, Interaction, Preset, Query,
    ResponseSpace, Retriever, RpmPipeline, Task, UserId, UserModel, async_trait,
};

const WORDS: [&str; 9] = ["fog", "bread", "ferry", "rain", "dance", "tower", "mist", "harbour", "lamp"];

fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A past query as places of words, with the place of its response.
type Row = (Vec<usize>, usize);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((prop::collection::vec(0..WORDS.len(), 1..6), 0..3_usize), 8..32)
}

fn said(words: &[&str]) -> String {
    format!("We {}", words.join(" "))
}

fn of_places(places: &[usize]) -> Vec<&'static str> {
    std::iter::once("saw").chain(places.iter().map(|place| WORDS[*place])).collect()
}

fn tasks() -> [Task; 4] {
    [scale_task(), labels_task(), choices_task(), text_task()]
}

fn asked(task: &Task, text: &str) -> Query {
    match task.space() {
        ResponseSpace::Choices => Query::with_options(text, OPTIONS).unwrap(),
        _ => query(text),
    }
}

fn response(task: &Task, words: &[&str], place: usize) -> String {
    match task.space() {
        ResponseSpace::Scale { .. } => ["1", "3", "5"][place].to_owned(),
        ResponseSpace::Labels { .. } => ["drama", "thriller", "Sci-Fi"][place].to_owned(),
        ResponseSpace::Choices => OPTIONS[place].to_owned(),
        // A title takes up some of the words.
        _ => format!("On {} things", words.iter().skip(place % 2).copied().collect::<Vec<_>>().join(" ")),
    }
}

fn history(task: &Task, texts: &[(Vec<&str>, usize)]) -> History {
    let past = texts.iter().enumerate().map(|(n, (words, place))| {
        let response = response(task, words, *place);
        Interaction::new(format!("i{n:03}"), asked(task, &said(words)), response).unwrap()
    });
    History::new(task, "ana", past).unwrap()
}

fn retriever(which: usize) -> Arc<dyn Retriever> {
    let raw = || Arc::new(Bm25Retriever::default().over(CompareBy::Queries));
    match which {
        0 => Arc::new(Bm25Retriever::default()),
        1 => raw(),
        2 => Arc::new(DenseRetriever::new(HashedEmbedder::default())),
        3 => Arc::new(OverlapRetriever::default()),
        _ => Arc::new(HybridRetriever::new(raw(), Arc::new(OverlapRetriever::default()))),
    }
}

/// Without a model.
fn offline(task: &Task, which: usize) -> RpmPipeline {
    let builder = RpmPipeline::builder(task.clone())
        .extractor(LexicalExtractor::default())
        .factor_model(SimilarityFactorModel::default())
        .path_writer(ComposedPathWriter::default())
        .answerer(StatisticalAnswerer);
    builder.retriever(retriever(which)).build().unwrap()
}

/// Texts without the words of these names, wherever they stand, and again where others come together by that.
fn without<'w>(mut words: Vec<&'w str>, names: &BTreeSet<FeatureKey>) -> Vec<&'w str> {
    loop {
        let mut gone = vec![false; words.len()];
        for name in names {
            let name: Vec<&str> = name.as_str().split(' ').collect();
            for at in 0..words.len() {
                if words.get(at..at + name.len()) == Some(name.as_slice()) {
                    gone[at..at + name.len()].fill(true);
                }
            }
        }
        if !gone.contains(&true) {
            return words;
        }
        words = words.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(word, _)| word).collect();
    }
}

/// All of an answer that its query's muted words could move.
fn rests_on(answer: &Answer) -> String {
    let features: Vec<_> = answer.features.iter().map(|f| (f.feature.name().to_owned(), f.factor.clone())).collect();
    let exemplars: Vec<_> = answer
        .exemplars
        .iter()
        .map(|e| (e.item.id(), e.item.query().text(), e.item.response(), e.score.to_bits()))
        .collect();
    let steps: Vec<_> =
        answer.path.steps().iter().map(|step| (step.feature, step.factor.clone(), &step.text)).collect();
    let estimate = serde_json::to_string(&answer.estimate).unwrap();
    format!("{} {features:?} {exemplars:?} {steps:?} {estimate} {:?}", answer.response, answer.support)
}

/// A factor of the model, and its names.
fn a_factor(model: &UserModel, which: Index) -> Option<(Edit, BTreeSet<FeatureKey>)> {
    let factors: Vec<_> = model.factors().iter().collect();
    let factor = *factors.get(which.index(factors.len().max(1)))?;
    let id = factor.id().clone();
    let edit = if which.index(2) == 0 { Edit::Mute { factor: id } } else { Edit::NotMe { factor: id } };
    Some((edit, factor.features().clone()))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_query_with_muted_words_is_answered_as_without_them(
        past in rows(), new in prop::collection::vec(0..WORDS.len(), 1..7), which in any::<Index>(), by in 0..5_usize,
    ) {
        for task in tasks() {
            let texts: Vec<_> = past.iter().map(|(words, place)| (of_places(words), *place)).collect();
            let pipeline = offline(&task, by);
            let mut model = block_on(pipeline.learn(&history(&task, &texts))).unwrap().model;
            let Some((edit, names)) = a_factor(&model, which) else { continue };
            model.edit(edit).unwrap();
            let new = of_places(&new);
            let heard = without(new.clone(), &names);
            let answer = |words: &[&str]| block_on(pipeline.personalize_model(&model, &asked(&task, &said(words)))).unwrap();
            let (with, without) = (answer(&new), answer(&heard));
            prop_assert_eq!(rests_on(&with), rests_on(&without));
            prop_assert_eq!(with.set_aside.is_empty(), heard.len() == new.len());
            prop_assert!(without.set_aside.is_empty());
            for feature in &with.features {
                prop_assert!(feature.feature.context(&asked(&task, &said(&new))).contains(feature.feature.name().split(' ').next().unwrap()));
            }
        }
    }

    #[test]
    fn no_request_to_a_model_holds_muted_words(
        past in rows(), new in prop::collection::vec(0..WORDS.len(), 1..7), which in any::<Index>(), preset in 0..4_usize,
    ) {
        for task in tasks() {
            let texts: Vec<_> = past.iter().map(|(words, place)| (of_places(words), *place)).collect();
            let backend = ScriptedBackend::obedient();
            let mut builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend));
            builder = builder.preset([Preset::Paper, Preset::Balanced, Preset::Frugal, Preset::Fused][preset]);
            let pipeline = builder
                .extractor(LexicalExtractor::default())
                .factor_model(SimilarityFactorModel::default())
                .build()
                .unwrap();
            let mut model = block_on(pipeline.learn(&history(&task, &texts))).unwrap().model;
            let Some((edit, names)) = a_factor(&model, which) else { continue };
            model.edit(edit).unwrap();
            let new = of_places(&new);
            let heard = without(new.clone(), &names);
            backend.take();
            let ask = |words: &[&str]| -> Vec<String> {
                block_on(pipeline.personalize_model(&model, &asked(&task, &said(words)))).unwrap();
                backend.take().iter().map(sent).collect()
            };
            let (with, without) = (ask(&new), ask(&heard));
            prop_assert_eq!(&with, &without);
            for text in &with {
                let own = text.split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>();
                for name in &names {
                    let name: Vec<&str> = name.as_str().split(' ').collect();
                    prop_assert!(!own.windows(name.len()).any(|words| words == name.as_slice()), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_history_with_other_words_of_the_muted_factor_gives_the_same_answers(
        past in rows(), turned in prop::collection::vec(any::<bool>(), 34), new in prop::collection::vec(0..WORDS.len(), 1..6),
    ) {
        for task in tasks() {
            let pipeline = RpmPipeline::builder(task.clone())
                .extractor(Words)
                .factor_model(Weather)
                .path_writer(ComposedPathWriter::default())
                .answerer(StatisticalAnswerer)
                .build()
                .unwrap();
            let mut texts: Vec<_> = past.iter().map(|(words, place)| (of_places(words), *place)).collect();
            // Both words stay in the history, or one would be none of the factor's.
            texts.extend([(vec!["saw", "fog"], 0), (vec!["saw", "mist"], 0)]);
            let turned = turned.iter().copied().take(past.len()).chain([false; 2]);
            let turn = |word: &'static str| match word {
                "fog" => "mist",
                "mist" => "fog",
                other => other,
            };
            let others = texts.iter().zip(turned).map(|((words, place), turned): (&(Vec<&'static str>, usize), bool)| {
                (words.iter().map(|word| if turned { turn(word) } else { *word }).collect(), *place)
            });
            let others: Vec<(Vec<&str>, usize)> = others.collect();
            let answers: Vec<Option<String>> = [&texts, &others].map(|texts| {
                let mut model = block_on(pipeline.learn(&history(&task, texts))).unwrap().model;
                let weather = ["fog", "mist"].into_iter().find_map(|name| model.factors().factor_of(&FeatureKey::of(name)));
                let factor = weather?.id().clone();
                model.edit(Edit::Mute { factor }).unwrap();
                let new = asked(&task, &said(&of_places(&new)));
                Some(rests_on(&block_on(pipeline.personalize_model(&model, &new)).unwrap()))
            }).into();
            prop_assert_eq!(&answers[0], &answers[1]);
        }
    }

    #[test]
    fn an_edit_that_is_undone_leaves_every_byte_of_the_answers(
        past in rows(), new in prop::collection::vec(0..WORDS.len(), 1..7), which in any::<Index>(), by in 0..5_usize,
    ) {
        for task in tasks() {
            let texts: Vec<_> = past.iter().map(|(words, place)| (of_places(words), *place)).collect();
            let pipeline = offline(&task, by);
            let model = block_on(pipeline.learn(&history(&task, &texts))).unwrap().model;
            let Some((edit, _)) = a_factor(&model, which) else { continue };
            let mut open = block_on(pipeline.open(model)).unwrap();
            let new = asked(&task, &said(&of_places(&new)));
            let before = block_on(pipeline.personalize(&open, &new)).unwrap();
            let number = block_on(pipeline.edit(&mut open, edit)).unwrap();
            // What is open follows to what is opened anew.
            let anew = block_on(pipeline.open(open.model().clone())).unwrap();
            let [followed, fresh] = [&open, &anew].map(|open| block_on(pipeline.personalize(open, &new)).unwrap());
            prop_assert_eq!(followed, fresh);
            block_on(pipeline.edit(&mut open, Edit::Undo { edit: number })).unwrap();
            prop_assert_eq!(block_on(pipeline.personalize(&open, &new)).unwrap(), before);
        }
    }

    #[test]
    fn a_preview_changes_nothing_and_tells_what_the_edit_then_does(past in rows(), which in any::<Index>()) {
        for task in tasks() {
            let texts: Vec<_> = past.iter().map(|(words, place)| (of_places(words), *place)).collect();
            let pipeline = offline(&task, 0);
            let mut model = block_on(pipeline.learn(&history(&task, &texts))).unwrap().model;
            let Some((edit, _)) = a_factor(&model, which) else { continue };
            let as_it_was = model.to_json();
            let effect = model.preview(edit.clone()).unwrap();
            prop_assert_eq!(model.to_json(), as_it_was);
            prop_assert_eq!((effect.interactions, effect.looked_at), (past.len(), past.len()));
            prop_assert!(effect.mean_shift <= effect.largest_shift && effect.largest_shift <= 1.0 + 1e-12);
            prop_assert!(effect.answered_otherwise.len() <= effect.moved);
            let number = model.edit(edit).unwrap();
            let back = model.preview(Edit::Undo { edit: number }).unwrap();
            prop_assert_eq!(&back.answered_otherwise, &effect.answered_otherwise);
            prop_assert_eq!((back.moved, back.agree_before, back.agree_after), (effect.moved, effect.agree_after, effect.agree_before));
            // What says the same again does nothing.
            let factor = model.set_aside().iter().next().unwrap().id().clone();
            for nothing in [Edit::Mute { factor: factor.clone() }, Edit::Rename { factor, label: "weather".to_owned() }] {
                let effect = model.preview(nothing).unwrap();
                prop_assert!(effect.is_nothing() && effect.mean_shift == 0.0 && effect.largest_shift == 0.0, "{effect:?}");
            }
        }
    }
}

/// One feature for each word.
struct Words;

#[async_trait]
impl FeatureExtractor for Words {
    async fn extract(&self, seen: ExtractionRequest<'_>, _ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let text = seen.query.text();
        let feature = |word: &&str| {
            let start = text.find(word)?;
            Feature::new(seen.query, *word, Span { start, end: start + word.len() }).ok()
        };
        let features = WORDS.iter().filter_map(feature).map(AssignedFeature::unknown).collect();
        Ok(Extraction { features, ..Extraction::default() })
    }
}

/// Fog and mist are one factor, and every other word is one.
struct Weather;

#[async_trait]
impl FactorModel for Weather {
    async fn fit(&self, request: FitRequest<'_>, _ctx: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        let seen: BTreeSet<FeatureKey> =
            request.rows.iter().flat_map(rpm_core::data::MemoryItem::features).map(Feature::key).collect();
        let is_weather = |key: &FeatureKey| matches!(key.as_str(), "fog" | "mist");
        let group =
            |label: &str, features| FactorGroup { label: label.to_owned(), description: String::new(), features };
        let weather: Vec<FeatureKey> = seen.iter().filter(|key| is_weather(key)).cloned().collect();
        let others = seen.iter().filter(|key| !is_weather(key)).map(|key| group(key.as_str(), vec![key.clone()]));
        let weather = (!weather.is_empty()).then(|| group("weather", weather));
        Ok(FactorFit::new(weather.into_iter().chain(others).collect()))
    }
}

/// Likes whatever is in the first half of the words and dislikes the second half.
fn likes(task: &Task, responses: [&str; 2]) -> UserModel {
    let words = [
        "anvil", "bread", "copper", "dance", "ember", "ferry", "garnet", "harbour", "indigo", "jasmine", "kettle",
        "lamp", "meadow", "nettle",
    ];
    let past = (0..84).map(|n: usize| {
        let (one, two) = (n % 14, (n * 5 + 3) % 14);
        let liked = usize::from(one >= 7);
        let text = format!("It had {} and a {}.", words[one], words[(two % 7) + 7 * liked]);
        Interaction::new(format!("i{n:03}"), query(&text), responses[liked]).unwrap()
    });
    let history = History::new(task, "ana", past).unwrap();
    block_on(RpmPipeline::offline(task.clone()).learn(&history)).unwrap().model
}

#[test]
fn with_all_factors_of_a_query_muted_the_answer_is_the_base_rate() {
    let like = Task::new("Does this person like it?", ResponseSpace::labels(["like", "dislike"]).unwrap()).unwrap();
    for (task, responses) in [(like, ["like", "dislike"]), (scale_task(), ["5", "2"])] {
        let mut model = likes(&task, responses);
        let new = query("It had anvil, bread, copper, dance, ember, ferry and garnet.");
        let pipeline = RpmPipeline::offline(task.clone());
        let before = block_on(pipeline.personalize_model(&model, &new)).unwrap();
        let at = |answer: &Answer| answer.estimate.as_ref().unwrap().probability(responses[0]);
        assert!(at(&before) > 0.7, "{}", at(&before));
        let mut muted = 0;
        while let Some(factor) = block_on(pipeline.personalize_model(&model, &new))
            .unwrap()
            .features
            .iter()
            .find_map(|feature| feature.factor.clone())
        {
            model.edit(Edit::Mute { factor }).unwrap();
            muted += 1;
        }
        assert!(muted >= 7, "{muted}");
        let after = block_on(pipeline.personalize_model(&model, &new)).unwrap();
        let estimate = after.estimate.as_ref().unwrap();
        for response in estimate.responses() {
            assert!((response.probability - response.base).abs() < 0.02, "{response:?}");
        }
        assert!((at(&after) - 0.5).abs() < 0.06, "{}", at(&after));
        println!("{}: {muted} muted, {:.3} before, {:.3} after", responses[0], at(&before), at(&after));
        assert_eq!(after.set_aside.len(), 7);
        let open = block_on(pipeline.open(model)).unwrap();
        let told = after.reasons(&open).to_string();
        assert!(told.contains("set aside at the user's wish: \"anvil\""), "{told}");
        assert!(!told.contains("no known factor"), "{told}");
    }
}

#[test]
fn a_muted_factor_of_a_catalog_is_heard_by_none_of_its_terms() {
    let task = scale_task();
    let weather = CatalogFactor::new("weather").with_terms(["fog", "mist"]);
    let catalog = Catalog::of([weather, CatalogFactor::new("bread")]).unwrap();
    let pipeline = RpmPipeline::offline_builder(task.clone()).catalog(catalog.clone()).build().unwrap();
    let texts: Vec<_> =
        (0..24).map(|n| (vec!["saw", ["fog", "bread", "mist", "ferry"][n % 4], WORDS[3 + n % 3]], n % 2)).collect();
    let mut model = block_on(pipeline.learn(&history(&task, &texts))).unwrap().model;
    let answer = |model: &UserModel, text: &str| block_on(pipeline.personalize_model(model, &query(text))).unwrap();
    assert_ne!(rests_on(&answer(&model, "We saw mist bread")), rests_on(&answer(&model, "We saw bread")));
    let weather = catalog.factors().iter().find(|factor| factor.label() == "weather").unwrap().id();
    model.edit(Edit::Mute { factor: weather.clone() }).unwrap();
    for said in ["We saw mist bread", "We saw fog bread mist", "We saw bread in weather"] {
        let with = answer(&model, said);
        let without = answer(&model, if said.ends_with("weather") { "We saw bread in" } else { "We saw bread" });
        assert_eq!(rests_on(&with), rests_on(&without));
        assert_eq!(with.set_aside[0].factor.as_ref(), Some(weather));
    }
    let open = block_on(pipeline.open(model)).unwrap();
    let shown = block_on(pipeline.personalize(&open, &query("We saw bread and rain"))).unwrap();
    assert!(!shown.exemplars.is_empty());
    assert!(
        shown
            .exemplars
            .iter()
            .all(|e| !e.item.query().text().contains("mist") && !e.item.query().text().contains("fog"))
    );
}

fn id_of(model: &UserModel, name: &str) -> FactorId {
    model.factors().factor_of(&FeatureKey::of(name)).unwrap().id().clone()
}

/// Ratings of two words each, all combinations of four.
fn combined() -> UserModel {
    let words = ["fog", "bread", "ferry", "lamp"];
    let texts: Vec<_> =
        (0..32).map(|n| (vec!["saw", words[n % 4], words[(n / 4) % 4]], usize::from(n % 4 == 0))).collect();
    block_on(offline(&scale_task(), 3).learn(&history(&scale_task(), &texts))).unwrap().model
}

#[test]
fn a_boost_weighs_in_retrieval_by_factors() {
    let (pipeline, mut model) = (offline(&scale_task(), 3), combined());
    let first = |model: &UserModel| {
        let answer = block_on(pipeline.personalize_model(model, &query("We saw fog bread lamp"))).unwrap();
        answer.exemplars.iter().map(|e| e.item.query().text().contains("lamp")).collect::<Vec<_>>()
    };
    model.edit(Edit::Boost { factor: id_of(&model, "lamp"), by: 0.25 }).unwrap();
    assert!(first(&model).iter().all(|lamp| !lamp));
    model.edit(Edit::Boost { factor: id_of(&model, "lamp"), by: 4.0 }).unwrap();
    assert!(first(&model).iter().all(|lamp| *lamp));
}

#[test]
fn pinned_and_boosted_factors_are_shown_to_a_model_and_said_to_be() {
    let backend = ScriptedBackend::obedient();
    let pipeline = RpmPipeline::builder(scale_task())
        .backend(Arc::clone(&backend))
        .extractor(LexicalExtractor::default())
        .factor_model(SimilarityFactorModel::default())
        .path_writer(ComposedPathWriter::default())
        .answerer(PromptedAnswerer::default().factors_shown(1))
        .build()
        .unwrap();
    let mut model = combined();
    let asked = |model: &UserModel| {
        block_on(pipeline.personalize_model(model, &query("We saw fog bread"))).unwrap();
        sent(&backend.take()[0])
    };
    assert!(!asked(&model).contains("\"lamp\": n="));
    for factor in [id_of(&model, "lamp"), id_of(&model, "ferry")] {
        model.edit(Edit::Pin { factor: factor.clone() }).unwrap();
        model.edit(Edit::Boost { factor, by: 3.0 }).unwrap();
    }
    let lines: Vec<String> = asked(&model).lines().filter(|line| line.contains(": n=")).map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert!(line.contains("lamp") || line.contains("ferry"), "{line}");
        assert!(line.ends_with("this person says that it matters; this person wants it to count for more"), "{line}");
    }
}

#[test]
fn a_boost_brings_words_into_a_title() {
    let task = Task::new("Which title would this person give it?", ResponseSpace::text(18).unwrap()).unwrap();
    let past = (0..12).map(|n: usize| {
        let text = format!("We saw {} engine {}", WORDS[n % 4], WORDS[4 + n % 3]);
        Interaction::new(format!("i{n:03}"), query(&text), format!("{} engine", WORDS[n % 4])).unwrap()
    });
    let history = History::new(&task, "ana", past).unwrap();
    let pipeline = RpmPipeline::offline(task.clone());
    let mut model = block_on(pipeline.learn(&history)).unwrap().model;
    let mut titled = |up: &str, down: &str| {
        for (name, by) in [(up, 4.0), (down, 0.25)] {
            let factor = id_of(&model, name);
            model.edit(Edit::Boost { factor, by }).unwrap();
        }
        let asked = query("A fog oven is built. A bread stove is built.");
        block_on(pipeline.personalize_model(&model, &asked)).unwrap().response.to_lowercase()
    };
    let (fog, bread) = (titled("fog", "bread"), titled("bread", "fog"));
    assert!(fog.contains("fog") && !fog.contains("bread"), "{fog}");
    assert!(bread.contains("bread") && !bread.contains("fog"), "{bread}");
    let effect = model.preview(Edit::Boost { factor: id_of(&model, "bread"), by: 0.25 }).unwrap();
    assert_eq!(effect.looked_at, 12);
}

#[test]
fn of_a_long_history_a_part_is_looked_at_evenly_and_it_says_so() {
    let texts: Vec<_> = (0..600).map(|n| (vec!["saw", WORDS[n % 4], WORDS[4 + n % 5]], n % 2)).collect();
    let model = block_on(offline(&scale_task(), 0).learn(&history(&scale_task(), &texts))).unwrap().model;
    let effect = model.preview(Edit::Mute { factor: id_of(&model, "fog") }).unwrap();
    assert_eq!((effect.interactions, effect.looked_at), (600, 300));
    assert!(effect.moved > 0 && effect.mean_points.unwrap() > 0.0);
    assert!(effect.to_string().starts_with("Of 300 past answers, spread evenly over 600, "), "{effect}");
    assert_eq!(serde_json::from_str::<EditEffect>(&serde_json::to_string(&effect).unwrap()).unwrap(), effect);
}

#[test]
fn a_stored_user_is_previewed_without_a_change() {
    let stored = RpmPipeline::offline(scale_task()).with_store(InMemoryStore::default());
    let user = UserId::new("ana").unwrap();
    let texts: Vec<_> = (0..24).map(|n| (vec!["saw", WORDS[n % 4], WORDS[4 + n % 3]], n % 2)).collect();
    let learned = block_on(stored.learn(&history(&scale_task(), &texts))).unwrap().model;
    let edit = Edit::Mute { factor: id_of(&learned, "fog") };
    let effect = block_on(stored.preview(&user, edit.clone())).unwrap();
    assert_eq!(effect, learned.preview(edit).unwrap());
    assert_eq!(block_on(stored.open(&user)).unwrap().model(), &learned);
    let nobody = Edit::Mute { factor: FactorId::new("nobody").unwrap() };
    assert!(block_on(stored.preview(&user, nobody)).is_err());
}

#[test]
fn a_text_of_which_nothing_else_is_left_is_titled_by_its_own_words() {
    let task = text_task();
    let texts: Vec<_> = (0..9).map(|n| (vec![WORDS[n % 3], "lamp", WORDS[3 + n % 2]], n % 2)).collect();
    let pipeline = RpmPipeline::offline(task.clone());
    let mut model = block_on(pipeline.learn(&history(&task, &texts))).unwrap().model;
    let factor = model.factors().factor_of(&FeatureKey::of("fog")).unwrap().id().clone();
    model.edit(Edit::Mute { factor }).unwrap();
    let answer = |text: &str| block_on(pipeline.personalize_model(&model, &query(text))).unwrap();
    assert!(!answer("A fog machine and a lamp.").response.to_lowercase().contains("fog"));
    let alone = answer("Fog.");
    assert_eq!((alone.response.as_str(), alone.features.len(), alone.set_aside.len()), ("Fog", 0, 1));
}
