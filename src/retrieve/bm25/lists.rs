//! Many growing lists in one allocation.

/// Lists by number, their entries in one array with room behind each. A list that outgrows its room moves to the end;
/// when more than half of the array is left behind, it is packed again.
#[derive(Debug, Clone)]
pub(super) struct Lists<T> {
    entries: Vec<T>,
    spans: Vec<Span>,
    /// Entries in no list's room.
    left: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: usize,
    len: u32,
    room: u32,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), spans: Vec::new(), left: 0 }
    }
}

impl<T: Copy + Default> Lists<T> {
    /// Lists that are exactly this long, every entry the default.
    pub(super) fn with_lengths(lengths: impl Iterator<Item = u32>) -> Self {
        let mut start = 0;
        let spans = lengths.map(|len| {
            let span = Span { start, len, room: len };
            start += len as usize;
            span
        });
        let spans = spans.collect();
        Self { entries: vec![T::default(); start], spans, left: 0 }
    }

    /// Lists of these lengths, cut from `entries` in order.
    pub(super) fn cut(entries: Vec<T>, lengths: impl Iterator<Item = u32>) -> Self {
        let spans = Lists::<()>::with_lengths(lengths).spans;
        Self { entries, spans, left: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.spans.len()
    }

    /// A new list, the last.
    pub(super) fn add(&mut self) {
        self.spans.push(Span::default());
    }

    fn span(&self, list: u32) -> Span {
        self.spans.get(list as usize).copied().unwrap_or_default()
    }

    pub(super) fn get(&self, list: u32) -> &[T] {
        let Span { start, len, .. } = self.span(list);
        self.entries.get(start..start + len as usize).unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self, list: u32) -> &mut [T] {
        let Span { start, len, .. } = self.span(list);
        self.entries.get_mut(start..start + len as usize).unwrap_or_default()
    }

    pub(super) fn push(&mut self, list: u32, entry: T) {
        let mut span = self.span(list);
        if span.len == span.room {
            let room = span.room.saturating_add(span.room / 2).saturating_add(4);
            let start = self.entries.len();
            self.entries.extend_from_within(span.start..span.start + span.len as usize);
            self.entries.resize(start + room as usize, T::default());
            self.left += span.room as usize;
            span = Span { start, room, ..span };
        }
        if let Some(place) = self.entries.get_mut(span.start + span.len as usize) {
            *place = entry;
            span.len += 1;
        }
        self.put(list, span);
    }

    /// Takes an entry out; the last one comes into its place.
    pub(super) fn swap_remove(&mut self, list: u32, at: usize) {
        let entries = self.get_mut(list);
        if at < entries.len() {
            entries.swap(at, entries.len() - 1);
            let span = self.span(list);
            self.put(list, Span { len: span.len - 1, ..span });
        }
    }

    /// Puts other entries into the list.
    pub(super) fn set(&mut self, list: u32, entries: &[T]) {
        let old = self.span(list);
        self.left += old.room as usize;
        let len = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let span = Span { start: self.entries.len(), len, room: len };
        self.entries.extend_from_slice(entries);
        self.put(list, span);
    }

    fn put(&mut self, list: u32, span: Span) {
        if let Some(place) = self.spans.get_mut(list as usize) {
            *place = span;
        }
        if self.left > self.entries.len() / 2 {
            self.pack();
        }
    }

    fn pack(&mut self) {
        let mut packed = Vec::with_capacity(self.entries.len() - self.left);
        for span in &mut self.spans {
            let start = packed.len();
            packed.extend_from_slice(self.entries.get(span.start..span.start + span.len as usize).unwrap_or_default());
            *span = Span { start, len: span.len, room: span.len };
        }
        (self.entries, self.left) = (packed, 0);
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<T>() + self.spans.capacity() * size_of::<Span>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_hold_what_separate_vectors_would(edits in prop::collection::vec((0_u32..5, 0_u8..8, 0_usize..6), 0..200)) {
            let (mut lists, mut model) = (Lists::default(), vec![Vec::new(); 5]);
            (0..5).for_each(|_| lists.add());
            for (step, (list, edit, at)) in edits.into_iter().enumerate() {
                let expected = &mut model[list as usize];
                match edit {
                    0 => {
                        lists.set(list, &vec![step; at]);
                        *expected = vec![step; at];
                    }
                    1 | 2 => {
                        lists.swap_remove(list, at);
                        if at < expected.len() {
                            expected.swap_remove(at);
                        }
                    }
                    _ => {
                        lists.push(list, step);
                        expected.push(step);
                    }
                }
                for (list, expected) in (0..).zip(&model) {
                    prop_assert_eq!(lists.get(list), &expected[..]);
                }
            }
        }
    }
}
