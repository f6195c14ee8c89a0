//! Tells which form of JSON a type is read from.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

/// True if `T` is a struct. serde would also read one from a list of its fields in order, so that `[1]` in prose could
/// pass for an answer.
pub(super) fn wants_object<T: DeserializeOwned>() -> bool {
    matches!(asked::<T>(), Asked::Object(_))
}

/// The form that `T` is read from, as JSON in one line with `…` for what is free. Names of types are not in it.
pub(super) fn form_of<T: DeserializeOwned>() -> String {
    match asked::<T>() {
        Asked::Object(fields) => {
            let members: Vec<String> = fields.iter().map(|field| format!("\"{field}\":…")).collect();
            format!("{{{}}}", members.join(","))
        }
        Asked::Map => "{…}".to_owned(),
        Asked::List => "[…]".to_owned(),
        Asked::Other => "…".to_owned(),
    }
}

fn asked<T: DeserializeOwned>() -> Asked {
    T::deserialize(Probe).err().unwrap_or(Asked::Other)
}

/// Gives no value; its error says what was asked of it.
struct Probe;

#[derive(Debug)]
enum Asked {
    Object(&'static [&'static str]),
    Map,
    List,
    Other,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a probe has no value")
    }
}

impl std::error::Error for Asked {}

impl Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked::Other)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked::Object(fields))
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked::Map)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked::List)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier ignored_any
    }
}
