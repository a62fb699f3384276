//! What a host answered, and its own words for it.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use ureq::http::HeaderMap;

use super::Broken;

/// Characters of a host's own words that an error repeats.
const MAX_WORDS: usize = 300;

/// What a host answered.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most 64 MiB.
    pub body: Vec<u8>,
    /// What the host was sent and must not be repeated.
    pub(crate) secrets: Vec<SecretString>,
}

/// Neither headers nor body: they hold the token that was asked for.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Answer");
        shown.field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Broken> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Broken::Other(format!("it answered something else than expected: {error}")))
    }

    /// Seconds to wait, where the host asks for that.
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse().ok()
    }

    /// Seconds to wait by [`Self::retry_after`], or until the time at which the host counts anew:
    /// `X-RateLimit-Reset` at GitHub and Azure DevOps, `RateLimit-Reset` at GitLab, in seconds since 1970.
    pub fn wait(&self) -> Option<u64> {
        let reset = || self.header("x-ratelimit-reset").or_else(|| self.header("ratelimit-reset"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let until = || Some(reset()?.trim().parse::<u64>().ok()?.saturating_sub(now));
        self.retry_after().or_else(until)
    }

    /// Whether this means: asked too often. GitHub says so by 403 as well, and of its secondary limits at times
    /// in words alone.
    ///
    /// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
    pub fn is_rate_limit(&self) -> bool {
        let used_up = || self.header("x-ratelimit-remaining") == Some("0") || self.retry_after().is_some();
        let said = || self.words().to_ascii_lowercase().contains("rate limit");
        self.status == 429 || (self.status == 403 && (used_up() || said()))
    }

    /// The host's own words, in one line: the message of a JSON answer, or a short text. Pages are left out, and
    /// so is what is secret.
    pub fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let words = match serde_json::from_slice::<Value>(&self.body) {
            Ok(value) => json_words(&value),
            Err(_) if self.header("content-type").is_some_and(|kind| kind.contains("html")) => String::new(),
            Err(_) if text.starts_with('<') => String::new(),
            Err(_) => text.into_owned(),
        };
        one_line(&hide(&words, &self.secrets))
    }
}

/// Text without what is secret.
pub(crate) fn hide(text: &str, secrets: &[SecretString]) -> String {
    let secrets = secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
    secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "(hidden)"))
}

/// `message` and what its `errors` say, in the forms that GitHub, GitLab, Bitbucket and Gitea have.
fn json_words(value: &Value) -> String {
    let mut words = Vec::new();
    for key in ["message", "error", "error_description", "errors", "detail"] {
        match value.get(key) {
            Some(Value::String(text)) => words.push(text.clone()),
            Some(Value::Array(list)) => words.extend(list.iter().map(json_words)),
            Some(Value::Object(map)) => words.extend(object_words(map)),
            _ => {}
        }
    }
    words.retain(|text| !text.is_empty());
    words.join("; ")
}

/// What an object says, its message first: of GitLab by field, of Bitbucket also by `fields` and `detail`.
fn object_words(map: &Map<String, Value>) -> Vec<String> {
    let list = |name: &str, list: &[Value]| {
        format!("{name} {}", list.iter().map(plain).collect::<Vec<_>>().join(", "))
    };
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_by_key(|(name, _)| *name != "message");
    let words = entries.into_iter().map(|(name, value)| match value {
        Value::String(text) => text.clone(),
        Value::Array(found) => list(name, found),
        Value::Object(map) => {
            let lists = map.iter().filter_map(|(name, value)| Some(list(name, value.as_array()?)));
            lists.collect::<Vec<_>>().join("; ")
        }
        _ => String::new(),
    });
    words.collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Text of another's as an error may repeat it: without line breaks, control characters and length.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Another's words behind one's own, where there are any.
pub(crate) fn quoted(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse::<ureq::http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        Answer { status, headers, body: body.into(), secrets: Vec::new() }
    }

    #[test]
    fn the_words_of_every_host_are_found() {
        for (body, expected) in [
            (r#"{"message":"Bad credentials","documentation_url":"x"}"#, "Bad credentials"),
            (
                r#"{"message":"Repository creation failed.","errors":[{"resource":"Repository","code":"custom","field":"name","message":"name already exists on this account"}]}"#,
                "Repository creation failed.; name already exists on this account",
            ),
            (r#"{"message":{"path":["has already been taken"]}}"#, "path has already been taken"),
            (
                r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges"}"#,
                "insufficient_scope; The request requires higher privileges",
            ),
            (r#"{"type":"error","error":{"message":"Access denied"}}"#, "Access denied"),
            (
                r#"{"error":{"message":"No scope.","detail":{"required":["webhook"],"granted":["repository"]}}}"#,
                "No scope.; granted repository; required webhook",
            ),
            ("Repository\n not\u{1b}[31m found", "Repository not [31m found"),
            ("<!DOCTYPE html><p>Sign in", ""),
        ] {
            assert_eq!(answered(400, &[], body).words(), expected);
        }
        assert_eq!(answered(400, &[("content-type", "text/html")], "hello").words(), "");
        assert!(answered(400, &[], &"x ".repeat(900)).words().chars().count() <= MAX_WORDS + 1);
    }

    #[test]
    fn asked_too_often_is_told_from_refused() {
        assert!(answered(429, &[], "").is_rate_limit());
        assert!(answered(403, &[("x-ratelimit-remaining", "0")], "").is_rate_limit());
        assert!(!answered(403, &[("x-ratelimit-remaining", "9")], "").is_rate_limit());
        assert!(
            answered(403, &[], r#"{"message":"You have exceeded a secondary rate limit"}"#).is_rate_limit()
        );
        assert_eq!(answered(429, &[("retry-after", "60")], "").wait(), Some(60));
        assert_eq!(answered(403, &[("x-ratelimit-reset", "1377013266")], "").wait(), Some(0));
        assert_eq!(answered(429, &[], "").wait(), None);
    }
}
