//! The effect of an edit, told before it is kept.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{Edit, ItemId, MemoryItem, ResponseSpace};
use crate::parallel;
use crate::stats::population::Population;
use crate::stats::{Beliefs, Estimate, Titles};

use super::edits::EditError;
use super::partition::Partition;
use super::user_model::UserModel;

/// The most interactions that are looked at, spread evenly over the history: it keeps a preview linear.
pub const PREVIEWED: usize = 512;

/// What an edit would change of the answers, by the user's own past: each past query is answered from all other
/// interactions, as the user model is and as it would be.
///
/// The answers are those of a pipeline that asks no model. Nothing is random: the same model and edit have the same effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EditEffect {
    /// The user's interactions.
    pub interactions: usize,
    /// Those that were looked at: all of them up to [`PREVIEWED`], of longer histories so many at most, spread evenly.
    pub looked_at: usize,
    /// Those looked at whose answer would be another one, in the order of the history: another response, or for free text
    /// another wording.
    pub answered_otherwise: Vec<ItemId>,
    /// The number of those looked at for which the answer or any probability moves; for free text, the wording.
    pub moved: usize,
    /// The share of probability that goes to other responses, from 0 to 1, as a mean over those looked at. For free text
    /// the share of those that are worded otherwise.
    pub mean_shift: f64,
    /// The largest such share in one of them.
    pub largest_shift: f64,
    /// On a scale, the points by which the expected response moves, up or down, as a mean over those looked at.
    pub mean_points: Option<f64>,
    /// On a scale, the most points by which one expected response moves.
    pub most_points: Option<f64>,
    /// The number of those looked at whose answer is the response that the user gave, as the model is.
    pub agree_before: usize,
    /// The same number, as the model would be.
    pub agree_after: usize,
}

/// One past query, answered from all other interactions.
enum Answered {
    Estimated(Estimate),
    Worded(Option<String>),
}

/// The change from one answer to another.
struct Move {
    otherwise: bool,
    shift: f64,
    points: Option<f64>,
    agree: [bool; 2],
}

impl UserModel {
    /// Tells what an edit would change, and changes nothing. The edit is entered in a copy, and up to [`PREVIEWED`] past
    /// queries are answered from all others by either.
    ///
    /// # Errors
    /// As [`edit`](Self::edit).
    pub fn preview(&self, edit: Edit) -> Result<EditEffect, EditError> {
        self.preview_in(edit, &self.partition(), None)
    }

    /// The same, given the model's partition, beside a population.
    pub(crate) fn preview_in(
        &self,
        edit: Edit,
        partition: &Partition,
        population: Option<&Arc<Population>>,
    ) -> Result<EditEffect, EditError> {
        let mut edited = self.clone();
        edited.edit_in(edit, partition)?;
        let every = self.memory.len().div_ceil(PREVIEWED).max(1);
        let positions: Vec<usize> = (0..self.memory.len()).step_by(every).collect();
        let (before, after) = (self.answered(&positions, population), edited.answered(&positions, population));
        let items = positions.iter().filter_map(|position| self.memory.items().get(*position));
        let moves: Vec<(&MemoryItem, Move)> = items
            .zip(before.iter().zip(&after))
            .map(|(item, (before, after))| (item, between(item, before.as_ref(), after.as_ref())))
            .collect();
        Ok(EditEffect::of(self.memory.len(), &moves))
    }

    /// The answers to the queries at these positions, each from all other interactions.
    fn answered(&self, positions: &[usize], population: Option<&Arc<Population>>) -> Vec<Option<Answered>> {
        let heard = self.heard_items(self.memory.items());
        if let ResponseSpace::Text { max_chars } = self.task.space() {
            let titles = Titles::default();
            let habits = titles.of(&heard);
            return parallel::map(positions, |position| {
                let (whole, heard) = (self.memory.items().get(*position)?, heard.get(*position)?);
                Some(Answered::Worded(habits.title_apart_from(whole, heard, &self.factors, *max_chars)))
            });
        }
        let Some(estimator) = self.heard_estimator(population) else { return Vec::new() };
        let beliefs = Beliefs::sharing(&self.task, &self.factors, &self.calibration, Arc::default());
        parallel::map(positions, |position| {
            Some(Answered::Estimated(estimator.left_out_boosted(&beliefs, *position, heard.get(*position)?)?))
        })
    }
}

/// The change of the answer to an item's query.
fn between(item: &MemoryItem, before: Option<&Answered>, after: Option<&Answered>) -> Move {
    match (before, after) {
        (Some(Answered::Estimated(before)), Some(Answered::Estimated(after))) => {
            let pairs = || before.responses().iter().zip(after.responses());
            let shift = pairs().map(|(a, b)| (a.probability - b.probability).abs()).sum::<f64>() / 2.0;
            let points = |of: &Estimate| -> Option<f64> {
                of.responses().iter().map(|r| Some(r.probability * r.response.parse::<f64>().ok()?)).sum()
            };
            Move {
                otherwise: before.decision() != after.decision(),
                shift,
                points: points(before).zip(points(after)).map(|(before, after)| (after - before).abs()),
                agree: [before, after].map(|of| of.decision() == item.response()),
            }
        }
        (Some(Answered::Worded(before)), Some(Answered::Worded(after))) => {
            let otherwise = before != after;
            let agree = [before, after].map(|of| of.as_deref() == Some(item.response()));
            Move { otherwise, shift: f64::from(u8::from(otherwise)), points: None, agree }
        }
        _ => Move { otherwise: false, shift: 0.0, points: None, agree: [false; 2] },
    }
}

impl EditEffect {
    fn of(interactions: usize, moves: &[(&MemoryItem, Move)]) -> Self {
        let n = moves.len().max(1) as f64;
        let shifts = || moves.iter().map(|(_, of)| of.shift);
        let points: Option<Vec<f64>> = moves.iter().map(|(_, of)| of.points).collect();
        let points = points.filter(|points| !points.is_empty());
        let agree = |when: fn(&Move) -> bool| moves.iter().filter(|(_, of)| when(of)).count();
        Self {
            interactions,
            looked_at: moves.len(),
            answered_otherwise: moves
                .iter()
                .filter(|(_, of)| of.otherwise)
                .map(|(item, _)| item.id().clone())
                .collect(),
            moved: moves.iter().filter(|(_, of)| of.otherwise || of.shift > 0.0).count(),
            mean_shift: shifts().sum::<f64>() / n,
            largest_shift: shifts().fold(0.0, f64::max),
            mean_points: points.as_ref().map(|points| points.iter().sum::<f64>() / n),
            most_points: points.as_ref().map(|points| points.iter().copied().fold(0.0, f64::max)),
            agree_before: agree(|of| of.agree[0]),
            agree_after: agree(|of| of.agree[1]),
        }
    }

    /// True when no answer that was looked at would move.
    pub fn is_nothing(&self) -> bool {
        self.moved == 0 && self.answered_otherwise.is_empty()
    }
}

impl fmt::Display for EditEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interactions, looked_at, .. } = self;
        if looked_at < interactions {
            write!(f, "Of {looked_at} past answers, spread evenly over {interactions}, ")?;
        } else {
            write!(f, "Of {looked_at} past answers, ")?;
        }
        write!(f, "{} would be given otherwise and {} move", self.answered_otherwise.len(), self.moved)?;
        match (self.mean_points, self.most_points) {
            (Some(mean), Some(most)) => write!(f, ", by {mean:.2} points on average and {most:.2} at most")?,
            _ => {
                let (mean, most) = (100.0 * self.mean_shift, 100.0 * self.largest_shift);
                write!(f, ", by {mean:.1} points of probability on average and {most:.1} at most")?;
            }
        }
        write!(f, "; {} agree with what the person answered now, {} then", self.agree_before, self.agree_after)
    }
}
