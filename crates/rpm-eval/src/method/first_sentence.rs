//! The first sentence of the query as the response.

use async_trait::async_trait;

use rpm_core::data::{History, Query, ResponseSpace, Task};

use super::{Bench, Method, MethodError, Prediction, Session};

/// The first sentence of what is asked, as the response. For free text only; nothing of the user is used. A sentence
/// longer than the task allows is cut after its last word that fits, or without one, where it must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstSentence;

/// Up to the first white space after a full stop, an exclamation or a question mark.
fn first_sentence(text: &str) -> &str {
    let mut before = ' ';
    for (position, c) in text.char_indices() {
        if c.is_whitespace() && matches!(before, '.' | '!' | '?') {
            return text.get(..position).unwrap_or(text);
        }
        before = c;
    }
    text
}

/// As much as fits, in whole words if it can be.
fn within(text: &str, max_chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, next)) = line.char_indices().nth(max_chars) else { return line };
    let kept = line.get(..end).unwrap_or_default();
    let whole = if next == ' ' { kept } else { kept.rsplit_once(' ').map_or(kept, |(words, _)| words) };
    whole.trim_end().to_owned()
}

#[async_trait]
impl Method for FirstSentence {
    fn name(&self) -> String {
        "first-sentence".to_owned()
    }

    fn applies(&self, task: &Task) -> bool {
        task.space().is_open_ended()
    }

    fn asks_model(&self) -> bool {
        false
    }

    async fn learn(&self, _: &History, _: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        Ok(Box::new(*self))
    }
}

#[async_trait]
impl Session for FirstSentence {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let sentence = first_sentence(query.text());
        let ResponseSpace::Text { max_chars } = bench.task.space() else { return Ok(Prediction::default()) };
        let response = bench.task.parse_response(query, &within(sentence, *max_chars));
        Ok(Prediction { raw: Some(sentence.to_owned()), response, ..Prediction::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_at_white_space_after_its_mark() {
        for (text, first) in [
            ("We ask why. Then not.", "We ask why."),
            ("Version 2.0 is here! It works", "Version 2.0 is here!"),
            ("no end", "no end"),
            ("Why?\nSo", "Why?"),
            ("", ""),
        ] {
            assert_eq!(first_sentence(text), first);
        }
    }

    #[test]
    fn what_is_too_long_ends_after_a_whole_word() {
        assert_eq!(within("one two three", 13), "one two three");
        assert_eq!(within("one two three", 8), "one two");
        assert_eq!(within("one two three", 7), "one two");
        assert_eq!(within("éééé", 2), "éé");
    }

    #[test]
    fn the_response_fits_the_task_and_what_was_said_is_kept() {
        let task = Task::new("Name it", ResponseSpace::text(10).unwrap()).unwrap();
        let query = Query::new("A parser for\nnoisy text. More.").unwrap();
        let said = pollster::block_on(FirstSentence.answer(&query, &Bench::new(&task, &[]))).unwrap();
        assert_eq!(said.response.as_deref(), Some("A parser"));
        assert_eq!(said.raw.as_deref(), Some("A parser for\nnoisy text."));
        assert!(FirstSentence.applies(&task));
        assert!(!FirstSentence.applies(&Task::new("Choose", ResponseSpace::choices()).unwrap()));
    }
}
