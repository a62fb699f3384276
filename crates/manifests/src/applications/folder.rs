//! Folders of a repository, as the Git generator of an ApplicationSet chooses and names them.
//!
//! From Argo CD's documents on ApplicationSets (Generators-Git): patterns are those of Go's `path.Match`.

use regex_lite::Regex;
use serde_json::{Value, json};

/// Which folders a generator takes.
#[derive(Debug)]
pub struct Selection(Vec<(Regex, bool)>);

impl Selection {
    /// Of patterns, and whether each of them excludes. The error is a pattern that Go doesn't take.
    pub fn new<'a>(directories: impl IntoIterator<Item = (&'a str, bool)>) -> Result<Self, String> {
        let one = |(text, exclude)| Ok((pattern(text).ok_or_else(|| String::from(text))?, exclude));
        directories.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it takes this folder. One that is excluded anywhere is out, whatever else names it; hidden ones always.
    pub fn has(&self, folder: &str) -> bool {
        let any = |out: bool| self.0.iter().any(|(is, exclude)| *exclude == out && is.is_match(folder));
        any(false) && !any(true) && !folder.split('/').any(|name| name.starts_with('.'))
    }
}

/// What a folder gives to a Go template, as `path`.
pub fn values(folder: &str) -> Value {
    let segments: Vec<&str> = folder.split('/').collect();
    let basename = segments.last().copied().unwrap_or_default();
    json!({
        "path": folder,
        "basename": basename,
        "basenameNormalized": normalized(basename),
        "segments": segments,
    })
}

/// As a name of an object: other letters become `-`.
pub(super) fn normalized(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let name = name.to_lowercase();
    let name: String = name.chars().map(|c| if allowed(c) { c } else { '-' }).take(253).collect();
    name.trim_matches(['-', '.']).to_owned()
}

/// A pattern of Go's `path.Match`; `None` where it is none.
fn pattern(text: &str) -> Option<Regex> {
    let mut regex = String::from("^");
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '\\' => regex.push_str(&regex_lite::escape(chars.next()?.encode_utf8(&mut [0; 4]))),
            '[' => class(&mut regex, &mut chars)?,
            c => regex.push_str(&regex_lite::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&(regex + "$")).ok()
}

/// `[a-z]` and `[^a-z]`, behind the bracket.
fn class(regex: &mut String, chars: &mut std::str::Chars<'_>) -> Option<()> {
    regex.push('[');
    let mut empty = true;
    loop {
        match chars.next()? {
            '^' if empty && regex.ends_with('[') => {
                regex.push('^');
                continue;
            }
            ']' if !empty => break,
            '\\' => regex.push_str(&format!("\\{}", chars.next().filter(char::is_ascii_punctuation)?)),
            c @ ('[' | ']' | '&' | '~') => regex.push_str(&format!("\\{c}")),
            c => regex.push(c),
        }
        empty = false;
    }
    regex.push(']');
    Some(())
}
