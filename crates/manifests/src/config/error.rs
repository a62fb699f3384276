//! What is wrong with a configuration, all of it at once.

use std::fmt;

use super::origin::Origin;

/// Lines are wrapped at this width where words allow.
const WIDTH: usize = 80;
/// Mistakes beyond these are only counted.
const MOST_SHOWN: usize = 50;

/// One mistake in the configuration. Never repeats a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where the value comes from.
    pub origin: Origin,
    /// Which value, such as `environments[0].namespace`; empty for the whole configuration.
    pub path: String,
    /// What is wrong, what was expected and what to do.
    pub message: String,
}

/// Everything that is wrong with a configuration, in the order of the file, then environment, then flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// Name of the file, as in the messages; `None` where there was none.
    pub file: Option<String>,
    /// The mistakes; at least one.
    pub errors: Vec<ConfigError>,
}

impl std::error::Error for ConfigErrors {}

/// One block of lines for each mistake; its further lines are indented.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&wrap(&format!("{}: {}", self.place(&error.origin), error.message)))?;
        }
        match self.errors.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl ConfigErrors {
    fn place(&self, origin: &Origin) -> String {
        let file = self.file.as_deref().unwrap_or("configuration");
        match origin {
            Origin::File { line: 0, .. } => file.to_owned(),
            Origin::File { line, column } => format!("{file}:{line}:{column}"),
            other => other.to_string(),
        }
    }
}

/// Breaks at spaces, but not inside of backquotes; further lines are indented by two spaces.
fn wrap(text: &str) -> String {
    let mut wrapped = String::new();
    let mut width = 0;
    for word in words(text) {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            wrapped.push_str("\n  ");
            width = 2;
        } else if width > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped.push_str(word);
        width += length;
    }
    wrapped
}

fn words(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    })
    .collect()
}
