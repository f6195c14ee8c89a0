//! A factor's id is its own: what was said of one factor is never said of another, and ids of older files are followed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::{HashMap, HashSet};

use crate::common::{ModelAtOnce as _, interaction, scale_task};
use pollster::block_on;
use rpm_core::data::{FactorSet, FeatureKey};
use rpm_core::{Edit, FactorId, Forget, History, ItemId, RpmPipeline, UserModel};

/// The hash of 32 bits that ids were until version 4 of the file.
fn old_hash(key: &str) -> u64 {
    let hash =
        key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 32) ^ (hash & 0xffff_ffff)
}

/// A word of letters that no stemmer shortens.
fn word(mut number: usize) -> String {
    let mut word = "z".to_owned();
    for _ in 0..5 {
        word.push(char::from(b"bcdfgjkmpqvwxz"[number % 14]));
        number /= 14;
    }
    word + "ox"
}

/// Pairs of words that share an old id.
fn pairs(most: usize) -> Vec<(String, String)> {
    let (mut seen, mut found) = (HashMap::new(), Vec::new());
    for word in (0..14_usize.pow(5)).map(word) {
        if let Some(other) = seen.insert(old_hash(&word), word.clone()) {
            found.push((other, word));
            if found.len() == most {
                break;
            }
        }
    }
    found
}

fn id_of(key: &str) -> FactorId {
    let set = FactorSet::from_groups([(key, "", [FeatureKey::of(key)])]).unwrap();
    set.iter().next().unwrap().id().clone()
}

/// Four texts with each word, those with the first word first, and four with neither.
fn history(first: &str, second: &str) -> History {
    let texts = (0..12).map(|at| {
        let word = [first, second, ["harbour", "baker", "river", "train"][at % 4]][at / 4];
        let (at, word) = (i64::try_from(at).unwrap(), word);
        interaction(
            &format!("i{at}"),
            &format!("The {word} was {word} enough."),
            if at % 2 == 0 { "5" } else { "2" },
            at,
        )
    });
    History::new(&scale_task(), "ana", texts).unwrap()
}

fn factor_with(model: &UserModel, key: &str) -> Option<FactorId> {
    model.factors().factor_of(&FeatureKey::of(key)).map(|factor| factor.id().clone())
}

fn forget_first(pipeline: &RpmPipeline, model: &mut UserModel) {
    let gone: Vec<ItemId> = (0..4).map(|at| ItemId::new(format!("i{at}")).unwrap()).collect();
    block_on(pipeline.forget_model(model, &Forget::Items(gone))).unwrap();
}

#[test]
fn an_edit_never_moves_to_a_factor_with_the_same_hash() {
    let pipeline = RpmPipeline::offline(scale_task());
    let pairs = pairs(12);
    assert_eq!(pairs.len(), 12);
    for (first, second) in pairs {
        let mut model = block_on(pipeline.learn(&history(&first, &second))).unwrap().model;
        let [of_first, of_second] = [&first, &second].map(|word| factor_with(&model, word).unwrap());
        assert_ne!(of_first, of_second);
        model.edit(Edit::Mute { factor: of_first.clone() }).unwrap();
        forget_first(&pipeline, &mut model);
        assert_eq!(factor_with(&model, &second), Some(of_second), "{first} {second}");
        assert!(model.set_aside().is_empty(), "{first} {second}");
        // And it holds again for the factor that it was about.
        let back =
            (20..24).map(|at| interaction(&format!("n{at}"), &format!("The {first} was {first} enough."), "5", at));
        block_on(pipeline.observe_model(&mut model, back)).unwrap();
        assert_eq!(model.set_aside().iter().map(|factor| factor.id().clone()).collect::<Vec<_>>(), [of_first]);
    }
}

#[test]
fn ids_of_many_words_differ_and_keep_their_order() {
    let words: Vec<String> = (0..200_000).map(word).collect();
    let ids: HashSet<FactorId> = words.iter().map(|word| id_of(word)).collect();
    assert_eq!(ids.len(), words.len());
    let old: HashSet<u64> = words.iter().map(|word| old_hash(word)).collect();
    assert!(old.len() < words.len(), "32 bits are not enough for these");
    let mut sorted: Vec<&String> = words.iter().take(1000).collect();
    sorted.sort_by_key(|word| id_of(word));
    assert!(sorted.is_sorted_by_key(|word| old_hash(word)));
}

/// The file as version 4 wrote it, whose ids were the first nine characters of today's.
fn as_version_four(model: &UserModel) -> String {
    let file = model.to_json().replacen("\"version\": 5", "\"version\": 4", 1);
    let mut short = String::with_capacity(file.len());
    let mut rest = file.as_str();
    while let Some(at) = rest.find("\"f").filter(|_| !rest.is_empty()) {
        let (before, id) = rest.split_at(at + 1);
        short.push_str(before);
        let end = id.find('"').unwrap();
        let is_id = end == 41 && id[1..end].bytes().all(|byte| byte.is_ascii_hexdigit());
        short.push_str(if is_id { &id[..9] } else { &id[..end] });
        rest = &id[end..];
    }
    short + rest
}

#[test]
fn edits_in_files_of_version_four_are_followed_by_their_ids_and_features() {
    let pipeline = RpmPipeline::offline(scale_task());
    let mut model = block_on(pipeline.learn(&crate::common::scale_history())).unwrap().model;
    let ids: Vec<FactorId> = model.factors().iter().map(|factor| factor.id().clone()).collect();
    model.edit(Edit::Mute { factor: ids[0].clone() }).unwrap();
    model.edit(Edit::Boost { factor: ids[1].clone(), by: 2.0 }).unwrap();
    model.edit(Edit::Merge { factor: ids[1].clone(), into: ids[2].clone() }).unwrap();
    let merged = model.factors().get(&ids[2]).unwrap();
    let leaving = merged.features().iter().take(1).cloned().collect();
    model.edit(Edit::Split { factor: ids[2].clone(), features: leaving }).unwrap();
    let split = model.factors().iter().map(|factor| factor.id().clone()).find(|id| !ids.contains(id)).unwrap();
    model.edit(Edit::NotMe { factor: split }).unwrap();
    let old = as_version_four(&model);
    assert!(old.len() < model.to_json().len(), "else this shows nothing");
    let read = UserModel::from_json(&old).unwrap();
    assert!(read == model);
    assert_eq!(read.to_json(), model.to_json());
}

#[test]
fn an_edit_of_an_old_file_holds_for_the_factor_that_comes_back_and_not_for_its_double() {
    let pipeline = RpmPipeline::offline(scale_task());
    let (first, second) = pairs(1).remove(0);
    let mut model = block_on(pipeline.learn(&history(&first, &second))).unwrap().model;
    let [of_first, of_second] = [&first, &second].map(|word| factor_with(&model, word).unwrap());
    model.edit(Edit::Mute { factor: of_first.clone() }).unwrap();
    let old = as_version_four(&model);
    assert!(!old.contains(of_first.as_str()) && !old.contains(of_second.as_str()));
    let mut read = UserModel::from_json(&old).unwrap();
    assert!(read.set_aside().get(&of_first).is_some() && read.factors().get(&of_second).is_some());
    forget_first(&pipeline, &mut read);
    assert!(read.set_aside().is_empty() && read.factors().get(&of_second).is_some());
    // What was forgotten in the old file is known by its old id alone, and comes back set aside.
    forget_first(&pipeline, &mut model);
    let mut read = UserModel::from_json(&as_version_four(&model).replace(&second, "nothing")).unwrap();
    let back = (20..24).map(|at| interaction(&format!("n{at}"), &format!("The {first} was {first} enough."), "5", at));
    block_on(pipeline.observe_model(&mut read, back)).unwrap();
    assert!(read.set_aside().get(&of_first).is_some());
}
