//! The section `gitops` of Seldon Enterprise Platform's Helm values, and how it gets into a file of the user's.

use serde_json::{Map, Value, json};
use yaml_edit::YamlFile;
use yaml_edit::path::YamlPath;

use crate::yaml;

/// Larger files are no values files.
const LARGEST: usize = 1 << 20;

/// The values that make Seldon Enterprise Platform use GitOps.
pub fn values(secret: &str) -> Value {
    json!({ "gitops": { "git": { "secret": secret }, "argocd": { "enabled": true } } })
}

/// The same as text, in the order of the guide.
fn section(secret: &str) -> String {
    let secret = yaml::to_string(&secret);
    format!("gitops:\n  git:\n    secret: {}\n  argocd:\n    enabled: true\n", secret.trim_end())
}

/// Why the section can't be merged into a file. The message ends with what to add by hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; make sure of this in it by hand:\n\n{snippet}")]
pub struct ValuesError {
    /// What is in the way, without anything of the file's content.
    pub what: String,
    /// What has to be in the file.
    pub snippet: String,
}

/// The text of a values file with the section merged in. Comments, order, quotes, and every other byte stay as they
/// are; where the values are there already, so does the whole text.
pub fn merge_values(text: &str, secret: &str) -> Result<String, ValuesError> {
    let failed = |what: String| ValuesError { what, snippet: section(secret) };
    if text.len() > LARGEST {
        return Err(failed(format!("the values are larger than {} KiB", LARGEST >> 10)));
    }
    let before = yaml::parse_value(text).map_err(|error| failed(format!("the values are {error}")))?;
    let wanted = laid_over(&before, secret).map_err(failed)?;
    if before == wanted {
        return Ok(text.to_owned());
    }
    let windows = text.contains("\r\n");
    let plain = text.replace("\r\n", "\n");
    if (windows && plain.matches('\n').count() != text.matches("\r\n").count()) || plain.contains('\r') {
        return Err(failed("the values have line breaks of several kinds".into()));
    }
    // Anchors, tags and the like may make an edit mean something else: what can't be proved is not done.
    edited(&plain, &before, secret)
        .filter(|after| yaml::parse_value(after).as_ref() == Ok(&wanted) && keeps_remarks(&plain, after))
        .map(|after| if windows { after.replace('\n', "\r\n") } else { after })
        .ok_or_else(|| failed("the values are written in a way that can't be edited safely".into()))
}

/// The values with the section in them.
fn laid_over(before: &Value, secret: &str) -> Result<Value, String> {
    let mut after = before.clone();
    for (path, value) in settings(secret) {
        let mut place = &mut after;
        for (depth, key) in path.iter().enumerate() {
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(map) = place else {
                let name =
                    if depth == 0 { "the whole".into() } else { format!("`{}`", path[..depth].join(".")) };
                return Err(format!("{name} of the values is no mapping"));
            };
            place = map.entry(*key).or_insert(Value::Null);
        }
        if place.is_object() || place.is_array() {
            return Err(format!("`{}` of the values is no plain value", path.join(".")));
        }
        *place = value;
    }
    Ok(after)
}

fn settings(secret: &str) -> [([&'static str; 3], Value); 2] {
    [(["gitops", "git", "secret"], json!(secret)), (["gitops", "argocd", "enabled"], json!(true))]
}

fn edited(text: &str, before: &Value, secret: &str) -> Option<String> {
    if before.is_null() {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Some(format!("{text}{gap}{}", section(secret)));
    }
    let file: YamlFile = text.parse().ok()?;
    let document = file.document()?;
    for (path, value) in settings(secret) {
        if before.pointer(&format!("/{}", path.join("/"))) == Some(&value) {
            continue;
        }
        let path = path.join(".");
        match value.as_str() {
            Some(text) => document.try_set_path(&path, text).ok()?,
            None => document.try_set_path(&path, true).ok()?,
        }
    }
    Some(file.to_string())
}

/// All remarks are still there, in their order. A `#` in a text counts as one too: rather refuse than lose one.
fn keeps_remarks(before: &str, after: &str) -> bool {
    let mut rest = after;
    remarks(before).all(|remark| match rest.find(remark) {
        Some(at) => {
            rest = &rest[at + remark.len()..];
            true
        }
        None => false,
    })
}

fn remarks(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let at = line
            .char_indices()
            .find(|(at, c)| *c == '#' && line[..*at].chars().next_back().is_none_or(char::is_whitespace));
        at.map(|(at, _)| &line[at..])
    })
}
