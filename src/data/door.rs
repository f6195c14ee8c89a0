//! The one way in for data that is read from a file: it is read field by field, then checked, whatever the format.

/// Implements `Deserialize` for a type by a private stand-in with the same fields and a check of what was read.
macro_rules! checked_on_reading {
    ($type:ty, $fields:ty) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <$fields>::deserialize(deserializer)?;
                value.check().map_err(serde::de::Error::custom)?;
                Ok(value)
            }
        }
    };
}
