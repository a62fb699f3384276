//! YAML as a tree in which every value and every key knows where it comes from.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_yaml::{Location, Spanned};

use super::origin::Origin;

/// Larger texts are refused unread.
const LARGEST_TEXT: usize = 1 << 20;

/// A value and where it comes from.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) data: Data,
}

/// What a value is.
#[derive(Clone)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file. Keys may repeat: it is for the checks to complain about that.
    Map(Vec<Entry>),
}

/// One key of a mapping, and its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) origin: Origin,
    pub(crate) value: Node,
}

/// Why a text is no YAML, and at which line and column.
pub(crate) struct SyntaxError {
    pub(crate) origin: Origin,
    pub(crate) message: String,
}

impl Node {
    pub(crate) fn empty_map(origin: Origin) -> Self {
        Self { origin, data: Data::Map(Vec::new()) }
    }

    pub(crate) fn text(text: &str, origin: Origin) -> Self {
        Self { origin, data: Data::Text(text.to_owned()) }
    }

    /// Reads one document, within bounds that no honest configuration comes near to.
    pub(crate) fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.len() > LARGEST_TEXT {
            let message = format!("larger than {} KiB, which no configuration is", LARGEST_TEXT >> 10);
            return Err(SyntaxError { origin: Origin::WHOLE_FILE, message });
        }
        let parsed: Result<Option<Self>, _> = serde_yaml::from_str_with_options(text, options());
        match parsed {
            Ok(node) => Ok(node.unwrap_or(Self { origin: Origin::WHOLE_FILE, data: Data::Null })),
            Err(error) => Err(SyntaxError {
                origin: error.location().map_or(Origin::WHOLE_FILE, at),
                message: describe(&error),
            }),
        }
    }

    /// The same tree with all of it from one origin.
    pub(crate) fn from(mut self, origin: &Origin) -> Self {
        self.set_origin(origin);
        self
    }

    fn set_origin(&mut self, origin: &Origin) {
        self.origin = origin.clone();
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(|item| item.set_origin(origin)),
            Data::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.origin = origin.clone();
                entry.value.set_origin(origin);
            }),
            _ => {}
        }
    }

    /// The value of a key, or the item at an index.
    pub(crate) fn child(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            Data::List(items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        // Repeated keys reach the tree, so that all of them are reported and not only the first.
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::LastWins,
        // A merge would look like a repeated key.
        merge_keys: serde_yaml::MergeKeyPolicy::Error,
        // `no` and `off` are names like any other.
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 10_000 },
        budget: serde_yaml::budget! {
            max_events: 100_000,
            max_nodes: 50_000,
            max_aliases: 100,
            max_depth: 30,
            flow_nesting_limit: 30,
        },
    }
}

pub(crate) fn at(location: Location) -> Origin {
    let clamp = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Origin::File { line: clamp(location.line()), column: clamp(location.column()) }
}

/// The parser's message without its place, which is said in front of it, and without anything from the text:
/// a password that begins with `!` or `*` is no valid YAML and must not be repeated.
pub(crate) fn describe(error: &serde_yaml::Error) -> String {
    use serde_yaml::Error as E;
    let message = match error {
        E::UnsupportedTag { .. } => "a text that begins with `!` must be in quotes".into(),
        E::UnknownAnchor { .. } => "a text that begins with `*` must be in quotes".into(),
        E::MergeKeyNotAllowed { .. } => "merge keys (`<<`) are not supported; write the keys out".into(),
        E::MultipleDocuments { .. } => "more than one document; a line `---` begins another".into(),
        E::Budget { .. }
        | E::AliasError { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. }
        | E::RecursiveReferencesRequireWeakTypes { .. } => "nested too deeply, or too many aliases".into(),
        other => match other.to_string() {
            message if message.contains("recursion limit") => "nested too deeply".into(),
            message => without_place(&message),
        },
    };
    format!("not valid YAML: {message}")
}

fn without_place(message: &str) -> String {
    message.split_once(" at line ").map_or(message, |(message, _)| message).to_owned()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Data>::deserialize(deserializer)?;
        Ok(Self { origin: at(spanned.referenced), data: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
        Ok(Data::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
        Ok(Data::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
        Ok(Data::Number(value.into()))
    }

    /// Infinity and the like are no numbers to JSON.
    fn visit_f64<E>(self, value: f64) -> Result<Data, E> {
        Ok(Number::from_f64(value).map_or_else(|| Data::Text(value.to_string()), Data::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Data, E> {
        Ok(Data::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Data, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Data::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Node>()? {
            entries.push(Entry { key: key_text(key.data), origin: key.origin, value: map.next_value()? });
        }
        Ok(Data::Map(entries))
    }
}

/// What stands for a key that is a list or a mapping.
pub(crate) const NO_KEY: &str = "…";

/// Keys that are no texts become one, so that they are reported as unknown with their place.
fn key_text(data: Data) -> String {
    match data {
        Data::Text(text) => text,
        Data::Bool(value) => value.to_string(),
        Data::Number(number) => number.to_string(),
        Data::Null => "null".into(),
        Data::List(_) | Data::Map(_) => NO_KEY.into(),
    }
}
