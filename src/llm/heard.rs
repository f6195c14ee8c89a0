//! Tells of a reply in JSON while the model writes it, string by string.
//!
//! ```text
//! pieces of the reply, as they come → Scan → the text that each string value grew by → the host's callback
//! ```

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What was heard of a reply, of which nothing is checked yet.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Another attempt begins: what was told before is void.
    Again,
    /// The value of a key, as it goes on; `number` counts the values of the key from 0.
    Value {
        /// The key.
        key: String,
        /// Which of the key's values, from 0.
        number: usize,
        /// The text that it grew by.
        text: String,
    },
}

type Callback = dyn Fn(Heard) + Send + Sync;

/// Who listens to the replies of an operation.
#[derive(Clone)]
pub(crate) struct Listener(Arc<Inner>);

struct Inner {
    callback: Box<Callback>,
    /// The keys whose values are told.
    keys: &'static [&'static str],
    scan: Mutex<Scan>,
    closed: AtomicBool,
}

impl Listener {
    pub(crate) fn new(keys: &'static [&'static str], callback: impl Fn(Heard) + Send + Sync + 'static) -> Self {
        let (scan, closed) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { callback: Box::new(callback), keys, scan, closed }))
    }

    /// Another reply begins, or what was told is void for another reason.
    pub(crate) fn begin(&self) {
        let told = {
            let mut scan = self.0.scan.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *scan).told
        };
        if told && self.is_open() {
            (self.0.callback)(Heard::Again);
        }
    }

    /// The next piece of it. The callback runs outside the lock.
    pub(super) fn hear(&self, piece: &str) {
        if !self.is_open() {
            return;
        }
        let heard = {
            let mut scan = self.0.scan.lock().unwrap_or_else(PoisonError::into_inner);
            let mut heard = scan.read(piece);
            heard.retain(|heard| match heard {
                Heard::Value { key, .. } => self.0.keys.contains(&key.as_str()),
                Heard::Again => true,
            });
            scan.told |= !heard.is_empty();
            heard
        };
        for heard in heard {
            (self.0.callback)(heard);
        }
    }

    /// Nothing more is told from now on, whoever still holds the listener.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
    }

    fn is_open(&self) -> bool {
        !self.0.closed.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Again => f.write_str("Again"),
            Self::Value { key, number, text } => write!(f, "Value({key} {number}, {} bytes)", text.len()),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// The place in a text of JSON that is read piece by piece. Whatever the text is, reading it ends: what is no JSON is passed over.
#[derive(Default)]
struct Scan {
    /// Whether each bracket that is open is an object's.
    open: Vec<bool>,
    /// The last key of each object that is open, by depth; what is in a list is of the list's key.
    keys: Vec<String>,
    /// True behind a colon.
    is_value: bool,
    string: Option<Text>,
    /// How many values each key had.
    seen: Vec<(String, usize)>,
    told: bool,
}

/// A string that is read.
#[derive(Default)]
struct Text {
    /// All of a key; of a value what is not told yet.
    read: String,
    escape: Escape,
    /// The value's key and number; `None` for a key.
    of: Option<(String, usize)>,
    /// True for a number, which has no quotation marks.
    bare: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    /// Digits of a code unit, and the high surrogate before it.
    Unit {
        digits: u8,
        unit: u16,
        high: Option<u16>,
    },
    /// A high surrogate that its other half has to follow.
    High(u16),
    HighBegun(u16),
}

/// Longer keys, deeper brackets and more kinds of keys are no reply of ours.
const MOST: usize = 64;

impl Scan {
    fn read(&mut self, piece: &str) -> Vec<Heard> {
        let mut heard = Vec::new();
        for c in piece.chars() {
            match self.string.take() {
                Some(text) => self.in_string(text, c, &mut heard),
                None => self.outside(c),
            }
        }
        if let Some(text) = &mut self.string {
            tell(text, &mut heard);
        }
        heard
    }

    fn outside(&mut self, c: char) {
        match c {
            '{' | '[' if self.open.len() < MOST => {
                self.open.push(c == '{');
                self.keys.push(self.keys.last().cloned().unwrap_or_default());
                self.is_value = c == '[';
            }
            '}' | ']' => {
                self.open.pop();
                self.keys.pop();
                self.is_value = false;
            }
            ':' => self.is_value = true,
            ',' => self.is_value = self.open.last().is_some_and(|object| !object),
            '"' if !self.open.is_empty() => self.string = Some(self.begun(false)),
            // What is no number, such as null, says nothing.
            c if self.is_value && (c.is_ascii_digit() || c == '-') => {
                self.string = Some(Text { read: c.to_string(), ..self.begun(true) });
            }
            _ => {}
        }
    }

    /// A key, or the next value of the last one.
    fn begun(&mut self, bare: bool) -> Text {
        let of = self.is_value.then(|| {
            let key = self.keys.last().cloned().unwrap_or_default();
            let number = match self.seen.iter_mut().find(|(seen, _)| *seen == key) {
                Some((_, seen)) => {
                    *seen += 1;
                    *seen - 1
                }
                None => {
                    if self.seen.len() < MOST {
                        self.seen.push((key.clone(), 1));
                    }
                    0
                }
            };
            (key, number)
        });
        Text { of, bare, ..Text::default() }
    }

    fn in_string(&mut self, mut text: Text, c: char, heard: &mut Vec<Heard>) {
        let ends = if text.bare { !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_')) } else { text.takes(c) };
        if text.bare && !ends {
            text.read.push(c);
        }
        if !ends {
            self.string = Some(text);
            return;
        }
        tell(&mut text, heard);
        if text.of.is_none()
            && let Some(key) = self.keys.last_mut()
        {
            *key = text.read.chars().take(MOST).collect();
        }
        self.is_value &= text.of.is_none() || self.open.last().is_some_and(|object| !object);
        if text.bare {
            self.outside(c);
        }
    }
}

/// Tells what of a value was read.
fn tell(text: &mut Text, heard: &mut Vec<Heard>) {
    if let Some((key, number)) = text.of.as_ref().filter(|_| !text.read.is_empty()) {
        heard.push(Heard::Value { key: key.clone(), number: *number, text: std::mem::take(&mut text.read) });
    }
}

impl Text {
    /// Takes in a character of a quoted string. True when it ends it.
    fn takes(&mut self, c: char) -> bool {
        match self.escape {
            Escape::None if c == '"' => return true,
            Escape::None if c == '\\' => self.escape = Escape::Begun,
            Escape::None => self.read.push(c),
            Escape::Begun if c == 'u' => self.escape = Escape::Unit { digits: 0, unit: 0, high: None },
            Escape::Begun => {
                self.escape = Escape::None;
                self.read.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' | 'f' => ' ',
                    other => other,
                });
            }
            Escape::Unit { digits, unit, high } => {
                let digit = c.to_digit(16).and_then(|digit| u16::try_from(digit).ok());
                let unit = (unit << 4) | digit.unwrap_or_default();
                self.escape =
                    if digits < 3 { Escape::Unit { digits: digits + 1, unit, high } } else { self.unit(high, unit) };
            }
            Escape::High(high) => {
                self.escape = if c == '\\' { Escape::HighBegun(high) } else { Escape::None };
                if c == '"' {
                    return true;
                }
                if c != '\\' {
                    self.read.push(c);
                }
            }
            Escape::HighBegun(high) if c == 'u' => {
                self.escape = Escape::Unit { digits: 0, unit: 0, high: Some(high) };
            }
            Escape::HighBegun(_) => {
                self.escape = Escape::Begun;
                return self.takes(c);
            }
        }
        false
    }

    /// Takes in a code unit, and says what has to follow it.
    fn unit(&mut self, high: Option<u16>, unit: u16) -> Escape {
        if high.is_none() && (0xD800..0xDC00).contains(&unit) {
            return Escape::High(unit);
        }
        let units: Vec<u16> = high.into_iter().chain([unit]).collect();
        self.read.extend(char::decode_utf16(units).filter_map(Result::ok));
        Escape::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// The values that are heard of a text cut into pieces of so many characters, each put together again.
    fn heard(text: &str, at_once: usize) -> Vec<(String, usize, String)> {
        let (mut scan, mut values): (Scan, Vec<(String, usize, String)>) = (Scan::default(), Vec::new());
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(at_once.max(1)) {
            for heard in scan.read(&piece.iter().collect::<String>()) {
                let Heard::Value { key, number, text } = heard else { continue };
                match values.last_mut().filter(|last| last.0 == key && last.1 == number) {
                    Some(last) => last.2.push_str(&text),
                    None => values.push((key, number, text)),
                }
            }
        }
        values
    }

    #[test]
    fn strings_numbers_and_lists_are_told_by_their_keys_however_the_text_is_cut() {
        let reply = json!({ "answer": 4, "reasons": [{ "name": "slow \"pace\"", "why": "ünï\n😀" }, { "why": "b" }], "tags": ["x", "y"] });
        for at_once in [1, 2, 3, 7, 1_000] {
            let values = heard(&reply.to_string(), at_once);
            let of = |key: &str| -> Vec<(usize, &str)> {
                values.iter().filter(|value| value.0 == key).map(|value| (value.1, value.2.as_str())).collect()
            };
            assert_eq!(of("answer"), [(0, "4")], "{at_once}");
            assert_eq!(of("why"), [(0, "ünï\n😀"), (1, "b")], "{at_once}");
            assert_eq!((of("name"), of("tags")), (vec![(0, "slow \"pace\"")], vec![(0, "x"), (1, "y")]), "{at_once}");
        }
        assert_eq!(heard(r#"{"answer": -2, "other": null}"#, 1), [("answer".to_owned(), 0, "-2".to_owned())]);
        let escaped = r#"{"why":"\u00fc \ud83d\ude00 \ud83d! \/"}"#;
        assert_eq!(heard(escaped, 1), [("why".to_owned(), 0, "ü 😀 ! /".to_owned())]);
    }

    #[test]
    fn another_attempt_makes_void_what_was_told_and_silence_is_not_broken_for_it() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let listener = Listener::new(&["answer"], move |heard| hears.lock().unwrap().push(heard));
        listener.begin();
        listener.hear("{\"name\":\"slow\"");
        listener.begin();
        listener.hear("{\"answer\":\"ye");
        listener.begin();
        listener.hear("{\"answer\":\"no\"}");
        let value = |text: &str| Heard::Value { key: "answer".to_owned(), number: 0, text: text.to_owned() };
        assert_eq!(*told.lock().unwrap(), [value("ye"), Heard::Again, value("no")]);
        listener.close();
        listener.hear("{\"answer\":\"late\"}");
        listener.begin();
        assert_eq!(told.lock().unwrap().len(), 3);
    }

    proptest! {
        #[test]
        fn what_is_heard_of_a_reply_is_what_it_says(
            answer in "\\PC{0,12}", whys in proptest::collection::vec("[ -~\u{e4}\u{1F600}\n\"\\\\]{1,20}", 0..4), at_once in 1_usize..9,
        ) {
            let reasons: Vec<Value> = whys.iter().map(|why| json!({ "why": why })).collect();
            let reply = json!({ "answer": answer, "reasons": reasons }).to_string();
            let values = heard(&reply, at_once);
            let of = |key: &str| values.iter().filter(|it| it.0 == key).map(|it| it.2.clone()).collect::<Vec<_>>();
            prop_assert_eq!(of("why"), whys);
            prop_assert_eq!(of("answer").concat(), answer);
        }

        #[test]
        fn any_text_can_be_heard(pieces in proptest::collection::vec("[\\[\\]{}:,\"\\\\u0-9a-z ]{0,9}", 0..12)) {
            let mut scan = Scan::default();
            for piece in &pieces {
                scan.read(piece);
            }
            prop_assert!(scan.open.len() <= MOST && scan.seen.len() <= MOST);
        }
    }
}
