//! A user model file, and what is done with the model afterwards.

use std::sync::OnceLock;

use rpm_core::data::EditedStep;
use rpm_core::{DataError, Edit, FactorId, Forget, UserModel};
use serde_json::{Value, json};

use crate::made::{TEXTS, interaction, model, offline, query};
use crate::steps::{run, sync};
use crate::{CANARY, first, is_discreet, text};

/// The first byte chooses how a file is made: of the bytes as they are, or of a good file that the bytes change in up to four places.
/// Then come a number of steps and, where the file is the bytes, the file.
pub fn models(data: &[u8]) {
    let (how, rest) = first(data);
    let (steps, rest) = first(rest);
    let (steps, rest) = rest.split_at(rest.len().min(usize::from(steps % 8) * 3));
    let kind = how % 8;
    let file = if how < 128 { text(rest).into_owned() } else { changed(kind, rest) };
    let read = sync(|| UserModel::from_json(&file));
    match read {
        Err(error) => refused(&error, &file),
        Ok(mut model) => {
            model = saved_and_loaded(&model, "reading");
            let pipeline = offline(kind);
            if model.task() != pipeline.task() {
                return;
            }
            for (number, step) in steps.chunks(3).enumerate() {
                // A changed file may have a text of an item where forgetting does not reach, such as in the task.
                take(kind, &mut model, step, number, how >= 128 && rest.len() < 4);
                model = saved_and_loaded(&model, "a step");
            }
            asked(kind, &model);
        }
    }
}

fn refused(error: &DataError, file: &str) {
    // Ids are named; where one is the word that is looked for, so may the error.
    let is_id = |text: &str| text.contains(CANARY) && text.len() <= 64;
    let mut ids = Vec::new();
    if let Ok(value) = serde_json::from_str::<Value>(file) {
        strings(&value, &mut ids);
    }
    if !ids.iter().any(|text| is_id(text)) {
        is_discreet(error);
    }
}

/// Every text of a document, names of members included.
pub(crate) fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(members) => members.iter().for_each(|member| strings(member, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            found.push(name.clone());
            strings(member, found);
        }),
        _ => {}
    }
}

#[track_caller]
pub(crate) fn saved_and_loaded(model: &UserModel, after: &str) -> UserModel {
    let file = model.to_json();
    let read = UserModel::from_json(&file).unwrap_or_else(|error| panic!("{error:?} after {after}"));
    assert!(read.to_json() == file, "another file after {after}");
    assert!(read.digest() == model.digest(), "another model after {after}");
    assert!(!format!("{model:?}").contains(CANARY), "Debug quotes a text after {after}");
    read
}

/// Good files by pipeline, with edits, snapshots and paths.
fn files(kind: u8) -> &'static Value {
    static MADE: OnceLock<Vec<Value>> = OnceLock::new();
    let all = MADE.get_or_init(|| {
        (0..8)
            .map(|kind| {
                let mut model = model(kind).clone();
                let ids: Vec<FactorId> = model.factors().iter().map(|factor| factor.id().clone()).collect();
                if let [one, other, third, ..] = &ids[..] {
                    model.edit(Edit::Mute { factor: one.clone() }).unwrap();
                    model.edit(Edit::Merge { factor: other.clone(), into: third.clone() }).unwrap();
                }
                model.snapshot();
                if let Some(item) = model.memory().items().first().cloned().filter(|item| !item.features().is_empty()) {
                    let steps = vec![EditedStep { feature: item.features()[0].key(), text: "I said so.".to_owned() }];
                    let _ = model.edit(Edit::Path { item: item.id().clone(), steps });
                }
                serde_json::from_str(&model.to_json()).unwrap()
            })
            .collect()
    });
    &all[usize::from(kind % 8)]
}

fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(members) => {
            members.iter().enumerate().for_each(|(place, member)| places(member, &format!("{at}/{place}"), found));
        }
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| places(member, &format!("{at}/{}", name.replace('/', "~1")), found)),
        _ => {}
    }
}

/// A good file with changes, each of four bytes: what, where (two), with what.
fn changed(kind: u8, data: &[u8]) -> String {
    let mut file = files(kind).clone();
    for change in data.chunks_exact(4).take(4) {
        let mut all = Vec::new();
        places(&file, "", &mut all);
        let at = usize::from(u16::from_le_bytes([change[1], change[2]]));
        let place = all[at % all.len()].clone();
        let other = file.pointer(&all[usize::from(change[3]) * 7 % all.len()]).cloned().unwrap_or_default();
        let Some(value) = file.pointer_mut(&place) else { continue };
        match change[0] % 6 {
            0 => *value = other,
            1 => {
                let numbers =
                    [json!(0), json!(1), json!(-1), json!(0.5), json!(1e300), json!(u32::MAX), json!(u64::MAX)];
                *value = numbers[usize::from(change[3]) % numbers.len()].clone();
            }
            2 => {
                let texts = ["zz", "", "f", "c1", "ffffffffffffffffffffffffffffffff", "a b", "\u{202e}", "i0", "ana"];
                *value = json!(texts[usize::from(change[3]) % texts.len()]);
            }
            kind => match value {
                Value::Array(list) if !list.is_empty() => {
                    let which = usize::from(change[3]) % list.len();
                    match kind {
                        3 => list.swap(0, which),
                        4 => list.push(list[which].clone()),
                        _ => drop(list.remove(which)),
                    }
                }
                Value::Object(members) if kind == 5 => {
                    let name = members.keys().nth(usize::from(change[3]) % members.len().max(1)).cloned();
                    name.map(|name| members.remove(&name));
                }
                _ => {}
            },
        }
    }
    file.to_string()
}

/// Does a step; what is refused, such as an edit of what is not there, changes nothing.
fn take(kind: u8, model: &mut UserModel, step: &[u8], number: usize, is_own: bool) {
    let byte = |at: usize| step.get(at).copied().unwrap_or_default();
    let pipeline = offline(kind);
    let ids: Vec<FactorId> =
        model.factors().iter().chain(model.set_aside().iter()).map(|factor| factor.id().clone()).collect();
    let items: Vec<_> = model.memory().items().iter().map(|item| item.id().clone()).collect();
    let pick = |at: u8| ids.get(usize::from(at) % ids.len().max(1)).cloned();
    match byte(0) % 6 {
        0 => {
            let time = if byte(2) > 127 { 1_000 + i64::try_from(number).unwrap() } else { i64::from(byte(2)) };
            let text = TEXTS[usize::from(byte(1)) % TEXTS.len()];
            let new = interaction(kind, &format!("n{number}"), text, byte(2), time).unwrap();
            let mut prepared = run(pipeline.open(model.clone())).unwrap();
            run(pipeline.observe(&mut prepared, [new])).unwrap();
            *model = prepared.into_model();
        }
        1 | 2 => {
            let (Some(factor), Some(into)) = (pick(byte(1)), pick(byte(2))) else { return };
            let features =
                model.factors().get(&factor).map(|factor| factor.features().iter().take(1).cloned().collect());
            let edit = match byte(2) % 8 {
                0 => Edit::Mute { factor },
                1 => Edit::NotMe { factor },
                2 => Edit::Pin { factor },
                3 => Edit::Boost { factor, by: 2.0 },
                4 => Edit::Rename { factor, label: "mine".to_owned() },
                5 => Edit::Merge { factor, into },
                6 => Edit::Split { factor, features: features.unwrap_or_default() },
                _ => Edit::Undo { edit: u32::from(byte(1)) % (u32::try_from(model.edits().len()).unwrap() + 1) },
            };
            let before = model.to_json();
            match model.preview(edit.clone()) {
                Ok(_) => drop(model.edit(edit).expect("what can be previewed can be done")),
                Err(error) => {
                    is_discreet(&error);
                    assert!(model.edit(edit).is_err() && model.to_json() == before, "a refused edit changes the model");
                }
            }
        }
        3 => {
            let what = match byte(1) % 4 {
                0 => {
                    items.get(usize::from(byte(2)) % items.len().max(1)).cloned().map(|item| Forget::Items(vec![item]))
                }
                1 => pick(byte(2)).map(Forget::Factor),
                2 => Some(Forget::Before(i64::from(byte(2)))),
                _ => Some(Forget::All),
            };
            let Some(what) = what else { return };
            let mut prepared = run(pipeline.open(model.clone())).unwrap();
            let receipt = run(pipeline.forget(&mut prepared, &what)).unwrap();
            assert!(!is_own || receipt.probe.found == 0, "forgotten text is left");
            *model = prepared.into_model();
            assert_eq!(receipt.digest_after, model.digest());
        }
        4 => drop(model.snapshot()),
        _ => {
            let snapshots = model.snapshots().to_vec();
            if let Some(snapshot) = snapshots.get(usize::from(byte(1)) % snapshots.len().max(1)) {
                model.rollback(*snapshot).unwrap();
            }
        }
    }
}

/// Answers, explains and shows the model.
fn asked(kind: u8, model: &UserModel) {
    let pipeline = offline(kind);
    let prepared = run(pipeline.open(model.clone())).expect("what loads can be opened");
    let query = query(kind, "A quiet zebra and a slow walk.").unwrap();
    let (one, other) = (run(pipeline.personalize(&prepared, &query)), run(pipeline.personalize(&prepared, &query)));
    match (one, other) {
        (Ok(answer), Ok(again)) => {
            assert!(answer == again, "the same question is answered in two ways");
            if let Err(error) = run(pipeline.explain(&prepared, &answer)) {
                is_discreet(&error);
            }
            let _ = answer.reasons(&prepared).in_words();
        }
        (Err(error), Err(_)) => is_discreet(&error),
        _ => panic!("the same question succeeds and fails"),
    }
    let _ = sync(|| prepared.profile()).to_string();
}
