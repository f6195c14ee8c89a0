//! A profile as a page.

use std::fmt::Write as _;

use crate::markup::Escaped;

use super::wording::{Wording, wording};
use super::{Profile, Sway};

/// What the page may load: its own style, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("page.css");

impl Profile {
    /// The profile as one HTML page that stands by itself: no script, nothing loaded, light and dark, for a phone as for a desk, and
    /// with a picture that is told in words too. It says of itself that it is not for search engines.
    ///
    /// It quotes the user's own material; show it to them and to nobody else.
    pub fn html(&self) -> String {
        let words = wording(self.language);
        let mut page = format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n\
             </head>\n<body>\n<main>\n<h1>{}</h1>\n<p>{}</p>\n",
            words.tag(),
            words.title(),
            words.title(),
            Escaped(&self.lead()),
        );
        if let Some(note) = &self.note {
            let _ = writeln!(page, "<p class=\"soft\">{}</p>", Escaped(note));
        }
        let picture = self.picture();
        if !picture.is_empty() {
            let _ = write!(page, "<figure>\n{picture}<figcaption>{}</figcaption>\n</figure>\n", words.picture_note());
        }
        let [known, unsure] = self.by_sureness();
        if known.is_empty() && unsure.is_empty() {
            let _ = writeln!(
                page,
                "<section>\n<h2>{}</h2>\n<p>{}</p>\n</section>",
                words.sways_head(),
                words.nothing_yet()
            );
        }
        for (title, sways) in [(words.sways_head(), known), (words.unsure_head(), unsure)] {
            if !sways.is_empty() {
                let _ = writeln!(page, "<section>\n<h2>{title}</h2>\n<ul role=\"list\">");
                for sway in sways {
                    self.card(&mut page, sway, words);
                }
                page.push_str("</ul>\n</section>\n");
            }
        }
        let _ = writeln!(page, "<section>\n<h2>{}</h2>", words.rest_head());
        for sentence in self.rest() {
            let _ = writeln!(page, "<p>{}</p>", Escaped(&sentence));
        }
        page.push_str("</section>\n</main>\n</body>\n</html>\n");
        page
    }

    fn card(&self, page: &mut String, sway: &Sway, words: &dyn Wording) {
        let (label, told) = (Escaped(&sway.label), self.told(sway));
        let _ = writeln!(page, "<li><h3>{label}</h3>\n<p>{}</p>", Escaped(&told));
        if !sway.examples.is_empty() {
            let head = words.examples_head(sway.examples.len(), sway.seen);
            let _ = writeln!(page, "<details><summary>{head}: {label}</summary>");
            for example in &sway.examples {
                let responded = words.responded(&example.response, &self.response_name);
                let quoted = marked(&example.words, &example.seen);
                let _ = writeln!(page, "<blockquote>{quoted} <b>{}</b></blockquote>", Escaped(&responded));
            }
            page.push_str("</details>\n");
        }
        page.push_str("</li>\n");
    }
}

/// A text with the words in it marked, where they stand there as they are.
fn marked(text: &str, words: &str) -> String {
    match text.split_once(words).filter(|_| !words.is_empty()) {
        Some((before, after)) => {
            format!("{}<mark>{}</mark>{}", Escaped(before), Escaped(words), Escaped(after))
        }
        None => Escaped(text).to_string(),
    }
}
