//! Texts of 40 to 80 words and queries of 30 to 60 that are not among them.

use std::path::PathBuf;

/// Different queries, so that no single one decides.
pub const QUERIES: usize = 100;

pub struct Corpus {
    pub texts: Vec<String>,
    pub queries: Vec<String>,
    pub source: &'static str,
}

impl Corpus {
    /// `n` texts: real ones if `RPM_DATA` names a folder of folders with a `users.jsonl` and it has enough of them, made
    /// up otherwise.
    pub fn of(n: usize) -> Self {
        let mut chance = Chance(7);
        if let Some(mut pieces) = real().filter(|pieces| pieces.len() >= n + QUERIES) {
            for last in (1..pieces.len()).rev() {
                pieces.swap(last, chance.below(last + 1));
            }
            let texts = pieces.split_off(pieces.len() - n);
            let queries = pieces.iter().take(QUERIES).map(|piece| {
                let words: Vec<&str> = piece.split_whitespace().take(30 + chance.below(31)).collect();
                words.join(" ")
            });
            return Self { queries: queries.collect(), texts, source: "real text" };
        }
        let texts = (0..n).map(|_| made_up(&mut chance, 40, 80)).collect();
        let queries = (0..QUERIES).map(|_| made_up(&mut chance, 30, 60)).collect();
        Self { texts, queries, source: "made-up text" }
    }
}

/// All queries of all histories, cut into pieces of 40 to 80 words.
fn real() -> Option<Vec<String>> {
    let folder = PathBuf::from(std::env::var_os("RPM_DATA")?);
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut pieces, mut chance) = (Vec::new(), Chance(3));
    for file in files.iter().map(|path| path.join("users.jsonl")).filter(|path| path.exists()) {
        let mut words = Vec::new();
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let user: serde_json::Value = serde_json::from_str(line).unwrap();
            for item in user["history"].as_array().unwrap() {
                words.extend(item["query"].as_str().unwrap().split_whitespace().map(str::to_owned));
            }
        }
        while words.len() >= 80 {
            pieces.push(words.drain(..40 + chance.below(41)).collect::<Vec<_>>().join(" "));
        }
    }
    Some(pieces)
}

/// Knuth's linear congruential generator (MMIX).
pub struct Chance(pub u64);

impl Chance {
    fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 32).unwrap()
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from((u64::from(self.bits()) * end as u64) >> 32).unwrap()
    }
}

const WORDS: f64 = 30_000.0;
const COMMON: [&str; 12] = ["the", "a", "of", "and", "to", "in", "with", "film", "is", "story", "for", "good"];
const SYLLABLES: [&str; 10] = ["ka", "lo", "mi", "ne", "ru", "sa", "te", "vo", "zi", "pa"];

/// The word of rank r comes about 1/r as often as the first (Zipf), and the first are function words.
fn made_up(chance: &mut Chance, shortest: usize, longest: usize) -> String {
    let words = shortest + chance.below(longest - shortest + 1);
    let word = |_| {
        let rank = WORDS.powf(f64::from(chance.bits()) / f64::from(u32::MAX));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to WORDS")]
        let rank = rank as usize - 1;
        COMMON.get(rank).map_or_else(
            || rank.to_string().bytes().map(|digit| SYLLABLES[usize::from(digit - b'0')]).collect(),
            ToString::to_string,
        )
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}
