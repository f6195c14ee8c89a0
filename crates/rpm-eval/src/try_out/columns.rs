//! Which column is what: as it was named, or by the obvious names.

use std::path::Path;

use super::table::{Table, wrong};
use super::{TryError, TryOptions};

/// The places of the columns that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) user: usize,
    pub(super) query: usize,
    pub(super) response: usize,
    pub(super) time: Option<usize>,
}

const USER: [&str; 16] = [
    "user",
    "userid",
    "username",
    "author",
    "authorid",
    "reviewer",
    "reviewerid",
    "rater",
    "raterid",
    "annotator",
    "annotatorid",
    "worker",
    "workerid",
    "customer",
    "customerid",
    "person",
];
const QUERY: [&str; 14] = [
    "query",
    "text",
    "prompt",
    "review",
    "reviewtext",
    "question",
    "comment",
    "content",
    "input",
    "message",
    "description",
    "item",
    "body",
    "title",
];
const RESPONSE: [&str; 12] = [
    "response", "rating", "label", "answer", "score", "stars", "overall", "vote", "choice", "tag", "output", "verdict",
];
const TIME: [&str; 9] =
    ["time", "timestamp", "date", "datetime", "createdat", "created", "reviewdate", "submittedat", "unixtime"];

/// One column that is looked for.
struct Wanted<'a> {
    flag: &'static str,
    given: Option<&'a str>,
    obvious: &'static [&'static str],
}

/// Finds the columns, and says which were taken without being named.
pub(super) fn pick(path: &Path, table: &Table, options: &TryOptions) -> Result<(Columns, Vec<String>), TryError> {
    let wanted = [
        Wanted { flag: "--user", given: options.user.as_deref(), obvious: &USER },
        Wanted { flag: "--query", given: options.query.as_deref(), obvious: &QUERY },
        Wanted { flag: "--response", given: options.response.as_deref(), obvious: &RESPONSE },
        Wanted { flag: "--time", given: options.time.as_deref(), obvious: &TIME },
    ];
    let column_error = |problem: String, found: &[Option<usize>; 4], open: Option<&str>| {
        let is_number = |column: &String| column.parse::<f64>().is_ok();
        match table.columns.iter().position(is_number) {
            // What would be listed as names may be what somebody said.
            Some(place) => {
                wrong(path, format!("has no header: cell {} of its first row is a number. Put names there", place + 1))
            }
            None => {
                let command = command(path, table, &wanted, found, open);
                TryError::Column { problem, columns: table.columns.clone(), command }
            }
        }
    };
    let mut found: [Option<usize>; 4] = [None; 4];
    // What was named is not taken for something else.
    for (wanted, column) in wanted.iter().zip(&mut found) {
        if let Some(name) = wanted.given {
            let place = named(table, name);
            *column = Some(place.map_err(|problem| {
                column_error(format!("{}: {problem}", wanted.flag), &[None; 4], Some(wanted.flag))
            })?);
        }
    }
    let mut taken = Vec::new();
    for place in 0..wanted.len() {
        let free = |column: usize| !found.contains(&Some(column));
        let Some(wanted) = wanted.get(place).filter(|it| it.given.is_none()) else { continue };
        let Some(column) = obvious(table, wanted.obvious, free) else { continue };
        taken.push(format!("{:?} for {}", table.columns.get(column).map_or("", String::as_str), wanted.flag));
        if let Some(slot) = found.get_mut(place) {
            *slot = Some(column);
        }
    }
    let [user, query, response, time] = found;
    let missing =
        |flag: &'static str| column_error(format!("no column has an obvious name for {flag}"), &found, Some(flag));
    let columns = Columns {
        user: user.ok_or_else(|| missing("--user"))?,
        query: query.ok_or_else(|| missing("--query"))?,
        response: response.ok_or_else(|| missing("--response"))?,
        time,
    };
    if let Some((first, second, column)) = twice(&found) {
        let flag = |place: usize| wanted.get(place).map_or("", |wanted| wanted.flag);
        let name = table.columns.get(column).map_or("", String::as_str);
        let problem =
            format!("column {name:?} is named for {} and for {}, and can be one of them", flag(first), flag(second));
        let known = found.map(|known| known.filter(|known| *known != column));
        return Err(column_error(problem, &known, Some(flag(second))));
    }
    Ok((columns, taken))
}

/// The places of the first two things that one column is named for, and the column.
fn twice(found: &[Option<usize>]) -> Option<(usize, usize, usize)> {
    found.iter().enumerate().find_map(|(second, column)| {
        let first = found.iter().take(second).position(|other| other == column)?;
        Some((first, second, (*column)?))
    })
}

/// The column of this name, to the letter or else whatever its case.
fn named(table: &Table, name: &str) -> Result<usize, String> {
    let name = name.trim();
    let all = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..table.columns.len()).filter(|place| table.columns.get(*place).is_some_and(|it| same(it))).collect()
    };
    let exact = all(&|column| column == name);
    let found = if exact.is_empty() { all(&|column| column.to_lowercase() == name.to_lowercase()) } else { exact };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(format!("there is no column {name:?}")),
        several => Err(format!("{} columns are called {name:?}: rename all but one", several.len())),
    }
}

/// The one free column with the first of these names that any has.
fn obvious(table: &Table, names: &[&str], free: impl Fn(usize) -> bool) -> Option<usize> {
    let bare = |column: &String| -> String {
        column.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let bare: Vec<String> = table.columns.iter().map(bare).collect();
    names.iter().find_map(|name| {
        let mut same = (0..bare.len()).filter(|place| free(*place) && bare.get(*place).is_some_and(|it| it == name));
        same.next().filter(|_| same.next().is_none())
    })
}

/// The command with what is known filled in, and `COLUMN` for what is not.
fn command(
    path: &Path,
    table: &Table,
    wanted: &[Wanted<'_>],
    found: &[Option<usize>; 4],
    open: Option<&str>,
) -> String {
    let quoted = |text: &str| {
        let plain = text.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c));
        if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
    };
    let mut words = vec!["rpm-eval try".to_owned(), quoted(&path.to_string_lossy())];
    for (wanted, found) in wanted.iter().zip(found) {
        let known = found.and_then(|place| table.columns.get(place)).map(String::as_str).or(wanted.given);
        let known = known.filter(|_| open != Some(wanted.flag));
        if known.is_some() || wanted.flag != "--time" || open == Some("--time") {
            words.push(format!("{} {}", wanted.flag, known.map_or_else(|| "COLUMN".to_owned(), quoted)));
        }
    }
    words.join(" ")
}
