//! Commands and options from Markdown.

use std::collections::BTreeMap;

/// The commands of fenced `sh` blocks and of code spans that begin with one of our programs, as words.
pub(crate) fn commands(text: &str) -> Vec<Vec<String>> {
    let (blocks, prose) = parts(text);
    let mut commands = Vec::new();
    let mut variables = BTreeMap::new();
    for line in blocks.replace("\\\n", " ").lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = variables
            .iter()
            .fold(line.to_owned(), |line, (name, value): (&String, &String)| line.replace(&format!("${name}"), value));
        let words = words(&line);
        if let [one] = words.as_slice()
            && let Some((name, value)) = one.split_once('=')
        {
            variables.insert(name.to_owned(), value.to_owned());
        } else if words.first().is_some_and(|word| word != "export") {
            commands.push(words);
        }
    }
    let spans = spans(&prose).into_iter().map(|span| words(&span));
    // A span such as `evaluate FOLDER --methods x` is a command as well, of a program that there may not be.
    commands.extend(spans.filter(|words| match words.as_slice() {
        [first, _, ..] if first.starts_with('-') || first.contains('"') => false,
        [first, second, ..] if first == "cargo" => second.chars().all(|c| c.is_ascii_lowercase()),
        [_, rest @ ..] => rest.iter().any(|word| is_option(word)),
        [] => false,
    }));
    commands
}

/// The options that code spans name by themselves, such as `--resume`.
pub(crate) fn options(text: &str) -> Vec<String> {
    let spans = spans(&parts(text).1);
    let first = spans.iter().filter_map(|span| span.split_whitespace().next());
    first.filter(|word| is_option(word)).map(str::to_owned).collect()
}

/// True for `--some-option`, with or without a value behind `=`.
pub(crate) fn is_option(word: &str) -> bool {
    word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// The words of a command line; quotes hold words together.
pub(crate) fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The text of the `sh` blocks, and the text outside of all blocks.
fn parts(text: &str) -> (String, String) {
    let (mut blocks, mut prose, mut fence) = (String::new(), String::new(), None);
    for line in text.lines() {
        match (line.trim().strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (None, Some("sh")) => blocks.extend([line, "\n"]),
            (None, Some(_)) => {}
            (None, None) => prose.extend([line, "\n"]),
        }
    }
    (blocks, prose)
}

/// The code spans of text, with spaces for line breaks.
fn spans(prose: &str) -> Vec<String> {
    prose.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")).collect()
}
