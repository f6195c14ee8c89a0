//! Trying rpm-core on a table of one's own: would it help here?
//!
//! ```text
//! table (CSV, JSON lines) → columns → rows that can be used, times, kind of responses → history and test items of each user
//!   → the best simple method, chosen on histories → one paired comparison on the test items → the verdict
//! ```
//!
//! One comparison is fixed before a test item is looked at, and one sentence says what it comes to. No model is asked. Rows that
//! are not used are counted by reason, with what to do about them. The same file, options and seed give the same to the byte.

mod clock;
mod columns;
mod error;
mod folder;
mod kind;
mod lines;
mod numbers;
mod page;
mod people;
mod power;
mod quoted;
mod registered;
mod said;
mod split;
mod sways;
mod table;
mod times;
mod unread;
mod unused;
mod verdict;

use std::path::Path;

use serde::Serialize;

use crate::compare::{Measured, RESAMPLES, Resamples};
use crate::dataset::Dataset;
use crate::metric::Metric;
use crate::report::{Answers, LEVEL, answers};
use crate::run::{Run, Runner};

pub use error::TryError;
pub use kind::ResponseKind;
pub use numbers::ScaleEnds;
pub use power::MoreUsers;
pub use registered::Candidate;
pub use times::DateOrder;
pub use unused::{Reason, Unused};
pub use verdict::{Finding, Verdict};

use people::Person;
use registered::Registered;
use split::Split;

/// What a table's columns are and how it is read. The default finds all of it out.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TryOptions {
    /// The column that says who responded. Without it, the first of some obvious names.
    pub user: Option<String>,
    /// The column with what they responded to.
    pub query: Option<String>,
    /// The column with the response.
    pub response: Option<String>,
    /// The column with the time.
    pub time: Option<String>,
    /// The kind of the responses. Without it, it is told from them.
    pub kind: Option<ResponseKind>,
    /// The ends of the scale, for responses that are points; what is not on it is not used. Without it, told from them.
    pub scale: Option<ScaleEnds>,
    /// What users are asked about each query, in a sentence. Without it, a neutral one.
    pub question: Option<String>,
    /// What stands first in dates that may be of either order.
    pub dates: Option<DateOrder>,
    /// How many of each user's queries are asked, at least 1. Without it, a fifth of them and at most 50.
    pub tests: Option<usize>,
    /// The most users that are looked at; more are drawn among by the seed. Without it, 500.
    pub users: Option<usize>,
    /// The seed of random choices.
    pub seed: u64,
}

/// More than one row in so many that are not used are told beside the verdict.
const MANY: usize = 20;

/// A method's figure on the test items.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MethodFigure {
    /// Its name with its options.
    pub method: String,
    /// What it is, in words.
    pub words: String,
    /// The figure with its interval over users.
    pub measured: Measured,
    /// Test items without an answer; they count as wrong.
    pub without_answer: usize,
}

/// What came of trying.
#[non_exhaustive]
pub struct TriedOut {
    /// The one comparison.
    pub verdict: Verdict,
    /// All methods on the test items: the two that are compared, then the others, for information.
    pub methods: Vec<MethodFigure>,
    /// Rows that were not used, by reason.
    pub unused: Vec<Unused>,
    /// The kind of the responses.
    pub kind: ResponseKind,
    /// The simple methods with how they did on the histories.
    pub candidates: Vec<Candidate>,
    /// How the table was read and split, by name.
    data: Vec<(&'static str, String)>,
    /// What is compared, and how that was chosen.
    plan: String,
    people: Vec<Person>,
    set: Dataset,
    run: Run,
    metric: Metric,
    /// What one step of a scale is in points.
    step: f64,
    rows: usize,
    users: usize,
    items: usize,
    seed: u64,
}

impl std::fmt::Debug for TriedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TriedOut")
            .field("verdict", &self.verdict.finding)
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}

impl TriedOut {
    /// All of it as plain text for 80 columns, with some queries and responses of the table as examples.
    pub fn to_text(&self) -> String {
        page::page(self)
    }

    /// What is said beside the verdict where many rows are not used.
    fn lost(&self) -> Option<String> {
        let lost: usize = self.unused.iter().map(|unused| unused.rows).sum();
        let most = self.unused.first().filter(|_| lost * MANY > self.rows)?;
        let percent = page::percent(lost as f64 / self.rows as f64);
        Some(format!(
            "{lost} of {} ({percent}) are not used; the commonest reason: {most}.",
            page::counted(self.rows, "row")
        ))
    }

    /// The simple method that did best on the test items, where it is not the one that was chosen.
    fn best_simple(&self) -> Option<&MethodFigure> {
        let good = |figure: &MethodFigure| {
            let value = figure.measured.value;
            if self.metric.higher_is_better() { value } else { -value }
        };
        let is_simple = |figure: &&MethodFigure| self.candidates.iter().any(|it| it.method == figure.method);
        let chosen = self.methods.get(1)?;
        let best = self.methods.iter().filter(is_simple).max_by(|a, b| good(a).total_cmp(&good(b)))?;
        (good(best) > good(chosen)).then_some(best)
    }
}

/// Tries rpm-core on a table: reads it, splits each user's rows, chooses the best simple method on the histories, and compares the
/// two on what is left. The runner answers the test items with the options' seed.
///
/// # Errors
/// [`TryError`]: the table cannot be read, a column is not known, no row can be used, responses are of no kind, no user has enough
/// rows, or a method failed.
pub async fn try_out(path: &Path, options: &TryOptions, runner: Runner) -> Result<TriedOut, TryError> {
    let table = table::read(path)?;
    let (columns, taken) = columns::pick(path, &table, options)?;
    let mut said = said::read(path, &table, columns, options)?;
    let name = path.file_stem().map_or_else(|| "table".to_owned(), |name| name.to_string_lossy().into_owned());
    let Split { set, first_rows, told } = split::split(&mut said, name, table.sha256.clone(), options)?;
    let registered = registered::choose(&set, said.timed, options.seed).await?;
    let sets = [set];
    let run = runner.seed(options.seed).run(&sets, &registered::methods(&registered)?).await?;
    let [set] = sets;
    let all = answers(&run, &set);
    let of = |name: &str| all.iter().find(|it| it.method == name);
    let none = || crate::EvalError::Empty { set: set.name.clone(), rows: table.rows.len() };
    let ours = of(&registered.ours.to_string()).ok_or_else(none)?;
    let baseline = of(&registered.baseline.method).ok_or_else(none)?;
    let verdict = verdict::verdict(&registered, ours, baseline, &set.task, said.step, options.seed)?;
    let people =
        Box::pin(people::people(&set, &first_rows, &registered, [ours, baseline], said.step, options.seed)).await?;
    let methods = figures(&all, &registered, &set, options.seed);
    let columns = if taken.is_empty() { "as named".to_owned() } else { format!("{} taken by name", taken.join(", ")) };
    let asked = match &options.question {
        Some(question) => format!("{question:?}, as given"),
        None => format!("{:?} (--question says it in your words)", set.task.instruction()),
    };
    let data = vec![
        ("table", format!("{}, {}", table.read_as, page::counted(table.rows.len(), "row"))),
        ("row numbers", table.counted_as.to_owned()),
        ("columns", columns),
        (
            "responses",
            said.reason.clone()
                + if options.kind.is_some() && options.scale.is_none() { ", as --kind says" } else { "" },
        ),
        ("question", asked),
        ("times", said.times.clone()),
        ("split", told.join(" ")),
    ];
    let (users, items) = (set.users.len(), set.items());
    Ok(TriedOut {
        plan: plan(&registered, users),
        verdict,
        methods,
        unused: said.counter.all(),
        kind: said.kind,
        candidates: registered.candidates,
        data,
        people,
        metric: registered.metric,
        step: said.step,
        rows: table.rows.len(),
        users,
        items,
        seed: options.seed,
        set,
        run,
    })
}

fn plan(registered: &Registered, users: usize) -> String {
    let Registered { ours_words, baseline, left_out, candidates, .. } = registered;
    let why = if registered.ours.options.is_empty() {
        "Others do not teach here, since the responses are free text or users are too few."
    } else {
        "Others are users of other folds, and teach what they said before."
    };
    let (candidates, words) = (candidates.len(), &baseline.words);
    let (left_out, users) = (page::counted(*left_out, "past response"), page::counted(users, "user"));
    format!(
        "Compared were {ours_words}, and {words}: the best of {candidates} simple methods on {left_out} of {users}, each left out \
         in turn. That was settled before any held-out answer was looked at. {why}"
    )
}

fn figures(all: &[Answers<'_>], registered: &Registered, set: &Dataset, seed: u64) -> Vec<MethodFigure> {
    let resamples = Resamples::new(set.users.len(), RESAMPLES, seed);
    let ours = registered.ours.to_string();
    let words = |method: &str| match registered.candidates.iter().find(|it| it.method == method) {
        Some(simple) => simple.words.clone(),
        None if method == ours => registered.ours_words.clone(),
        None => "rpm-core alone".to_owned(),
    };
    let figure = |answers: &Answers<'_>| {
        let measured = answers.replicates(registered.metric, &set.task, &resamples)?.measured(LEVEL);
        let without_answer = answers.all().filter(|item| item.response.is_none()).count();
        let (method, words) = (answers.method.to_owned(), words(answers.method));
        Some(MethodFigure { method, words, measured, without_answer })
    };
    all.iter().filter_map(figure).collect()
}
