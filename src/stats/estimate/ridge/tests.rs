//! Properties of the ridge vote and of its linear algebra.

use super::*;
use crate::data::{FactorSet, Interaction, MemoryItem, Query, ResponseSpace, Task};

const LABELS: [&str; 3] = ["a", "b", "c"];

fn past(rows: &[(&str, usize)], weights: &[f64]) -> Past {
    let task = Task::new("Which?", ResponseSpace::labels(LABELS).unwrap()).unwrap();
    let item = |(text, given): &(&str, usize)| {
        let interaction = Interaction::new(*text, Query::new(*text).unwrap(), LABELS[*given]).unwrap();
        MemoryItem::new(interaction, Vec::new()).unwrap()
    };
    let items: Vec<MemoryItem> = rows.iter().map(item).collect();
    let mut past = Past::new(&task, super::super::muted::Muted::default());
    past.extend(&items);
    let groups: [(&str, &str, [crate::data::FeatureKey; 0]); 0] = [];
    past.place(&FactorSet::from_groups(groups).unwrap(), weights);
    past
}

fn vote(past: &Past, text: &str, base: &[f64]) -> Vec<f64> {
    Ridge::new(past, &past.texts, LAMBDA_WORDS).unwrap().vote(&past.texts.read(crate::words::tokens(text)), base, None)
}

fn close(a: &[f64], b: &[f64], to: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < to)
}

#[test]
fn solving_gives_back_what_the_matrix_was_multiplied_with() {
    let matrix = ndarray::array![[2.0, 0.5, 0.25], [0.5, 2.0, 0.125], [0.25, 0.125, 2.0]];
    let x = ndarray::array![[1.0, -2.0], [0.5, 3.0], [4.0, 0.0]];
    let factor = cholesky(matrix.clone());
    assert!((solve(&factor, matrix.dot(&x)) - x).iter().all(|entry| entry.abs() < 1e-12));
    let inverse = solve(&factor, Array2::eye(3));
    assert!((inverse_diagonal(&factor) - inverse.diag()).iter().all(|entry| entry.abs() < 1e-12));
}

#[test]
fn one_interaction_moves_a_like_query_by_its_weight() {
    // k = 1 for the same words and λ = 1, so p = π + (o − π) / (1 + 1/w).
    let base = [0.5, 0.25, 0.25];
    assert!(close(&vote(&past(&[("peace treaty", 0)], &[]), "treaty, peace", &base), &[0.75, 0.125, 0.125], 1e-6));
    let half = [0.5 + 0.5 / 3.0, 0.25 - 0.25 / 3.0, 0.25 - 0.25 / 3.0];
    assert!(close(&vote(&past(&[("peace treaty", 0)], &[0.5]), "treaty, peace", &base), &half, 1e-6));
    assert!(close(&vote(&past(&[("peace treaty", 0)], &[]), "fish", &base), &base, 1e-12));
}

#[test]
fn two_interactions_of_half_weight_count_as_one() {
    // Beside one other text, so that the words are as rare in both.
    let base = [0.4, 0.35, 0.25];
    let two = past(&[("peace treaty", 0), ("treaty peace", 0), ("fish", 1), ("quota", 2)], &[0.5, 0.5]);
    let ridge = Ridge::new(&two, &two.texts, LAMBDA_WORDS).unwrap();
    // The same words, seen as rare: the fit of one, with the likeness of the two.
    let query = two.texts.read(crate::words::tokens("peace in fish towns"));
    let near = ridge.words.to(&query);
    let one = 1.0 / (1.0 + LAMBDA_WORDS);
    let expected: f64 = base[0] + near[0] * one * (1.0 - base[0]) - (near[2] + near[3]) * one * base[0];
    let (p, sum) = (ridge.vote(&query, &base, None), 1.0);
    assert!((p[0] - expected / sum).abs() < 1e-6, "{p:?} {expected}");
}

#[test]
fn repeated_queries_share_one_say() {
    let past = past(&[("peace treaty", 0), ("treaty peace", 0), ("peace peace treaty", 0), ("fish quota", 1)], &[]);
    let p = vote(&past, "peace treaty fish quota", &[0.5, 0.5, 0.0]);
    // A plain vote would give 3 : 1. Here the three share: 3/(3 + λ) against 1/(1 + λ).
    assert!(p[0] > 0.5 && p[0] < 0.6, "{p:?}");
}

#[test]
fn leaving_an_item_out_is_fitting_without_it() {
    let rows = [("peace treaty", 0), ("fish quota", 1), ("peace in fish towns", 2), ("quota treaty", 1), ("towns", 0)];
    let base = [0.4, 0.35, 0.25];
    for weights in [[1.0; 5], [0.25, 1.0, 0.5, 0.75, 0.125]] {
        let past = past(&rows, &weights);
        let all = Ridge::new(&past, &past.texts, LAMBDA_WORDS).unwrap();
        // Word frequencies are the whole history's, so the words of the fit without the item are taken from the whole.
        for left in 0..rows.len() {
            let kept: Vec<usize> = (0..rows.len()).filter(|i| *i != left).collect();
            let mut kernel = Array2::zeros((kept.len(), kept.len()));
            let mut target = Array2::zeros((kept.len(), 3));
            for (row, i) in kept.iter().enumerate() {
                let near = all.words.to(past.texts.of(*i));
                for (column, j) in kept.iter().enumerate() {
                    kernel[(row, column)] = if i == j { 1.0 + LAMBDA_WORDS / weights[*i] } else { near[*j] };
                }
                for y in 0..3 {
                    target[(row, y)] = f64::from(u8::from(rows[*i].1 == y)) - base[y];
                }
            }
            let near = all.words.to(past.texts.of(left));
            let near: Array1<f64> = kept.iter().map(|j| near[*j]).collect();
            let fitted = near.dot(&solve(&cholesky(kernel), target));
            let fitted = normalised(base.iter().zip(fitted).map(|(b, f)| (b + f).max(LEAST * b)).collect());
            let short = all.vote(past.texts.of(left), &base, Some((left, rows[left].1)));
            assert!(close(&fitted, &short, 1e-5), "{fitted:?} {short:?}");
        }
    }
}
