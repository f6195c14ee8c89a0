//! The cost of the stores beside a plain file, as ratios within one run. Each figure is the median of calls in turns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use pollster::block_on;
use rpm_core::store::UserModelStore;
use rpm_core::{History, InMemoryStore, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserId, UserModel};
use rpm_stores::RedbStore;

fn model(user: &str, items: i64) -> UserModel {
    let words = ["slow", "quiet", "loud", "chase", "baker", "harbour", "thin", "warm"];
    let interactions = (0..items).map(|n| {
        let at = |k: i64| words.iter().cycle().nth(usize::try_from((n * 7 + k * n / 3 + k) % 8).unwrap()).unwrap();
        let text = format!("A {} {} film about a {}, number {n}; it is {} and {}.", at(0), at(1), at(2), at(3), at(4));
        let rating = (n * 7 % 5 + 1).to_string();
        Interaction::new(format!("i{n}"), Query::new(text).unwrap(), rating).unwrap().at(n)
    });
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let history = History::new(&task, user, interactions).unwrap();
    block_on(RpmPipeline::offline(task).learn(&history)).unwrap().model
}

/// The median time of each, taken in turns, in seconds.
fn medians<const N: usize>(rounds: usize, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut times = vec![Vec::new(); N];
    for _ in 0..rounds {
        for (work, times) in work.iter_mut().zip(&mut times) {
            let start = Instant::now();
            work();
            times.push(start.elapsed().as_secs_f64());
        }
    }
    let mut times = times.into_iter().map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.into_iter().nth(rounds / 2).unwrap()
    });
    std::array::from_fn(|_| times.next().unwrap())
}

fn plain(path: &Path, bytes: &[u8]) {
    let tmp = path.with_extension("tmp");
    let mut file = File::create(&tmp).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
    fs::rename(tmp, path).unwrap();
    File::open(path.parent().unwrap()).unwrap().sync_all().unwrap();
}

fn main() {
    let folder = std::env::temp_dir().join(format!("rpm-core-figures-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for items in [6, 60, 600] {
        let model = model("ana", items);
        let (file, json) = (folder.join("plain"), model.to_json());
        let (redb, memory) = (RedbStore::open(folder.join(format!("r{items}"))).unwrap(), InMemoryStore::new());
        let mut versions = [block_on(redb.save(&model, None)).unwrap(), block_on(memory.save(&model, None)).unwrap()];
        let [v_redb, v_memory] = &mut versions;
        let [write, flushed, in_file, in_memory] = medians(
            31,
            [
                &mut || plain(&file, model.to_json().as_bytes()),
                &mut || {
                    let mut file = File::create(folder.join("flushed")).unwrap();
                    file.write_all(model.to_json().as_bytes()).unwrap();
                    file.sync_all().unwrap();
                },
                &mut || *v_redb = block_on(redb.save(&model, Some(*v_redb))).unwrap(),
                &mut || *v_memory = block_on(memory.save(&model, Some(*v_memory))).unwrap(),
            ],
        );
        println!(
            "save, {items} items, {} bytes of JSON: file {:.2} × a flushed file and {:.2} × one that is also renamed, memory {:.4} ×",
            json.len(),
            in_file / flushed,
            in_file / write,
            in_memory / flushed,
        );
        let [read, from_file, from_memory, clone] = medians(
            31,
            [
                &mut || drop(UserModel::from_json(&fs::read_to_string(&file).unwrap()).unwrap()),
                &mut || drop(block_on(redb.load(model.user())).unwrap()),
                &mut || drop(block_on(memory.load(model.user())).unwrap()),
                &mut || drop(model.clone()),
            ],
        );
        println!(
            "load, {items} items: file {:.2} × reading and decoding a plain file, memory {:.5} ×; a clone {:.3} ×",
            from_file / read,
            from_memory / read,
            clone / read,
        );
    }
    for items in [6, 60, 600] {
        let path = folder.join(format!("many{items}"));
        let store = RedbStore::open(&path).unwrap();
        let empty = fs::metadata(&path).unwrap().len();
        let of_one = model("ana", items);
        let mut json = 0;
        for n in 0..100 {
            let name = format!("user {n}");
            let (task, factors, memory) = (of_one.task().clone(), of_one.factors().clone(), of_one.memory().clone());
            let (calibration, provenance) = (of_one.calibration().clone(), of_one.provenance().clone());
            let user = UserId::new(name).unwrap();
            let model = UserModel::new(user, task, factors, memory, calibration, provenance).unwrap();
            json += model.to_json().len();
            block_on(store.save(&model, None)).unwrap();
        }
        let grown = fs::metadata(&path).unwrap().len();
        let compacted = block_on(store.compact()).unwrap();
        drop(store);
        let [checked, unchecked] = medians(
            5,
            [&mut || drop(RedbStore::open(&path).unwrap()), &mut || drop(RedbStore::open_unchecked(&path).unwrap())],
        );
        println!(
            "100 users of {items} items: {} bytes of JSON each; file: {empty} empty, {} a model as saved, {} after \
             compacting; a checked opening {:.1} × an unchecked one",
            json / 100,
            grown / 100,
            compacted.after / 100,
            checked / unchecked,
        );
    }
    fs::remove_dir_all(folder).unwrap();
}
