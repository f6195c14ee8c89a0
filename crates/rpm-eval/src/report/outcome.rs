//! What a set shows of our methods against the base, or of all methods where none is ours.

use super::number;
use super::roles::Role;
use super::values::{Comparison, Metric, SetReport};
use super::verdict::Verdict;

/// The methods that an outcome is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Ours,
    All,
    /// Methods with others, each against itself alone.
    Others,
}

/// Comparisons in a set's first metric, by verdict.
pub(super) struct Outcome<'a> {
    pub(super) set: &'a SetReport,
    pub(super) metric: &'a Metric,
    pub(super) subject: Subject,
    /// The base, in words.
    pub(super) base: &'a str,
    pub(super) compared: Vec<&'a Comparison>,
}

impl<'a> Outcome<'a> {
    /// `None` where nothing was compared.
    pub(super) fn of(set: &'a SetReport) -> Option<Self> {
        let metric = set.metrics.first()?;
        let all: Vec<&Comparison> = set.main_comparisons().collect();
        let ours: Vec<&Comparison> = all.iter().copied().filter(|c| Role::of(&c.method) == Role::Ours).collect();
        let with_others = set.with_others.iter().map(|it| &it.comparison).filter(|c| c.metric == metric.name);
        let (subject, base, compared) = match (ours.is_empty(), set.main_base()) {
            (false, Some(base)) => (Subject::Ours, base, ours),
            (true, Some(base)) if !all.is_empty() => (Subject::All, base, all),
            _ => (Subject::Others, "the same alone", with_others.collect()),
        };
        (!compared.is_empty()).then_some(Self { set, metric, subject, base, compared })
    }

    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.compared.iter().filter(|c| self.set.verdict(c) == verdict).count()
    }

    /// One word for the whole set; `None` where some are better and some worse.
    pub(super) fn whole(&self) -> Option<Verdict> {
        self.whole_by(self.metric)
    }

    /// The same by another metric.
    pub(super) fn whole_by(&self, metric: &Metric) -> Option<Verdict> {
        let found = self.by(metric);
        let any = |verdict: Verdict| found.iter().any(|c| self.set.verdict(c) == verdict);
        match (any(Verdict::Better), any(Verdict::Worse)) {
            (false, false) => Some(Verdict::Not),
            (true, false) => Some(Verdict::Better),
            (false, true) => Some(Verdict::Worse),
            (true, true) => None,
        }
    }

    /// The same methods compared by this metric.
    fn by(&self, metric: &Metric) -> Vec<&'a Comparison> {
        let same = |c: &&Comparison| {
            let known = self.compared.iter().any(|other| other.method == c.method && other.base == c.base);
            known && c.metric == metric.name
        };
        match self.subject {
            Subject::Others => self.set.with_others.iter().map(|it| &it.comparison).filter(same).collect(),
            _ => self.set.comparisons.iter().filter(same).collect(),
        }
    }

    /// The outcome by a metric in a few words, such as a heading has room for.
    pub(super) fn words(&self, metric: &Metric) -> String {
        let found = self.by(metric);
        match (self.subject, found.as_slice()) {
            (_, []) => return "nothing compared".to_owned(),
            (Subject::Ours, [one]) => {
                return format!("{} {} {}", one.method, self.set.verdict(one).against(), self.base);
            }
            _ => {}
        }
        let mut said: Vec<String> = Vec::new();
        for verdict in [Verdict::Better, Verdict::Worse, Verdict::Not] {
            let n = number::count(found.iter().filter(|c| self.set.verdict(c) == verdict).count());
            match (n.as_str(), said.is_empty()) {
                ("0", _) => {}
                (_, true) => said.push(format!("{n} {} {}", verdict.against(), self.base)),
                (_, false) => said.push(format!("{n} {}", verdict.word())),
            }
        }
        let who = match self.subject {
            Subject::Ours => "of ours, ",
            Subject::All => "",
            Subject::Others => "with others, ",
        };
        format!("{who}{}", said.join(", "))
    }

    /// Our first method where it was compared, or the only method that was.
    pub(super) fn main(&self) -> Option<&'a Comparison> {
        let lead = self.compared.iter().find(|c| Some(c.method.as_str()) == self.set.lead());
        match self.subject {
            Subject::Ours => lead.or(self.compared.first()).copied(),
            _ => None,
        }
    }
}

impl Verdict {
    /// The verdict before the name of a base.
    pub(super) fn against(self) -> &'static str {
        match self {
            Self::Better => "better than",
            Self::Worse => "worse than",
            Self::Not => "not told apart from",
        }
    }
}
