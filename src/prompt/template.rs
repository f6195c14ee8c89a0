//! Wording with placeholders, and how it is filled.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use crate::llm::Message;

/// A prompt's wording: fixed text with `{{placeholders}}`, first the rules (system), then what is asked (user).
///
/// Filling is one pass: what is put in is never searched for placeholders again, so no text of a user can become wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    system: Vec<Piece>,
    user: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(String),
}

/// Separates the two parts of a template file.
const USER_PART: &str = "=== user ===";

/// Wording that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The line that separates the rules from what is asked is missing.
    #[error("the template has no line \"=== user ===\" between its rules and what it asks")]
    NoUserPart,
    /// A `{{` without its `}}`.
    #[error("a placeholder is opened but not closed")]
    Unclosed,
    /// A placeholder that this prompt does not offer.
    #[error("the {prompt} prompt offers no placeholder {name}")]
    UnknownPlaceholder {
        /// The prompt.
        prompt: &'static str,
        /// The placeholder.
        name: String,
    },
    /// A placeholder without which the prompt would not say what it is about.
    #[error("the {prompt} prompt needs the placeholder {name} in its user part")]
    MissingPlaceholder {
        /// The prompt.
        prompt: &'static str,
        /// The placeholder.
        name: &'static str,
    },
}

impl Template {
    /// Reads a template: the rules, a line `=== user ===`, what is asked.
    ///
    /// # Errors
    /// [`TemplateError::NoUserPart`] and [`TemplateError::Unclosed`].
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let (system, user) = text.split_once(USER_PART).ok_or(TemplateError::NoUserPart)?;
        Ok(Self { system: pieces(system)?, user: pieces(user)? })
    }

    fn placeholders(part: &[Piece]) -> BTreeSet<&str> {
        let name = |piece: &'_ Piece| matches!(piece, Piece::Placeholder(_));
        part.iter().filter(|p| name(p)).map(Piece::as_str).collect()
    }

    fn messages(&self, values: &Values) -> Vec<Message> {
        vec![Message::system(values.fill(&self.system)), Message::user(values.fill(&self.user))]
    }

    fn source(&self) -> String {
        let mut text = String::new();
        for piece in self.system.iter().chain(&self.user) {
            let _ = write!(text, "{}\u{1f}", piece.as_str());
        }
        text
    }
}

/// The text that [`Template::new`] reads as this template.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = std::iter::once(None).chain(self.user.iter().map(Some));
        for piece in self.system.iter().map(Some).chain(user) {
            match piece {
                None => f.write_str(USER_PART)?,
                Some(Piece::Text(text)) => f.write_str(text)?,
                Some(Piece::Placeholder(name)) => write!(f, "{{{{{name}}}}}")?,
            }
        }
        Ok(())
    }
}

impl Piece {
    fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Placeholder(text) => text,
        }
    }
}

fn pieces(mut text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    while let Some((before, rest)) = text.split_once("{{") {
        let (name, after) = rest.split_once("}}").ok_or(TemplateError::Unclosed)?;
        let name = name.trim();
        // Written out, it would end at its own brace.
        if name.ends_with('}') {
            return Err(TemplateError::Unclosed);
        }
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Placeholder(name.to_owned()));
        text = after;
    }
    pieces.push(Piece::Text(text.to_owned()));
    Ok(pieces)
}

/// The texts that a prompt's placeholders stand for.
#[derive(Debug, Default)]
pub(crate) struct Values(BTreeMap<&'static str, String>);

impl Values {
    pub(crate) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    fn fill(&self, part: &[Piece]) -> String {
        let mut text = String::new();
        for piece in part {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Placeholder(name) => text.push_str(self.0.get(name.as_str()).map_or("", String::as_str)),
            }
        }
        text.trim().to_owned()
    }
}

/// The request that a wording is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Prompt {
    /// Finding features. Needs `items`; offers `instruction`, `query_name`, `response_name`, `max_features`,
    /// `known_factors`, `note`.
    Extract,
    /// Grouping features. Needs `groups`; offers `instruction`, `query_name`, `response_name`, `note`.
    Group,
    /// Judging influence and polarity. Needs `items`; offers `instruction`, `query_name`, `response_name`, `note`.
    Judge,
    /// Writing a reasoning path. Needs `item`; offers `instruction`, `query_name`, `response_name`, `factors`,
    /// `max_steps`, `conclusion` (the rest of the reply's form: the response, where it has to be repeated), `note`.
    Path,
    /// Answering from factors and exemplars. Needs `item`; offers `instruction`, `query_name`, `response_name`,
    /// `responses`, `factors`, `exemplars`, `max_steps`, `note`.
    Answer,
    /// Finding the features of a query and answering it at once. Needs `item`; offers `instruction`, `query_name`,
    /// `response_name`, `responses`, `factors`, `exemplars`, `max_steps`, `note`.
    AnswerMerged,
    /// Answering without anything of the user. Needs `item`; offers `instruction`, `query_name`, `response_name`,
    /// `responses`, `note`.
    AnswerGeneric,
    /// Saying which response is likeliest, by its letter. Needs `item`; offers `instruction`, `query_name`, `response_name`,
    /// `responses` (with what to reply), `note`.
    AnswerLetter,
    /// Proposing responses of free text. Needs `item`; offers `instruction`, `query_name`, `response_name`, `responses`,
    /// `proposals` (their number), `exemplars`, `note`.
    Propose,
    /// Naming the factors of a catalog. Needs `factors`; offers `instruction`, `query_name`, `response_name`, `note`.
    Catalog,
}

const COMMON: [&str; 4] = ["instruction", "query_name", "response_name", "note"];

impl Prompt {
    /// Every prompt.
    pub const ALL: [Self; 10] = [
        Self::Extract,
        Self::Group,
        Self::Judge,
        Self::Path,
        Self::Answer,
        Self::AnswerMerged,
        Self::AnswerGeneric,
        Self::AnswerLetter,
        Self::Propose,
        Self::Catalog,
    ];

    /// The prompt's name in errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Group => "group",
            Self::Judge => "judge",
            Self::Path => "path",
            Self::Answer => "answer",
            Self::AnswerMerged => "merged answer",
            Self::AnswerGeneric => "generic answer",
            Self::AnswerLetter => "letter answer",
            Self::Propose => "proposals",
            Self::Catalog => "catalog",
        }
    }

    fn built_in(self) -> &'static str {
        match self {
            Self::Extract => include_str!("templates/extract.txt"),
            Self::Group => include_str!("templates/group.txt"),
            Self::Judge => include_str!("templates/judge.txt"),
            Self::Path => include_str!("templates/path.txt"),
            Self::Answer => include_str!("templates/answer.txt"),
            Self::AnswerMerged => include_str!("templates/answer_merged.txt"),
            Self::AnswerGeneric => include_str!("templates/answer_generic.txt"),
            Self::AnswerLetter => include_str!("templates/answer_letter.txt"),
            Self::Propose => include_str!("templates/propose.txt"),
            Self::Catalog => include_str!("templates/catalog.txt"),
        }
    }

    /// The placeholders that its wording may use, first the one that it needs.
    pub fn placeholders(self) -> Vec<&'static str> {
        let needed = std::iter::once(self.needs());
        needed.chain(COMMON).chain(self.offers().iter().copied()).collect()
    }

    fn needs(self) -> &'static str {
        match self {
            Self::Extract | Self::Judge => "items",
            Self::Group => "groups",
            Self::Path
            | Self::Answer
            | Self::AnswerMerged
            | Self::AnswerGeneric
            | Self::AnswerLetter
            | Self::Propose => "item",
            Self::Catalog => "factors",
        }
    }

    fn offers(self) -> &'static [&'static str] {
        match self {
            Self::Extract => &["max_features", "known_factors"],
            Self::Group | Self::Judge | Self::Catalog => &[],
            Self::Path => &["factors", "max_steps", "conclusion"],
            Self::Answer | Self::AnswerMerged => &["responses", "factors", "exemplars", "max_steps"],
            Self::AnswerGeneric | Self::AnswerLetter => &["responses"],
            Self::Propose => &["responses", "proposals", "exemplars"],
        }
    }
}

/// The wording of every request, overridable one by one.
///
/// ```
/// use rpm_core::prompt::{Prompt, PromptSet, Template};
///
/// let mine = Template::new("Be brief. {{responses}}\n=== user ===\n{{item}}")?;
/// let prompts = PromptSet::default().with(Prompt::AnswerGeneric, mine)?;
/// assert_ne!(prompts.fingerprint(), PromptSet::default().fingerprint());
/// # Ok::<(), rpm_core::prompt::TemplateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSet(BTreeMap<Prompt, Template>);

impl Default for PromptSet {
    /// The crate's own wording.
    fn default() -> Self {
        let built_in = |prompt: Prompt| Template::new(prompt.built_in()).ok().map(|template| (prompt, template));
        Self(Prompt::ALL.into_iter().filter_map(built_in).collect())
    }
}

impl PromptSet {
    /// Sets other wording for one prompt.
    ///
    /// # Errors
    /// [`TemplateError`] when it uses a placeholder that the prompt does not offer, or lacks the one it needs.
    pub fn with(mut self, prompt: Prompt, template: Template) -> Result<Self, TemplateError> {
        check(prompt, &template)?;
        self.0.insert(prompt, template);
        Ok(self)
    }

    /// The wording of a prompt, as a text that [`Template::new`] reads: to read it, or to begin one's own with.
    ///
    /// ```
    /// use rpm_core::prompt::{Prompt, PromptSet, Template};
    ///
    /// let wording = PromptSet::default().text(Prompt::Extract);
    /// println!("{wording}\n\nplaceholders: {}", Prompt::Extract.placeholders().join(", "));
    /// assert!(wording.starts_with("You study what sways one person."));
    ///
    /// let mine = Template::new(&wording.replace("one to four plain words", "one or two plain words"))?;
    /// let prompts = PromptSet::default().with(Prompt::Extract, mine)?;
    /// # let _ = prompts;
    /// # Ok::<(), rpm_core::prompt::TemplateError>(())
    /// ```
    pub fn text(&self, prompt: Prompt) -> String {
        self.0.get(&prompt).map(ToString::to_string).unwrap_or_default()
    }

    /// A hash of all wording, in hexadecimal: the same wording gives the same hash in every version and on every platform.
    pub fn fingerprint(&self) -> String {
        // 128-bit FNV-1a.
        let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
        for byte in self.0.values().flat_map(|template| template.source().into_bytes()) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        format!("{hash:032x}")
    }

    pub(crate) fn render(&self, prompt: Prompt, values: &Values) -> Vec<Message> {
        self.0.get(&prompt).map(|template| template.messages(values)).unwrap_or_default()
    }
}

fn check(prompt: Prompt, template: &Template) -> Result<(), TemplateError> {
    let (system, user) = (Template::placeholders(&template.system), Template::placeholders(&template.user));
    let offered = |name: &str| name == prompt.needs() || COMMON.contains(&name) || prompt.offers().contains(&name);
    if let Some(name) = system.iter().chain(&user).find(|name| !offered(name)) {
        return Err(TemplateError::UnknownPlaceholder { prompt: prompt.as_str(), name: (*name).to_owned() });
    }
    if !user.contains(prompt.needs()) {
        return Err(TemplateError::MissingPlaceholder { prompt: prompt.as_str(), name: prompt.needs() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_prompt_passes_the_checks_of_a_hosts_own() {
        for prompt in Prompt::ALL {
            check(prompt, &Template::new(prompt.built_in()).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_wording_is_read_back_from_its_text() {
        let prompts = PromptSet::default();
        for prompt in Prompt::ALL {
            assert_eq!(prompts.text(prompt), prompt.built_in());
            assert!(prompts.0.get(&prompt) == Template::new(&prompts.text(prompt)).ok().as_ref());
            assert!(prompt.placeholders().iter().any(|name| prompts.text(prompt).contains(&format!("{{{{{name}}}}}"))));
        }
    }

    #[test]
    fn what_is_filled_in_is_never_searched_for_placeholders() {
        let prompts = PromptSet::default();
        let values = Values::default().set("item", "{{responses}}").set("responses", "SECRET");
        let messages = prompts.render(Prompt::AnswerGeneric, &values);
        assert!(messages[1].content.contains("{{responses}}"));
        assert!(!messages[1].content.contains("SECRET"));
    }

    #[test]
    fn wording_with_a_wrong_placeholder_is_refused() {
        let template = Template::new("{{factors}}\n=== user ===\n{{item}}").unwrap();
        let error = PromptSet::default().with(Prompt::AnswerGeneric, template).unwrap_err();
        let name = "factors".to_owned();
        assert_eq!(error, TemplateError::UnknownPlaceholder { prompt: "generic answer", name });
        let template = Template::new("\n=== user ===\n").unwrap();
        assert!(PromptSet::default().with(Prompt::Path, template).is_err());
        assert_eq!(Template::new("no parts"), Err(TemplateError::NoUserPart));
        assert_eq!(Template::new("{{x\n=== user ===\n"), Err(TemplateError::Unclosed));
    }
}
