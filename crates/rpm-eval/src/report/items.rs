//! Single items in a report, as plain values: cases, and the pages of users.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One test item with the user's response and what methods answered.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ItemRow {
    /// The user, by number.
    pub user: String,
    /// The item's id within the user.
    pub item: String,
    /// What was asked, shortened; `None` where the report quotes no texts.
    pub asked: Option<String>,
    /// The user's response: as it is where responses are fixed or texts are quoted, else described.
    pub gold: String,
    /// What methods answered: in a case ours first, then the best simple baseline, the base and the best other; on a user's page all, in
    /// the run's order.
    pub answers: Vec<ItemAnswer>,
}

/// What one method answered to one item.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ItemAnswer {
    /// The method.
    pub method: String,
    /// Its response, shown as [`ItemRow::gold`] is; `None` when it gave none.
    pub response: Option<String>,
    /// True where it is the user's; `None` where answers are not right or wrong but nearer or farther.
    pub right: Option<bool>,
    /// The set's first metric on this item.
    pub score: Option<f64>,
    /// The probability it gives to its response, 0 to 1.
    pub confidence: Option<f64>,
    /// The reason in a line, where the record has one.
    pub why: Option<String>,
}

/// An item that was chosen to be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The rule it was chosen by.
    pub kind: CaseKind,
    /// The item.
    pub item: ItemRow,
}

/// The rules by which cases are chosen: of all items of the kind, the one in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CaseKind {
    /// Our method was right, or nearer, and the best simple baseline was not.
    Gained,
    /// Both were right; among texts, the item on which our method did middling well.
    Typical,
    /// Our method was wrong, or farther than the best simple baseline.
    Lost,
}

/// All test items of one user.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct UserPage {
    /// The data set.
    pub set: String,
    /// The user, by number.
    pub user: String,
    /// Interactions of the user to learn from.
    pub history: usize,
    /// The set's first metric over the user's items, by method in the run's order; `None` where there is none.
    pub scores: Vec<(String, Option<f64>)>,
    /// The items.
    pub items: Vec<ItemRow>,
}

impl fmt::Debug for ItemRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ItemRow");
        shown
            .field("user", &self.user)
            .field("item", &self.item)
            .field("answers", &self.answers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ItemAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ItemAnswer");
        shown
            .field("method", &self.method)
            .field("right", &self.right)
            .field("score", &self.score)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for UserPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("UserPage");
        shown.field("set", &self.set).field("user", &self.user).field("items", &self.items).finish_non_exhaustive()
    }
}
