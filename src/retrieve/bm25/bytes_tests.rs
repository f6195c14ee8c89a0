//! Bytes of an index: cut, damaged and made up.

use proptest::prelude::*;

use super::tests::{B, K1, text};
use super::{Bm25Index, IndexError};
use crate::container::{Damage, DamagedFile, Sections, Writer};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_index_of_made_up_bytes_is_refused_or_says_the_same_bytes(
        texts in prop::collection::vec(text(), 0..6), changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let bytes = Bm25Index::build(&texts, K1, B).to_bytes();
        let sections = Sections::read(&bytes, "bm25", 3).unwrap();
        let mut bodies: Vec<(&str, Vec<u8>)> = sections.iter().map(|(name, body)| (name, body.to_vec())).collect();
        for (at, byte) in changes {
            let (_, body) = &mut bodies[at % 5];
            let len = body.len();
            match (at / 5) % (len + 2) {
                place if place < len => body[place] = byte,
                place if place == len => body.push(byte),
                _ => drop(body.pop()),
            }
        }
        // With the right checksums, so that the other checks have to stand alone.
        let mut writer = Writer::new("bm25", 3);
        for (name, body) in bodies {
            writer.section(name, &body);
        }
        let bytes = writer.finish();
        if let Ok(mut index) = Bm25Index::from_bytes(&bytes) {
            prop_assert_eq!(index.to_bytes(), bytes);
            index.rank("a b c d plot", 10);
            index.insert(0, "a plot").unwrap();
            index.remove(index.len() - 1).unwrap();
        }
    }
}

#[test]
fn no_cut_and_no_flipped_bit_goes_unseen() {
    let bytes = Bm25Index::build(["slow plot, not dull", "a dull plot"], K1, B).to_bytes();
    assert!(Bm25Index::from_bytes(&bytes).is_ok());
    for end in 0..bytes.len() {
        let error = Bm25Index::from_bytes(&bytes[..end]).unwrap_err();
        let is_cut = matches!(&error, IndexError::Damaged(damaged) if damaged.damage == Damage::Cut);
        assert!(is_cut, "{end}: {error:?}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let trailing = DamagedFile::new("bm25", "#5", bytes.len() as u64, Damage::Trailing);
    assert_eq!(Bm25Index::from_bytes(&longer).unwrap_err(), IndexError::Damaged(trailing));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        Bm25Index::from_bytes(&damaged).unwrap_err();
    }
    let newer = DamagedFile::new("bm25", "header", 0, Damage::OtherVersion { found: 4, known: 3 });
    let error = Bm25Index::from_bytes(&Writer::new("bm25", 4).finish()).unwrap_err();
    assert_eq!(error, IndexError::Damaged(newer));
}
