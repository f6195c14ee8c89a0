//! Reads what is needed of a provider's JSON, leaves the rest unread, and takes what has another form for absent.
//!
//! A generic tree of a hostile answer takes a hundred times its bytes; these take a small multiple at most.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// More members of a list than any reply has; the rest is left unread.
const MOST: usize = 1 << 16;

/// A text; nothing where something else stands.
#[derive(Default)]
pub(super) struct Text(pub(super) Option<String>);

/// A text, or the texts of the parts that some gateways send of it; empty where something else stands.
#[derive(Default)]
pub(super) struct Words(pub(super) String);

/// A number from 0 on; nothing where something else stands.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count(pub(super) Option<u64>);

/// Any number; nothing where something else stands.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Real(pub(super) Option<f64>);

/// True for `true`.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Flag(pub(super) bool);

/// True for anything but null.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Present(pub(super) bool);

/// Any JSON whose texts can be read.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Decoded;

/// An object; nothing where something else stands.
#[derive(Debug)]
pub(super) struct Record<T>(pub(super) Option<T>);

/// A list; empty where something else stands.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

/// The first member of a list.
#[derive(Debug)]
pub(super) struct First<T>(pub(super) Option<T>);

impl<T> Default for Record<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// Reads a `T` of whatever stands there.
struct Any<T>(PhantomData<T>);

/// What JSON of these kinds is read as: nothing.
macro_rules! nothing {
    ($($kind:ident)*) => { $(nothing!(@ $kind);)* };
    (@ bool) => { nothing!(@ visit_bool bool); };
    (@ i64) => { nothing!(@ visit_i64 i64); };
    (@ u64) => { nothing!(@ visit_u64 u64); };
    (@ f64) => { nothing!(@ visit_f64 f64); };
    (@ str) => { nothing!(@ visit_str &str); };
    (@ null) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@ object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@ $visit:ident $kind:ty) => {
        fn $visit<E>(self, _: $kind) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

macro_rules! reads {
    ($name:ident $(<$inner:ident>)?, nothing of $($kind:ident)*, $($visit:item)*) => {
        impl<'de $(, $inner: Deserialize<'de>)?> Visitor<'de> for Any<$name $(<$inner>)?> {
            type Value = $name $(<$inner>)?;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            nothing!($($kind)*);
            $($visit)*
        }

        impl<'de $(, $inner: Deserialize<'de>)?> Deserialize<'de> for $name $(<$inner>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Any::<Self>(PhantomData))
            }
        }
    };
}

reads!(Decoded, nothing of bool i64 u64 f64 str null,
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Decoded, A::Error> {
        while list.next_element::<Decoded>()?.is_some() {}
        Ok(Decoded)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Decoded, A::Error> {
        while object.next_entry::<Decoded, Decoded>()?.is_some() {}
        Ok(Decoded)
    }
);

reads!(Text, nothing of bool i64 u64 f64 null list object,
    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }
);

/// A part of a text in parts.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Part {
    text: Text,
}

reads!(Words, nothing of bool i64 u64 f64 null object,
    fn visit_str<E>(self, text: &str) -> Result<Words, E> {
        Ok(Words(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        let mut words = String::new();
        while let Some(Record(part)) = list.next_element::<Record<Part>>()? {
            words.push_str(&part.and_then(|part| part.text.0).unwrap_or_default());
        }
        Ok(Words(words))
    }
);

reads!(Count, nothing of bool i64 f64 str null list object,
    fn visit_u64<E>(self, number: u64) -> Result<Count, E> {
        Ok(Count(Some(number)))
    }
);

reads!(Real, nothing of bool str null list object,
    fn visit_f64<E>(self, number: f64) -> Result<Real, E> {
        Ok(Real(Some(number)))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Real, E> {
        Ok(Real(Some(number as f64)))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Real, E> {
        Ok(Real(Some(number as f64)))
    }
);

reads!(Flag, nothing of i64 u64 f64 str null list object,
    fn visit_bool<E>(self, flag: bool) -> Result<Flag, E> {
        Ok(Flag(flag))
    }
);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<IgnoredAny>::deserialize(deserializer).map(|value| Self(value.is_some()))
    }
}

reads!(Record<T>, nothing of bool i64 u64 f64 str null list,
    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Record<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|value| Record(Some(value)))
    }
);

reads!(List<T>, nothing of bool i64 u64 f64 str null object,
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
        let mut members = Vec::new();
        while members.len() < MOST {
            let Some(member) = list.next_element()? else { return Ok(List(members)) };
            members.push(member);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(List(members))
    }
);

reads!(First<T>, nothing of bool i64 u64 f64 str null object,
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First<T>, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }
);
