//! Properties of the regression and of its linear algebra.

use super::super::terms::terms_of;
use super::*;
use crate::pause::at_once;
use crate::words::tokens;

const LAMBDA: f64 = 1.0;

fn terms(texts: &[&str]) -> Terms {
    let mut terms = Terms::default();
    for text in texts {
        terms.push(terms_of(&tokens(text)));
    }
    terms
}

fn fit(texts: &[&str], numbers: &[f64], weights: &[f64]) -> Ridge {
    let targets = Array2::from_shape_vec((numbers.len(), 1), numbers.to_vec()).unwrap();
    at_once(Ridge::in_steps(&terms(texts), 0, (Kernel::Close, LAMBDA), weights, targets)).unwrap()
}

fn said(ridge: &Ridge, text: &str) -> f64 {
    ridge.parts(&terms_of(&tokens(text)), (0, &[]), &Array2::eye(1), None)[0][0]
}

#[test]
fn one_interaction_moves_a_like_query_by_its_weight() {
    // k = 1 for the same words and λ = 1, so f = o / (1 + 1/w).
    let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
    assert!(close(said(&fit(&["peace treaty"], &[1.0], &[]), "Peace, treaty!"), 0.5));
    assert!(close(said(&fit(&["peace treaty"], &[1.0], &[0.5]), "Peace, treaty!"), 1.0 / 3.0));
    assert!(close(said(&fit(&["peace treaty"], &[1.0], &[]), "fish"), 0.0));
}

#[test]
fn repeated_queries_share_one_say() {
    let texts = ["peace treaty", "treaty peace", "peace peace treaty", "fish quota"];
    let f = said(&fit(&texts, &[1.0, 1.0, 1.0, -1.0], &[]), "peace treaty fish quota");
    // A plain vote would give 3 : 1. Here the three share: 3/(3 + λ) against 1/(1 + λ).
    assert!(f > 0.0 && f < 0.2, "{f}");
}

#[test]
fn leaving_an_item_out_is_fitting_without_it() {
    let texts = ["peace treaty", "fish quota", "peace in fish towns", "quota treaty", "towns"];
    let numbers = [1.0, -1.0, 0.5, 0.0, 2.0];
    for weights in [[1.0; 5], [0.25, 1.0, 0.5, 0.75, 0.125]] {
        let all = fit(&texts, &numbers, &weights);
        // Frequencies are the whole history's, so the likeness of the fit without the item is taken from the whole.
        let terms = terms(&texts);
        for left in 0..texts.len() {
            let kept: Vec<usize> = (0..texts.len()).filter(|i| *i != left).collect();
            let near = |i: usize| {
                all.likeness
                    .sum(&all.likeness.shares(terms.of(i)))
                    .into_iter()
                    .map(|c| c * c.sqrt())
                    .collect::<Vec<_>>()
            };
            let mut kernel = Array2::zeros((kept.len(), kept.len()));
            for (row, i) in kept.iter().enumerate() {
                for (column, j) in kept.iter().enumerate() {
                    kernel[(row, column)] = if i == j { 1.0 + LAMBDA / weights[*i] } else { near(*i)[*j] };
                }
            }
            let target = Array2::from_shape_vec((kept.len(), 1), kept.iter().map(|i| numbers[*i]).collect()).unwrap();
            let own: Array1<f64> = kept.iter().map(|j| near(left)[*j]).collect();
            let fitted = own.dot(&solve(&cholesky(kernel), target))[0];
            let short = all.part_left_out(left, &Array2::eye(1)).unwrap()[0];
            assert!((fitted - short).abs() < 1e-5, "{fitted} {short}");
            let long = all.parts(terms.of(left), (0, &[]), &Array2::eye(1), Some(left))[0][0];
            assert!((fitted - long).abs() < 1e-5, "{fitted} {long}");
        }
    }
}

#[test]
fn the_parts_of_owners_and_of_nobody_are_the_whole() {
    let ridge = fit(&["peace treaty", "fish quota", "peace in fish towns"], &[1.0, -1.0, 0.5], &[]);
    let words = terms_of(&tokens("peace and fish"));
    let owned = |term: usize, owner: usize, part: f64| Owned { term, owner, part };
    let owned: Vec<Owned> = (0..words.len()).map(|term| owned(term, term % 2, 0.5)).collect();
    let parts = ridge.parts(&words, (2, &owned), &Array2::eye(1), None);
    assert!((parts.iter().map(|part| part[0]).sum::<f64>() - said(&ridge, "peace and fish")).abs() < 1e-12);
    assert!(parts.len() == 3 && parts[0][0] != 0.0);
}
