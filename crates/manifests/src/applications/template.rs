//! Go templates, as far as the texts of ApplicationSets need them: fields, `index`, and Argo CD's own `normalize`.
//! Whatever else is in one is told by name and never guessed at.

use serde_json::Value;

use super::folder::normalized;

/// A text with templates in it, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{{.a.b}}`, and `{{index .a.b "c" 1}}` with its keys behind; both may end in `| normalize`.
    Field {
        shown: String,
        fields: Vec<String>,
        keys: Vec<Key>,
        normalize: bool,
    },
    /// Anything else that Go may understand.
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Name(String),
    Number(usize),
}

/// Why a text is no template, or gives no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("`{{{{` without `}}}}` behind it")]
    Open,
    /// `{{model}}`, as ApplicationSets without Go templates have it.
    #[error("`{{{{{0}}}}}` calls a function; a value is `{{{{.{0}}}}}`, with a dot in front")]
    NoDot(String),
    /// Something that only Argo CD itself can work out.
    #[error("can't be previewed: `{0}` is more than a field, `index` or `normalize`")]
    Unsupported(String),
    /// The value is not there.
    #[error("`{shown}` is not there; there is {}", list(.there))]
    Missing {
        /// The template.
        shown: String,
        /// What is there instead.
        there: Vec<String>,
    },
    /// The value is no text.
    #[error("`{0}` is no text")]
    NoText(String),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

impl Template {
    /// Takes a text apart.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let end = end_of_action(&rest[start + 2..]).ok_or(TemplateError::Open)? + start + 2;
            let (shown, action) = (&rest[start..end + 2], &rest[start + 2..end]);
            let (trim_left, action) = trimmed(action, |a| a.strip_prefix("- "));
            let (trim_right, action) = trimmed(action, |a| a.strip_suffix(" -"));
            let before = &rest[..start];
            parts.push(Part::Text(if trim_left { before.trim_end() } else { before }.to_owned()));
            parts.push(part(shown, action.trim())?);
            rest = &rest[end + 2..];
            if trim_right {
                rest = rest.trim_start();
            }
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }

    /// It is the same whatever it is filled with.
    pub fn is_plain(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The values that it needs, as paths of keys, with how the template has them.
    pub fn needs(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.0.iter().filter_map(|part| match part {
            Part::Field { shown, fields, keys, .. } => {
                let names = keys.iter().map_while(|key| match key {
                    Key::Name(name) => Some(name.as_str()),
                    Key::Number(_) => None,
                });
                Some((shown.as_str(), fields.iter().map(String::as_str).chain(names).collect()))
            }
            _ => None,
        })
    }

    /// The text with values filled in. What is missing is an error, as it is to Argo CD with `missingkey=error`; so is
    /// a label that `index` doesn't find, where Argo CD would put nothing.
    pub fn render(&self, values: &Value) -> Result<String, TemplateError> {
        self.0.iter().map(|part| part.render(values)).collect()
    }
}

impl Part {
    fn render(&self, values: &Value) -> Result<String, TemplateError> {
        let (shown, fields, keys, normalize) = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::Other(shown) => return Err(TemplateError::Unsupported(shown.clone())),
            Self::Field { shown, fields, keys, normalize } => (shown, fields, keys, *normalize),
        };
        let mut value = values;
        let fields = fields.iter().cloned().map(Key::Name);
        for key in fields.chain(keys.iter().cloned()) {
            let next = match &key {
                Key::Name(name) => value.as_object().and_then(|map| map.get(name)),
                Key::Number(number) => value.as_array().and_then(|items| items.get(*number)),
            };
            value =
                next.ok_or_else(|| TemplateError::Missing { shown: shown.clone(), there: keys_of(value) })?;
        }
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(TemplateError::NoText(shown.clone())),
        };
        Ok(if normalize { normalized(&text) } else { text })
    }
}

fn keys_of(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map.keys().cloned().collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| format!("{index} ({item})")).collect()
        }
        _ => Vec::new(),
    }
}

/// Where the `}}` of an action is, which may stand in quotes before.
fn end_of_action(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match quote {
            Some('"') if c == '\\' && !escaped => {
                escaped = true;
                continue;
            }
            Some(open) if c == open && !escaped => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if text[index..].starts_with("}}") => return Some(index),
            None => {}
        }
        escaped = false;
    }
    None
}

fn trimmed<'a>(action: &'a str, strip: impl Fn(&'a str) -> Option<&'a str>) -> (bool, &'a str) {
    strip(action).map_or((false, action), |rest| (true, rest))
}

/// Functions without arguments, and words of the language, which are no forgotten dot.
const WORDS: [&str; 6] = ["end", "else", "break", "continue", "nil", "now"];

fn part(shown: &str, action: &str) -> Result<Part, TemplateError> {
    // Argo CD's name for a text as part of an object's name.
    let (value, normalize) = match action.rsplit_once('|') {
        Some((value, function)) if function.trim() == "normalize" => (value.trim(), true),
        _ => (action, false),
    };
    if let Some(fields) = fields(value) {
        return Ok(Part::Field { shown: shown.into(), fields, keys: Vec::new(), normalize });
    }
    let mut words = value.split_whitespace();
    let index = words.next() == Some("index");
    if let (true, Some(fields)) = (index, words.next().and_then(fields)) {
        let keys: Option<Vec<Key>> = words.map(key).collect();
        if let Some(keys) = keys.filter(|keys| !keys.is_empty()) {
            return Ok(Part::Field { shown: shown.into(), fields, keys, normalize });
        }
    }
    if is_identifier(action.split(['.', '[', '-']).next().unwrap_or_default())
        && action.split_whitespace().count() == 1
        && !WORDS.contains(&action)
    {
        return Err(TemplateError::NoDot(action.into()));
    }
    Ok(Part::Other(shown.into()))
}

fn key(word: &str) -> Option<Key> {
    let quoted = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted.or_else(|| word.strip_prefix('`')?.strip_suffix('`')) {
        Some(name) if !name.contains(['"', '\\', '`']) => Some(Key::Name(name.into())),
        Some(_) => None,
        None => word.parse().ok().map(Key::Number),
    }
}

/// `.a.b` as its names.
fn fields(text: &str) -> Option<Vec<String>> {
    let names: Vec<&str> = text.strip_prefix('.')?.split('.').collect();
    names.iter().all(|name| is_identifier(name)).then(|| names.into_iter().map(str::to_owned).collect())
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}
