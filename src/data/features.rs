//! The features of one item: as they were found, or to be read off the item's text.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::{Feature, Query};

/// Reads all features off a query, the same ones every time.
pub(crate) type Reader = fn(&Query) -> Vec<Feature>;

/// The part of an item's features that a reader reads off its text. What comes after it was found otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// How many of all that the reader reads there are, from the first on; `None` for all.
    pub(super) first: Option<usize>,
    /// Where the others begin, if there are any.
    pub(super) others: Option<usize>,
}

/// The features of one item. Those that a reader reads off the text are read when they are first asked for.
#[derive(Clone)]
pub(super) struct Features {
    list: OnceLock<Vec<Feature>>,
    /// What the list is made of, if it is not there yet.
    left_out: Option<LeftOut>,
    /// `None` inside when none, or too few, are read off the text. Once asked for.
    reading: OnceLock<Option<Reading>>,
}

#[derive(Clone)]
struct LeftOut {
    reader: Reader,
    first: Option<usize>,
    /// Those that come after what is read.
    more: Vec<Feature>,
}

impl LeftOut {
    fn read(&self, query: &Query) -> Vec<Feature> {
        let mut list = (self.reader)(query);
        list.truncate(self.first.unwrap_or(usize::MAX));
        list.extend_from_slice(&self.more);
        list
    }
}

impl Features {
    pub(super) fn found(list: Vec<Feature>) -> Self {
        Self { list: OnceLock::from(list), left_out: None, reading: OnceLock::new() }
    }

    /// Features to be read off the text, all or the first of them, and others after them.
    pub(super) fn to_read(reader: Reader, first: Option<usize>, more: Vec<Feature>) -> Self {
        let left_out = Some(LeftOut { reader, first, more });
        Self { list: OnceLock::new(), left_out, reading: OnceLock::new() }
    }

    pub(super) fn of(&self, query: &Query) -> &[Feature] {
        self.list.get_or_init(|| self.left_out.as_ref().map_or_else(Vec::new, |left_out| left_out.read(query)))
    }

    /// The features, read for this once where they are not there.
    pub(super) fn once(&self, query: &Query) -> Cow<'_, [Feature]> {
        match self.list.get() {
            Some(list) => Cow::Borrowed(list),
            None => Cow::Owned(self.left_out.as_ref().map_or_else(Vec::new, |left_out| left_out.read(query))),
        }
    }

    /// Lets go of a list that can be read off the text again, by the reader that it came from or by this one.
    pub(super) fn let_go(&mut self, query: &Query, reader: Option<Reader>) {
        if self.left_out.is_some() {
            self.list.take();
        } else if let Some(reader) = reader
            && let Some(Reading { first, others }) = self.reading(query, reader)
        {
            let more = others.and_then(|others| self.of(query).get(others..)).unwrap_or_default().to_vec();
            *self = Self { reading: self.reading.clone(), ..Self::to_read(reader, first, more) };
        }
    }

    /// The features if there are any that were not read off the text, and so have to be checked.
    pub(super) fn to_check(&self, query: &Query) -> &[Feature] {
        match &self.left_out {
            Some(left_out) if left_out.more.is_empty() => &[],
            _ => self.of(query),
        }
    }

    /// The part of these that the reader reads off the query.
    pub(super) fn reading(&self, query: &Query, reader: Reader) -> Option<Reading> {
        *self.reading.get_or_init(|| {
            if let Some(LeftOut { first: None, more, .. }) = &self.left_out
                && more.is_empty()
            {
                return Some(Reading { first: None, others: None });
            }
            let (list, all) = (self.of(query), reader(query));
            let end = list.iter().zip(&all).take_while(|(of_list, read)| of_list == read).count();
            let first = (end < all.len()).then_some(end);
            // Of what a model found, none is left to a reader because it is the same by chance.
            let others = (end < list.len()).then_some(end);
            (2 * end >= list.len() && first != Some(0)).then_some(Reading { first, others })
        })
    }
}
