//! Users made from those of a data set, the same in every run.

use std::fs;
use std::path::Path;

use rpm_core::{History, Interaction, Query, ResponseSpace, Task};
use serde_json::Value;

use crate::Failed;
use crate::chance::Chance;

/// A past response of a user of the set.
struct Row {
    query: String,
    response: String,
    at: Option<i64>,
}

/// A user of the set, and what others are asked in their place.
struct Person {
    history: Vec<Row>,
    questions: Vec<String>,
}

/// The users of a set, from whom any number of users is made.
pub(crate) struct Made {
    pub(crate) task: Task,
    people: Vec<Person>,
    /// The most interactions of a user.
    most: usize,
    /// Words that each user adds to every text and nobody else has.
    own_words: usize,
}

impl Made {
    /// Reads the set in a folder: `users.jsonl`, `labels.json`.
    pub(crate) fn read(folder: &Path, most: usize, own_words: usize) -> Result<Self, Failed> {
        let labels: Vec<String> = serde_json::from_slice(&fs::read(folder.join("labels.json"))?)?;
        let points: Result<Vec<i64>, _> = labels.iter().map(|label| label.parse::<i64>()).collect();
        let space = match points.map(|points| (points.iter().min().copied(), points.iter().max().copied())) {
            Ok((Some(low), Some(high))) => ResponseSpace::scale(low, high)?,
            _ => ResponseSpace::labels(labels)?,
        };
        let task = Task::new("How does this person respond to this text?", space)?;
        let text = fs::read_to_string(folder.join("users.jsonl"))?;
        let people: Vec<Person> = text.lines().map(person).collect::<Result<_, _>>()?;
        if people.is_empty() {
            return Err("the set has no users".into());
        }
        Ok(Self { task, people, most, own_words })
    }

    pub(crate) fn people(&self) -> usize {
        self.people.len()
    }

    /// The history of the user of a number: some of the interactions of one of the set's users, in their order.
    pub(crate) fn history(&self, user: usize) -> Result<History, Failed> {
        let (person, mut chance) = self.person(user)?;
        let mut kept: Vec<&Row> = person.history.iter().collect();
        while kept.len() > self.most {
            kept.remove(chance.below(kept.len()));
        }
        let one = |(n, row): (usize, &Row)| -> Result<Interaction, Failed> {
            let mut text = row.query.clone();
            (0..self.own_words).for_each(|word| text.push_str(&own_word(user * self.own_words + word)));
            let interaction = Interaction::new(format!("h{n:06}"), Query::new(text)?, &row.response)?;
            Ok(match row.at {
                Some(at) => interaction.at(at),
                None => interaction,
            })
        };
        let interactions: Vec<Interaction> = kept.into_iter().enumerate().map(one).collect::<Result<_, _>>()?;
        Ok(History::new(&self.task, name(user), interactions)?)
    }

    /// What the user of a number is asked.
    pub(crate) fn question(&self, user: usize) -> Result<Query, Failed> {
        let (person, mut chance) = self.person(user)?;
        let number = chance.below(person.questions.len());
        Ok(Query::new(person.questions.get(number).ok_or("a user of the set has no test")?)?)
    }

    fn person(&self, user: usize) -> Result<(&Person, Chance), Failed> {
        let mut chance = Chance(0x5eed + user as u64);
        let number = chance.below(self.people.len());
        Ok((self.people.get(number).ok_or("the set has no users")?, chance))
    }
}

/// The id of the user of a number; ids are in the order of numbers.
pub(crate) fn name(user: usize) -> String {
    format!("u{user:08}")
}

/// A word of one user: seven letters, of which the first six tell it from all others.
fn own_word(mut number: usize) -> String {
    let mut word = String::from(" zq");
    for _ in 0..5 {
        word.push(char::from(b'a' + u8::try_from(number % 25).unwrap_or_default()));
        number /= 25;
    }
    word
}

fn person(line: &str) -> Result<Person, Failed> {
    let all: Value = serde_json::from_str(line)?;
    let rows = |field: &str| all.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |row: &Value, field: &str| row.get(field).and_then(Value::as_str).map(str::to_owned);
    let row = |row: &Value| {
        let at = row.get("timestamp").and_then(Value::as_i64);
        Some(Row { query: text(row, "query")?, response: text(row, "response")?, at })
    };
    let history = rows("history").iter().map(row).collect::<Option<_>>().ok_or("a row lacks query or response")?;
    Ok(Person { history, questions: rows("test").iter().filter_map(|row| text(row, "query")).collect() })
}
