//! Characters that show nothing or change how others show, by their Unicode properties, and text without them.

use std::fmt;

/// `Default_Ignorable_Code_Point` of the Unicode Standard 16.0 (`DerivedCoreProperties.txt`): what a reader without support shows
/// nothing for. It holds all bidirectional controls, tags, variation selectors, fillers, joiners and zero-width spaces.
const DEFAULT_IGNORABLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// The rest of `General_Category=Format` (`DerivedGeneralCategory.txt`) that shows nothing by itself: annotations between lines and
/// the layout of hieroglyphs. Signs that stand before numbers (`Prepended_Concatenation_Mark`) are of that category and show.
const OTHER_FORMAT: [(char, char); 2] = [('\u{fff9}', '\u{fffb}'), ('\u{13430}', '\u{1343f}')];

/// Blocks of scripts in which a joiner or non-joiner after a letter changes what is read: Arabic and its like, the scripts of
/// India, Sri Lanka, Myanmar and Cambodia, and Mongolian (Unicode Standard, chapters 9, 12, 13 and 16).
const JOINING: [(char, char); 12] = [
    ('\u{600}', '\u{6ff}'),
    ('\u{700}', '\u{74f}'),
    ('\u{750}', '\u{8ff}'),
    ('\u{900}', '\u{dff}'),
    ('\u{1000}', '\u{109f}'),
    ('\u{1780}', '\u{17ff}'),
    ('\u{1800}', '\u{18af}'),
    ('\u{1c80}', '\u{1cff}'),
    ('\u{a8e0}', '\u{a8ff}'),
    ('\u{fb50}', '\u{fdff}'),
    ('\u{fe70}', '\u{fefc}'),
    ('\u{11000}', '\u{1193f}'),
];

/// Blocks that hold all characters of `Emoji` (`emoji-data.txt`) but the digits and signs of keycaps.
const PICTURES: [(char, char); 8] = [
    ('\u{a9}', '\u{a9}'),
    ('\u{ae}', '\u{ae}'),
    ('\u{203c}', '\u{2049}'),
    ('\u{2100}', '\u{21ff}'),
    ('\u{2300}', '\u{27bf}'),
    ('\u{2900}', '\u{2bff}'),
    ('\u{3030}', '\u{3299}'),
    ('\u{1f000}', '\u{1faff}'),
];

fn is_among(c: char, ranges: &[(char, char)]) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// True of a character that shows nothing by itself: it is ignored where it is not understood, only formats, is no character
/// (`Noncharacter_Code_Point`), or is the pattern of Braille without a dot.
pub(crate) fn shows_nothing(c: char) -> bool {
    !c.is_ascii() && (c == '\u{2800}' || is_smuggled(c))
}

fn is_smuggled(c: char) -> bool {
    let is_no_character = u32::from(c) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c);
    is_no_character || is_among(c, &DEFAULT_IGNORABLE) || is_among(c, &OTHER_FORMAT)
}

/// Decides, character by character, what of a text is left when all goes that shows nothing: text cannot be hidden in it. A
/// variation selector stays after a picture, and a joiner after a picture or a letter of a script that joins, one each.
pub(crate) struct Visible {
    last: char,
}

impl Visible {
    pub(crate) fn new() -> Self {
        Self { last: ' ' }
    }

    /// True when the next character of the text stays. Line ends and tabs do; other control characters do not.
    pub(crate) fn keeps(&mut self, c: char) -> bool {
        let keeps = match c {
            '\n' | '\t' => true,
            c if c.is_ascii() => !c.is_ascii_control(),
            '\u{fe0e}' | '\u{fe0f}' => is_picture(self.last) || matches!(self.last, '#' | '*' | '0'..='9'),
            '\u{200d}' => is_picture(self.last) || self.last == '\u{fe0f}' || is_among(self.last, &JOINING),
            '\u{200c}' => is_among(self.last, &JOINING),
            c => !c.is_control() && !is_smuggled(c),
        };
        if keeps {
            self.last = c;
        }
        keeps
    }
}

fn is_picture(c: char) -> bool {
    is_among(c, &PICTURES)
}

/// A text on one line for a person's eyes: white space folded, and nothing in it that a terminal obeys or that hides.
pub(crate) fn line(text: &str) -> String {
    let (mut visible, mut line) = (Visible::new(), String::with_capacity(text.len()));
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            visible.last = ' ';
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if visible.keeps(c) {
            line.push(c);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Writes what is for a person's eyes: control characters and what shows nothing are left out on the way.
pub(crate) struct Shown<W> {
    out: W,
    visible: Visible,
}

impl<W: fmt::Write> Shown<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, visible: Visible::new() }
    }
}

impl<W: fmt::Write> fmt::Write for Shown<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')) {
            self.visible.last = text.chars().next_back().unwrap_or(self.visible.last);
            return self.out.write_str(text);
        }
        text.chars().filter(|c| self.visible.keeps(*c)).try_for_each(|c| self.out.write_char(c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn left(text: &str) -> String {
        let mut visible = Visible::new();
        text.chars().filter(|c| visible.keeps(*c)).collect()
    }

    #[test]
    fn the_ranges_are_in_order_and_apart() {
        for ranges in [&DEFAULT_IGNORABLE[..], &OTHER_FORMAT, &JOINING, &PICTURES] {
            assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
            assert!(ranges.iter().all(|(first, last)| first <= last));
        }
        let size: u32 = DEFAULT_IGNORABLE.iter().map(|(first, last)| u32::from(*last) - u32::from(*first) + 1).sum();
        assert_eq!(size, 4174, "as DerivedCoreProperties.txt counts them");
    }

    #[test]
    fn nothing_that_is_ignored_stays_in_plain_text() {
        for c in (0x80..=0x0010_ffff).filter_map(char::from_u32).filter(|c| is_smuggled(*c)) {
            assert_eq!(left(&format!("a{c}b{c}{c}c")), "abc", "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn pictures_and_scripts_that_join_stay_as_they_are() {
        for text in [
            "👩\u{200d}🚀",
            "❤\u{fe0f}",
            "❤\u{fe0f}\u{200d}🔥",
            "👨🏽\u{200d}👩🏽\u{200d}👧",
            "1\u{fe0f}\u{20e3}",
            "🇩🇪",
            "🏳\u{fe0f}\u{200d}🌈",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "ක්\u{200d}රි",
            "ക്\u{200d}",
            "e\u{301}te\u{301}",
        ] {
            assert_eq!(left(text), text);
        }
    }

    #[test]
    fn bits_in_joiners_and_selectors_go() {
        assert_eq!(left("ok\u{200c}\u{200d}\u{200c}\u{200c}!"), "ok!");
        assert_eq!(left("😀\u{fe0f}\u{fe0f}\u{fe01}\u{fe0e}\u{e0101}\u{e0149}"), "😀\u{fe0f}");
        assert_eq!(left("می\u{200c}\u{200d}\u{200c}خ"), "می\u{200c}خ");
    }

    #[test]
    fn what_is_shown_holds_no_escape_sequences() {
        let mut out = String::new();
        write!(Shown::new(&mut out), "a\u{1b}[31mred\u{7}\u{9b}2J\rb\u{202e}c\n").unwrap();
        assert_eq!(out, "a[31mred2Jbc\n");
        assert_eq!(line(" a\u{1b}]0;x\u{7}\r\nb\u{2028}c \u{85}"), "a ]0;x b c");
    }
}
