//! A packed user model.

use rpm_core::container::{Sections, Writer};
use rpm_core::model::PackedModel;

use crate::made::{model, offline};
use crate::steps::{run, sync};
use crate::{first, is_discreet};

/// The first byte chooses: the bytes as they are, or a good file whose sections the bytes change, with its checksums made anew.
pub fn packed(data: &[u8]) {
    let (how, rest) = first(data);
    let bytes = if how < 96 { rest.to_vec() } else { remade(&good(how), "packed", 2, rest) };
    let (whole, read) = (sync(|| PackedModel::from_bytes(&bytes)), PackedModel::read(&bytes[..]));
    assert_eq!(whole.is_ok(), read.is_ok(), "a reader and a slice are read otherwise");
    let packed = match whole {
        Err(error) => return is_discreet(&error),
        Ok(packed) => packed,
    };
    for position in 0..packed.len().min(8) + 1 {
        if let Err(error) = packed.item(position) {
            let _ = crate::told(&error);
        }
    }
    let model = match sync(|| packed.model()) {
        Err(error) => return drop(crate::told(&error)),
        Ok(model) => model,
    };
    let model = crate::models::saved_and_loaded(&model, "unpacking");
    let again = PackedModel::pack(&model).unwrap().to_bytes().unwrap();
    assert!(PackedModel::from_bytes(&again).unwrap().model().unwrap() == model, "packing changes a model");
    let pipeline = offline(how);
    if model.task() == pipeline.task()
        && let Ok(prepared) = run(pipeline.unpack(&packed))
    {
        let query = crate::made::query(how, "A quiet zebra.").unwrap();
        let answer = run(pipeline.personalize(&prepared, &query)).unwrap();
        let fixed = pipeline.task().space().fixed_responses();
        assert!(fixed.is_none_or(|all| all.contains(&answer.response)), "a response outside of the task");
    }
}

/// A good file with its index.
pub(crate) fn good(kind: u8) -> Vec<u8> {
    let pipeline = offline(kind);
    let prepared = run(pipeline.open(model(kind).clone())).unwrap();
    run(pipeline.pack(&prepared)).unwrap().to_bytes().unwrap()
}

/// A file of sections with changes, each of six bytes and a few of what is written: which section, how, where (two), how many bytes
/// go, how many come.
pub(crate) fn remade(good: &[u8], kind: &'static str, version: u32, mut data: &[u8]) -> Vec<u8> {
    let sections = Sections::read(good, kind, version).unwrap();
    let mut sections: Vec<(String, Vec<u8>)> =
        sections.iter().map(|(name, body)| (name.to_owned(), body.to_vec())).collect();
    while let Some((change, rest)) = data.split_first_chunk::<6>() {
        let (new, rest) = rest.split_at(rest.len().min(usize::from(change[5] % 32)));
        data = rest;
        let which = usize::from(change[0]) % sections.len().max(1);
        let Some((_, body)) = sections.get_mut(which) else { break };
        let at = usize::from(u16::from_le_bytes([change[2], change[3]])) % (body.len() + 1);
        let end = (at + usize::from(change[4] % 32)).min(body.len());
        match change[1] % 8 {
            0..=4 => drop(body.splice(at..end, new.iter().copied())),
            5 => body.truncate(at),
            6 => drop(sections.remove(which)),
            _ => {
                let copy = sections[which].clone();
                sections.push(copy);
            }
        }
    }
    let mut writer = Writer::new(kind, version);
    sections.iter().for_each(|(name, body)| writer.section(name, body));
    writer.finish()
}
