//! The stages of a command line, and which of them run: `--from`, `--only` and `--skip`, checked before the first
//! effect.

use std::ops::Deref;

use crate::stage::{ALL, Stage};

/// The stages of a command line, in the order in which they run: [`ALL`], and what another repository adds.
#[derive(Clone, Debug)]
pub struct Stages(Vec<&'static Stage>);

/// What the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Begin with this stage.
    pub from: Option<String>,
    /// Only these.
    pub only: Vec<String>,
    /// All but these.
    pub skip: Vec<String>,
}

/// A name that no stage has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no stage `{name}`{}; stages are: {}", hint(.name, .stages), .stages.join(", "))]
pub struct UnknownStage {
    /// As the user wrote it.
    pub name: String,
    /// The names that there are.
    pub stages: Vec<&'static str>,
}

/// Why no stages can be chosen.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SelectionError {
    /// A name that no stage has.
    #[error(transparent)]
    Unknown(#[from] UnknownStage),
    /// Every stage is left out.
    #[error("no stage is left to run: `--from`, `--only` and `--skip` together leave every stage out")]
    Empty,
}

/// Why a stage can't be added.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddError {
    /// There is one of that name.
    #[error("there are two stages `{0}`")]
    Taken(&'static str),
    /// A name with other characters than those of a folder, a field manager and a flag.
    #[error("`{0}` is no name for a stage: lower-case letters, digits and hyphens")]
    Name(&'static str),
    /// There is no such stage to come after.
    #[error("the stage `{stage}` can't come after `{after}`, which is no stage")]
    NoNeighbour {
        /// The new stage.
        stage: &'static str,
        /// What it should come after.
        after: String,
    },
    /// The last stage verifies all others.
    #[error("the stage `{0}` can't come after `verify`, which reads back what all others did")]
    Last(&'static str),
    /// It builds on one that does not come before it.
    #[error("the stage `{stage}` needs `{needed}`, which does not come before it")]
    Needs {
        /// The new stage.
        stage: &'static str,
        /// What it needs.
        needed: &'static str,
    },
}

impl Default for Stages {
    fn default() -> Self {
        Self(ALL.to_vec())
    }
}

impl Deref for Stages {
    type Target = [&'static Stage];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Stages {
    /// The stage with this name.
    pub fn find(&self, name: &str) -> Result<&'static Stage, UnknownStage> {
        let unknown = || UnknownStage { name: name.to_owned(), stages: self.names() };
        self.position(name).map(|index| self[index]).ok_or_else(unknown)
    }

    /// Adds a stage right after another one.
    pub fn add_after(&mut self, after: &str, stage: &'static Stage) -> Result<(), AddError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if stage.name.is_empty() || !stage.name.chars().all(plain) {
            return Err(AddError::Name(stage.name));
        }
        if self.position(stage.name).is_some() {
            return Err(AddError::Taken(stage.name));
        }
        let no_neighbour = || AddError::NoNeighbour { stage: stage.name, after: after.to_owned() };
        let index = self.position(after).ok_or_else(no_neighbour)? + 1;
        if index == self.len() {
            return Err(AddError::Last(stage.name));
        }
        let comes_before = |name: &str| self.position(name).is_some_and(|position| position < index);
        if let Some(needed) = stage.needs.iter().find(|name| !comes_before(name)) {
            return Err(AddError::Needs { stage: stage.name, needed });
        }
        self.0.insert(index, stage);
        Ok(())
    }

    /// The stages that run, in the order of the list. What a stage needs from one that doesn't run is checked
    /// against the cluster when it is planned.
    pub fn select(&self, selection: &Selection) -> Result<Vec<&'static Stage>, SelectionError> {
        for name in selection.only.iter().chain(&selection.skip) {
            self.find(name)?;
        }
        let from = selection.from.as_ref().map(|from| self.find(from)).transpose()?;
        let start = from.and_then(|from| self.position(from.name)).unwrap_or_default();
        let chosen = |stage: &&Stage| {
            (selection.only.is_empty() || selection.only.iter().any(|name| name == stage.name))
                && !selection.skip.iter().any(|name| name == stage.name)
        };
        let stages: Vec<_> = self[start..].iter().copied().filter(|stage| chosen(stage)).collect();
        if stages.is_empty() { Err(SelectionError::Empty) } else { Ok(stages) }
    }

    fn names(&self) -> Vec<&'static str> {
        self.iter().map(|stage| stage.name).collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.iter().position(|stage| stage.name == name)
    }
}

fn hint(name: &str, stages: &[&str]) -> String {
    let is_near = |stage: &&&str| stage.contains(name) || name.contains(**stage);
    let near = stages.iter().find(is_near).filter(|_| !name.is_empty());
    near.map_or(String::new(), |stage| format!(" (did you mean `{stage}`?)"))
}
