//! Reading what a server answers, without what would fill the memory.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// How an answer is read.
pub(crate) type Reader = fn(&[u8]) -> serde_json::Result<Value>;

/// Makes sure that an answer is there whole, and keeps nothing of it.
pub(crate) fn check(bytes: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice::<IgnoredAny>(bytes).map(|_| Value::Null)
}

/// An answer as JSON. What `managedFields` says of fields stays JSON text (see [`manifests::managed_fields`]): as
/// maps, each of one or two keys, it takes several times the memory of all the rest.
pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Place::Object.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Where in an answer we are.
#[derive(Clone, Copy)]
enum Place {
    /// An object, or a list of objects.
    Object,
    /// `items` of a list.
    Items,
    Metadata,
    ManagedFields,
    Entry,
    Fields,
    Elsewhere,
}

impl Place {
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Object, "items") => Self::Items,
            (Self::Object, "metadata") => Self::Metadata,
            (Self::Metadata, "managedFields") => Self::ManagedFields,
            (Self::Entry, "fieldsV1") => Self::Fields,
            _ => Self::Elsewhere,
        }
    }

    fn item(self) -> Self {
        match self {
            Self::Items => Self::Object,
            Self::ManagedFields => Self::Entry,
            _ => Self::Elsewhere,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        match self {
            Self::Elsewhere => Value::deserialize(reader),
            Self::Fields => {
                let mut text = String::new();
                Text(&mut text).deserialize(reader)?;
                Ok(Value::String(text))
            }
            _ => reader.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Place {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.below(&key))?;
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.item())? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// Writes a set of fields, which is maps within maps, as it is read.
struct Text<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut sign = '{';
        while let Some(key) = map.next_key::<String>()? {
            self.0.push(sign);
            self.0.push_str(&serde_json::to_string(&key).map_err(A::Error::custom)?);
            self.0.push(':');
            map.next_value_seed(Text(self.0))?;
            sign = ',';
        }
        self.0.push_str(if sign == '{' { "{}" } else { "}" });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_sets_of_fields_stay_text() {
        let fields = json!({ "f:spec": { ".": {}, "k:{\"port\":80}": { "f:port": {} } } });
        let object = json!({
            "kind": "Service",
            "metadata": { "name": "a", "managedFields": [{ "manager": "x", "fieldsV1": fields }] },
            "spec": { "fieldsV1": { "f:a": {} }, "metadata": { "managedFields": [{ "fieldsV1": {} }] } },
            "all": [null, true, -1, 1, 1.5, "text"],
        });
        for answer in [object.clone(), json!({ "items": [object], "metadata": { "continue": "" } })] {
            let mut read = parse(answer.to_string().as_bytes()).unwrap();
            let pointer = if answer["items"].is_array() { "/items/0" } else { "" };
            let slot = read.pointer_mut(&format!("{pointer}/metadata/managedFields/0/fieldsV1")).unwrap();
            let text = slot.as_str().unwrap().to_owned();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), fields);
            *slot = fields.clone();
            assert_eq!(read, answer);
        }
    }

    #[test]
    fn what_was_cut_off_is_no_answer() {
        for read in [parse, check] {
            assert!(read(br#"{"kind":"Service","metadata":{"name":"#).is_err());
            assert!(read(br#"{"kind":"Service"} {"#).is_err());
            assert!(read(br#"{"kind":"Service"}"#).is_ok());
        }
    }
}
