//! What is printed: plain text for 80 columns.

use std::fmt::Write as _;

use crate::compare::Measured;
use crate::metric::Metric;

use super::people::{Person, Shown};
use super::{Finding, MethodFigure, TriedOut};

/// The columns of a terminal.
const WIDTH: usize = 80;
/// Those of a method's name in the table.
const NAMED: usize = 44;

/// A number of things, with an s where there are several.
pub(super) fn counted(number: usize, thing: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// A text on one line, cut with a mark where it is longer than so many characters.
pub(super) fn short(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Words in lines of a width, the first beginning with `first` and the others with as many blanks as `later`.
fn lines(width: usize, first: &str, later: usize, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    // A number stays with its sign.
    let text = text.replace(" %", "\u{a0}%");
    for word in text.split_ascii_whitespace().map(|word| word.replace("\u{a0}%", " %")) {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(later)));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// The same on the page.
fn wrapped(page: &mut String, first: &str, later: usize, text: &str) {
    for line in lines(WIDTH, first, later, text) {
        let _ = writeln!(page, "{line}");
    }
}

fn heading(page: &mut String, words: &str) {
    let _ = writeln!(page, "\n{words}\n");
}

/// The whole page.
pub(super) fn page(tried: &TriedOut) -> String {
    let mut page = String::new();
    wrapped(&mut page, "", 0, &tried.verdict.sentence);
    if !tried.verdict.note.is_empty() {
        wrapped(&mut page, "", 0, &tried.verdict.note);
    }
    if let Some(lost) = tried.lost() {
        wrapped(&mut page, "", 0, &lost);
    }
    heading(&mut page, "The data");
    for (name, text) in &tried.data {
        wrapped(&mut page, &format!("{name:<13}"), 13, text);
    }
    let unused: usize = tried.unused.iter().map(|unused| unused.rows).sum();
    if unused == 0 {
        wrapped(&mut page, "not used     ", 13, "nothing: all rows are used");
    } else {
        wrapped(&mut page, "not used     ", 13, &format!("{unused} of {}", counted(tried.rows, "row")));
        for unused in &tried.unused {
            wrapped(&mut page, "             - ", 15, &unused.to_string());
        }
    }
    heading(&mut page, "The comparison");
    wrapped(&mut page, "", 0, &tried.plan);
    table(&mut page, tried);
    if !tried.people.is_empty() {
        heading(&mut page, "People");
        let alone = tried.verdict.finding == Finding::OneUser;
        if !alone {
            let drawn = "Drawn by the seed among users with enough answers; so are the two answers of each.";
            let because =
                if tried.metric == Metric::Mae { "in points" } else { "as the answer's probability in percent" };
            let because = format!("Behind \"because\" is what is usual and what moved it, {because}.");
            wrapped(&mut page, "", 0, drawn);
            if tried.metric != Metric::Rouge1 {
                wrapped(&mut page, "", 0, &because);
            }
        }
        for person in &tried.people {
            show(&mut page, person, tried);
        }
        for way in ["better", "worse"] {
            if !alone && tried.people.iter().all(|person| !person.title.contains(way)) {
                let _ = writeln!(page, "\nNo one for whom it was {way} is left to be shown.");
            }
        }
    }
    page
}

/// The methods with their figures.
fn table(page: &mut String, tried: &TriedOut) {
    let measure = match tried.metric {
        Metric::Mae => "wrong by, points".to_owned(),
        Metric::Rouge1 => "words alike".to_owned(),
        _ => "right".to_owned(),
    };
    let _ = writeln!(page, "\n{:<42}{measure:>22}{:>16}", "", "95 % interval");
    for (place, figure) in tried.methods.iter().enumerate() {
        if place == 2 {
            let _ = writeln!(page, "for information:");
        }
        row(page, figure, tried);
    }
    let _ = writeln!(page, "\nEach on {} of {}.", counted(tried.items, "answer"), counted(tried.users, "user"));
    if let Some(simple) = tried.best_simple() {
        let words = "Of the simple methods, the best on these answers turned out to be";
        wrapped(page, "", 0, &format!("{words} {}, which nobody could have known before.", simple.words));
    }
}

fn row(page: &mut String, figure: &MethodFigure, tried: &TriedOut) {
    let number = |value: f64| match tried.metric {
        Metric::Mae => format!("{:.2}", value * tried.step),
        Metric::Rouge1 => format!("{:.1} %", 100.0 * value),
        _ => percent(value),
    };
    let Measured { value, interval } = figure.measured;
    let ends = interval.map_or_else(String::new, |it| format!("{} to {}", number(it.low), number(it.high)));
    for (place, line) in lines(NAMED, "", 4, &figure.words).into_iter().enumerate() {
        let _ = match place {
            0 => writeln!(page, "{line:<46}{:>16}{ends:>18}", number(value)),
            _ => writeln!(page, "{line}"),
        };
    }
    if figure.without_answer > 0 {
        let _ = writeln!(page, "    ({} got no answer and count as wrong)", counted(figure.without_answer, "query"));
    }
}

fn show(page: &mut String, person: &Person, tried: &TriedOut) {
    let (past, asked) = (counted(person.history, "past response"), person.asked);
    let _ = writeln!(page);
    wrapped(page, "", 2, &format!("{} ({past}, {asked} asked; {})", person.title, gain(person.gain, tried)));
    if person.sways.is_empty() {
        wrapped(page, "  ", 2, "Nothing sure is known of this person yet.");
    } else {
        wrapped(page, "  ", 2, "From this person's profile:");
        for line in &person.sways {
            wrapped(page, "  - ", 4, line);
        }
    }
    for Shown { query, responded, ours, baseline, reasons } in &person.answers {
        wrapped(page, "  asked      ", 13, query);
        wrapped(page, "  responded  ", 13, responded);
        wrapped(page, "  rpm-core   ", 13, ours);
        wrapped(page, "  because    ", 13, reasons);
        wrapped(page, "  simple     ", 13, baseline);
    }
}

/// By how much ours was better for a person.
fn gain(gain: f64, tried: &TriedOut) -> String {
    let way = if gain < 0.0 { "worse" } else { "better" };
    match tried.metric {
        _ if gain == 0.0 => "the same".to_owned(),
        Metric::Mae => format!("{:.2} points {way}", gain.abs() * tried.step),
        Metric::Rouge1 => format!("{:.1} of 100 words {way}", 100.0 * gain.abs()),
        _ => format!("{:.0} of 100 answers {way}", 100.0 * gain.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_page_and_cut_texts_have_a_mark() {
        let mut page = String::new();
        wrapped(&mut page, "name  ", 6, &"several words ".repeat(20));
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
        assert!(page.lines().skip(1).all(|line| line.starts_with("      s") || line.starts_with("      w")));
        assert_eq!(short("one two\nthree", 8), "one two…");
        assert_eq!((counted(1, "row"), counted(12_345, "row")), ("1 row".to_owned(), "12,345 rows".to_owned()));
    }
}
