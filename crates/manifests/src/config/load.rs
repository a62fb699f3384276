//! From a file's text, the environment and flags to a `Config`.

use std::collections::BTreeMap;
use std::fmt;

use super::error::{ConfigError, ConfigErrors};
use super::origin::{Origin, Override};
use super::types::Config;

/// The text of a configuration file.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// Name of the file as messages say it: `gitops.yaml`.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// Leaves the text out: it may hold a secret that somebody put where only a reference belongs.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A configuration without mistakes, and where its values come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Where values that are not defaults come from, by path: `environments[0].namespace`.
    pub origins: BTreeMap<String, Origin>,
    /// What the user may want to know under `--verbose`, such as variables that were set but not used.
    pub notes: Vec<String>,
}

impl Loaded {
    /// The values that come from the environment or from flags.
    pub fn overridden(&self) -> impl Iterator<Item = (&str, &Origin)> {
        let elsewhere = |origin: &Origin| !matches!(origin, Origin::File { .. });
        self.origins
            .iter()
            .filter(move |(_, origin)| elsewhere(origin))
            .map(|(path, origin)| (path.as_str(), origin))
    }
}

/// Reads the configuration. `env` looks up environment variables; an empty one counts as unset.
pub fn load(
    file: Option<&Source>,
    _env: &dyn Fn(&str) -> Option<String>,
    _overrides: &[Override],
) -> Result<Loaded, ConfigErrors> {
    let text = file.map_or("{}", |source| &source.text);
    match serde_yaml::from_str(text) {
        Ok(config) => Ok(Loaded { config, origins: BTreeMap::new(), notes: Vec::new() }),
        Err(error) => Err(ConfigErrors {
            file: file.map(|source| source.name.clone()),
            errors: vec![ConfigError {
                origin: Origin::WHOLE_FILE,
                path: String::new(),
                message: error.to_string(),
            }],
        }),
    }
}
