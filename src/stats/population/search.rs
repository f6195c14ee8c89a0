//! The search for the axes on which users differ, and how many of them foretell users they were not found with.

use ndarray::{Array1, Array2, Axis as Side};

use crate::data::MemoryItem;
use crate::parallel;

use super::axis::{Axis, Placed};
use super::counts::Sums;
use super::file::LEAST_VARIANCE;
use super::fit::slope_by;
use super::position::{Heard, Position, alone};
use super::regression::Regression;
use super::user::{Own, OwnItem, Stands, add_likeness};
use super::{Counts, Population, PopulationError};

/// The most axes, beside what all have in common.
pub(super) const AXES: usize = 3;
/// The part of users who are like none of the others, to begin with; it weighs as much as one user.
pub(super) const ALONE: f64 = 0.25;
/// λ to begin with, and those of which one stays: under which users are foretold best from others.
pub(super) const RIDGE: f64 = 3.0;
const RIDGES: [f64; 3] = [RIDGE, 1.0, 9.0];
/// The users among whom axes are looked for, or more where k is more than half of that.
pub(super) const SAMPLE: usize = 512;
/// How often axes, and where users stand, are found anew.
const ROUNDS: usize = 3;
/// Into how many groups users are divided, each of which is foretold from the others.
const GROUPS: usize = 5;
/// An axis stays that makes responses of users it was not found with this much likelier, in logs, each.
const LEAST_GAIN: f64 = 0.01;
/// The interactions that what a user adds to the first search is shrunk by.
const SHRUNK: f64 = 5.0;
const STEPS: usize = 100;
/// How often the variance of what axes leave is found anew.
const VARIANCES: usize = 3;

/// One user of the sample.
struct Sampled {
    own: Own,
    stands: Stands,
}

/// How well users are foretold from others.
#[derive(Default)]
struct Foretold {
    axes: usize,
    ridge: f64,
    variance: f64,
    /// By user: how much likelier the responses are by base rates alone, in logs.
    odds: Vec<f64>,
}

impl Foretold {
    fn all_odds(&self) -> f64 {
        self.odds.iter().sum()
    }
}

impl Population {
    /// The axes on which users of a sample differ, as many as foretell others.
    pub(super) fn seeded<U: AsRef<[MemoryItem]> + Sync>(&self, sample: &[U]) -> Result<Self, PopulationError> {
        let some: Vec<&U> = sample.iter().filter(|user| !user.as_ref().is_empty()).collect();
        let step = Self::looks_at_every(some.len() as u64, self.k);
        let sample: Vec<&U> = some.into_iter().step_by(step).collect();
        let mut begun = self.with_empty(1);
        if self.scale {
            // What words say is beyond what tones do.
            begun.slope = slope_by(&begun.counts_of(&begun.sampled(&sample)));
        }
        let mut sampled = begun.sampled(&sample);
        if sampled.len() < self.k {
            return Err(PopulationError::TooFew { users: sampled.len() as u64, k: self.k });
        }
        begun.variance = begun.variance_of(&sampled);
        let mut together = begun.room(sampled.len());
        for user in &sampled {
            add_likeness(&mut together.likeness, &user.own);
        }
        together.close();
        let mut together = together.likeness;
        let common = begun.fitted_to(&sampled, 1, &mut together);
        let likeness = common.likeness_of(&sampled);
        let foretold = begun.foretold(&mut sampled, &likeness, &mut together);
        begun.ridge = foretold.ridge;
        begun.variance = foretold.variance;
        begun.alone = alone_among(&foretold.odds);
        for (user, stands) in sampled.iter_mut().zip(standing(&likeness, foretold.axes)) {
            user.stands = stands;
        }
        let mut first = begun.fitted_to(&sampled, foretold.axes, &mut together);
        for _ in 1..if foretold.axes > 1 { ROUNDS } else { 1 } {
            first.put_in_place(&mut sampled);
            first = first.fitted_to(&sampled, foretold.axes, &mut together);
        }
        (first.users, first.interactions) = (self.users, self.interactions);
        first.seal();
        Ok(first)
    }

    /// The users of a sample who have said anything, all at 1 on what they have in common.
    fn sampled<U: AsRef<[MemoryItem]> + Sync>(&self, sample: &[&U]) -> Vec<Sampled> {
        let stands = Stands::new(&[1.0], |_, _| 0.0);
        let read = |user: &&U| {
            let user = Sampled { own: self.own(user.as_ref()), stands: stands.clone() };
            let counts = self.counts_of([&user]);
            let effects = counts.axes.into_iter().next().unwrap_or_default().effects;
            let given: Vec<usize> = user.own.interactions.iter().map(|item| item.given).collect();
            let rows = user.own.interactions.iter().flat_map(|item| &item.rows);
            let terms = |placed: &Placed| placed.terms.iter().map(|(term, _)| *term).collect::<Vec<usize>>();
            let rows: Vec<_> = rows.map(|(placed, _)| (terms(placed), placed.text)).collect();
            // So that the order of users does not matter.
            (user, (given.len(), effects, counts.texts, counts.tones, given, rows))
        };
        let mut read: Vec<_> = parallel::map(sample, read);
        read.retain(|(user, _)| !user.own.interactions.is_empty());
        read.sort_by(|(_, a), (_, b)| b.cmp(a));
        read.into_iter().map(|(user, _)| user).collect()
    }

    /// The same population with so many axes that say nothing.
    fn with_empty(&self, axes: usize) -> Self {
        let mut empty = self.clone();
        empty.axes.each = vec![Axis::default(); axes];
        (empty.axes.texts, empty.axes.masses) = (Vec::new(), Vec::new());
        empty
    }

    /// The counts of users, but for how their words go together.
    fn counts_of<'s>(&self, users: impl IntoIterator<Item = &'s Sampled>) -> Counts {
        let users: Vec<&Sampled> = users.into_iter().collect();
        let mut counts = self.room(users.len());
        for user in users {
            self.add(&mut counts, &user.own, &user.stands, &self.says_of(&user.own));
        }
        counts.close();
        counts
    }

    /// The population with so many axes on which these users stand, whose words go `together` like this.
    fn fitted_to(&self, sampled: &[Sampled], axes: usize, together: &mut Sums) -> Self {
        let mut before = self.clone();
        before.axes.each.resize(axes, Axis::default());
        let mut counts = before.counts_of(sampled);
        counts.likeness = std::mem::take(together);
        let fitted = before.of_counts(&counts, false);
        *together = counts.likeness;
        fitted
    }

    /// Finds where users stand.
    fn put_in_place(&self, sampled: &mut [Sampled]) {
        let stands = parallel::map(sampled, |user| {
            let says = self.says_of(&user.own);
            Stands::at(&Position::new(self.axes(), self.variance, &user.own.heard(&says)))
        });
        for (user, stands) in sampled.iter_mut().zip(stands) {
            user.stands = stands;
        }
    }

    /// By pair of users: how alike is what went with their words beyond what all have in common.
    fn likeness_of(&self, sampled: &[Sampled]) -> Array2<f64> {
        let effects: Vec<Vec<(usize, f64)>> = parallel::map(sampled, |user| self.effects_of(&user.own));
        let rows = parallel::map(&effects, |of| effects.iter().map(|other| dot(of, other)).collect::<Vec<f64>>());
        Array2::from_shape_vec((sampled.len(), sampled.len()), rows.concat()).unwrap_or_default()
    }

    /// What went with a user's words beyond what all have in common, by term and column.
    fn effects_of(&self, own: &Own) -> Vec<(usize, f64)> {
        let columns = self.columns();
        let mut effects = std::collections::BTreeMap::<usize, f64>::new();
        for (item, says) in own.interactions.iter().zip(self.says_of(own)) {
            let common = says.first().map_or(&[][..], Vec::as_slice).chunks(columns);
            for ((placed, left), common) in item.rows.iter().zip(common) {
                for (column, (left, common)) in left.iter().zip(common).enumerate() {
                    for (term, weight) in &placed.terms {
                        *effects.entry(term * columns + column).or_default() += weight * (left - common);
                    }
                }
            }
        }
        let shrunk = own.interactions.len() as f64 + SHRUNK;
        effects.into_iter().map(|(place, effect)| (place, effect / shrunk)).collect()
    }

    /// How much words say, and on how many axes, so that users of each group are foretold best by axes that were found without them.
    fn foretold(&self, sampled: &mut [Sampled], likeness: &Array2<f64>, together: &mut Sums) -> Foretold {
        let all = self.with_empty(1 + AXES.min(sampled.len() / self.k));
        let mut whole = self.nobody();
        whole.likeness = std::mem::take(together);
        let groups: Vec<Counts> = (0..GROUPS)
            .map(|group| {
                let others: Vec<usize> = (0..sampled.len()).filter(|user| user % GROUPS != group).collect();
                let among = likeness.select(Side(0), &others).select(Side(1), &others);
                for (user, stands) in others.iter().zip(standing(&among, all.axes())) {
                    sampled.get_mut(*user).into_iter().for_each(|user| user.stands = stands.clone());
                }
                all.counts_of(others.iter().filter_map(|user| sampled.get(*user)))
            })
            .collect();
        let under = RIDGES.map(|ridge| {
            let mut under = all.clone();
            under.ridge = ridge;
            under.foretold_under(sampled, &whole, &groups)
        });
        *together = whole.likeness;
        under.into_iter().min_by(|a, b| a.all_odds().total_cmp(&b.all_odds())).unwrap_or_default()
    }

    /// Each group of users is foretold from what was counted of the others: on how many axes its responses are likelier, and what
    /// these leave.
    fn foretold_under(&self, sampled: &[Sampled], whole: &Counts, groups: &[Counts]) -> Foretold {
        let regression = Regression::of_unrelated(whole, self, 1.0 - 1.0 / GROUPS as f64);
        let mut said: Vec<Vec<Vec<Vec<f64>>>> = vec![Vec::new(); sampled.len()];
        for (group, counts) in groups.iter().enumerate() {
            let others = self.of_regression(counts, &regression, false);
            let own = sampled.iter().zip(&mut said).skip(group).step_by(GROUPS);
            own.for_each(|(user, said)| *said = others.says_of(&user.own));
        }
        let heard: Vec<Vec<Heard<'_>>> = sampled.iter().zip(&said).map(|(user, said)| user.own.heard(said)).collect();
        let interactions = heard.iter().map(Vec::len).sum::<usize>() as f64;
        let mut best = self.foretold_by(1, &heard);
        for axes in 2..=self.axes() {
            let more = self.foretold_by(axes, &heard);
            if best.all_odds() - more.all_odds() < LEAST_GAIN * interactions {
                break;
            }
            best = more;
        }
        best
    }

    /// What users say of so many axes.
    fn foretold_by(&self, axes: usize, heard: &[Vec<Heard<'_>>]) -> Foretold {
        let mut variance = self.variance;
        for _ in 0..VARIANCES {
            let left = parallel::map(heard, |heard| self.left_by(&Position::new(axes, variance, heard), heard));
            variance = variance_in(&left);
        }
        let odds = |heard: &Vec<Heard<'_>>| Position::new(axes, variance, heard).gated(ALONE, heard).odds();
        Foretold { axes, ridge: self.ridge, variance, odds: parallel::map(heard, odds) }
    }

    /// The expected squares of what a position leaves, and of how many responses but one, in effect.
    fn left_by(&self, position: &Position, heard: &[Heard<'_>]) -> (f64, f64) {
        let (mut squares, mut free) = (0.0, 0.0);
        for heard in heard {
            for (column, left) in heard.left.iter().enumerate() {
                let says = heard.says.iter().take(position.at().len());
                let said: Vec<f64> = says.map(|says| says.get(column).copied().unwrap_or_default()).collect();
                let mean: f64 = said.iter().zip(position.at()).map(|(says, at)| says * at).sum();
                let others = Array1::from(said.into_iter().skip(1).collect::<Vec<f64>>());
                squares += (left - mean).powi(2) + others.dot(&position.covariance().dot(&others));
            }
            free += self.free(heard.left.len());
        }
        (squares, free)
    }

    /// The variance of what base rates leave.
    fn variance_of(&self, sampled: &[Sampled]) -> f64 {
        let items = sampled.iter().flat_map(|user| &user.own.interactions).map(OwnItem::left);
        let of = |left: Vec<f64>| (left.iter().map(|left| left * left).sum(), self.free(left.len()));
        variance_in(&items.map(of).collect::<Vec<(f64, f64)>>())
    }

    /// The responses in effect less one, of an interaction with so many numbers: 2 to the entropy of base rates in bits, all options, and
    /// of a scale one more than its latent number.
    fn free(&self, numbers: usize) -> f64 {
        if self.scale {
            return 1.0;
        }
        let even = numbers.max(2) as f64 - 1.0;
        let entropy: f64 = self.base.iter().map(|p| -p * p.max(f64::MIN_POSITIVE).ln()).sum();
        if self.base.is_empty() { even } else { (entropy.exp() - 1.0).clamp(LEAST_FREE, even) }
    }
}

/// However much alike all responses are, one tells as much as this of another one.
const LEAST_FREE: f64 = 0.1;

/// The variance in these squares, each of so many free numbers.
fn variance_in(left: &[(f64, f64)]) -> f64 {
    let (squares, free) = left.iter().fold((0.0, 0.0), |(sum, n), (squares, free)| (sum + squares, n + free));
    if free > 0.0 { (squares / free).max(LEAST_VARIANCE) } else { 1.0 }
}

/// Where users stand who are so alike, on so many axes: the first is in common, the others are the principal components that differ most,
/// with squares of 1 in the mean.
fn standing(likeness: &Array2<f64>, axes: usize) -> Vec<Stands> {
    let users = likeness.nrows();
    let mut left = likeness.clone();
    let mut places: Vec<Array1<f64>> = vec![Array1::ones(users)];
    while places.len() < axes {
        let Some((value, vector)) = principal(&left) else { break };
        for (own, mut row) in vector.iter().zip(left.rows_mut()) {
            row.scaled_add(-value * own, &vector);
        }
        places.push(vector * (users as f64).sqrt());
    }
    places.resize(axes.max(1), Array1::zeros(users));
    let at =
        |user: usize| places.iter().map(|places| places.get(user).copied().unwrap_or_default()).collect::<Vec<f64>>();
    (0..users).map(|user| Stands::new(&at(user), |_, _| 0.0)).collect()
}

/// The part of users who are like none of the others, by how much likelier their responses are for such.
fn alone_among(odds: &[f64]) -> f64 {
    let mut part = ALONE;
    for _ in 0..STEPS {
        let sum: f64 = odds.iter().map(|odds| alone(part, *odds)).sum();
        part = (sum + ALONE) / (odds.len() as f64 + 1.0);
    }
    part
}

/// The largest eigenvalue of a symmetric matrix without negative ones, and its vector; `None` of nothing.
fn principal(matrix: &Array2<f64>) -> Option<(f64, Array1<f64>)> {
    // No symmetry of users is one of it.
    let begin = (0..matrix.nrows()).map(|place| ((place * 7_919 + 13) % 1_009) as f64 / 1_009.0 - 0.5);
    let mut vector: Array1<f64> = begin.collect();
    let mut value = 0.0;
    for _ in 0..STEPS {
        let next = matrix.dot(&vector);
        value = next.dot(&next).sqrt();
        if value <= 1e-12 {
            return None;
        }
        vector = next / value;
    }
    Some((value, vector))
}

/// The sum of products of what both have, by ascending places.
fn dot(a: &[(usize, f64)], b: &[(usize, f64)]) -> f64 {
    let (mut b, mut sum) = (b.iter().peekable(), 0.0);
    for (place, number) in a {
        while b.next_if(|(other, _)| other < place).is_some() {}
        if let Some((_, other)) = b.next_if(|(other, _)| other == place) {
            sum += number * other;
        }
    }
    sum
}
