//! Chooses the items of one field among the values of a reply.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::kind::wants_object;
use super::repair::Keep;
use super::scan::{Piece, Scan};
use super::{Repair, ReplyItems, sorted};

/// Picks the field asked for before a bare list before bare items, and the later of two alike.
pub(super) fn pick<T: DeserializeOwned>(scan: &Scan, field: &str) -> Option<ReplyItems<T>> {
    let mut forms: Vec<Form<T>> = scan.pieces.iter().map(|piece| Form::of_piece(piece, field)).collect();
    let whole = |piece: &Piece| !piece.inner;
    let rank = |form: &Form<T>| match form {
        Form::Field(list) if list.is_useful() => 2,
        Form::List(list) if !list.items.is_empty() => 1,
        _ => 0,
    };
    let best = position_of_last_best(scan, &forms, rank);
    let broken_from = match best {
        Some(index) => match scan.unfinished_after(index) {
            None => return take_list(scan, forms, index),
            Some(later) => later,
        },
        None => 0,
    };
    if best.is_none() {
        if let Some(items) = take_objects(scan, &mut forms, whole, 0, Repair::WrappedItem) {
            return Some(items);
        }
        // An empty list is only believed if it is all there is.
        let sole = scan.pieces.len() == 1 && !scan.prose;
        let rank = |form: &Form<T>| match form {
            Form::Field(_) => 2,
            Form::List(list) => u8::from(sole && list.is_useful()),
            _ => 0,
        };
        if let Some(index) = position_of_last_best(scan, &forms, rank)
            && scan.unfinished_after(index).is_none()
        {
            return take_list(scan, forms, index);
        }
    }
    let mut items = take_objects(scan, &mut forms, |piece| piece.inner, broken_from, Repair::DroppedItems)?;
    // What broke the list may not have looked like an item.
    items.unreadable = items.unreadable.max(1);
    Some(items)
}

/// The last of the outermost values with the highest rank above 0.
fn position_of_last_best<T>(scan: &Scan, forms: &[Form<T>], rank: impl Fn(&Form<T>) -> u8) -> Option<usize> {
    let outer = scan.pieces.iter().zip(forms).enumerate().filter(|(_, (piece, _))| !piece.inner);
    let ranked = outer.map(|(index, (_, form))| (rank(form), index));
    ranked.filter(|(rank, _)| *rank > 0).max().map(|(_, index)| index)
}

/// The items of the list at `index`.
fn take_list<T>(scan: &Scan, forms: Vec<Form<T>>, index: usize) -> Option<ReplyItems<T>> {
    let truncated = scan.pieces.get(index)?.is_cut_in_list();
    let mut items = forms.into_iter().nth(index)?.into_items()?;
    items.truncated = truncated;
    items.repairs.extend(scan.repairs(|other| other == index));
    items.repairs = sorted(items.repairs);
    Some(items)
}

/// The `wanted` objects from `first` on: JSON lines, one object alone, or the parts of a broken list.
fn take_objects<T>(
    scan: &Scan,
    forms: &mut [Form<T>],
    wanted: impl Fn(&Piece) -> bool,
    first: usize,
    done: Repair,
) -> Option<ReplyItems<T>> {
    let mut list = List { items: Vec::new(), unreadable: 0 };
    let mut truncated = false;
    for (piece, form) in scan.pieces.iter().zip(forms).skip(first) {
        if !piece.object || !wanted(piece) {
            continue;
        }
        truncated = piece.is_cut();
        if truncated && !(scan.keep == Keep::PartOfLast && piece.is_cut_in_list()) {
            continue; // half an item may look whole to a type with optional fields
        }
        match std::mem::replace(form, Form::Other) {
            Form::Item(item) => list.items.push(item),
            other => {
                *form = other;
                list.unreadable += 1;
            }
        }
    }
    if list.items.is_empty() {
        return None;
    }
    // A broken list is where its parts were found, not prose around them.
    let part = |piece: &Piece| (piece.object && wanted(piece)) || piece.is_broken();
    let used = |index| index >= first && scan.pieces.get(index).is_some_and(part);
    let mut repairs = scan.repairs(used);
    repairs.push(done);
    let mut items = list.into_items(repairs);
    items.truncated = truncated;
    Some(items)
}

/// Items of which some may be unreadable.
pub(super) struct List<T> {
    items: Vec<T>,
    unreadable: usize,
}

impl<T> List<T> {
    /// Has an item, or says outright that there are none.
    fn is_useful(&self) -> bool {
        !self.items.is_empty() || self.unreadable == 0
    }

    fn into_items(self, mut repairs: Vec<Repair>) -> ReplyItems<T> {
        if self.unreadable > 0 {
            repairs.push(Repair::DroppedItems);
        }
        ReplyItems { items: self.items, unreadable: self.unreadable, truncated: false, repairs: sorted(repairs) }
    }
}

impl<T: DeserializeOwned> List<T> {
    fn read(values: Vec<Value>) -> Self {
        let count = values.len();
        let fits = |value: &Value| !(wants_object::<T>() && value.is_array());
        let values = values.into_iter().filter(fits);
        let items: Vec<T> = values.filter_map(|value| serde_json::from_value(value).ok()).collect();
        Self { unreadable: count - items.len(), items }
    }
}

/// A value, seen by somebody who wants the items of one field.
pub(super) enum Form<T> {
    Field(List<T>),
    List(List<T>),
    Item(T),
    Other,
}

impl<T> Form<T> {
    /// The items, if this value alone is the answer.
    pub(super) fn into_items(self) -> Option<ReplyItems<T>> {
        match self {
            Self::Field(list) => Some(list.into_items(Vec::new())),
            Self::List(list) => list.is_useful().then(|| list.into_items(vec![Repair::WrappedItem])),
            Self::Item(item) => Some(List { items: vec![item], unreadable: 0 }.into_items(vec![Repair::WrappedItem])),
            Self::Other => None,
        }
    }
}

impl<T: DeserializeOwned> Form<T> {
    pub(super) fn of(value: Value, field: &str) -> Self {
        match value {
            Value::Array(values) => Self::List(List::read(values)),
            Value::Object(mut members) => match members.remove(field) {
                Some(Value::Array(values)) => Self::Field(List::read(values)),
                Some(item @ Value::Object(_)) => serde_json::from_value(item).map_or(Self::Other, Self::Item),
                Some(_) => Self::Other,
                None => serde_json::from_value(Value::Object(members)).map_or(Self::Other, Self::Item),
            },
            _ => Self::Other,
        }
    }

    fn of_piece(piece: &Piece, field: &str) -> Self {
        if !piece.is_readable() {
            return Self::Other;
        }
        match serde_json::from_str(&piece.parsed.json).map_or(Self::Other, |value| Self::of(value, field)) {
            // Cut before its first item: that the list is empty is not what the reply says.
            Self::Field(list) | Self::List(list)
                if piece.is_cut_in_list() && list.items.is_empty() && list.unreadable == 0 =>
            {
                Self::Other
            }
            form => form,
        }
    }
}
