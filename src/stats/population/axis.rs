//! What sways people: what all have in common, and the axes on which they differ.

/// What goes with words on one axis. Columns are the responses of labels, or the one latent mean of a scale.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Axis {
    /// By term: its effect, by column.
    pub(super) effects: Vec<f64>,
}

/// The axes of a population, and what went with whole texts. The first axis is what all users have in common: everybody stands at 1.
/// On each other one the squares of where users stand are 1 in the mean.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Axes {
    pub(super) each: Vec<Axis>,
    /// By text: what went with it in all beyond what the other axes say of it, by column, and in how many interactions.
    pub(super) texts: Vec<f64>,
    pub(super) masses: Vec<f64>,
}

/// Where a query stands among the terms and texts of a population.
#[derive(Debug, Clone, Default)]
pub(super) struct Placed {
    /// Terms, ascending, with their weights, whose squares sum to 1.
    pub(super) terms: Vec<(usize, f64)>,
    pub(super) text: Option<usize>,
}

/// The interactions with a text that weigh as much as what its words say.
const WORDS_WEIGH: f64 = 2.0;

/// The pairs of so many axes, each with itself too.
pub(super) fn pairs(axes: usize) -> usize {
    axes * (axes + 1) / 2
}

impl Axis {
    /// What words add, by column.
    fn words(&self, placed: &Placed, columns: usize) -> Vec<f64> {
        let mut says = vec![0.0; columns];
        for (term, weight) in &placed.terms {
            let effects = self.effects.get(term * columns..(term + 1) * columns).unwrap_or_default();
            says.iter_mut().zip(effects).for_each(|(says, effect)| *says += weight * effect);
        }
        says
    }
}

impl Axes {
    /// By axis: what the words of a query add, by column. Where many answered the same text, what all have in common is mostly what
    /// went with that.
    pub(super) fn say(&self, placed: &Placed, columns: usize) -> Vec<Vec<f64>> {
        let mut says: Vec<Vec<f64>> = self.each.iter().map(|axis| axis.words(placed, columns)).collect();
        if let (Some(text), Some(common)) = (placed.text, says.first_mut()) {
            let mass = self.masses.get(text).copied().unwrap_or_default();
            let sums = self.texts.get(text * columns..(text + 1) * columns).unwrap_or_default();
            for (says, sum) in common.iter_mut().zip(sums) {
                *says = (WORDS_WEIGH * *says + sum) / (WORDS_WEIGH + mass);
            }
        }
        says
    }
}
