//! Where a value of the configuration comes from.

use std::fmt;
use std::str::FromStr;

/// Where a value of the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The file, at a line and a column, both counted from 1. Zeros mean the file as a whole, or no place in it.
    File {
        /// Line.
        line: u32,
        /// Column, in characters.
        column: u32,
    },
    /// An environment variable, by its name.
    Env(String),
    /// A flag of the command line, as it is to be named in messages: `--set git.branch`.
    Flag(String),
}

impl Origin {
    /// The file as a whole.
    pub(super) const WHOLE_FILE: Self = Self::File { line: 0, column: 0 };

    /// What is higher takes the place of what is lower.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::File { .. } => 0,
            Self::Env(_) => 1,
            Self::Flag(_) => 2,
        }
    }
}

/// Reads well after "from": `environment variable ARGOCD_VERSION`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line: 0, .. } => f.write_str("the file"),
            Self::File { line, column } => write!(f, "line {line}, column {column} of the file"),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One value from the command line, laid over everything else.
///
/// `Debug` leaves the value out: it may be a secret that somebody put where only a reference belongs.
#[derive(Clone, PartialEq, Eq)]
pub struct Override {
    /// The flag as it is to be named in messages.
    pub flag: String,
    /// Keys with dots between, list items by their index: `environments.0.namespace`.
    pub path: String,
    /// A YAML scalar or flow collection. Empty or `null` takes back what the file says.
    pub value: String,
}

impl Override {
    /// What `--set path=value` means.
    pub fn set(path: &str, value: &str) -> Self {
        Self::by_flag(&format!("--set {path}"), path, value)
    }

    /// The same for a flag of its own, such as `--provider`.
    pub fn by_flag(flag: &str, path: &str, value: &str) -> Self {
        Self { flag: flag.into(), path: path.into(), value: value.into() }
    }
}

impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Override").field("flag", &self.flag).field("path", &self.path).finish_non_exhaustive()
    }
}

/// Why a text is no override. The text itself is not repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected KEY=VALUE with a dotted key, such as `argocd.version=v2.6.7`")]
pub struct BadOverride;

/// Reads the argument of `--set`: `argocd.version=v2.6.7`.
impl FromStr for Override {
    type Err = BadOverride;

    fn from_str(text: &str) -> Result<Self, BadOverride> {
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() => Ok(Self::set(path.trim(), value)),
            _ => Err(BadOverride),
        }
    }
}
