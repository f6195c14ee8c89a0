//! A user model as one binary file: the same model, ready for its first query, and never a wrong one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::common::{cases, query, scale_history, scale_task};
use pollster::block_on;
use std::error::Error as _;

use rpm_core::container::{DamagedFile, Sections, Writer};
use rpm_core::model::{PackedError, PackedModel};
use rpm_core::retrieve::{
    Bm25Index, Bm25Retriever, DenseIndex, DenseRetriever, IndexError, MaxSimIndex, MaxSimRetriever, VectorError,
};
use rpm_core::{Error, Prepared, Retriever, RpmPipeline, UserModel};

fn offline(task: rpm_core::Task, retriever: impl Retriever + 'static) -> RpmPipeline {
    let builder = RpmPipeline::builder(task)
        .extractor(rpm_core::extract::LexicalExtractor::default())
        .factor_model(rpm_core::factor::SimilarityFactorModel::default())
        .path_writer(rpm_core::reason::ComposedPathWriter::default())
        .answerer(rpm_core::answer::StatisticalAnswerer)
        .retriever(retriever);
    builder.build().unwrap()
}

fn learned(pipeline: &RpmPipeline) -> Prepared {
    open(pipeline, block_on(pipeline.learn(&scale_history())).unwrap().model)
}

fn open(pipeline: &RpmPipeline, model: UserModel) -> Prepared {
    block_on(pipeline.open(model)).unwrap()
}

#[test]
fn what_is_packed_is_unpacked_for_every_kind_of_task() {
    for (kind, task, history, new) in cases() {
        let pipeline = RpmPipeline::offline(task);
        let prepared = open(&pipeline, block_on(pipeline.learn(&history)).unwrap().model);
        let (model, packed) = (prepared.model(), block_on(pipeline.pack(&prepared)).unwrap());
        let file = packed.to_bytes().unwrap();
        let opened = PackedModel::from_bytes(&file).unwrap();
        assert_eq!(opened, packed, "{kind}");
        assert_eq!(opened.to_bytes().unwrap(), file, "{kind}");
        let again = block_on(pipeline.unpack(&opened)).unwrap();
        assert_eq!(again.model(), model, "{kind}");
        assert_eq!(again.model().to_json(), model.to_json(), "{kind}");
        assert_eq!(opened.len(), model.memory().len(), "{kind}");
        for (position, item) in model.memory().items().iter().enumerate() {
            assert_eq!(&opened.item(position).unwrap(), item, "{kind}");
        }
        let before = block_on(pipeline.personalize(&prepared, &new)).unwrap();
        let after = block_on(pipeline.personalize(&again, &new)).unwrap();
        assert_eq!((&after.response, &after.exemplars), (&before.response, &before.exemplars), "{kind}");
    }
}

#[test]
fn an_index_is_packed_for_each_retriever_and_taken_back_by_its_own_only() {
    type Make = fn() -> RpmPipeline;
    let retrievers: [(&str, Make); 3] = [
        ("bm25", || offline(scale_task(), Bm25Retriever::default())),
        ("dense", || offline(scale_task(), DenseRetriever::default())),
        ("maxsim", || offline(scale_task(), MaxSimRetriever::default())),
    ];
    let model = learned(&retrievers[0].1()).into_model();
    for (name, make) in retrievers {
        let packed = block_on(make().pack(&open(&make(), model.clone()))).unwrap();
        let names: Vec<&str> = packed.indexes().map(|(name, _)| name).collect();
        assert!(names.len() == 1 && names[0].starts_with(name), "{names:?}");
        for (other, make) in retrievers {
            let pipeline = make();
            let again = block_on(pipeline.unpack(&packed)).unwrap();
            assert_eq!(again.model(), &model, "{name} by {other}");
            let answer = block_on(pipeline.personalize(&again, &query("A slow film."))).unwrap();
            let plain =
                block_on(pipeline.personalize(&open(&pipeline, model.clone()), &query("A slow film."))).unwrap();
            assert_eq!(answer.exemplars, plain.exemplars, "{name} by {other}");
        }
    }
}

#[test]
fn an_index_of_another_memory_is_an_error() {
    let pipeline = offline(scale_task(), Bm25Retriever::default());
    let model = learned(&pipeline);
    let packed = block_on(pipeline.pack(&model)).unwrap();
    let (name, _) = packed.indexes().next().unwrap();
    let name = name.to_owned();
    let short = rpm_core::History::new(&scale_task(), "ana", scale_history().interactions()[..4].to_vec()).unwrap();
    let short = block_on(pipeline.learn(&short)).unwrap().model;
    let other = block_on(pipeline.pack(&open(&pipeline, short))).unwrap();
    let index = other.index(&name).unwrap().to_vec();
    let mixed = packed.clone().with_index(&name, index);
    assert!(matches!(block_on(pipeline.unpack(&mixed)), Err(Error::Retrieve(_))));
    let cut = packed.clone().with_index(&name, packed.index(&name).unwrap()[..20].to_vec());
    assert!(matches!(block_on(pipeline.unpack(&cut)), Err(Error::Retrieve(_))));
}

#[test]
fn every_cut_and_flipped_bit_of_a_file_is_an_error_that_names_the_section() {
    let pipeline = offline(scale_task(), DenseRetriever::default());
    let file = block_on(pipeline.pack(&learned(&pipeline))).unwrap().to_bytes().unwrap();
    for at in 0..file.len() {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        let error = PackedModel::from_bytes(&flipped).unwrap_err();
        let named =
            matches!(&error, PackedError::Damaged(damaged) if damaged.kind == "packed" && damaged.at <= at as u64);
        assert!(named, "byte {at}: {error:?}");
        assert!(PackedModel::from_bytes(&file[..at]).is_err(), "cut at {at}");
    }
    let text = "slow";
    let error = PackedModel::from_bytes(&file[..file.len() - 1]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(text));
}

/// The damage that opening some bytes finds.
type Open = fn(&[u8]) -> Option<DamagedFile>;

#[test]
fn every_flipped_bit_of_a_small_file_of_each_kind_is_an_error_that_names_its_place() {
    let history = rpm_core::History::new(&scale_task(), "ana", scale_history().interactions()[..1].to_vec()).unwrap();
    let pipeline = offline(scale_task(), Bm25Retriever::default());
    let prepared = open(&pipeline, block_on(pipeline.learn(&history)).unwrap().model);
    let packed = block_on(pipeline.pack(&prepared)).unwrap().to_bytes().unwrap();
    let rows = [[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]];
    let kinds: [(&str, Vec<u8>, Open); 4] = [
        ("packed", packed, |bytes| match PackedModel::from_bytes(bytes) {
            Err(PackedError::Damaged(damaged)) => Some(damaged),
            _ => None,
        }),
        ("bm25", Bm25Index::build(["a slow plot", "a loud chase"], 1.2, 0.75).to_bytes(), |bytes| {
            match Bm25Index::from_bytes(bytes) {
                Err(IndexError::Damaged(damaged)) => Some(damaged),
                _ => None,
            }
        }),
        ("dense", DenseIndex::new(3, rows).unwrap().to_bytes(), |bytes| match DenseIndex::from_bytes(bytes) {
            Err(VectorError::Damaged(damaged)) => Some(damaged),
            _ => None,
        }),
        ("maxsim", MaxSimIndex::new(3, [rows.to_vec(), Vec::new()]).unwrap().to_bytes(), |bytes| {
            match MaxSimIndex::from_bytes(bytes) {
                Err(VectorError::Damaged(damaged)) => Some(damaged),
                _ => None,
            }
        }),
    ];
    for (kind, file, damage_of) in kinds {
        assert!(damage_of(&file).is_none(), "{kind}");
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let damaged = damage_of(&flipped).unwrap_or_else(|| panic!("{kind}: bit {bit} goes unseen"));
            assert_eq!(damaged.kind, kind);
            assert!(damaged.at <= (bit / 8) as u64, "{kind}, bit {bit}: {damaged}");
        }
        for end in 0..file.len() {
            assert!(damage_of(&file[..end]).is_some(), "{kind}, cut at {end}");
        }
    }
}

#[test]
fn where_factors_were_seen_is_packed_and_says_the_same_of_their_drift() {
    let pipeline = RpmPipeline::offline(scale_task());
    let texts: Vec<(String, &str)> = (0..26)
        .map(|n| (format!("A {} drama, number {n}.", ["slow", "loud"][n % 2]), if n < 18 { "5" } else { "1" }))
        .collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(text, response)| (text.as_str(), *response)).collect();
    let learned = block_on(pipeline.learn(&crate::common::history_of(&scale_task(), &texts))).unwrap().model;
    let prepared = open(&pipeline, learned);
    let file = block_on(pipeline.pack(&prepared)).unwrap().to_bytes().unwrap();
    let again = block_on(pipeline.unpack(&PackedModel::from_bytes(&file).unwrap())).unwrap();
    let factors = prepared.model().factors();
    assert!(factors.iter().any(|factor| prepared.drift(factor.id()).is_some()));
    for factor in factors.iter() {
        assert_eq!(again.drift(factor.id()), prepared.drift(factor.id()));
    }
}

#[test]
fn places_of_factors_that_are_made_anew_are_made_anew() {
    let pipeline = RpmPipeline::offline(scale_task());
    let file = block_on(pipeline.pack(&learned(&pipeline))).unwrap().to_bytes().unwrap();
    let whole = Sections::read(&file, "packed", 2).unwrap();
    let mut writer = Writer::new("packed", 2);
    for name in ["model", "places", "items"] {
        let section = whole.get(name).unwrap();
        let earlier = String::from_utf8_lossy(section).replacen("\"rule\":2", "\"rule\":1", 1);
        writer.section(name, if name == "model" { earlier.as_bytes() } else { section });
    }
    // Of factors that were others.
    writer.section("sightings", b"[[99]]");
    let again = block_on(pipeline.unpack(&PackedModel::from_bytes(&writer.finish()).unwrap())).unwrap();
    assert_eq!(again.model(), learned(&pipeline).model());
}

#[test]
fn places_of_factors_that_cannot_be_are_an_error_that_names_the_section() {
    let pipeline = RpmPipeline::offline(scale_task());
    let file = block_on(pipeline.pack(&learned(&pipeline))).unwrap().to_bytes().unwrap();
    let whole = Sections::read(&file, "packed", 2).unwrap();
    for wrong in [&b"[]"[..], b"[[0]]", b"[[99999]]", b"[[18446744073709551615,1]]", b"{", b"[[-1]]"] {
        let mut writer = Writer::new("packed", 2);
        for name in ["model", "places", "items", "factors"] {
            if let Ok(section) = whole.get(name) {
                writer.section(name, section);
            }
        }
        writer.section("sightings", wrong);
        let spoiled = PackedModel::from_bytes(&writer.finish()).unwrap();
        let error = block_on(pipeline.unpack(&spoiled)).unwrap_err();
        let Error::Packed(error) = error else { panic!("{error}") };
        assert!(error.source().unwrap().to_string().contains("`sightings`"), "{error:?}");
    }
}

#[test]
fn a_position_beyond_the_memory_is_an_error() {
    let pipeline = RpmPipeline::offline(scale_task());
    let packed = block_on(pipeline.pack(&learned(&pipeline))).unwrap();
    assert!(matches!(packed.item(6), Err(PackedError::NoSuchPosition { position: 6, len: 6 })));
}
