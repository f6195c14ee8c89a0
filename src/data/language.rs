//! The language of a task's queries.

use super::Task;
use crate::words::Language;

impl Task {
    /// Says the language of the queries. Where it is not said, that of each user is [detected](Language) over their whole
    /// history, and [`UserModel::language`](crate::UserModel::language) tells it.
    ///
    /// By it the inflected forms of a word are one in a user's factors and in what is muted, words such as "soll" and "however"
    /// name no factor, and a German factor has a noun. Say [`English`](Language::English) for a language that is neither, if
    /// its texts quote German. It is part of the task: a user model that was learned without it is of another task, and is
    /// learned again.
    ///
    /// ```
    /// use rpm_core::data::Language;
    /// use rpm_core::{ResponseSpace, Task};
    ///
    /// let task = Task::new("Stimmt diese Person zu?", ResponseSpace::labels(["ja", "nein"])?)?;
    /// assert_eq!(task.in_language(Language::German).language(), Some(Language::German));
    /// # Ok::<(), rpm_core::DataError>(())
    /// ```
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// The language of the queries, if it was said.
    pub fn language(&self) -> Option<Language> {
        self.language
    }

    /// The language of texts with so many signs of German in all.
    pub(crate) fn language_of(&self, german: usize, texts: usize) -> Language {
        self.language.unwrap_or_else(|| Language::of_signs(german, texts))
    }
}
