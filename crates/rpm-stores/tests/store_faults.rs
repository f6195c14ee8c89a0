//! The store on a disk that fails: every fault at every call of a small workload, and large workloads at random.
//!
//! What the store said holds whatever the disk does: a save or a deletion that it acknowledged is there afterwards, also when the
//! process is killed or the power goes; one that failed is there whole or not at all; what was deleted before a `compact` that
//! succeeded is in no file; and the file opens.
#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/schedules.rs"]
mod schedules;

use std::collections::BTreeSet;

use common::scale_task;
use pollster::block_on;
use rpm_core::store::{StoreError, UserModelStore};
use rpm_core::testing::disk::{FailingDisk, Fault, Plan, Random};
use rpm_core::{History, Interaction, Query, RpmPipeline, UserModel};
use rpm_stores::RedbStore;
use schedules::Sum;

const PATH: &str = "/data/users";
const USERS: usize = 3;
const VARIANTS: usize = 3;

/// One step of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Save(usize),
    Load(usize),
    Delete(usize),
    Compact,
    Reopen,
}

/// The models that are saved: some for each user, some of them of several pages.
struct Models(Vec<Vec<UserModel>>);

impl Models {
    fn new() -> Self {
        let model = |user: usize, variant: usize| {
            let interactions = (0..[1, 7, 2][variant]).map(|n| {
                let text = format!("Film {n} of {}: a baker and a harbour in fog, told slowly.", canary(user, variant));
                Interaction::new(format!("i{n:02}"), Query::new(text).unwrap(), ["2", "4"][n % 2]).unwrap()
            });
            let history = History::new(&scale_task(), format!("user{user}"), interactions).unwrap();
            block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap().model
        };
        Self((0..USERS).map(|user| (0..VARIANTS).map(|variant| model(user, variant)).collect()).collect())
    }
}

fn canary(user: usize, variant: usize) -> String {
    format!("canary{user}{variant}")
}

/// All that is known of a store, and what came out otherwise.
#[derive(Debug)]
struct Model {
    /// By user: what the store may hold.
    may: Vec<Vec<Option<usize>>>,
    /// What no file may hold.
    erased: BTreeSet<String>,
    next: usize,
    lost: u32,
    wrong: u32,
    unopenable: u32,
    returned: u32,
}

impl Model {
    fn new() -> Self {
        let may = vec![vec![None]; USERS];
        Self { may, erased: BTreeSet::new(), next: 0, lost: 0, wrong: 0, unopenable: 0, returned: 0 }
    }

    fn step(&mut self, store: &RedbStore, models: &Models, step: Step, fails: bool) {
        match step {
            Step::Save(user) => {
                self.next += 1;
                let variant = self.next % VARIANTS;
                let model = &models.0[user][variant];
                self.erased.remove(&canary(user, variant));
                let saved =
                    block_on(store.version(model.user())).and_then(|version| block_on(store.save(model, version)));
                let saved = self.said(saved, fails);
                self.came_to(user, Some(variant), saved.is_some());
            }
            Step::Delete(user) => {
                let deleted = self.said(block_on(store.delete(models.0[user][0].user())), fails);
                self.came_to(user, None, deleted.is_some());
            }
            Step::Load(user) => self.load(store, models, user, fails),
            Step::Compact => {
                if self.said(block_on(store.compact()), fails).is_some() {
                    self.erase();
                }
            }
            Step::Reopen => {}
        }
    }

    /// The result, where there is one. Only the disk may be to blame where there is none.
    fn said<T>(&mut self, result: Result<T, StoreError>, fails: bool) -> Option<T> {
        let is_wrong = match &result {
            Ok(_) => false,
            // A save before that failed may have been made: whole, or not at all.
            Err(StoreError::Conflict) if fails => false,
            Err(StoreError::NotAStore | StoreError::Corrupt { .. }) => true,
            Err(_) => !fails,
        };
        self.unopenable += u32::from(is_wrong);
        result.ok()
    }

    fn came_to(&mut self, user: usize, state: Option<usize>, is_acknowledged: bool) {
        if is_acknowledged {
            self.may[user].clear();
        }
        self.may[user].push(state);
    }

    fn load(&mut self, store: &RedbStore, models: &Models, user: usize, fails: bool) {
        let loaded = block_on(store.load(models.0[user][0].user()));
        let Ok(loaded) = loaded else {
            self.unopenable += u32::from(!fails);
            return;
        };
        let variant = loaded.map(|held| models.0[user].iter().position(|model| *model == *held.model));
        match variant {
            Some(None) => self.wrong += 1,
            None => self.lost += u32::from(!self.may[user].contains(&None)),
            Some(variant) => self.lost += u32::from(!self.may[user].contains(&variant)),
        }
    }

    /// What no user may have any more is in no file.
    fn erase(&mut self) {
        for (user, variant) in (0..USERS).flat_map(|user| (0..VARIANTS).map(move |variant| (user, variant))) {
            if !self.may[user].contains(&Some(variant)) {
                self.erased.insert(canary(user, variant));
            }
        }
    }

    fn check(&mut self, store: &RedbStore, models: &Models, disk: &FailingDisk) {
        (0..USERS).for_each(|user| self.load(store, models, user, false));
        let files: Vec<Vec<u8>> = disk.names().iter().filter_map(|path| disk.bytes(path)).collect();
        let texts: Vec<_> = files.iter().map(|file| String::from_utf8_lossy(file)).collect();
        let erased = |text: &str| {
            text.match_indices("canary")
                .any(|(at, _)| text.get(at..at + 8).is_some_and(|name| self.erased.contains(name)))
        };
        self.returned += u32::try_from(texts.iter().filter(|text| erased(text)).count()).unwrap();
    }

    /// What is wrong, as a sum of schedules counts it.
    fn wrongs(&self) -> [u32; 4] {
        [self.lost, self.wrong, self.unopenable, self.returned]
    }
}

fn open(disk: &FailingDisk, fails: bool) -> Option<RedbStore> {
    let opened = RedbStore::open_on(disk.clone(), PATH);
    if let Err(error) = &opened {
        assert!(fails || matches!(error, StoreError::Damaged { .. } | StoreError::Permanent { .. }), "{error:?}");
    }
    opened.ok()
}

/// Does the steps until the process dies. A store that cannot be opened is tried again at the next step.
fn live(disk: &FailingDisk, model: &mut Model, models: &Models, steps: &[Step], fails: bool) -> Option<RedbStore> {
    let mut store = open(disk, fails);
    for &step in steps {
        if step == Step::Reopen {
            store = None;
        }
        if disk.is_dead() {
            return None;
        }
        store = store.or_else(|| open(disk, fails));
        if let Some(store) = &store {
            model.step(store, models, step, fails);
        }
    }
    store
}

/// The process ends; the next one opens the store, which has to hold what it should.
fn next_life(disk: &FailingDisk, model: &mut Model, models: &Models, power: bool) -> Option<RedbStore> {
    if power {
        disk.lose_power();
    } else {
        disk.kill();
    }
    let store = open(disk, false);
    match &store {
        Some(store) => model.check(store, models, disk),
        None => model.unopenable += 1,
    }
    store
}

/// After all faults: the running process goes on where it can, the next one finds it all.
fn settle(disk: &FailingDisk, model: &mut Model, models: &Models, store: Option<RedbStore>, power: bool) {
    disk.fail(Plan::Never);
    if let Some(store) = store.filter(|_| !disk.is_dead()) {
        // A replacement that may have been made, and was not seen to, ends this opening's writes.
        model.step(&store, models, Step::Save(2), true);
        model.check(&store, models, disk);
    }
    if let Some(store) = next_life(disk, model, models, power) {
        for step in [Step::Save(1), Step::Delete(0), Step::Compact, Step::Save(2)] {
            model.step(&store, models, step, false);
        }
    }
    next_life(disk, model, models, true);
}

const SMALL: [Step; 12] = [
    Step::Save(0),
    Step::Save(1),
    Step::Load(0),
    Step::Save(0),
    Step::Delete(1),
    Step::Compact,
    Step::Load(0),
    Step::Save(1),
    Step::Reopen,
    Step::Save(0),
    Step::Delete(1),
    Step::Compact,
];

/// Every fault at every call of the small workload. In short, the process is killed after one half of them and the power goes after
/// the other, and one in four stays.
fn every_fault(sum: &mut Sum, models: &Models, faults: &[Fault], powers: Option<u64>) {
    let (disk, mut model) = (FailingDisk::new(0), Model::new());
    let store = live(&disk, &mut model, models, &SMALL, false);
    assert!(store.is_some() && model.wrongs() == [0; 4], "{model:?}");
    let calls = disk.calls();
    for (fault, call) in faults.iter().flat_map(|fault| (0..calls).map(move |call| (*fault, call))) {
        // A signal that never ends ends nothing.
        let is_once = matches!(fault, Fault::Interrupted | Fault::Killed | Fault::KilledWithin);
        let may_stay = !is_once && (powers.is_some() || call % 4 == 0);
        let ends = powers.map_or(call % 2..call % 2 + 1, |most| 0..most + 1);
        for (stays, power) in ends.flat_map(|power| [(false, power), (true, power)]) {
            if stays && !may_stay {
                continue;
            }
            let (disk, mut model) = (FailingDisk::new(call << 8 | power), Model::new());
            disk.fail(Plan::At { call, fault, stays });
            let store = live(&disk, &mut model, models, &SMALL, true);
            if disk.faults() > 0 {
                settle(&disk, &mut model, models, store, power > 0);
                sum.add(&disk, model.wrongs(), &format!("{fault:?} at call {call}, stays {stays}, power {power}"));
            }
        }
    }
}

/// Several lives of a store, each with a larger workload and faults at random.
fn random_faults(sum: &mut Sum, models: &Models, seed: u64) {
    let mut random = Random::new(seed);
    let (disk, mut model) = (FailingDisk::new(seed), Model::new());
    for _ in 0..3 {
        let steps: Vec<Step> = (0..16).map(|_| random_step(&mut random)).collect();
        let faults = Fault::ALL.into_iter().filter(|_| random.below(3) > 0).collect();
        disk.fail(Plan::Sometimes { one_in: 10 + random.below(200), faults });
        let store = live(&disk, &mut model, models, &steps, true);
        let power = random.below(2) == 0;
        disk.fail(Plan::Never);
        if let Some(store) = store.filter(|_| !disk.is_dead()) {
            model.check(&store, models, &disk);
        }
        next_life(&disk, &mut model, models, power);
    }
    if disk.faults() > 0 {
        settle(&disk, &mut model, models, None, true);
        sum.add(&disk, model.wrongs(), &format!("seed {seed}"));
    }
}

fn random_step(random: &mut Random) -> Step {
    let user = usize::try_from(random.below(USERS as u64)).unwrap();
    match random.below(20) {
        0..9 => Step::Save(user),
        9..13 => Step::Load(user),
        13..16 => Step::Delete(user),
        16..18 => Step::Compact,
        _ => Step::Reopen,
    }
}

fn every_one_of(faults: &[Fault]) {
    let mut sum = Sum::default();
    every_fault(&mut sum, &Models::new(), faults, None);
    sum.assert_clean();
}

#[test]
fn an_error_of_any_call_loses_nothing_that_was_acknowledged() {
    every_one_of(&[Fault::Error]);
}

#[test]
fn a_call_that_is_done_and_fails_loses_nothing_that_was_acknowledged() {
    every_one_of(&[Fault::ErrorAfterwards, Fault::NoRoom]);
}

#[test]
fn a_call_that_comes_short_loses_nothing_that_was_acknowledged() {
    every_one_of(&[Fault::Interrupted, Fault::Short]);
}

#[test]
fn a_kill_or_a_loss_of_power_at_any_call_loses_nothing_that_was_acknowledged() {
    every_one_of(&[Fault::Killed, Fault::KilledWithin]);
}

#[test]
fn random_faults_lose_nothing_that_was_acknowledged() {
    let (mut sum, models) = (Sum::default(), Models::new());
    (0..200).for_each(|seed| random_faults(&mut sum, &models, seed));
    sum.assert_clean();
}

#[test]
#[ignore = "the shorter ones are enough for each change"]
fn every_fault_with_many_ends_loses_nothing_that_was_acknowledged() {
    let (mut sum, models) = (Sum::default(), Models::new());
    every_fault(&mut sum, &models, &Fault::ALL, Some(2));
    sum.assert_clean();
}

#[test]
#[ignore = "the shorter one is enough for each change"]
fn many_more_random_faults_lose_nothing_that_was_acknowledged() {
    let (mut sum, models) = (Sum::default(), Models::new());
    (1_000_000..1_002_000).for_each(|seed| random_faults(&mut sum, &models, seed));
    sum.assert_clean();
}
