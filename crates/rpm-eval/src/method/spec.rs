//! A method's name with its options, and the reading of those options.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::EvalError;

/// A method's name with its options: `rag-bm25:k=4`, `rpm:preset=balanced:estimate=on`. Options are kept in order of
/// name, so that one method has one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spec {
    /// The method.
    pub name: String,
    /// Its options.
    pub options: BTreeMap<String, String>,
}

impl FromStr for Spec {
    type Err = EvalError;

    fn from_str(text: &str) -> Result<Self, EvalError> {
        let wrong = |problem: &str| EvalError::Method { method: text.to_owned(), problem: problem.to_owned() };
        let mut parts = text.trim().split(':');
        let name = parts.next().unwrap_or_default().to_owned();
        let mut options = BTreeMap::new();
        for part in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| wrong("an option is written :name=value after the method's name"))?;
            if value.is_empty() || options.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(wrong("an option is given twice, or without a value"));
            }
        }
        if name.is_empty() {
            return Err(wrong("it has no name"));
        }
        Ok(Self { name, options })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.options.iter().try_for_each(|(key, value)| write!(f, ":{key}={value}"))
    }
}

impl Spec {
    /// This method with one more option, or with another value of it.
    #[must_use]
    pub fn with(mut self, option: &str, value: impl fmt::Display) -> Self {
        self.options.insert(option.to_owned(), value.to_string());
        self
    }

    /// The error for a method that cannot be as it is named.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> EvalError {
        EvalError::Method { method: self.to_string(), problem: problem.into() }
    }
}

/// The options of a method while they are read. Those left in the end are unknown.
pub(super) struct Options<'a> {
    spec: &'a Spec,
    left: BTreeMap<&'a str, &'a str>,
    known: Vec<&'static str>,
}

impl<'a> Options<'a> {
    /// The options of this method, none of them read yet.
    pub(super) fn new(spec: &'a Spec) -> Self {
        let left = spec.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Self { spec, left, known: Vec::new() }
    }

    /// The option's text, or `otherwise` if it is not given.
    pub(super) fn text(&mut self, option: &'static str, otherwise: &'a str) -> &'a str {
        self.known.push(option);
        self.left.remove(option).unwrap_or(otherwise)
    }

    /// The option as a number of this type, or `otherwise` if it is not given.
    pub(super) fn number<T: FromStr>(&mut self, option: &'static str, otherwise: T) -> Result<T, EvalError> {
        match self.text(option, "") {
            "" => Ok(otherwise),
            text => text.parse().map_err(|_| self.spec.wrong(format!("{option} must be a number of the right kind"))),
        }
    }

    /// The value that the option names among these; the first one if it is not given.
    pub(super) fn choice<T: Copy>(&mut self, option: &'static str, choices: &[(&str, T)]) -> Result<T, EvalError> {
        let given = self.text(option, "");
        let found = choices.iter().find(|(name, _)| *name == given || given.is_empty());
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.spec.wrong(format!("{option} is one of {}", names.join(", ")))
        })
    }

    /// The method as it was named.
    pub(super) fn spec(&self) -> &Spec {
        self.spec
    }

    /// The error for an option with a wrong value.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> EvalError {
        self.spec.wrong(problem)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// An option that was given and not read.
    pub(super) fn end(self) -> Result<(), EvalError> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(unknown) => {
                let known = if self.known.is_empty() { "none".to_owned() } else { self.known.join(", ") };
                Err(self.spec.wrong(format!("it has no option {unknown}; it has {known}")))
            }
        }
    }
}
