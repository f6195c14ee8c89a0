//! Properties of the index: screened, changed, saved and damaged.

use proptest::prelude::*;

use super::index::MaxSimIndex;
use crate::retrieve::vectors::{Screening, VectorError};

fn is_bytes_error<T>(read: &Result<T, VectorError>) -> bool {
    matches!(read, Err(VectorError::Damaged(_)))
}

const DIMENSIONS: usize = 19;

fn vector() -> impl Strategy<Value = Vec<f32>> {
    let any = prop::collection::vec(-1.0_f32..1.0, DIMENSIONS);
    let coarse = prop::collection::vec(prop_oneof![Just(-1.0_f32), Just(0.0), Just(1e30)], DIMENSIONS);
    prop_oneof![any, coarse, Just(vec![0.0; DIMENSIONS]), Just(vec![1.0; DIMENSIONS])]
}

fn examples(most: usize) -> impl Strategy<Value = Vec<Vec<Vec<f32>>>> {
    prop::collection::vec(prop::collection::vec(vector(), 0..7), 1..most)
}

fn model(query: &[Vec<f32>], example: &[Vec<f32>]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosine = |a: &Vec<f32>, b: &Vec<f32>| {
        let lengths = (dot(a, a) * dot(b, b)).sqrt();
        if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
    };
    query.iter().map(|q| example.iter().map(|e| cosine(q, e)).fold(f64::NEG_INFINITY, f64::max)).sum()
}

proptest! {
    #[test]
    fn screened_and_unscreened_answers_are_the_same_to_the_bit(
        examples in examples(30), query in prop::collection::vec(vector(), 1..20), k in 0_usize..40,
    ) {
        let exact = MaxSimIndex::new(DIMENSIONS, &examples).unwrap().screening(Screening::Never);
        let screened = exact.clone().screening(Screening::Always);
        let (exact, screened) = (exact.top_k(&query, k).unwrap(), screened.top_k(&query, k).unwrap());
        prop_assert_eq!(&exact, &screened);
        let filled = examples.iter().filter(|example| !example.is_empty()).count();
        prop_assert_eq!(exact.len(), k.min(filled));
        for item in &exact {
            prop_assert!((item.score - model(&query, &examples[item.position])).abs() < 1e-4);
            let similarity = (item.score / query.len() as f64).clamp(0.0, 1.0);
            prop_assert_eq!(item.similarity.to_bits(), similarity.to_bits());
        }
        prop_assert!(exact.windows(2).all(|w| (-w[0].score, w[0].position) < (-w[1].score, w[1].position)));
    }

    #[test]
    fn a_changed_index_equals_a_rebuilt_one(
        mut all in examples(20), more in examples(10), at in 0_usize..50, always: bool,
    ) {
        let screening = if always { Screening::Always } else { Screening::Auto };
        let mut index = MaxSimIndex::new(DIMENSIONS, &all).unwrap().screening(screening);
        for example in more {
            let at = at % (all.len() + 1);
            index.insert(at, &example).unwrap();
            all.insert(at, example);
            let at = (at * 7) % all.len();
            index.remove(at).unwrap();
            all.remove(at);
        }
        let rebuilt = MaxSimIndex::new(DIMENSIONS, &all).unwrap().screening(screening);
        prop_assert!(index == rebuilt);
        let read = MaxSimIndex::from_bytes(&index.to_bytes()).unwrap();
        prop_assert!(read.screening(screening) == rebuilt);
    }

    #[test]
    fn cut_or_wrong_bytes_are_an_error(all in examples(20), cut in 0_usize..4_000) {
        let bytes = MaxSimIndex::new(DIMENSIONS, &all).unwrap().to_bytes();
        prop_assert!(is_bytes_error(&MaxSimIndex::from_bytes(&bytes[..cut % bytes.len()])));
        let longer = [bytes.as_slice(), &[0]].concat();
        prop_assert!(is_bytes_error(&MaxSimIndex::from_bytes(&longer)));
    }
}

#[test]
fn what_cannot_be_indexed_is_named_and_changes_nothing() {
    let mut index = MaxSimIndex::new(2, [vec![[1.0, 0.0]], vec![]]).unwrap();
    let before = index.clone();
    assert_eq!(index.insert(1, [[1.0, 0.0], [f32::NAN, 0.0]]), Err(VectorError::NotFinite { row: 1 }));
    assert_eq!(index.insert(1, [[1.0]]), Err(VectorError::WrongLength { row: 0, found: 1, wanted: 2 }));
    assert_eq!(index.insert(3, [[1.0, 0.0]]), Err(VectorError::NoSuchPosition { position: 3, len: 2 }));
    assert_eq!(index.remove(2), Err(VectorError::NoSuchPosition { position: 2, len: 2 }));
    assert_eq!(index, before);
}

#[test]
fn a_query_without_vectors_finds_nothing() {
    let index = MaxSimIndex::new(2, [vec![[1.0_f32, 0.0]]]).unwrap();
    assert_eq!(index.top_k([[0.0_f32; 2]; 0], 3), Ok(vec![]));
}
