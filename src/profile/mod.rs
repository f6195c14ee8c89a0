//! What is known of a user, for that user: a [`Profile`] as data, text and page.
//!
//! [`Prepared::profile`](crate::Prepared::profile) makes one, at no cost; it asks no model.
//!
//! ```
//! # use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
//! # pollster::block_on(async {
//! # let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
//! # let films = ["A slow drama.", "Loud action.", "A slow, quiet film.", "Action in space.", "A slow walk.", "Loud action again."];
//! # let items = films.iter().zip(1..).map(|(film, n): (&&str, i64)| {
//! #     let response = if film.contains("slow") { "5" } else { "1" };
//! #     Ok(Interaction::new(format!("i{n}"), Query::new(*film)?, response)?.at(n))
//! # }).collect::<Result<Vec<_>, rpm_core::DataError>>()?;
//! # let pipeline = RpmPipeline::offline(task.clone());
//! # let history = History::new(&task, "ana", items)?;
//! # let ana = pipeline.open(pipeline.learn(&history).await?.model).await?;
//! let profile = ana.profile();
//! println!("{profile}"); // text, for the user to read
//! let page = profile.html(); // a page of its own, with a picture
//! let data = serde_json::to_string(&profile)?; // for an interface of the host's
//! # assert!(profile.to_string().contains("slow") && page.contains("</html>") && data.contains("slow"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! ```text
//! user model, beliefs → gather → Profile → wording (English, German) → text, page with its picture
//! ```

mod gather;
mod page;
mod picture;
mod text;
mod wording;

use std::fmt;

use serde::Serialize;

use crate::data::{FactorId, ItemId, Language, UserId};

pub(crate) use gather::{Known, gather};
pub(crate) use text::paragraph;

/// The extent of a [`Profile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileOptions {
    factors: usize,
    examples: usize,
    note: Option<String>,
}

impl Default for ProfileOptions {
    fn default() -> Self {
        Self { factors: 12, examples: 2, note: None }
    }
}

impl ProfileOptions {
    /// The most factors that are shown. Default: 12.
    #[must_use]
    pub fn factors(mut self, most: usize) -> Self {
        self.factors = most;
        self
    }

    /// The most past interactions that are quoted for each factor; 0 quotes none, so that no text of the user is in the profile but
    /// the labels of factors. Default: 2.
    #[must_use]
    pub fn examples(mut self, most: usize) -> Self {
        self.examples = most;
        self
    }

    /// What the host tells the user beside it, in plain sentences: who made this and when, who sees it, what it is used for, how long it is
    /// kept, and how to have something ignored or deleted. None unless set; a profile without it sends the user to whoever
    /// showed it.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// What is known of a user, in the words of the task's language, for that user to read: what sways them, how surely, how that
/// compares with most people, what is set aside, and what was not learned.
///
/// As text by [`Display`](fmt::Display), as a page by [`html`](Self::html), as data by serde. It quotes the user's own material;
/// show it to them and to nobody else. `Debug` prints numbers only.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Profile {
    /// The user.
    pub user: UserId,
    /// The task's instruction.
    pub instruction: String,
    /// The task's word for a response.
    pub response_name: String,
    /// The language the profile is written in: that of the task, or of the user's texts.
    pub language: Language,
    /// The interactions that were learned from.
    pub interactions: usize,
    /// What the user responds as a rule.
    pub usual: Usual,
    /// What sways the user: those that are pinned, then the surest, each another side of the history.
    pub sways: Vec<Sway>,
    /// The labels of factors that count too and are not shown, because they are beyond the most or say the same as one that is, in the
    /// order of the labels, each once.
    pub others: Vec<String>,
    /// The labels of factors that are set aside at the user's wish, in the order of their ids.
    pub set_aside: Vec<String>,
    /// Interactions in which nothing was found that recurs.
    pub without_factor: usize,
    /// The number of people in the population; `None` without one.
    pub people: Option<u64>,
    /// What the host tells the user beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a user responds as a rule.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Usual {
    /// On a scale: the mean response.
    Mean {
        /// The mean, in points.
        mean: f64,
        /// The lowest point of the scale.
        min: i64,
        /// The highest.
        max: i64,
    },
    /// Among labels and options: how often each was given, the most frequent first.
    Shares {
        /// Response and its share of the user's responses, from 0 to 1. At most eight.
        shares: Vec<(String, f64)>,
    },
    /// Free text, or no interaction yet: nothing is usual.
    Nothing,
}

/// A factor that sways the user.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Sway {
    /// The factor.
    pub factor: FactorId,
    /// Its label.
    pub label: String,
    /// Interactions in which it is present; less than their number where old ones count less.
    pub seen: f64,
    /// What goes with it.
    pub effect: SwayEffect,
    /// How sure that is.
    pub sureness: Sureness,
    /// How it compares with most people; `None` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_people: Option<MostPeople>,
    /// Where it was seen, word for word: what goes with it best comes first.
    pub examples: Vec<Example>,
}

/// What goes with a factor. Intervals are of 95 %.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SwayEffect {
    /// On a scale: the mean response with it less the mean without it, in points.
    Points {
        /// The mean with it.
        with: f64,
        /// The mean without it.
        without: f64,
        /// The difference.
        higher: f64,
        /// The lower end of its interval.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// Among labels and options: the share of the response that it changes most, from 0 to 1.
    Share {
        /// The response.
        response: String,
        /// Its share with the factor.
        with: f64,
        /// Its share among all of the user's responses.
        usual: f64,
        /// The lower end of the interval of `with`.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// In free text: how often the user takes it up, from 0 to 1.
    TakenUp {
        /// The share of the times it was seen.
        share: f64,
        /// The lower end of its interval.
        low: f64,
        /// The upper end.
        high: f64,
    },
}

/// How sure it is that a factor sways the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sureness {
    /// Of factors as sure as this, one in twenty is chance (Benjamini–Hochberg, q ≤ 0.05).
    Sure,
    /// One in five may be (q ≤ 0.2), or the user differs from most people by two standard errors.
    Likely,
    /// It may well be chance.
    Guess,
}

/// How a factor's responses compare with what most people would respond to the same queries.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MostPeople {
    /// On a scale: how much higher the user is, in points; below 0 for lower.
    Points {
        /// The points.
        higher: f64,
    },
    /// Among labels: shares of a response, from 0 to 1.
    Share {
        /// The response.
        response: String,
        /// Of the user's responses.
        own: f64,
        /// Of most people's.
        most: f64,
    },
}

/// A past interaction in which a factor was seen.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Example {
    /// The interaction.
    pub item: ItemId,
    /// The sentence it was seen in, or the words around it where that is long.
    pub words: String,
    /// The words themselves.
    pub seen: String,
    /// The user's response.
    pub response: String,
}

impl SwayEffect {
    /// The effect with its interval as a change: points, or a change of share from −1 to 1; of free text the share itself.
    fn change(&self) -> [f64; 3] {
        match self {
            Self::Points { higher, low, high, .. } => [*higher, *low, *high],
            Self::Share { with, usual, low, high, .. } => [with - usual, low - usual, high - usual],
            Self::TakenUp { share, low, high } => [*share, *low, *high],
        }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("user", &self.user)
            .field("interactions", &self.interactions)
            .field("sways", &self.sways)
            .field("others", &self.others.len())
            .field("set_aside", &self.set_aside.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Sway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sway")
            .field("factor", &self.factor)
            .field("seen", &self.seen)
            .field("change", &self.effect.change())
            .field("sureness", &self.sureness)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Usual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean { mean, .. } => f.debug_tuple("Mean").field(mean).finish(),
            Self::Shares { shares } => f.debug_tuple("Shares").field(&shares.len()).finish(),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

impl fmt::Debug for SwayEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SwayEffect").field(&self.change()).finish()
    }
}

impl fmt::Debug for MostPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Points { higher } => f.debug_struct("Points").field("higher", higher).finish(),
            Self::Share { own, most, .. } => {
                f.debug_struct("Share").field("own", own).field("most", most).finish_non_exhaustive()
            }
        }
    }
}

impl fmt::Debug for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Example").field("item", &self.item).finish_non_exhaustive()
    }
}
