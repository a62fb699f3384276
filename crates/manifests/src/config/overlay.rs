//! Lays flags over the tree of the file.

use super::error::ConfigError;
use super::node::Node;
use super::origin::{Origin, Override};
use super::path;

/// Deeper than any key of the configuration.
const DEEPEST_PATH: usize = 16;

/// Lays the flags over the tree, the last one on top.
pub(super) fn lay_flags(tree: &mut Node, overrides: &[Override]) -> Vec<ConfigError> {
    overrides.iter().filter_map(|given| lay_flag(tree, given).err()).collect()
}

fn lay_flag(tree: &mut Node, given: &Override) -> Result<(), ConfigError> {
    let origin = Origin::Flag(given.flag.clone());
    let error = |message: String| ConfigError { origin: origin.clone(), path: given.path.clone(), message };
    let segments = path::segments(&given.path);
    if segments.len() > DEEPEST_PATH || segments.iter().any(String::is_empty) {
        return Err(error("expected keys with dots between, such as `argocd.version`".into()));
    }
    let value = Node::parse(&given.value).map_err(|bad| error(format!("the value is {}", bad.message)))?;
    tree.set(&given.path, value.from(&origin)).map_err(error)
}
