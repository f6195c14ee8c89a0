//! Properties of the index: screened, changed, saved and damaged.

use proptest::prelude::*;

use super::index::DenseIndex;
use crate::container::{Sections, Writer};
use crate::retrieve::vectors::{Screening, VectorError};

fn is_bytes_error<T>(read: &Result<T, VectorError>) -> bool {
    matches!(read, Err(VectorError::Damaged(_)))
}

/// Vectors meant to be hard to tell apart: few different values, copies, near copies, zeros, single places,
/// extremes.
fn vectors(dimensions: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
    let any = prop::collection::vec(-1.0_f32..1.0, dimensions);
    let coarse = prop::collection::vec(prop_oneof![Just(-1.0_f32), Just(0.0), Just(1.0)], dimensions);
    let one_hot =
        (0..dimensions, prop_oneof![Just(1.0_f32), Just(-1e30), Just(1e-30)]).prop_map(move |(place, value)| {
            let mut vector = vec![0.0; dimensions];
            vector[place] = value;
            vector
        });
    let near = (0..dimensions, -1e-6_f32..1e-6).prop_map(move |(place, little)| {
        let mut vector = vec![1.0; dimensions];
        vector[place] += little;
        vector
    });
    prop::collection::vec(prop_oneof![any, coarse, one_hot, near, Just(vec![0.0; dimensions])], 1..50)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
}

proptest! {
    #[test]
    fn screened_and_unscreened_answers_are_the_same_to_the_bit(
        vectors in vectors(21), query in 0_usize..50, k in 0_usize..60,
    ) {
        let exact = DenseIndex::new(21, &vectors).unwrap().screening(Screening::Never);
        let screened = exact.clone().screening(Screening::Always);
        let query = &vectors[query % vectors.len()];
        let (exact, screened) = (exact.top_k(query, k).unwrap(), screened.top_k(query, k).unwrap());
        prop_assert_eq!(exact.len(), k.min(vectors.len()));
        for (exact, screened) in exact.iter().zip(&screened) {
            prop_assert_eq!((exact.position, exact.score.to_bits()), (screened.position, screened.score.to_bits()));
        }
        prop_assert_eq!(&exact, &screened);
        for item in &exact {
            prop_assert!((item.score - cosine(query, &vectors[item.position])).abs() < 1e-5);
            prop_assert_eq!(item.similarity.to_bits(), item.score.clamp(0.0, 1.0).to_bits());
        }
        prop_assert!(exact.windows(2).all(|w| (-w[0].score, w[0].position) < (-w[1].score, w[1].position)));
    }

    #[test]
    fn a_changed_index_equals_a_rebuilt_one(
        mut vectors in vectors(17), more in vectors(17), at in 0_usize..50, always: bool,
    ) {
        let screening = if always { Screening::Always } else { Screening::Auto };
        let mut index = DenseIndex::new(17, &vectors).unwrap().screening(screening);
        for vector in more {
            let at = at % (vectors.len() + 1);
            index.insert(at, &vector).unwrap();
            vectors.insert(at, vector);
            let at = (at * 7) % vectors.len();
            index.remove(at).unwrap();
            vectors.remove(at);
        }
        let rebuilt = DenseIndex::new(17, &vectors).unwrap().screening(screening);
        prop_assert!(index == rebuilt);
        let read = DenseIndex::from_bytes(&index.to_bytes()).unwrap();
        prop_assert!(read.screening(screening) == rebuilt);
    }

    #[test]
    fn cut_or_wrong_bytes_are_an_error(vectors in vectors(16), cut in 0_usize..4_000) {
        let bytes = DenseIndex::new(16, &vectors).unwrap().to_bytes();
        prop_assert!(is_bytes_error(&DenseIndex::from_bytes(&bytes[..cut % bytes.len()])));
        let longer = [bytes.as_slice(), &[0]].concat();
        prop_assert!(is_bytes_error(&DenseIndex::from_bytes(&longer)));
        let mut wrong = bytes.clone();
        wrong[cut % 8] ^= 1;
        prop_assert!(is_bytes_error(&DenseIndex::from_bytes(&wrong)));
    }
}

#[test]
fn bytes_with_a_vector_that_is_not_of_length_1_are_an_error() {
    let bytes = DenseIndex::new(3, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).unwrap().to_bytes();
    for value in [2.0_f32, f32::NAN, f32::INFINITY] {
        let sections = Sections::read(&bytes, DenseIndex::KIND, DenseIndex::VERSION).unwrap();
        let mut values = sections.get("values").unwrap().to_vec();
        let end = values.len();
        values[end - 4..].copy_from_slice(&value.to_le_bytes());
        let mut writer = Writer::new(DenseIndex::KIND, DenseIndex::VERSION);
        writer.section("shape", sections.get("shape").unwrap());
        writer.section("values", &values);
        let error = DenseIndex::from_bytes(&writer.finish()).unwrap_err();
        assert!(matches!(&error, VectorError::Damaged(damaged) if *damaged.section == *"values"), "{error:?}");
    }
}

#[test]
fn what_cannot_be_indexed_is_named_and_changes_nothing() {
    assert_eq!(DenseIndex::new(0, [[0.0_f32; 0]]), Err(VectorError::Dimensions { found: 0 }));
    assert_eq!(DenseIndex::new(70_000, [[0.0_f32; 0]; 0]), Err(VectorError::Dimensions { found: 70_000 }));
    let not_finite = DenseIndex::new(2, [[1.0, 0.0], [f32::NAN, 0.0]]);
    assert_eq!(not_finite, Err(VectorError::NotFinite { row: 1 }));
    let mut index = DenseIndex::new(2, [[1.0, 0.0], [0.0, 1.0]]).unwrap();
    let before = index.clone();
    assert_eq!(index.insert(0, &[1.0]), Err(VectorError::WrongLength { row: 0, found: 1, wanted: 2 }));
    assert_eq!(index.insert(0, &[1.0, f32::INFINITY]), Err(VectorError::NotFinite { row: 0 }));
    assert_eq!(index.insert(3, &[1.0, 0.0]), Err(VectorError::NoSuchPosition { position: 3, len: 2 }));
    assert_eq!(index.remove(2), Err(VectorError::NoSuchPosition { position: 2, len: 2 }));
    assert_eq!(index.top_k(&[1.0], 1), Err(VectorError::WrongLength { row: 0, found: 1, wanted: 2 }));
    assert_eq!(index.top_k(&[f32::NAN, 1.0], 1), Err(VectorError::NotFinite { row: 0 }));
    assert_eq!(index, before);
}

#[test]
fn an_empty_index_and_a_k_of_zero_find_nothing() {
    let empty = DenseIndex::new(2, [[0.0_f32; 2]; 0]).unwrap().screening(Screening::Always);
    assert_eq!(empty.top_k(&[1.0, 0.0], 3), Ok(vec![]));
    let one = DenseIndex::new(2, [[0.0_f32; 2]]).unwrap().screening(Screening::Always);
    assert_eq!(one.top_k(&[1.0, 0.0], 0), Ok(vec![]));
    assert_eq!(one.top_k(&[1.0, 0.0], usize::MAX).unwrap().len(), 1);
}
