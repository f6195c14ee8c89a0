//! The uncertainty of figures: intervals, paired differences and trends that allow for items of one user being alike.
//!
//! Items of one user go together: whoever is easy to predict is so in all of them. A bootstrap over items takes them
//! for independent and its intervals come out too narrow, by half and more. So *users* are drawn here, with replacement
//! and each with all items ([`Resamples`]; Field and Welsh 2007). All methods are looked at under the same draws, hence
//! differences of methods are paired.
//!
//! ```text
//! Resamples ──statistic──→ Replicates ──→ Measured (value, interval), p
//!                            │  minus, combined
//!                            └→ paired, length_matched, cost_per_point, curve
//! ```
//!
//! Any statistic of users will do, additive or not: it gets how often each user was drawn. Every function is total:
//! what cannot be computed is `None`, and no NaN leaves. The same numbers and seed give the same result.
//!
//! ```
//! use rpm_eval::compare::{RESAMPLES, Resamples, paired};
//! let resamples = Resamples::new(8, RESAMPLES, 7);
//! let ours: Vec<Vec<f64>> = (0..8).map(|user| vec![1.0, 1.0, f64::from(user % 2)]).collect();
//! let theirs = vec![vec![1.0, 0.0, 0.0]; 8];
//! let found = paired(&resamples, &ours, &theirs, 0.95).unwrap();
//! assert!((found.difference.value - 0.5).abs() < 1e-12);
//! assert!(found.difference.interval.unwrap().low > 0.0 && found.p < 0.05);
//! assert_eq!((found.users.won, found.items.tied), (8, 12));
//! ```

mod cost;
mod curve;
mod holm;
mod length;
mod paired;
mod replicates;
mod resamples;
mod sign_flip;

pub use cost::{CostPerPoint, Priced, cost_per_point};
pub use curve::{Curve, CurvePoint, curve};
pub use holm::holm;
pub use length::{LengthMatched, SIMILAR_LENGTH, Scored, length_matched};
pub use paired::{Outcomes, Paired, SIGN_FLIPS, paired};
pub use replicates::{MOST_UNDEFINED, Measured, Replicates};
pub use resamples::{RESAMPLES, Resamples};
