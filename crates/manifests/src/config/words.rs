//! The words of messages: what was expected, what is there, and what may have been meant.

use serde_json::Value;

use super::node::Data;
use super::types::{
    DNS_LABEL, DNS_NAME, MINOR_VERSION, NAMESPACED_NAME, SHA256, TIME, VARIABLE_NAME, VULNERABLE,
};

/// What a value is, as in "must be a list, not a text".
pub(super) fn kind(data: &Data) -> &'static str {
    match data {
        Data::Null => "empty",
        Data::Bool(_) => "true or false",
        Data::Number(_) => "a number",
        Data::Text(_) => "a text",
        Data::List(_) => "a list",
        Data::Map(_) => "a mapping",
    }
}

/// What a schema without variants wants.
pub(super) fn wanted(schema: &Value) -> String {
    match schema["type"].as_str() {
        Some("object") => "a mapping".into(),
        Some("array") => "a list".into(),
        Some("boolean") => "`true` or `false`".into(),
        Some("integer") => match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
            (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
            _ => "a whole number".into(),
        },
        _ => "a text".into(),
    }
}

/// A pattern in words.
pub(super) fn pattern(pattern: &str) -> String {
    let names = "lower-case letters, digits and `-`";
    let ends = "with a letter or digit at both ends";
    match pattern {
        DNS_LABEL => format!("at most 63 {names}, {ends}"),
        DNS_NAME => format!("at most 253 lower-case letters, digits, `-` and `.`, {ends}"),
        NAMESPACED_NAME => format!("`namespace/name`, each of {names}"),
        TIME => "a time such as `5s`, `3m` or `1h30m`".into(),
        MINOR_VERSION => "a minor version of Kubernetes such as `v1.36`".into(),
        VARIABLE_NAME => "the name of an environment variable".into(),
        SHA256 => "a SHA-256 checksum, 64 hexadecimal digits".into(),
        VULNERABLE => "a release such as `v2.6.7`, or an advisory such as `CVE-2023-40029`".into(),
        path if path.starts_with("^/") => "a path such as `/argocd`, without a slash at its end".into(),
        other => format!("a text that matches `{other}`"),
    }
}

/// ``; did you mean `x`?`` where one of the names is near; otherwise nothing.
pub fn did_you_mean<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = names.into_iter().filter_map(|name| nearness(given, name).map(|distance| (distance, name)));
    let nearest = nearest.min_by_key(|(distance, _)| *distance);
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// Whether a name may be a slip for another.
pub(super) fn is_near(given: &str, name: &str) -> bool {
    nearness(given, name).is_some()
}

fn nearness(given: &str, name: &str) -> Option<usize> {
    Some(distance(&fold(given), &fold(name))).filter(|distance| *distance <= (name.len() / 3).clamp(1, 2))
}

/// `` `a`, `b` or `c` ``.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".into(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// `node_image`, `node-image` and `nodeimage` are all near to `nodeImage`.
fn fold(name: &str) -> Vec<char> {
    // Longer than any key; keeps the comparison of garbage cheap.
    name.chars().filter(|c| !"-_ ".contains(*c)).flat_map(char::to_lowercase).take(64).collect()
}

/// How many letters have to be put in, taken out, changed, or swapped with the next one.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let changed = rows[i][j] + usize::from(a != b);
            let mut least = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found_and_others_are_not() {
        let names = ["namespace", "nodes", "nodeImage", "via"];
        let meant = |given: &str| did_you_mean(given, names);
        assert_eq!(meant("namspace"), "; did you mean `namespace`?");
        assert_eq!(meant("node_image"), "; did you mean `nodeImage`?");
        assert_eq!(meant("Nodes"), "; did you mean `nodes`?");
        assert_eq!(meant("vai"), "; did you mean `via`?");
        assert_eq!(meant("avi2"), "");
        assert_eq!(meant("colour"), "");
        assert_eq!(meant(""), "");
    }

    #[test]
    fn lists_read_well() {
        let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(list(&texts(&["a", "b", "c"])), "a, b or c");
        assert_eq!(list(&texts(&["a"])), "a");
    }
}
