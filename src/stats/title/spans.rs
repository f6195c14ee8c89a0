//! The runs of words of a text that could be its title, or half of it, and what each is worth.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::traits::{Word, core, sentences, tokens};
use super::weights::{Kind, entry};

/// The longest span, in words.
const MAX_WORDS: usize = 18;
/// The chance of a token the text has only by leaving brackets out.
const UNSEEN: f64 = 0.01;

/// Marks that may be left at the ends of a span by where it was cut.
pub(super) const MARKS: [char; 8] = [' ', '.', ',', ';', ':', '"', '“', '”'];

/// One word of a sentence with what deciding on spans needs of it.
struct Piece {
    word: Word,
    core: String,
    kind: Kind,
    tokens: Vec<usize>,
    last: char,
    chars: usize,
}

impl Piece {
    fn is_stop(&self) -> bool {
        self.tokens.is_empty() || entry(&self.core).stop.is_some()
    }

    /// A lone dash or slash joins the words around it.
    fn joins(&self) -> bool {
        matches!(self.word.text.as_str(), "-" | "–" | "/")
    }
}

/// A token of the text: its chance of being in this user's title.
struct Token {
    chance: f64,
    stop: bool,
}

/// A run of words inside one sentence.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The expected token overlap with the title (an F1), less the penalties for its shape.
    pub(super) value: f64,
    /// Expected number of its distinct tokens in the title.
    pub(super) hits: f64,
    /// Tokens in it.
    pub(super) len: f64,
    /// Penalty for where it begins and ends and what it contains.
    pub(super) shape: f64,
    pub(super) sentence: usize,
    words: Range<usize>,
    /// Content words only, so it can stand after "for".
    pub(super) plain: bool,
    /// Whole enough to be half of a title.
    pub(super) whole: bool,
    pub(super) chars: usize,
}

/// A span that words are still added to.
struct OpenSpan {
    /// The kind of what stands before it.
    before: Kind,
    /// Penalty for its sentence and for where it begins.
    opening: f64,
    /// Its distinct tokens.
    seen: Vec<usize>,
    hits: f64,
    len: usize,
    chars: usize,
    commas: u8,
    auxiliaries: u8,
    /// It has a cue after its first word.
    cue_inside: bool,
    plain: bool,
}

impl OpenSpan {
    /// A span that begins at `from`; none begins with a stop word. `place` is the penalty of the sentence.
    fn new(pieces: &[Piece], from: usize, place: f64) -> Option<Self> {
        if pieces.get(from).is_none_or(Piece::is_stop) {
            return None;
        }
        let before = before(pieces, from);
        Some(Self {
            before,
            opening: place + opening_shape(pieces, from, before),
            seen: Vec::new(),
            hits: 0.0,
            len: 0,
            chars: 0,
            commas: 0,
            auxiliaries: 0,
            cue_inside: false,
            plain: true,
        })
    }

    /// Adds a word, which is the first one or follows others.
    fn take(&mut self, tokens: &[Token], piece: &Piece, follows: bool) {
        self.chars += piece.chars + usize::from(follows);
        for &id in &piece.tokens {
            self.len += 1;
            if !self.seen.contains(&id) {
                self.seen.push(id);
                self.hits += tokens.get(id).map_or(0.0, |token| token.chance);
            }
        }
        self.auxiliaries += u8::from(piece.kind == Kind::Auxiliary);
        self.cue_inside |= piece.kind == Kind::Cue && follows;
        self.plain &= piece.tokens.is_empty() || !piece.is_stop();
    }

    /// The span of these words, which are all that it has so far.
    fn closed(&self, pieces: &[Piece], sentence: usize, words: Range<usize>, expected_len: f64) -> Span {
        let last = words.end.saturating_sub(1);
        let after = after(pieces, last);
        let inside = -0.03 * f64::from(self.auxiliaries.min(2))
            - 0.01 * f64::from(self.commas.min(3))
            - if self.cue_inside { 0.02 } else { 0.0 };
        let closing = pieces.get(last).map_or(0.0, |piece| closing_shape(piece, after));
        let shape = self.opening + inside + closing;
        let len = self.len as f64;
        Span {
            value: 2.0 * self.hits / (len + expected_len) + shape,
            hits: self.hits,
            len,
            shape,
            sentence,
            words,
            plain: self.plain && self.commas == 0,
            whole: !matches!(self.before, Kind::Content | Kind::Adverb | Kind::Conjunction)
                && !matches!(after, Kind::Content | Kind::Adverb)
                && self.commas == 0
                && self.auxiliaries == 0,
            chars: self.chars,
        }
    }
}

/// A text cut into sentences and words, with its tokens' chances.
pub(super) struct Text {
    sentences: Vec<Vec<Piece>>,
    tokens: Vec<Token>,
    ids: HashMap<String, usize>,
}

impl Text {
    pub(super) fn new(text: &str, chances: &BTreeMap<String, f64>) -> Self {
        let mut this = Self { sentences: Vec::new(), tokens: Vec::new(), ids: HashMap::new() };
        for (token, &chance) in chances {
            this.intern(token, chance);
        }
        for words in sentences(text) {
            let (Some(first), Some(last)) = (words.first(), words.last()) else { continue };
            let pieces = outside_brackets(text, first.start..last.end).into_iter().map(|w| this.piece(w)).collect();
            this.sentences.push(pieces);
        }
        this
    }

    fn intern(&mut self, token: &str, chance: f64) -> usize {
        if let Some(&id) = self.ids.get(token) {
            return id;
        }
        self.tokens.push(Token { chance, stop: entry(token).stop.is_some() });
        self.ids.insert(token.to_owned(), self.tokens.len() - 1);
        self.tokens.len() - 1
    }

    fn piece(&mut self, word: Word) -> Piece {
        let core = core(&word.text).to_lowercase();
        let known = entry(&core);
        let kind = match known.kind {
            _ if core.is_empty() => Kind::Stop,
            Some(kind) => kind,
            None if core.ends_with("ly") => Kind::Adverb,
            None => Kind::Content,
        };
        Piece {
            tokens: tokens(&word.text).iter().map(|token| self.intern(token, UNSEEN)).collect(),
            last: word.text.chars().last().unwrap_or(' '),
            chars: word.text.chars().count(),
            core,
            kind,
            word,
        }
    }

    /// Every span of two tokens or more that fits `max_chars`, by position. `expected_len` is the length of title to
    /// expect, in tokens.
    pub(super) fn spans(&self, expected_len: f64, max_chars: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        let last_sentence = self.sentences.len().saturating_sub(1);
        for (sentence, pieces) in self.sentences.iter().enumerate() {
            let place = match sentence {
                0 => 0.01,
                s if s == last_sentence => -0.01,
                _ => 0.0,
            };
            for from in 0..pieces.len() {
                let Some(mut open) = OpenSpan::new(pieces, from, place) else { continue };
                for (at, piece) in pieces.iter().enumerate().skip(from).take(MAX_WORDS) {
                    open.take(&self.tokens, piece, at > from);
                    if open.chars > max_chars {
                        break;
                    }
                    if !piece.is_stop() && open.len >= 2 {
                        spans.push(open.closed(pieces, sentence, from..at + 1, expected_len));
                    }
                    match piece.last {
                        ';' | ':' => break,
                        ',' => open.commas += 1,
                        _ => {}
                    }
                }
            }
        }
        spans
    }

    fn pieces(&self, span: &Span) -> &[Piece] {
        self.sentences.get(span.sentence).and_then(|pieces| pieces.get(span.words.clone())).unwrap_or_default()
    }

    /// The distinct tokens of a span.
    pub(super) fn tokens(&self, span: &Span) -> Vec<usize> {
        let mut ids: Vec<usize> = self.pieces(span).iter().flat_map(|piece| &piece.tokens).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The chance of the tokens two spans share; nothing if they share a word of content, for a title has each once.
    pub(super) fn shared(&self, a: &[usize], b: &[usize]) -> Option<f64> {
        let mut sum = 0.0;
        for token in a.iter().filter(|id| b.contains(id)).filter_map(|&id| self.tokens.get(id)) {
            if !token.stop {
                return None;
            }
            sum += token.chance;
        }
        Some(sum)
    }

    pub(super) fn id(&self, token: &str) -> Option<usize> {
        self.ids.get(token).copied()
    }

    /// The bytes of the text that the span takes.
    pub(super) fn bytes(&self, span: &Span) -> Range<usize> {
        let pieces = self.pieces(span);
        pieces.first().map_or(0, |first| first.word.start)..pieces.last().map_or(0, |last| last.word.end)
    }

    /// The span's words, without marks left over from where it was cut.
    pub(super) fn phrase(&self, span: &Span) -> String {
        let words: Vec<&str> = self.pieces(span).iter().map(|piece| piece.word.text.as_str()).collect();
        let joined = words.join(" ");
        let mut phrase = joined.trim_matches(MARKS).to_owned();
        let count = |phrase: &str, mark: char| phrase.matches(mark).count();
        if count(&phrase, '"') % 2 == 1 {
            phrase.retain(|c| c != '"');
        }
        for (open, close) in [('“', '”'), ('(', ')')] {
            if count(&phrase, open) != count(&phrase, close) {
                phrase.retain(|c| c != open && c != close);
            }
        }
        phrase
    }
}

/// The words of the text in the range, without what is in brackets.
fn outside_brackets(text: &str, range: Range<usize>) -> Vec<Word> {
    let mut kept: Vec<(usize, char)> = Vec::new();
    let mut open: Option<usize> = None;
    let offset = range.start;
    for (at, c) in text.get(range).unwrap_or_default().char_indices() {
        match (c, open) {
            (')' | ']', Some(mark)) => {
                kept.truncate(mark);
                while kept.last().is_some_and(|(_, c)| c.is_whitespace()) {
                    kept.pop();
                }
                open = None;
                continue;
            }
            ('(' | '[', _) => open = Some(kept.len()),
            _ => {}
        }
        kept.push((offset + at, c));
    }
    super::traits::gather(kept)
}

/// The kind of what stands before the word at `from`.
fn before(pieces: &[Piece], from: usize) -> Kind {
    match from.checked_sub(1).and_then(|at| pieces.get(at)) {
        None => Kind::Edge,
        Some(piece) if piece.joins() => Kind::Content,
        Some(piece) if matches!(piece.last, ',' | ';' | ':' | '–' | '—') => Kind::Mark,
        Some(piece) => piece.kind,
    }
}

/// The kind of what stands after the word at `at`.
fn after(pieces: &[Piece], at: usize) -> Kind {
    let punctuated = pieces.get(at).is_some_and(|piece| matches!(piece.last, ',' | ';' | ':'));
    match pieces.get(at + 1) {
        None => Kind::Edge,
        Some(_) if punctuated => Kind::Mark,
        Some(next) if next.joins() => Kind::Content,
        Some(next) if next.tokens.is_empty() => Kind::Mark,
        Some(next) => next.kind,
    }
}

/// The penalty or bonus for beginning at `from`: best at the start of a noun phrase that a cue points at.
fn opening_shape(pieces: &[Piece], from: usize, before: Kind) -> f64 {
    let Some(first) = pieces.get(from) else { return 0.0 };
    let mut shape = match before {
        Kind::Content => -0.03,
        Kind::Adverb | Kind::Conjunction => -0.02,
        Kind::Stop => -0.01,
        Kind::Determiner | Kind::Cue => 0.01,
        _ => 0.0,
    };
    shape += match first.kind {
        Kind::Cue => -0.05,
        Kind::Adverb => -0.02,
        _ => 0.0,
    };
    if entry(&first.core).weak {
        shape -= 0.03;
    }
    let filler = |piece: &&Piece| {
        piece.kind == Kind::Determiner
            || matches!(piece.core.as_str(), "novel" | "new" | "simple" | "first" | "general")
    };
    let lead = pieces.get(..from).unwrap_or_default().iter().rev().find(|piece| !filler(piece));
    if lead.is_some_and(|piece| piece.kind == Kind::Cue) {
        shape += 0.02;
    }
    shape
}

/// The penalty or bonus for ending with `last`, before a word of kind `after`.
fn closing_shape(last: &Piece, after: Kind) -> f64 {
    let mut shape = match after {
        Kind::Content => -0.03,
        Kind::Adverb => -0.01,
        Kind::Edge | Kind::Mark => 0.005,
        _ => 0.0,
    };
    shape += match last.kind {
        Kind::Adverb => -0.03,
        Kind::Cue => -0.02,
        _ => 0.0,
    };
    if last.core.ends_with("ed") {
        shape -= 0.02;
    }
    shape
}
