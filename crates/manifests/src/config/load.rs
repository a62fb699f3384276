//! From a file's text, the environment and flags to a `Config`.

use std::collections::BTreeMap;
use std::fmt;

use super::combinations::Clash;
use super::error::{ConfigError, ConfigErrors};
use super::node::{Data, Node};
use super::origin::{Origin, Override};
use super::types::Config;
use super::{check, combinations, overlay, path, variables};

/// With more mistakes than this, there is no point in asking what goes together.
const MANY_ERRORS: usize = 200;

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

/// Reads the configuration: flags over environment variables over the file over defaults.
///
/// `env` looks up environment variables; an empty one counts as unset. Of the variables whose value is a secret
/// only the name gets into the configuration.
pub fn load(
    file: Option<&Source>,
    env: &dyn Fn(&str) -> Option<String>,
    overrides: &[Override],
) -> Result<Loaded, ConfigErrors> {
    let fail = |mut errors: Vec<ConfigError>| {
        errors.sort_by_key(|error| in_order(&error.origin, overrides));
        ConfigErrors { file: file.map(|source| source.name.clone()), errors }
    };
    let mut tree = read(file).map_err(|error| fail(vec![error]))?;
    let mut errors = overlay::lay_flags(&mut tree, overrides);
    let report = variables::lay_environment(&mut tree, env);
    tree.drop_taken_back();
    errors.extend(report.errors);

    let checked = check::check(&tree);
    errors.extend(checked.errors);
    let config = serde_json::from_value::<Config>(checked.value);
    match &config {
        Ok(_) if errors.len() > MANY_ERRORS => {}
        Ok(config) => {
            let faulty = errors.iter().map(|error| error.path.clone()).chain(checked.meant).collect();
            errors.extend(combinations(config, &tree, faulty));
        }
        // A mistake that was found already explains why the rest does not fit together.
        Err(_) if !errors.is_empty() => {}
        Err(error) => errors.push(whole_file(error.to_string())),
    }
    match config {
        Ok(config) if errors.is_empty() => {
            Ok(Loaded { config, origins: checked.origins, notes: report.notes })
        }
        _ => Err(fail(errors)),
    }
}

/// By place in the file, then variables, then flags as they were given. What belongs to no line of the file
/// stands after what does.
fn in_order(origin: &Origin, overrides: &[Override]) -> (u8, u32, u32, usize) {
    let (line, column) = match origin {
        Origin::File { line: 0, .. } => (u32::MAX, 0),
        Origin::File { line, column } => (*line, *column),
        _ => (0, 0),
    };
    let flag = match origin {
        Origin::Flag(flag) => overrides.iter().position(|given| given.flag == *flag).unwrap_or(usize::MAX),
        _ => 0,
    };
    (origin.rank(), line, column, flag)
}

fn whole_file(message: String) -> ConfigError {
    ConfigError { origin: Origin::WHOLE_FILE, path: String::new(), message }
}

/// An absent file and one that says nothing are the same: all defaults.
fn read(file: Option<&Source>) -> Result<Node, ConfigError> {
    let text = file.map_or("", |source| &source.text);
    let tree = Node::parse(text).map_err(|bad| ConfigError {
        origin: bad.origin,
        path: String::new(),
        message: bad.message,
    })?;
    Ok(if matches!(tree.data, Data::Null) { Node::empty_map(Origin::WHOLE_FILE) } else { tree })
}

/// Impossible combinations, less those with values at paths that are faulty in themselves.
fn combinations(config: &Config, tree: &Node, faulty: Vec<String>) -> Vec<ConfigError> {
    let sound = |clash: &Clash| {
        clash.paths.iter().all(|path| faulty.iter().all(|faulty| !path::related(faulty, path)))
    };
    combinations::find(config).into_iter().filter(sound).map(|clash| locate(clash, tree)).collect()
}

/// The error stands at the first value that is given; of the others it says so if they are not in the file.
fn locate(clash: Clash, tree: &Node) -> ConfigError {
    let given = clash.paths.iter().find(|path| tree.at(path).is_some());
    let path = given.or(clash.paths.first()).cloned().unwrap_or_default();
    let mut message = clash.message;
    for other in clash.paths.iter().filter(|other| **other != path) {
        let origin = tree.at(other).map(|node| &node.origin);
        if let Some(origin) = origin.filter(|origin| !matches!(origin, Origin::File { .. })) {
            message.push_str(&format!(" (`{other}` comes from {origin})"));
        }
    }
    ConfigError { origin: tree.nearest_origin(&path), path, message }
}
