//! When two values are the same to the API server, though they are written otherwise.

use serde_json::{Map, Value};

use super::path::Path;

/// The value is one that the server leaves out where its type has it as the default.
pub(super) fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(says_nothing),
    }
}

/// The server fills this field in where it is left out. Needed only inside lists and maps that are taken as a
/// whole: elsewhere `managedFields` tells what was applied and what was filled in.
pub(super) fn is_default(field: &str, value: &Value, within: &Map<String, Value>) -> bool {
    let claim = within.get("spec").is_some_and(|spec| spec["accessModes"].is_array());
    match (field, value) {
        ("expirationSeconds", value) => *value == 3600,
        ("weight", value) => *value == 1,
        // A claim template of a StatefulSet.
        ("status", _) => claim,
        (field, Value::String(text)) => matches!(
            (field, text.as_str()),
            ("apiGroup", "rbac.authorization.k8s.io")
                | ("apiVersion", "v1")
                | ("divisor", "0")
                | ("group", "gateway.networking.k8s.io")
                | ("kind", "Gateway" | "PersistentVolumeClaim" | "Service")
                | ("protocol", "TCP")
                | ("scope", "*")
                | ("type", "Exact" | "PathPrefix")
                | ("volumeMode", "Filesystem")
        ),
        _ => false,
    }
}

/// The same scalar, as far as the server can tell.
pub(super) fn same(desired: &Value, live: &Value, path: &Path) -> bool {
    match (desired, live) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || ((a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64())
        }
        (desired, live) if desired == live => true,
        (desired, live) if path.is_quantity() => match (quantity(desired), quantity(live)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
        _ => false,
    }
}

/// A resource quantity in thousandths; the server writes `1000m` as `1`.
fn quantity(value: &Value) -> Option<i128> {
    const SUFFIXES: [(&str, i128); 13] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("", 1),
    ];
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if let Some(milli) = text.strip_suffix('m') {
        return digits(milli);
    }
    let (number, factor) = SUFFIXES.iter().find_map(|(suffix, f)| Some((text.strip_suffix(suffix)?, f)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.len() > 3 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let thousandths = digits(&format!("{fraction:0<3}"))?;
    let whole = if whole.is_empty() { 0 } else { digits(whole)? };
    whole.checked_mul(1000)?.checked_add(thousandths)?.checked_mul(*factor)
}

fn digits(text: &str) -> Option<i128> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
