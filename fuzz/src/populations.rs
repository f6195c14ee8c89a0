//! The files of a population: what its users have in common, and the sums that it is fitted from.

use std::ops::Range;
use std::sync::OnceLock;

use rpm_core::data::MemoryItem;
use rpm_core::stats::population::{Census, Counts, Population};
use sha2::{Digest as _, Sha256};

use crate::made::{TEXTS, interaction, model, query, task};
use crate::steps::{run, sync};
use crate::{CANARY, first, is_discreet, text};

fn users(kind: u8) -> Vec<Vec<MemoryItem>> {
    let item = |user: u8, n: u8| {
        let new = interaction(kind, &format!("i{n}"), TEXTS[usize::from(n)], n / 2 * 3 + user % 2, 0).unwrap();
        MemoryItem::new(new, Vec::new()).unwrap()
    };
    (0..6).map(|user| (0..6).map(|n| item(user, n)).collect()).collect()
}

/// Good files: a population, a census and counts, of labels and of a scale.
pub(crate) fn good() -> &'static [[String; 3]; 2] {
    static MADE: OnceLock<[[String; 3]; 2]> = OnceLock::new();
    MADE.get_or_init(|| {
        [0, 1].map(|kind| {
            let users = users(kind);
            let population = Population::learn(&task(kind), &users, 2).unwrap();
            let census = Census::of(&task(kind), &users[0]).unwrap();
            let counts = population.count(&users[0]);
            [population.to_json(), census.to_json(), counts.to_json()]
        })
    })
}

/// The first byte chooses the kind of file, and whether the bytes are the file or change the numbers of a good one.
pub fn populations(data: &[u8]) {
    let (how, rest) = first(data);
    let kind = how / 3 % 2;
    let json = if how < 128 { text(rest).into_owned() } else { changed(kind, how % 3, rest) };
    match how % 3 {
        0 => match sync(|| Population::from_json(&json)) {
            Err(error) => refused(&error),
            Ok(population) => held(kind, &json, &population),
        },
        1 => match sync(|| Census::from_json(&json)) {
            Err(error) => refused(&error),
            Ok(census) => {
                let file = census.to_json();
                let mut again = Census::from_json(&file).expect("what loads saves and loads");
                assert!(again.to_json() == file, "a census changes by being saved");
                if again.merge(&census).is_ok() {
                    again.take_out(&census).expect("what was merged can be taken out");
                    assert!(again.to_json() == file, "merging and taking out is not exact");
                }
            }
        },
        _ => match sync(|| Counts::from_json(&json)) {
            Err(error) => refused(&error),
            Ok(counts) => {
                let file = counts.to_json();
                let again = Counts::from_json(&file).expect("what loads saves and loads");
                assert!(again.to_json() == file, "counts change by being saved");
                let good = Population::from_json(&good()[usize::from(kind)][0]).unwrap();
                if let Ok(fitted) = good.fitted(&counts) {
                    held(kind, &fitted.to_json(), &fitted);
                }
            }
        },
    }
}

fn refused<E: std::error::Error>(error: &E) {
    is_discreet(error);
}

/// A population that loaded can be saved, and answered with.
fn held(kind: u8, json: &str, population: &Population) {
    let file = population.to_json();
    let again = Population::from_json(&file).expect("what loads saves and loads");
    assert!(again.to_json() == file && again.digest() == population.digest(), "a population changes by being saved");
    assert!(!format!("{population:?}").contains(CANARY) || !json.contains(CANARY), "Debug quotes a population");
    for kind in [kind, 0] {
        let builder = rpm_core::RpmPipeline::offline_builder(task(kind)).population(population.clone());
        // One of other responses is refused.
        let Ok(pipeline) = builder.build() else { continue };
        let prepared = run(pipeline.open(model(kind).clone())).unwrap();
        match run(pipeline.personalize(&prepared, &query(kind, "A quiet zebra.").unwrap())) {
            Ok(answer) => {
                let shares: Vec<f64> =
                    answer.estimate.iter().flat_map(|it| it.responses()).map(|it| it.probability).collect();
                assert!(shares.iter().all(|p| (0.0..=1.0 + 1e-9).contains(p)), "a share is not from 0 to 1");
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-6, "shares do not add up");
            }
            Err(error) => is_discreet(&error),
        }
    }
}

/// A good file with changes of its numbers, each of four bytes: where (two), how, with what; and with the digest that goes with them.
fn changed(kind: u8, which: u8, data: &[u8]) -> String {
    let mut file = good()[usize::from(kind)][usize::from(which)].clone();
    for change in data.chunks_exact(4).take(6) {
        let all = numbers(&file);
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % all.len();
        let of = |number: f64| serde_json::to_string(&number).unwrap();
        let was: f64 = file[all[at].clone()].parse().unwrap_or_default();
        let number = match change[2] % 6 {
            0 => of(f64::from(change[3])),
            1 => of(-f64::from(change[3])),
            2 => of(10_f64.powi(i32::from(change[3] % 40) - 20)),
            3 => u64::MAX.to_string(),
            4 => change[3].to_string(),
            _ => of(was * (f64::from(change[3]) / 64.0)),
        };
        file.replace_range(all[at].clone(), &number);
    }
    let Some((content, _)) = file.rsplit_once(",\"digest\":\"") else { return file };
    let content = format!("{content},\"digest\":\"\"}}");
    let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    content.replace(",\"digest\":\"\"}", &format!(",\"digest\":\"{digest}\"}}"))
}

/// The places of the numbers of a document without escapes.
fn numbers(json: &str) -> Vec<Range<usize>> {
    let (mut found, mut begin, mut in_text) = (Vec::new(), None, false);
    for (at, c) in json.char_indices() {
        in_text ^= c == '"';
        let of_number =
            !in_text && (c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'E') || (c == 'e' && begin.is_some()));
        match (of_number, begin) {
            (true, None) => begin = Some(at),
            (false, Some(from)) => {
                found.push(from..at);
                begin = None;
            }
            _ => {}
        }
    }
    found
}
