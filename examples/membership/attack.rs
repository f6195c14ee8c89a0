//! An attack on a population: how surely its file tells that a user responded as they did.
//!
//! The attacker knows the user's queries and responses, and what the user might have responded instead. They make shadow
//! populations with the one and with the other, and score each by how much likelier it finds the user's own responses. A threshold that
//! tells half of the shadows apart best is then tried on the other half: the advantage is the share of populations with the
//! user that it finds, less the share of those without that it takes for such.

use std::error::Error;
use std::sync::Arc;

use rpm_core::data::{Calibration, FactorSet, Interaction, MemoryItem, Query, ResponseSpace, Task};
use rpm_core::stats::population::{Noise, Population, USERS_SHARED};
use rpm_core::stats::{Beliefs, Estimator};

use crate::chance::Chance;

type Failed = Box<dyn Error>;

/// Users of a population, the attacked one among them.
const USERS: usize = 60;
const INTERACTIONS: usize = 20;
const WORDS: [&str; 24] = [
    "harbour", "lamp", "ferry", "bread", "tower", "dance", "fog", "rain", "winter", "garden", "violin", "market",
    "bridge", "letter", "orchard", "kitchen", "desert", "comet", "circus", "river", "clock", "forest", "engine",
    "island",
];

/// What the attacker knows beside the user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knows {
    /// All other users, word for word. This is what ε is about.
    Everybody,
    /// What other users are like: each shadow has others.
    TheirLikes,
    /// The same, and populations without are those in which somebody else is in the user's place, with queries of their own. Noise
    /// promises nothing of it, since it hides responses and not queries.
    WhoIsThere,
}

/// Which words somebody likes, above 0, and dislikes.
type Taste = Vec<i64>;

fn taste(chance: &mut Chance) -> Taste {
    WORDS.iter().map(|_| [-1, -1, 0, 1, 1].get(chance.below(5)).copied().unwrap_or_default()).collect()
}

/// The queries of one user: three words each.
fn queries(chance: &mut Chance) -> Vec<[usize; 3]> {
    (0..INTERACTIONS).map(|_| std::array::from_fn(|_| chance.below(WORDS.len()))).collect()
}

/// What somebody of a taste responds, from 1 to 5: one in four times a point off.
fn responses(queries: &[[usize; 3]], taste: &Taste, chance: &mut Chance) -> Vec<i64> {
    let one = |query: &[usize; 3]| {
        let liked: i64 = query.iter().filter_map(|word| taste.get(*word)).sum();
        let off = [0, 0, 0, 0, 0, 0, 1, -1].get(chance.below(8)).copied().unwrap_or_default();
        (3 + liked + off).clamp(1, 5)
    };
    queries.iter().map(one).collect()
}

fn text(query: &[usize; 3]) -> Result<Query, Failed> {
    let words: Vec<&str> = query.iter().filter_map(|word| WORDS.get(*word).copied()).collect();
    Ok(Query::new(words.join(" "))?)
}

fn history(queries: &[[usize; 3]], responses: &[i64]) -> Result<Vec<MemoryItem>, Failed> {
    let one = |(number, (query, response)): (usize, (&[usize; 3], &i64))| -> Result<MemoryItem, Failed> {
        let interaction = Interaction::new(format!("i{number}"), text(query)?, response.to_string())?;
        Ok(MemoryItem::new(interaction, Vec::new())?)
    };
    queries.iter().zip(responses).enumerate().map(one).collect()
}

/// The attacked user: what they asked, what they responded, and what they might have.
struct User {
    queries: Vec<[usize; 3]>,
    own: Vec<i64>,
    otherwise: Vec<i64>,
}

impl User {
    fn new() -> Self {
        let mut chance = Chance(1);
        let (queries, taste) = (queries(&mut chance), taste(&mut chance));
        let opposite: Taste = taste.iter().map(|liked| -liked).collect();
        let own = responses(&queries, &taste, &mut chance);
        let otherwise = responses(&queries, &opposite, &mut chance);
        Self { queries, own, otherwise }
    }

    /// How much likelier the user's own responses are than the others, to somebody of whom the population alone is known.
    fn score(&self, task: &Task, population: Population) -> Result<f64, Failed> {
        let (set, calibration, population) = (FactorSet::default(), Calibration::default(), Arc::new(population));
        let estimator = Estimator::among(task, &set, &[], &[], Some(&population)).ok_or("a scale has estimates")?;
        let beliefs = Beliefs::new(task, &set, &calibration);
        let mut score = 0.0;
        for ((query, own), otherwise) in self.queries.iter().zip(&self.own).zip(&self.otherwise) {
            let estimate = estimator.of_query(&beliefs, &text(query)?, &[]);
            let likely = |response: &i64| estimate.probability(&response.to_string()).max(1e-9).ln();
            score += likely(own) - likely(otherwise);
        }
        Ok(score)
    }
}

/// The advantage of the attacker over so many shadows of either kind, with noise for this ε or without.
///
/// # Errors
/// When something that is made up here is not taken.
pub(crate) fn advantage(knows: Knows, epsilon: Option<f64>, shadows: usize) -> Result<f64, Failed> {
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    let user = User::new();
    let mut scores = [Vec::new(), Vec::new()];
    for number in 0..2 * shadows {
        let is_in = number % 2 == 0;
        let mut chance = Chance(if knows == Knows::Everybody { 99 } else { 1_000 + number as u64 });
        let mut users = Vec::new();
        for _ in 1..USERS {
            let (queries, taste) = (queries(&mut chance), taste(&mut chance));
            users.push(history(&queries, &responses(&queries, &taste, &mut chance))?);
        }
        users.push(match (is_in, knows) {
            (true, _) => history(&user.queries, &user.own)?,
            (false, Knows::WhoIsThere) => {
                let (queries, taste) = (queries(&mut chance), taste(&mut chance));
                history(&queries, &responses(&queries, &taste, &mut chance))?
            }
            (false, _) => history(&user.queries, &user.otherwise)?,
        });
        let mut seed = [7; 32];
        seed.iter_mut().zip(number.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
        let population = match epsilon {
            None => Population::learn(&task, &users, USERS_SHARED)?,
            Some(epsilon) => Population::learn_private(&task, &users, USERS_SHARED, &Noise::new(epsilon, seed)?)?,
        };
        let score = user.score(&task, population)?;
        if let Some(scores) = scores.get_mut(usize::from(is_in)) {
            scores.push(score);
        }
    }
    let [without, with] = &scores;
    let half = shadows / 2;
    let (train, test) = (halves(with, without, 0, half), halves(with, without, half, shadows));
    let tells = |(with, without): &(Vec<f64>, Vec<f64>), threshold: f64| {
        let share =
            |scores: &[f64]| scores.iter().filter(|score| **score > threshold).count() as f64 / scores.len() as f64;
        share(with) - share(without)
    };
    let thresholds = train.0.iter().chain(&train.1).map(|score| score - 1e-12);
    let best = thresholds.max_by(|a, b| tells(&train, *a).total_cmp(&tells(&train, *b)));
    Ok(best.map_or(0.0, |threshold| tells(&test, threshold)))
}

fn halves(with: &[f64], without: &[f64], from: usize, to: usize) -> (Vec<f64>, Vec<f64>) {
    let part = |scores: &[f64]| scores.get(from..to).unwrap_or_default().to_vec();
    (part(with), part(without))
}

/// The most that the advantage can be under noise for this ε, at δ = 10⁻⁶.
pub(crate) fn bound(epsilon: f64) -> f64 {
    (epsilon.exp() - 1.0 + 2e-6) / (epsilon.exp() + 1.0)
}
