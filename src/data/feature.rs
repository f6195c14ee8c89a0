//! Features: short names with the words of a query they were seen in.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::text::{fold, is_invisible};
use super::{DataError, FactorId, Query, limits};

/// Something in one query that may sway the response: a short name and the verbatim words it was seen in (paper: *f* =
/// (name, context, factor); the factor is found through the [`FactorSet`](super::FactorSet)).
///
/// A feature is *grounded*: its span lies in the query's text, on character boundaries. Equal features have equal keys.
///
/// Read from a file alone it passes every check but that of its place in the query; [`MemoryItem`](super::MemoryItem),
/// which has the query, makes that one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedFeature")]
pub struct Feature {
    name: String,
    span: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    judgement: Option<Judgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valence: Option<f64>,
}

/// A feature as it stands in a file.
#[derive(Deserialize)]
pub(super) struct UncheckedFeature {
    name: String,
    #[serde(with = "UncheckedSpan")]
    span: Span,
    #[serde(default)]
    judgement: Option<Judgement>,
    #[serde(default)]
    valence: Option<f64>,
}

impl UncheckedFeature {
    /// The feature, which its item has yet to check.
    pub(super) fn assume(self) -> Feature {
        Feature { name: self.name, span: self.span, judgement: self.judgement, valence: self.valence }
    }
}

impl TryFrom<UncheckedFeature> for Feature {
    type Error = DataError;
    fn try_from(unchecked: UncheckedFeature) -> Result<Self, DataError> {
        let feature = unchecked.assume();
        feature.check_alone("a query", 0)?;
        Ok(feature)
    }
}

/// Bytes `start..end` of a query's text. One that is read from a file holds at least a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

#[derive(Deserialize)]
#[serde(remote = "Span")]
struct UncheckedSpan {
    start: usize,
    end: usize,
}

checked_on_reading!(Span, UncheckedSpan);

impl Span {
    fn is_empty(self) -> bool {
        self.start >= self.end
    }

    fn check(self) -> Result<(), DataError> {
        let problem = "has an empty span";
        if self.is_empty() {
            return Err(DataError::BadFeature { item: "a query".to_owned(), position: 0, problem });
        }
        Ok(())
    }
}

/// The normal form of a feature's name: case, width and white space folded. Features with one key are the same feature. A clone is
/// the same text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeatureKey(Arc<str>);

impl TryFrom<String> for FeatureKey {
    type Error = DataError;
    /// Keeps a key that was written before. Folding twice is not always folding once, so a key is not folded again, and
    /// is refused only for what folding takes away.
    fn try_from(key: String) -> Result<Self, DataError> {
        if is_spaced_out(&key) || key.chars().any(|c| c.is_control() || is_invisible(c)) {
            return Err(DataError::BadKey { bytes: key.len() });
        }
        Ok(Self(key.into()))
    }
}

impl From<FeatureKey> for String {
    fn from(key: FeatureKey) -> Self {
        (*key.0).to_owned()
    }
}

/// True with white space at an end, two in a row, or other than a plain space.
fn is_spaced_out(key: &str) -> bool {
    !key.is_empty() && key.split(' ').any(|word| word.is_empty() || word.contains(char::is_whitespace))
}

/// A verdict on whether a feature swayed the response, and which way. Judged for open-ended tasks, where responses
/// cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// It swayed the response.
    pub influential: bool,
    /// Which way.
    pub polarity: Polarity,
}

/// Which way a feature sways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// Taken up, or spoken for.
    Positive,
    /// Present without direction.
    Neutral,
    /// Avoided, or spoken against.
    Negative,
}

impl FeatureKey {
    /// The key of a name.
    pub fn of(name: &str) -> Self {
        Self(fold(name).into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FeatureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Feature {
    /// A feature seen at `span` of the query's text.
    ///
    /// # Errors
    /// [`DataError::BadFeature`] when the name is blank or over 256 bytes, or the span is empty, outside the text or
    /// cuts a character.
    pub fn new(query: &Query, name: impl Into<String>, span: Span) -> Result<Self, DataError> {
        let feature = Self { name: name.into(), span, judgement: None, valence: None };
        feature.check(query, "query", 0)?;
        Ok(feature)
    }

    pub(crate) fn check(&self, query: &Query, item: &str, position: usize) -> Result<(), DataError> {
        self.check_alone(item, position)?;
        if query.text().get(self.span.start..self.span.end).is_none() {
            let problem = "has a span that is not in its query";
            return Err(DataError::BadFeature { item: item.to_owned(), position, problem });
        }
        Ok(())
    }

    /// All that can be checked without the query.
    fn check_alone(&self, item: &str, position: usize) -> Result<(), DataError> {
        let bad = |problem| Err(DataError::BadFeature { item: item.to_owned(), position, problem });
        let says = self.name.bytes().any(|byte| byte.is_ascii_alphanumeric());
        if self.name.len() > limits::ID_BYTES || !says && FeatureKey::of(&self.name).0.is_empty() {
            return bad("has a blank or too long name");
        }
        if self.span.is_empty() {
            return bad("has a span that is not in its query");
        }
        if self.valence.is_some_and(|valence| !(-2.0..=2.0).contains(&valence)) {
            return bad("has a valence outside -2 to 2");
        }
        Ok(())
    }

    /// The same feature of another text, in which it is seen at `span`.
    pub(crate) fn moved(&self, query: &Query, span: Span) -> Result<Self, DataError> {
        let feature = Self { span, ..self.clone() };
        feature.check(query, "query", 0)?;
        Ok(feature)
    }

    /// Gives the feature the degree to which its words praise (up to 1) or blame (down to −1) by general usage. Values
    /// beyond, as for emphasised praise, are kept up to ±2; one that is not finite is left out.
    #[must_use]
    pub fn with_valence(mut self, valence: f64) -> Self {
        self.valence = valence.is_finite().then(|| valence.clamp(-2.0, 2.0));
        self
    }

    /// The degree to which the words praise (above 0) or blame (below 0) by general usage, if they do.
    pub fn valence(&self) -> Option<f64> {
        self.valence
    }

    /// Gives the feature a judgement.
    #[must_use]
    pub fn judged(mut self, judgement: Judgement) -> Self {
        self.judgement = Some(judgement);
        self
    }

    /// The short name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The normal form of the name.
    pub fn key(&self) -> FeatureKey {
        FeatureKey::of(&self.name)
    }

    /// Its place in the query's text.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The words of `query` it was seen in; empty for a query it does not belong to.
    pub fn context<'q>(&self, query: &'q Query) -> &'q str {
        query.text().get(self.span.start..self.span.end).unwrap_or_default()
    }

    /// The judgement, for open-ended tasks.
    pub fn judgement(&self) -> Option<Judgement> {
        self.judgement
    }
}

impl fmt::Debug for FeatureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureKey").field("bytes", &self.0.len()).finish()
    }
}

impl fmt::Debug for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feature").field("span", &self.span).field("judgement", &self.judgement).finish_non_exhaustive()
    }
}

/// A feature with the factor it belongs to for this user.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignedFeature {
    /// The feature.
    pub feature: Feature,
    /// Its factor; `None` when it belongs to no known one.
    pub factor: Option<FactorId>,
}

impl AssignedFeature {
    /// A feature of no known factor.
    pub fn unknown(feature: Feature) -> Self {
        Self { feature, factor: None }
    }
}
