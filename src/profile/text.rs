//! A profile as text.

use std::fmt;

use super::wording::wording;
use super::{Profile, Sureness, Sway};
use crate::data::visible::line as shown;

/// The signs of a line, beyond which it is broken between words.
const WIDTH: usize = 80;

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = wording(self.language);
        head(f, words.title(), '=')?;
        paragraph(f, &self.lead(), "")?;
        writeln!(f)?;
        let [known, unsure] = self.by_sureness();
        if known.is_empty() && unsure.is_empty() {
            head(f, words.sways_head(), '-')?;
            paragraph(f, words.nothing_yet(), "")?;
        }
        let first = if known.is_empty() { words.unsure_head() } else { words.sways_head() };
        for (title, sways) in [(words.sways_head(), known), (words.unsure_head(), unsure)] {
            if !sways.is_empty() {
                if title != first {
                    writeln!(f)?;
                }
                head(f, title, '-')?;
            }
            for sway in sways {
                writeln!(f, "* {} ({})", one_line(&sway.label), words.change(sway))?;
                paragraph(f, &self.told(sway), "  ")?;
                for example in &sway.examples {
                    let response = words.responded(&one_line(&example.response), &self.response_name);
                    paragraph(f, &format!("\u{201c}{}\u{201d} {response}", one_line(&example.words)), "    ")?;
                }
            }
        }
        writeln!(f)?;
        head(f, words.rest_head(), '-')?;
        self.rest().iter().try_for_each(|sentence| paragraph(f, sentence, ""))
    }
}

impl Profile {
    /// What was learned from, and what is usual.
    pub(super) fn lead(&self) -> String {
        let words = wording(self.language);
        let sentences = [Some(words.learned(self.interactions)), words.usual(&self.usual, &self.response_name)];
        sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What is known, and what may be chance.
    pub(super) fn by_sureness(&self) -> [Vec<&Sway>; 2] {
        let (unsure, known) = self.sways.iter().partition(|sway| sway.sureness == Sureness::Guess);
        [known, unsure]
    }

    /// The sentences about a factor of this profile, as they stand in its text and on its page.
    pub fn told(&self, sway: &Sway) -> String {
        let words = wording(self.language);
        let mut told = format!("{} {} ", words.effect(sway, &self.response_name), words.seen(sway.seen));
        told.push_str(words.sureness(sway.sureness));
        if let Some(most) = &sway.most_people {
            told.push(' ');
            told.push_str(&words.most_people(most));
        }
        told
    }

    /// The sentences about what is not used and not known.
    pub(super) fn rest(&self) -> Vec<String> {
        let words = wording(self.language);
        let told = [
            (!self.sways.is_empty()).then(|| words.together().to_owned()),
            words.others(&self.others),
            words.without_factor(self.without_factor, self.interactions),
            words.set_aside(&self.set_aside),
            Some(words.sources(self.people)),
            Some(self.note.clone().unwrap_or_else(|| words.remedy().to_owned())),
        ];
        told.into_iter().flatten().collect()
    }
}

fn head(f: &mut fmt::Formatter<'_>, text: &str, line: char) -> fmt::Result {
    writeln!(f, "{text}")?;
    writeln!(f, "{}", line.to_string().repeat(text.chars().count()))
}

/// A paragraph in lines of at most 80 signs, each after the indent.
pub(crate) fn paragraph(f: &mut fmt::Formatter<'_>, text: &str, indent: &str) -> fmt::Result {
    let mut line = String::new();
    for word in shown(text).split_whitespace() {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && indent.len() + length > WIDTH {
            writeln!(f, "{indent}{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(f, "{indent}{line}")
}

/// A text on one line.
pub(super) fn one_line(text: &str) -> String {
    shown(text)
}
