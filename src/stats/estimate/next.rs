//! Which question of a pool to ask next.

use std::fmt;

use ndarray::{Array1, Array2, Axis};

use crate::data::Query;
use crate::stats::linear::{cholesky, forward};
use crate::words::tokens;

use super::estimator::{Estimator, Space};
use super::past::READ;
use super::similar::Likeness;
use super::terms::terms_of;

/// The question of a pool whose answer tells most about the user's answers to all of it, from
/// [`Estimator::next_question`].
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct NextQuestion {
    /// Its place in the pool, from 0.
    pub place: usize,
    /// The question.
    pub query: Query,
    /// What its answer is expected to tell of the answer to another question of the pool, in bits, in the mean over these.
    pub expected_bits: f64,
    /// The part of these bits that is of where the user stands among others: 0 without a population.
    pub of_others: f64,
    /// The other questions it was weighed for that are like it in words.
    pub alike: usize,
    /// The other questions it was weighed for: those of the pool, or 512 of them.
    pub of: usize,
}

impl fmt::Debug for NextQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextQuestion")
            .field("place", &self.place)
            .field("expected_bits", &self.expected_bits)
            .finish_non_exhaustive()
    }
}

impl NextQuestion {
    /// Why it is asked, in a sentence.
    pub fn reason(&self) -> String {
        let alike = match self.alike {
            0 => String::new(),
            1 => format!("1 of {} other questions is like it in words", self.of),
            alike => format!("{alike} of {} other questions are like it in words", self.of),
        };
        match (self.of_others > 0.5 * self.expected_bits, alike.is_empty()) {
            (true, true) => "people who are alike in other answers are divided on it".to_owned(),
            (true, false) => format!("people who are alike in other answers are divided on it, and {alike}"),
            (false, true) => "it tells how this person answers in general".to_owned(),
            (false, false) => format!("{alike}, and this person has said little about such"),
        }
    }
}

/// The least bits that are worth a question.
const LEAST_BITS: f64 = 0.001;
/// The most questions of a pool that the others are weighed for; of more, so many that are spread evenly over it.
const WEIGHED_FOR: usize = 512;
/// Questions are alike whose words have a likeness above this, from 0 to 1.
const ALIKE: f64 = 0.3;

/// What an answer to one question tells of another's, by what makes them alike.
struct Pool<'e> {
    estimator: &'e Estimator,
    queries: &'e [Query],
    /// By question of the pool, the places of those that it is weighed for.
    targets: Vec<usize>,
}

impl Estimator {
    /// Finds the question of a pool whose answer would tell most of how the user answers the pool: asked first, and answered by
    /// [observing](crate::RpmPipeline::observe) it, a few such questions tell what many random ones would. `None` when every
    /// answer is expected to tell less than 0.001 bits. A question that `may_ask` says no to is not asked; answers to it are foretold
    /// all the same.
    ///
    /// ```text
    /// bits(x) = mean over j ≠ x of  −(e − 1)/2 · log₂(1 − ρ²_xj)  +  −½ · log₂(1 − Σ_ab G_ab(x) G_ab(j) / ((1 + tr G(x)) (1 + tr G(j))))
    /// G_ab(x) = Σ_y u_a(y) u_b(y) / p(y)
    /// ```
    ///
    /// The first term is the mutual information of two answers under a normal whose covariance is that of the regression on
    /// words, given all that was answered; e is 2 to the entropy of the base rates in bits, the responses there are in effect,
    /// and 2 on a scale and for options. The second is that of two answers through where the user stands among others and whether
    /// they go with others at all, under a normal too: u are the changes of p by one standard deviation of each. It is 0 without a
    /// [population](crate::stats::population). Of the memory the latest 256 items are read, and a question is weighed for at most 512 of
    /// the pool, so that time and memory are linear in the pool.
    pub fn next_question(&self, pool: &[Query], may_ask: impl Fn(&Query) -> bool) -> Option<NextQuestion> {
        let step = pool.len().div_ceil(WEIGHED_FOR).max(1);
        let asked = Pool { estimator: self, queries: pool, targets: (0..pool.len()).step_by(step).collect() };
        let (by_words, alike) = asked.by_words();
        let by_others = asked.by_others();
        let bits = by_words.iter().zip(&by_others).map(|(words, others)| words + others);
        let open = bits.enumerate().filter(|(place, _)| pool.get(*place).is_some_and(&may_ask));
        let first = open.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let (place, expected_bits) = first.filter(|(_, bits)| *bits >= LEAST_BITS)?;
        Some(NextQuestion {
            place,
            query: pool.get(place)?.clone(),
            expected_bits,
            of_others: by_others.get(place).copied()?,
            alike: alike.get(place).copied()?,
            of: asked.others_than(place),
        })
    }
}

impl Pool<'_> {
    /// The questions that one is weighed for.
    fn others_than(&self, place: usize) -> usize {
        self.targets.len() - usize::from(self.targets.binary_search(&place).is_ok())
    }

    /// By question: the bits by words, and how many of those that it is weighed for are like it, apart from itself.
    fn by_words(&self) -> (Vec<f64>, Vec<usize>) {
        let texts = &self.estimator.past.texts;
        let mut terms = texts.without_first(texts.len().saturating_sub(READ));
        let known = terms.len();
        for query in self.queries {
            terms.push(terms_of(&tokens(query.text())));
        }
        let all = terms.len();
        let likeness = Likeness::new(&terms);
        let (constant, lambda) = self.estimator.scatter();
        let row = |text: usize| likeness.sum(&likeness.shares(terms.of(text)));
        let covariance = |likeness: &f64| constant + likeness / lambda;
        let mut of_known = Array2::zeros((known, all));
        for (text, mut of) in of_known.rows_mut().into_iter().enumerate() {
            of.assign(&Array1::from(row(text)));
        }
        of_known.mapv_inplace(|likeness| covariance(&likeness));
        // What is known of all from the known: L⁻¹ K, with an own share of chance for each answer.
        let mut among = of_known.view().split_at(Axis(1), known).0.to_owned();
        among.diag_mut().mapv_inplace(|own| own + 1.0);
        let told = forward(&cholesky(among), of_known).reversed_axes().as_standard_layout().into_owned();
        let own = 1.0 / lambda + constant;
        let left: Vec<f64> = told.rows().into_iter().skip(known).map(|told| (own - told.dot(&told)).max(0.0)).collect();
        let weight = 0.5 * (self.estimator.responses_in_effect() - 1.0);
        let mut bits = vec![0.0; self.queries.len()];
        let mut alike = vec![0; self.queries.len()];
        for target in &self.targets {
            let (of_target, row) = (told.row(known + target), row(known + target));
            let with = left.get(*target).copied().unwrap_or_default();
            let pool = row.iter().zip(told.rows()).skip(known).zip(&left).zip(bits.iter_mut().zip(&mut alike));
            for (place, (((likeness, told), left), (bits, alike))) in pool.enumerate() {
                let both = covariance(likeness) - told.dot(&of_target);
                let shared = both * both / ((1.0 + left) * (1.0 + with));
                if place != *target {
                    *bits -= weight / self.others_than(place) as f64 * (1.0 - shared.min(0.999)).log2();
                    *alike += usize::from(*likeness > ALIKE);
                }
            }
        }
        (bits, alike)
    }

    /// By question: the bits by where the user stands among others.
    fn by_others(&self) -> Vec<f64> {
        let divided: Vec<Vec<f64>> = self.queries.iter().map(|query| self.estimator.divided(query)).collect();
        let unknown = divided.first().map_or(0, Vec::len).isqrt();
        // Each is what an answer tells of what is not known, in units of the answer's own share of chance: 1 and the trace are all of it.
        let all: Vec<f64> = divided.iter().map(|of| 1.0 + of.iter().step_by(unknown + 1).sum::<f64>()).collect();
        let bits = |(place, of): (usize, &Vec<f64>)| {
            let with = all.get(place).copied().unwrap_or(1.0);
            let shared = |target: &usize| {
                let (other, own) = (divided.get(*target)?, all.get(*target)?);
                let both: f64 = of.iter().zip(other).map(|(of, other)| of * other).sum();
                Some(both / (with * own))
            };
            let others = self.targets.iter().filter(|target| **target != place);
            let sum: f64 = others.filter_map(shared).map(|shared| -0.5 * (1.0 - shared.min(0.999)).log2()).sum();
            sum / self.others_than(place).max(1) as f64
        };
        divided.iter().enumerate().map(bits).collect()
    }
}

impl Estimator {
    /// The variance of what all answers have in common, and λ of words, in units of an answer's own share of chance.
    fn scatter(&self) -> (f64, f64) {
        let constant = self.others.as_ref().map_or(1.0, |others| 1.0 / others.population().strength());
        let lambda = match self.basis() {
            Some(basis) => basis.targets.lambda_words,
            None => 1.0,
        };
        (constant, lambda)
    }

    /// 2 to the entropy of the base rates of labels, in bits; 2 for a scale, whose responses are one latent number, and for
    /// options.
    fn responses_in_effect(&self) -> f64 {
        let Space::Labels(labels) = &self.space else { return 2.0 };
        let base = match &self.others {
            Some(others) => others.population().base_of(&self.totals(None)),
            None => labels.base(&self.past, None),
        };
        base.iter().map(|p| -p * p.max(f64::MIN_POSITIVE).log2()).sum::<f64>().exp2()
    }

    /// `G` of a query, by pair of what is not known of the user among others; empty without others.
    fn divided(&self, query: &Query) -> Vec<f64> {
        let Some(others) = &self.others else { return Vec::new() };
        let base = match &self.space {
            Space::Choices(_) => crate::stats::population::even(query.options().len()),
            _ => others.population().base_of(&self.totals(None)),
        };
        others.divided(query, &base)
    }
}
