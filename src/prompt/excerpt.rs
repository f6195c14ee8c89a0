//! Shortens a text to what matters of it.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation;

use crate::llm::tokens_by_rule;

/// Words kept on each side of a passage in a sentence that is too long to keep.
const AROUND: usize = 8;

/// A text of at most about `most` tokens: the sentences that hold the passages, the first passages first, or those from
/// the beginning where none holds one; in their order, with `…` for what is left out. Of a sentence that is too long, the words around its
/// passage. A text that is short enough stays as it is.
pub(crate) fn excerpt(text: &str, passages: &[String], most: u64) -> String {
    if tokens_by_rule(text) <= most {
        return text.to_owned();
    }
    let sentences: Vec<(usize, &str)> = text.split_sentence_bound_indices().collect();
    let at = |passage: &String| {
        let start = text.find(passage.as_str()).filter(|_| !passage.is_empty())?;
        sentences.iter().rposition(|(from, _)| *from <= start)
    };
    let found = passages.iter().filter_map(|passage| Some((at(passage)?, Some(passage))));
    let mut wanted: Vec<(usize, Option<&String>)> = found.collect();
    if wanted.is_empty() {
        wanted = (0..sentences.len()).map(|place| (place, None)).collect();
    }
    let (mut kept, mut seen, mut left) = (Vec::new(), BTreeSet::new(), most);
    for (place, passage) in wanted {
        let Some((_, sentence)) = sentences.get(place) else { continue };
        // One more for the mark of what is left out.
        let whole = tokens_by_rule(sentence) + 1;
        if !seen.insert(place) || sentence.trim().is_empty() {
            continue;
        }
        if whole <= left {
            left -= whole;
            kept.push((place, sentence.trim().to_owned()));
        } else if let Some(part) = passage.and_then(|passage| around(sentence, passage)) {
            let cost = tokens_by_rule(&part) + 2;
            if cost <= left {
                left -= cost;
                kept.push((place, part));
            }
        } else if passage.is_none() {
            break;
        }
    }
    if kept.is_empty() {
        return format!("{} …", beginning(text, most));
    }
    kept.sort();
    let mut shortened = String::new();
    let mut next = 0;
    for (place, part) in kept {
        if !shortened.is_empty() {
            shortened.push(' ');
        }
        if place > next {
            shortened.push_str("… ");
        }
        shortened.push_str(&part);
        next = place + 1;
    }
    if next < sentences.len() && !shortened.ends_with('…') {
        shortened.push_str(" …");
    }
    shortened
}

/// The beginning of a text, to the end of a word where it has one.
fn beginning(text: &str, most: u64) -> String {
    let mut length = usize::try_from(most.saturating_mul(4)).unwrap_or(usize::MAX);
    loop {
        let part: String = text.chars().take(length).collect();
        if length <= 1 || tokens_by_rule(&part) <= most {
            let word = part.rfind(char::is_whitespace).and_then(|end| part.get(..end)).map(str::trim_end);
            return word.filter(|word| !word.is_empty()).unwrap_or(&part).to_owned();
        }
        length -= length.div_ceil(4);
    }
}

/// The words of a sentence around a passage in it.
fn around(sentence: &str, passage: &str) -> Option<String> {
    let start = sentence.find(passage)?;
    let (before, rest) = sentence.split_at_checked(start)?;
    let after = rest.get(passage.len()..)?;
    let words: Vec<&str> = before.split_inclusive(char::is_whitespace).collect();
    let before = words.get(words.len().saturating_sub(AROUND)..)?.concat();
    let after: String = after.split_inclusive(char::is_whitespace).take(AROUND).collect();
    let part = format!("{before}{passage}{after}");
    let open = if words.len() > AROUND { "… " } else { "" };
    Some(format!("{open}{} …", part.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "I bought it in May. The sound is warm and full. The box came late. Shipping took two weeks. The \
                        strings went dull within a month of playing every evening at home with my band and my friends.";

    #[test]
    fn the_sentences_of_the_passages_are_kept_in_their_order() {
        let passages = ["strings went dull".to_owned(), "sound is warm".to_owned()];
        assert_eq!(excerpt(TEXT, &passages, 1_000), TEXT);
        let sound = "… The sound is warm and full. …";
        let strings =
            "The strings went dull within a month of playing every evening at home with my band and my friends.";
        assert_eq!(excerpt(TEXT, &passages, 35), format!("{sound} {strings}"));
        assert_eq!(excerpt(TEXT, &passages, 22), format!("… {strings}"));
        assert_eq!(excerpt(TEXT, &passages, 18), "… The strings went dull within a month of playing every evening …");
        assert_eq!(excerpt(TEXT, &passages[1..], 18), sound);
        // Without a passage that is in it, its beginning.
        assert_eq!(excerpt(TEXT, &[], 16), "I bought it in May. The sound is warm and full. …");
        assert_eq!(excerpt(TEXT, &["not in it".to_owned()], 4), "I bought it …");
        assert_eq!(excerpt(&"長".repeat(90), &[], 20), format!("{} …", "長".repeat(24)));
    }

    proptest! {
        #[test]
        fn an_excerpt_is_never_much_longer_than_allowed(text in "[a-zA-Z .,!?\n]{0,400}", most in 1_u64..60) {
            let passage = text.chars().skip(20).take(12).collect::<String>();
            let short = excerpt(&text, &[passage], most);
            prop_assert!(tokens_by_rule(&short) <= most.max(3) + most / 2 + 3, "{} of {most}", tokens_by_rule(&short));
        }
    }
}
