//! A simple engine as a floor: every score computed beforehand in compressed sparse columns, nothing else done well or
//! badly.

use std::collections::HashMap;

const K1: f32 = 1.2;
const B: f32 = 0.75;
const BLOCK: usize = 64;

pub struct Floor {
    terms: HashMap<String, u32>,
    /// By term: where its postings begin; one more at the end.
    starts: Vec<u32>,
    texts: Vec<u32>,
    scores: Vec<f32>,
    sums: Vec<f32>,
}

impl Floor {
    /// Tokens are what white space parts.
    pub fn build(texts: &[String]) -> Self {
        let mut terms: HashMap<String, u32> = HashMap::new();
        let mut counts: Vec<Vec<(u32, u32)>> = Vec::new();
        let mut lengths = Vec::new();
        let mut df: Vec<u32> = Vec::new();
        for text in texts {
            let mut ids: Vec<u32> = Vec::new();
            for token in text.split_whitespace() {
                let next = u32::try_from(terms.len()).unwrap();
                ids.push(if let Some(&id) = terms.get(token) {
                    id
                } else {
                    terms.insert(token.to_owned(), next);
                    df.push(0);
                    next
                });
            }
            lengths.push(ids.len() as f32);
            ids.sort_unstable();
            let runs = ids.chunk_by(|a, b| a == b).map(|run| (run[0], u32::try_from(run.len()).unwrap()));
            counts.push(runs.inspect(|&(id, _)| df[id as usize] += 1).collect());
        }
        let mut starts = vec![0_u32];
        starts.extend(df.iter().scan(0, |end, &df| {
            *end += df;
            Some(*end)
        }));
        let postings = starts[df.len()] as usize;
        let mut floor =
            Self { terms, starts, texts: vec![0; postings], scores: vec![0.0; postings], sums: vec![0.0; texts.len()] };
        let (n, mean) = (texts.len() as f32, lengths.iter().sum::<f32>() / lengths.len() as f32);
        let mut ends = floor.starts.clone();
        for (text, counts) in counts.iter().enumerate() {
            for &(id, tf) in counts {
                let (df, tf) = (df[id as usize] as f32, tf as f32);
                let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
                let end = ends[id as usize] as usize;
                ends[id as usize] += 1;
                floor.texts[end] = u32::try_from(text).unwrap();
                floor.scores[end] = idf * tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * lengths[text] / mean));
            }
        }
        floor
    }

    pub fn rank(&mut self, query: &str, k: usize) -> Vec<(f32, u32)> {
        self.sums.fill(0.0);
        for token in query.split_whitespace() {
            if let Some(&id) = self.terms.get(token) {
                let column = self.starts[id as usize] as usize..self.starts[id as usize + 1] as usize;
                for (&text, score) in self.texts[column.clone()].iter().zip(&self.scores[column]) {
                    self.sums[text as usize] += score;
                }
            }
        }
        let mut best: Vec<(f32, u32)> = Vec::new();
        let mut worst = 0.0;
        for (block, sums) in self.sums.chunks(BLOCK).enumerate() {
            if sums.iter().filter(|&&sum| sum > worst).count() > 0 {
                let first = u32::try_from(block * BLOCK).unwrap();
                best.extend((first..).zip(sums).filter(|&(_, &sum)| sum > worst).map(|(text, &sum)| (sum, text)));
                best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                best.truncate(k);
                worst = best.get(k - 1).map_or(0.0, |best| best.0);
            }
        }
        best
    }
}
