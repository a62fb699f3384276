//! What generators give to templates: the names, as far as these are known from the configuration alone.
//!
//! From Argo CD's documents on ApplicationSets: Generators-List, -Git, -Cluster and -Matrix, and GoTemplate.

use crate::config::{Generator, List};

/// What one generator gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gives(Vec<Name>);

/// A path of keys to one value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    path: Vec<String>,
    /// Any key behind the path, such as those of labels.
    open: bool,
}

impl Gives {
    /// Whether there is, or may be, a value at this path.
    pub fn has(&self, path: &[&str]) -> bool {
        self.0.iter().any(|name| match name.open {
            true => path.len() > name.path.len() && path.starts_with(&texts(&name.path)),
            false => path == texts(&name.path),
        })
    }

    /// All of it as templates.
    pub fn templates(&self) -> Vec<String> {
        let shown = |name: &Name| match (name.path.last().map(String::as_str), name.open) {
            (Some("segments"), _) => "{{index .path.segments 0}}".to_owned(),
            (_, true) => format!("{{{{.{}.…}}}}", name.path.join(".")),
            (_, false) => format!("{{{{.{}}}}}", name.path.join(".")),
        };
        self.0.iter().map(shown).collect()
    }

    /// The keys at the top.
    pub fn tops(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|name| name.path.first().map(String::as_str))
    }
}

fn texts(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

fn name(path: &[&str]) -> Name {
    Name { path: path.iter().map(|key| (*key).to_owned()).collect(), open: false }
}

/// What a generator gives. Of a list, what all of its elements have.
pub fn gives(generator: &Generator) -> Gives {
    Gives(match generator {
        Generator::List(List { elements }) => {
            let first = elements.first().into_iter().flat_map(|element| element.keys());
            let common = first.filter(|key| elements.iter().all(|element| element.contains_key(*key)));
            common.map(|key| name(&[key])).collect()
        }
        Generator::GitDirectories(_) => {
            ["path", "basename", "basenameNormalized", "segments"].map(|key| name(&["path", key])).into()
        }
        Generator::Clusters(clusters) => {
            let mut names = ["name", "nameNormalized", "server"].map(|key| name(&[key])).to_vec();
            // The cluster that Argo CD runs in has no Secret, and so neither of these. Any condition leaves it out.
            if clusters.has_condition() {
                let of_secret = ["labels", "annotations"];
                names.extend(of_secret.map(|key| Name { open: true, ..name(&["metadata", key]) }));
            }
            names.extend(clusters.values.keys().map(|key| name(&["values", key])));
            names
        }
        Generator::Matrix(matrix) => {
            matrix.generators.iter().flat_map(|generator| gives(generator).0).collect()
        }
    })
}
