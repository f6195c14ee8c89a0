//! What a user model takes: bytes on disk beside its texts, processor time from stored bytes to the first answer, memory.
//! Linux only, since it reads what the kernel counts of a process.
//!
//! `RPM_DATA=<folder> cargo bench --bench user_model` reads `*/users.jsonl` there too; `-- SET N` takes one set and one number
//! of interactions. Each row is a process of its own, so that one does not warm the memory of another.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench prints, and fails loudly"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use pollster::block_on;
use rpm_core::model::PackedModel;
use rpm_core::stats::population::{Population, USERS_SHARED};
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserModel};
use serde_json::Value;

const SIZES: [usize; 3] = [200, 2_000, 20_000];
/// Made up: words that recur as in a language, and words that never recur.
const MADE_UP: [&str; 2] = ["made-up", "never-recurring"];
const HEAD: &str = "set | n | text | line/text | pretty/text | packed/text | learn ms | line to model ms | line to answer \
                    ms | packed to answer ms | warm us | beside others: packed to answer ms | warm us | observe ms | model kB/item | opened kB/item";

struct MadeUp(u64);

impl MadeUp {
    fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 32).unwrap()
    }

    /// A word of 12,000, the one of rank r about 1/r as often as the first; or one that does not come again.
    fn word(&mut self, recurs: bool) -> String {
        const SYLLABLES: [&str; 10] = ["ka", "lo", "mi", "ne", "ru", "sa", "te", "vo", "zi", "pa"];
        const COMMON: [&str; 12] = ["the", "a", "of", "and", "to", "in", "with", "film", "is", "story", "for", "good"];
        let spelled = |n: u64| n.to_string().bytes().map(|digit| SYLLABLES[usize::from(digit - b'0')]).collect();
        if !recurs {
            return spelled(u64::from(self.bits() % 10_000_000));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 12,000")]
        let rank = 12_000_f64.powf(f64::from(self.bits()) / f64::from(u32::MAX)) as usize - 1;
        COMMON.get(rank).map_or_else(|| spelled(rank as u64), ToString::to_string)
    }

    fn text(&mut self, recurs: bool) -> String {
        let mut text = self.word(recurs);
        while text.len() < if recurs { 150 } else { 190 } {
            text = format!("{text} {}", self.word(recurs));
        }
        text
    }
}

/// A query and its response, in order of time.
type Row = (String, String);

fn rows(set: &str, n: usize) -> Vec<Row> {
    if MADE_UP.contains(&set) {
        let mut made_up = MadeUp(7);
        return (0..n).map(|_| (made_up.text(set == MADE_UP[0]), (1 + made_up.bits() % 5).to_string())).collect();
    }
    let folder = std::env::var("RPM_DATA").unwrap();
    let file = std::fs::read_to_string(Path::new(&folder).join(set).join("users.jsonl")).unwrap();
    let users = file.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let all: Vec<Value> = users
        .flat_map(|user| ["history", "test"].map(|part| user[part].as_array().unwrap().clone()).concat())
        .collect();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    all.iter().take(n).map(|row| (text(row, "query"), text(row, "response"))).collect()
}

fn task(rows: &[Row]) -> Task {
    let kinds: BTreeSet<&str> = rows.iter().map(|(_, response)| response.as_str()).collect();
    let scale = kinds.iter().all(|kind| kind.parse::<i64>().is_ok());
    let space = if scale { ResponseSpace::scale(1, 5) } else { ResponseSpace::labels(kinds) };
    Task::new("How does this person respond?", space.unwrap()).unwrap()
}

/// Processor time of this process in milliseconds, so that what else runs on the machine counts for little.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    10.0 * [11, 12].map(|field: usize| fields[field].parse::<f64>().unwrap()).iter().sum::<f64>()
}

/// The mean processor time of `work`, in milliseconds, over so many runs that the clock's step of 10 ms is little.
fn ms<T>(mut work: impl FnMut(usize) -> T) -> f64 {
    let (start, mut runs) = (cpu(), 0);
    while runs < 1_000 && cpu() - start < 500.0 {
        black_box(work(runs));
        runs += 1;
    }
    (cpu() - start) / runs as f64
}

/// Kilobytes of memory in use, by the kernel's count of resident pages.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    4.096 * statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap()
}

/// A model and what is opened of it, in memory: from the packed bytes, before anything else filled the heap.
fn memory(file: &str, set: &str, n: usize) {
    let rows = rows(set, n + 64);
    let pipeline = RpmPipeline::offline(task(&rows));
    let query = Query::new(&rows.last().unwrap().0).unwrap();
    let bytes = std::fs::read(file).unwrap();
    let before = resident();
    let model = PackedModel::from_bytes(&bytes).unwrap().model().unwrap();
    let read = resident() - before;
    let prepared = block_on(pipeline.open(model)).unwrap();
    black_box(block_on(pipeline.personalize(&prepared, &query)).unwrap());
    let len = prepared.model().memory().len() as f64;
    println!("{:.2} | {:.2}", read / len, (resident() - before) / len);
}

/// A pipeline beside others: thirty users with a hundred of these interactions each, as they come.
fn among(task: &Task, past: &[Row]) -> RpmPipeline {
    let offline = RpmPipeline::offline(task.clone());
    let user = |user: usize| {
        let rows = (0..100).map(|at| &past[(user * 37 + at * 11) % past.len()]).enumerate();
        let made = |(at, (query, response)): (usize, &Row)| {
            Interaction::new(format!("i{at}"), Query::new(query).unwrap(), response).unwrap()
        };
        let history = History::new(task, format!("user {user}"), rows.map(made).collect::<Vec<_>>()).unwrap();
        block_on(offline.learn(&history)).unwrap().model
    };
    let users: Vec<UserModel> = (0..30).map(user).collect();
    let histories: Vec<_> = users.iter().map(|model| model.memory().items()).collect();
    let population = Population::learn(task, &histories, USERS_SHARED).unwrap();
    RpmPipeline::offline_builder(task.clone()).population(population).build().unwrap()
}

fn measure(set: &str, n: usize) {
    let rows = rows(set, n + 64);
    if rows.len() < n + 64 {
        return;
    }
    let task = task(&rows);
    let made = |(at, (query, response)): (usize, &Row)| {
        let time = i64::try_from(at).unwrap();
        Interaction::new(format!("i{at}"), Query::new(query).unwrap(), response).unwrap().at(time)
    };
    let (past, later) = rows.split_at(n);
    let history = History::new(&task, "bench", past.iter().enumerate().map(made).collect::<Vec<_>>()).unwrap();
    let text: usize = past.iter().map(|(query, response)| query.len() + response.len()).sum();
    let pipeline = RpmPipeline::offline(task);
    let learn = ms(|_| block_on(pipeline.learn(&history)).unwrap());
    let model = block_on(pipeline.learn(&history)).unwrap().model;
    let (line, pretty) = (model.to_json_line(), model.to_json());
    let prepared = block_on(pipeline.open(model)).unwrap();
    let packed = block_on(pipeline.pack(&prepared)).unwrap().to_bytes().unwrap();
    let file = std::env::temp_dir().join(format!("rpm-user-model-{set}-{n}.packed"));
    std::fs::write(&file, &packed).unwrap();

    let queries: Vec<Query> = later.iter().map(|(query, _)| Query::new(query).unwrap()).collect();
    let ask = |prepared: &_, run| block_on(pipeline.personalize(prepared, &queries[run % queries.len()])).unwrap();
    let read = || UserModel::from_json(std::str::from_utf8(&line).unwrap()).unwrap();
    let reading = ms(|_| read());
    let from_line = ms(|run| ask(&block_on(pipeline.open(read())).unwrap(), run));
    let unpack = || block_on(pipeline.unpack(&PackedModel::from_bytes(&packed).unwrap())).unwrap();
    let from_packed = ms(|run| ask(&unpack(), run));
    black_box(ask(&prepared, 0));
    let warm = ms(|run| ask(&prepared, run));
    let among = among(pipeline.task(), past);
    let ask_among = |prepared: &_, run| block_on(among.personalize(prepared, &queries[run % queries.len()])).unwrap();
    let unpack_among = || block_on(among.unpack(&PackedModel::from_bytes(&packed).unwrap())).unwrap();
    let packed_among = ms(|run| ask_among(&unpack_among(), run));
    let beside = unpack_among();
    black_box(ask_among(&beside, 0));
    let warm_among = ms(|run| ask_among(&beside, run));
    let new: Vec<Interaction> = later.iter().enumerate().map(|(at, row)| made((n + at, row))).collect();
    let mut grown = prepared.clone();
    block_on(pipeline.observe(&mut grown, [new[0].clone()])).unwrap();
    let start = cpu();
    for new in &new[1..] {
        block_on(pipeline.observe(&mut grown, [new.clone()])).unwrap();
    }
    let observe = (cpu() - start) / (new.len() - 1) as f64;
    let memory = run(&["memory", file.to_str().unwrap(), set, &n.to_string()]);
    std::fs::remove_file(file).unwrap();
    let of = |bytes: usize| bytes as f64 / text as f64;
    println!(
        "{set} | {n} | {:.0} | {:.1} | {:.1} | {:.1} | {learn:.0} | {reading:.2} | {from_line:.2} | \
         {from_packed:.2} | {:.0} | {packed_among:.2} | {:.0} | {observe:.1} | {}",
        text as f64 / n as f64,
        of(line.len()),
        of(pretty.len()),
        of(packed.len()),
        1e3 * warm,
        1e3 * warm_among,
        memory.trim(),
    );
}

/// What this program prints with these arguments.
fn run(args: &[&str]) -> String {
    let output = Command::new(std::env::current_exe().unwrap()).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["memory", file, set, n] => memory(file, set, n.parse().unwrap()),
        [set, n] => measure(set, n.parse().unwrap()),
        _ => {
            println!("{HEAD}");
            let real = if std::env::var("RPM_DATA").is_ok() { &["votes", "rating_critics", "irony"][..] } else { &[] };
            for set in real.iter().chain(&MADE_UP) {
                for n in SIZES {
                    print!("{}", run(&[set, &n.to_string()]));
                }
            }
        }
    }
}
