//! Why the files of a model can't be made.

use super::Runtime;

/// Why the files of a model can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The name can't be a model's.
    #[error(
        "`{name}` can't be the name of a model: it begins with a letter and has at most {longest} small letters, digits \
         and `-`\n  it becomes the name of folders, Services and host names"
    )]
    Name {
        /// The name.
        name: String,
        /// Most letters.
        longest: usize,
    },
    /// A value can't be used.
    #[error("{flag}: {why}")]
    Value {
        /// The flag that gave it.
        flag: &'static str,
        /// What is expected.
        why: String,
    },
    /// The name can't be an environment's.
    #[error("`{0}` can't be the name of an environment\n  see what there is: cargo xtask model list")]
    Environment(String),
    /// There is no such environment.
    #[error("`{name}` is no environment of the configuration\n  those are: {known}")]
    UnknownEnvironment {
        /// Its name.
        name: String,
        /// All others.
        known: String,
    },
    /// The name of the Application is too long.
    #[error(
        "the Application would be called `{name}`, which is longer than 63 letters\n  take a shorter name for the model"
    )]
    LongApplication {
        /// Its name.
        name: String,
    },
    /// Two Applications would have one name.
    #[error(
        "the Application would be called `{name}`, as that of {owner} is\n  take another name for the model"
    )]
    SameApplication {
        /// Its name.
        name: String,
        /// Whose it is already.
        owner: String,
    },
    /// The model is there already, and is of another runtime.
    #[error(
        "model {name} is there with the runtime {there}\n  remove it first: cargo xtask model remove {name}"
    )]
    OtherRuntime {
        /// Its name.
        name: String,
        /// What it has.
        there: Runtime,
    },
    /// Files are there that say something else.
    #[error(
        "these files are there and say something else:\n    {}\n  edit them by hand, or replace them with `--force`",
        .paths.join("\n    ")
    )]
    Edited {
        /// Their paths.
        paths: Vec<String>,
    },
    /// There is no such model, or not in that environment.
    #[error("there is no model {name}{}\n  {known}", .environment.as_ref().map(|it| format!(" in {it}")).unwrap_or_default())]
    NoModel {
        /// Its name.
        name: String,
        /// The environment, where it is about one.
        environment: Option<String>,
        /// What there is.
        known: String,
    },
    /// The environment does not have the model.
    #[error(
        "model {name} has no version in {environment}: {path} is not there\n  see what there is: cargo xtask model list"
    )]
    NoVersion {
        /// The model.
        name: String,
        /// The environment.
        environment: String,
        /// The file.
        path: String,
    },
    /// A file can't be read, so nobody should get a copy of it.
    #[error("{path}{at} can't be read by Kustomize: {why}\n  mend that file first", at = place(*.line))]
    Unreadable {
        /// The file.
        path: String,
        /// The line, from 1; 0 where it is not known.
        line: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The overlay doesn't say its namespace in a line of its own.
    #[error(
        "{path} has no line `namespace: {namespace}`, so it can't be copied to another environment\n  write the overlay by \
         hand, and promote again"
    )]
    NoNamespace {
        /// The file.
        path: String,
        /// The namespace.
        namespace: String,
    },
}

/// A line, as it stands behind a path.
fn place(line: u64) -> String {
    if line == 0 { String::new() } else { format!(":{line}") }
}
