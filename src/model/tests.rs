//! Any order of changes leaves the model that the surviving interactions and edits make.

use std::collections::BTreeSet;

use pollster::block_on;
use proptest::prelude::*;

use crate::data::grouping::{FittedFactor, Grouping};
use crate::data::{
    Decay, Edit, EditedStep, FactorId, Feature, FeatureKey, Interaction, ItemId, MemoryItem, PathOrigin, PathStep,
    Query, ReasoningPath, ResponseSpace, Span, Task, UserId,
};
use crate::extract::LexicalExtractor;
use crate::model::{PackedModel, Provenance, UserModel};

use super::Forget;

/// Names of which some are alike, so that features join each other's factors.
const NAMES: [&str; 11] = [
    "slow pace",
    "slow paced",
    "slow pace of scenes",
    "pace of scenes",
    "loud action",
    "loud action scenes",
    "not slow",
    "warm light",
    "light",
    "steuer",
    "steuern",
];
const RESPONSES: [&str; 3] = ["1", "3", "5"];

#[derive(Debug, Clone)]
enum Event {
    Observe { id: u8, time: Option<i64>, names: Vec<usize>, response: usize, path: bool },
    Forget(u8),
    ForgetFactor(usize),
    Edit { kind: usize, a: usize, b: usize },
    Undo(usize),
    Snapshot,
    Rollback(usize),
}

fn observed() -> impl Strategy<Value = Event> {
    let names = prop::collection::vec(0..NAMES.len(), 0..4);
    (0..40_u8, prop::option::weighted(0.8, 0..200_i64), names, 0..RESPONSES.len(), any::<bool>())
        .prop_map(|(id, time, names, response, path)| Event::Observe { id, time, names, response, path })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => observed(),
        2 => (0..40_u8).prop_map(Event::Forget),
        1 => (0..20_usize).prop_map(Event::ForgetFactor),
        3 => (0..9_usize, 0..20_usize, 0..20_usize).prop_map(|(kind, a, b)| Event::Edit { kind, a, b }),
        1 => (0..20_usize).prop_map(Event::Undo),
        1 => Just(Event::Snapshot),
        1 => (0..4_usize).prop_map(Event::Rollback),
    ]
}

fn task() -> Task {
    Task::new("Rate the film", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

fn item(id: u8, time: Option<i64>, names: &[usize], response: usize, path: bool) -> MemoryItem {
    let names: BTreeSet<usize> = names.iter().copied().collect();
    // With enough of these the history is German, and with one less it is not.
    let opening = if id % 2 == 1 { "das und film" } else { "film" };
    let text = format!("{opening} {id}: {}", names.iter().map(|n| NAMES[*n]).collect::<Vec<_>>().join(", "));
    let query = Query::new(text.clone()).unwrap();
    let features: Vec<Feature> = names
        .iter()
        .map(|n| {
            let start = text.find(NAMES[*n]).unwrap();
            Feature::new(&query, NAMES[*n], Span { start, end: start + NAMES[*n].len() }).unwrap()
        })
        .collect();
    let interaction = Interaction::new(format!("i{id:02}"), query, RESPONSES[response]).unwrap();
    let interaction = match time {
        Some(time) => interaction.at(time),
        None => interaction,
    };
    let item = MemoryItem::new(interaction, features).unwrap();
    if !path || item.features().is_empty() {
        return item;
    }
    // The factor is stamped when the item is taken in.
    let step = PathStep { feature: 0, factor: None, text: "It suits.".to_owned() };
    let path = ReasoningPath::new(vec![step], RESPONSES[response], PathOrigin::Model, item.features(), |_| None);
    item.with_path(path.unwrap())
}

fn made_of(items: Vec<MemoryItem>, grouping: &Grouping, decay: Option<Decay>) -> UserModel {
    let user = UserId::new("ana").unwrap();
    block_on(UserModel::grown(user, task(), grouping.clone(), decay, items, Provenance::default())).unwrap()
}

fn nth<T: Clone>(all: &[T], n: usize) -> Option<T> {
    (!all.is_empty()).then(|| all[n % all.len()].clone())
}

fn factor_ids(model: &UserModel) -> Vec<FactorId> {
    model.factors.iter().chain(model.set_aside.iter()).map(|factor| factor.id().clone()).collect()
}

/// Some edit on what is there.
fn some_edit(model: &UserModel, kind: usize, a: usize, b: usize) -> Option<Edit> {
    let ids = factor_ids(model);
    let factor = nth(&ids, a);
    let items: Vec<ItemId> = model.memory.items().iter().map(|item| item.id().clone()).collect();
    Some(match kind {
        0 => Edit::Mute { factor: factor? },
        1 => Edit::NotMe { factor: factor? },
        2 => Edit::Pin { factor: factor? },
        3 => Edit::Boost { factor: factor?, by: 0.5 + b as f64 / 10.0 },
        4 => Edit::Rename { factor: factor?, label: format!("mine {b}") },
        5 => Edit::Merge { factor: factor?, into: nth(&ids, b)? },
        6 => {
            let factor = factor?;
            let of = model.factors.get(&factor).or(model.set_aside.get(&factor))?;
            let features: Vec<FeatureKey> = of.features().iter().cloned().collect();
            Edit::Split { factor, features: [nth(&features, b)?].into() }
        }
        7 => {
            let item = model.memory.get(&nth(&items, a)?)?;
            let feature = item.features().first()?.key();
            let steps = vec![EditedStep { feature, text: format!("Because {b}.") }];
            Edit::Path { item: item.id().clone(), steps }
        }
        _ => Edit::WithdrawPath { item: nth(&items, a)? },
    })
}

/// The outcome of the events, kept apart from the model: the items, and how each came.
#[derive(Debug, Clone, Default)]
struct Ledger {
    items: Vec<(u32, MemoryItem)>,
    /// When each was made and, if it was, undone: how many snapshots there had been.
    edits: Vec<(u32, Edit, Option<u32>)>,
    taken: u32,
    snapshots: Vec<u32>,
}

fn run(events: &[Event], grouping: &Grouping, decay: Option<Decay>) -> (UserModel, Ledger) {
    let mut model = made_of(Vec::new(), grouping, decay);
    let mut ledger = Ledger::default();
    // As a prepared model does: one partition, extended where it can be.
    let mut partition = model.partition();
    for event in events {
        let revision = model.revision;
        match event {
            Event::Observe { id, time, names, response, path } => {
                let new = item(*id, *time, names, *response, *path);
                if model.memory.get(new.id()).is_none() {
                    block_on(model.grow(vec![new.clone()], Vec::new(), &mut partition));
                    ledger.items.push((ledger.taken, new));
                }
            }
            Event::Forget(id) => {
                let id = ItemId::new(format!("i{id:02}")).unwrap();
                if let Ok((gone, keys)) = model.selected(&Forget::Items(vec![id.clone()])) {
                    partition = model.forget(gone, &keys).2;
                    ledger.items.retain(|(_, item)| *item.id() != id);
                    if ledger.items.is_empty() {
                        ledger.edits.clear();
                    }
                }
            }
            Event::ForgetFactor(n) => {
                if let Some(id) = nth(&factor_ids(&model), *n) {
                    let (gone, keys) = model.selected(&Forget::Factor(id)).unwrap();
                    partition = model.forget(gone, &keys).2;
                    for (_, item) in &mut ledger.items {
                        *item = item.only(|feature| !keys.contains(&feature.key()));
                    }
                }
            }
            Event::Edit { kind, a, b } => {
                let Some(edit) = some_edit(&model, *kind, *a, *b) else { continue };
                if model.edit_in(edit.clone(), &partition).is_ok() {
                    ledger.edits.push((ledger.taken, edit, None));
                } else {
                    assert_eq!(model.revision, revision);
                }
            }
            Event::Undo(n) => {
                let holding: Vec<usize> = (0..ledger.edits.len()).filter(|i| ledger.edits[*i].2.is_none()).collect();
                let Some(place) = nth(&holding, *n) else { continue };
                // The list also holds what took others back, so the number is looked up.
                let number = model.edits_in_force()[holding.iter().position(|i| *i == place).unwrap()].number();
                model.edit_in(Edit::Undo { edit: number }, &partition).unwrap();
                ledger.edits[place].2 = Some(ledger.taken);
            }
            Event::Snapshot => {
                ledger.taken = model.snapshot();
                ledger.snapshots.push(ledger.taken);
            }
            Event::Rollback(n) => {
                let Some(to) = nth(&ledger.snapshots, *n) else { continue };
                partition = model.roll_back(to).unwrap().1;
                ledger.snapshots.retain(|number| *number <= to);
                ledger.items.retain(|(after, _)| *after < to);
                ledger.edits.retain(|(after, ..)| *after < to);
                for (.., undone) in &mut ledger.edits {
                    *undone = undone.filter(|after| *after < to);
                }
                if ledger.items.is_empty() {
                    ledger.edits.clear();
                }
            }
        }
        assert!(model.revision >= revision);
    }
    (model, ledger)
}

fn surviving(ledger: &Ledger) -> Vec<MemoryItem> {
    ledger.items.iter().map(|(_, item)| item.clone()).collect()
}

fn groupings() -> [Grouping; 2] {
    let group = |id: &str, label: &str, names: &[usize]| FittedFactor {
        id: FactorId::new(id).unwrap(),
        label: label.to_owned(),
        description: "What a model said.".to_owned(),
        features: names.iter().map(|n| FeatureKey::of(NAMES[*n])).collect(),
    };
    let fitted = vec![group("fa", "tempo", &[0, 3]), group("fb", "brightness", &[7, 8])];
    [Grouping::by_likeness(0.6), Grouping { fitted, ..Grouping::by_likeness(0.5) }]
}

fn decays() -> impl Strategy<Value = Option<Decay>> {
    prop::option::of((1..120_i64).prop_map(|time| Decay::half_life(time).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::model::tests::cases(64), ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_leaves_what_the_surviving_interactions_and_edits_make(
        events in prop::collection::vec(event(), 1..40),
        decay in decays(),
    ) {
        let by_likeness = &groupings()[0];
        let (model, ledger) = run(&events, by_likeness, decay);
        model.check().unwrap();
        let mut replayed = made_of(surviving(&ledger), by_likeness, decay);
        let holding: Vec<&Edit> = ledger.edits.iter().filter(|(.., undone)| undone.is_none()).map(|(_, edit, _)| edit).collect();
        let in_force = model.edits_in_force();
        prop_assert_eq!(in_force.len(), holding.len());
        prop_assert!(in_force.iter().zip(&holding).all(|(record, edit)| record.edit().kind() == edit.kind()));
        replayed.edits.clone_from(&model.edits);
        replayed.rearrange(&replayed.partition());
        prop_assert_eq!(model.digest(), replayed.digest());
        // No file holds factors that follow from the rest, and none is read as another model than was written.
        let file = model.to_json();
        prop_assert!(!file.contains("\"totals\"") && model.is_derived());
        let read = UserModel::from_json(&file).unwrap();
        prop_assert_eq!(read.to_json(), file);
        prop_assert!(read == model && read.digest() == model.digest());
    }

    #[test]
    fn features_that_are_left_out_are_read_off_the_text_as_they_were(
        texts in prop::collection::vec("(\\PC{0,12}|([a-z]{1,9}[ ,.]{1,2}){0,60}|(not|very|good|dull|no|slow|plot|[ .]){0,20})", 1..12),
        keep in prop::collection::vec(0..6_usize, 12),
    ) {
        let mut items = Vec::new();
        for (n, (text, keep)) in texts.into_iter().zip(keep).enumerate() {
            let Ok(query) = Query::new(text) else { continue };
            let all = LexicalExtractor::read_all(&query);
            let features = match keep {
                0 => Vec::new(),
                1 => all.into_iter().take(3).collect(),
                2 => all.into_iter().rev().collect(),
                3 => all.iter().cloned().chain(all.first().cloned()).collect(),
                _ => all,
            };
            let interaction = Interaction::new(format!("i{n}"), query, "5").unwrap();
            items.push(MemoryItem::new(interaction, features).unwrap());
        }
        let model = made_of(items, &groupings()[0], None);
        for read in [
            UserModel::from_json(&model.to_json()).unwrap(),
            serde_json::from_slice(&serde_json::to_vec(&model).unwrap()).unwrap(),
            PackedModel::from_bytes(&PackedModel::pack(&model).unwrap().to_bytes().unwrap()).unwrap().model().unwrap(),
        ] {
            prop_assert_eq!(read.to_json(), model.to_json());
            prop_assert!(read == model && read.digest() == model.digest());
        }
    }

    #[test]
    fn observing_one_by_one_is_learning_at_once(
        events in prop::collection::vec(observed(), 1..40),
        decay in decays(),
        fitted in any::<bool>(),
    ) {
        // A factor model's groups hold only features that some item has.
        let items: Vec<MemoryItem> = surviving(&run(&events, &groupings()[0], decay).1);
        let keys: BTreeSet<FeatureKey> = items.iter().flat_map(MemoryItem::features).map(Feature::key).collect();
        let mut grouping = groupings()[usize::from(fitted)].clone();
        grouping.fitted.iter_mut().for_each(|group| group.features.retain(|key| keys.contains(key)));
        grouping.fitted.retain(|group| !group.features.is_empty());
        let at_once = made_of(items.clone(), &grouping, decay);
        let mut one_by_one = made_of(Vec::new(), &grouping, decay);
        let mut partition = one_by_one.partition();
        for item in items {
            block_on(one_by_one.grow(vec![item], Vec::new(), &mut partition));
        }
        prop_assert_eq!(at_once.digest(), one_by_one.digest());
    }

    #[test]
    fn forgetting_what_was_observed_restores_every_byte(
        events in prop::collection::vec(event(), 1..30),
        id in 100..110_u8,
        time in prop::option::of(0..300_i64),
        names in prop::collection::vec(0..NAMES.len(), 0..4),
        decay in decays(),
    ) {
        let (mut model, _) = run(&events, &groupings()[0], decay);
        let before = model.clone();
        let new = item(id, time, &names, 1, true);
        let mut partition = model.partition();
        block_on(model.grow(vec![new.clone()], Vec::new(), &mut partition));
        prop_assert!(model.digest() != before.digest());
        let gone = BTreeSet::from([new.id().clone()]);
        model.forget(gone, &BTreeSet::new());
        if !before.memory.is_empty() {
            let mut restored = model.clone();
            (restored.revision, restored.forgotten_at) = (before.revision, before.forgotten_at);
            prop_assert_eq!(restored.to_json(), before.to_json());
        }
    }
}

/// Cases of a property: `PROPTEST_CASES`, or this many.
pub(super) fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

#[test]
fn learning_again_loses_no_edit() {
    let events: Vec<MemoryItem> =
        (0..27).map(|n| item(n, Some(n.into()), &[usize::from(n % 9), 7], 2, false)).collect();
    let mut model = made_of(events.clone(), &groupings()[0], None);
    let id =
        |model: &UserModel, name: usize| model.factors.factor_of(&FeatureKey::of(NAMES[name])).unwrap().id().clone();
    let (slow, loud) = (id(&model, 0), id(&model, 4));
    model.edit(Edit::Mute { factor: loud.clone() }).unwrap();
    model.edit(Edit::Rename { factor: slow.clone(), label: "my pace".to_owned() }).unwrap();
    // The same interactions learned by a factor model that groups otherwise: other ids, the same features.
    let group = |id: &str, names: &[usize]| FittedFactor {
        id: FactorId::new(id).unwrap(),
        label: id.to_owned(),
        description: String::new(),
        features: names.iter().map(|n| FeatureKey::of(NAMES[*n])).collect(),
    };
    let fitted = vec![group("x", &[0, 1, 2, 3, 6]), group("y", &[4, 5]), group("z", &[7, 8])];
    let mut again = made_of(events, &Grouping { fitted, ..Grouping::by_likeness(0.6) }, None);
    again.succeed(&model);
    assert_eq!(again.edits, model.edits);
    assert_eq!(again.set_aside.iter().map(|f| f.id().as_str()).collect::<Vec<_>>(), ["y"]);
    assert_eq!(again.factors.get(&FactorId::new("x").unwrap()).unwrap().label(), "my pace");
    assert!(again.revision > model.revision);
}
