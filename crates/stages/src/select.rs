//! Which stages run: `--from`, `--only` and `--skip`, checked before the first effect.

use crate::stage::{ALL, Stage};

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
#[error("there is no stage `{name}`{}; stages are: {}", hint(.name), names())]
pub struct UnknownStage {
    /// As the user wrote it.
    pub name: String,
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

fn names() -> String {
    ALL.iter().map(|stage| stage.name).collect::<Vec<_>>().join(", ")
}

fn hint(name: &str) -> String {
    let is_near = |stage: &&&Stage| stage.name.contains(name) || name.contains(stage.name);
    let near = ALL.iter().find(is_near).filter(|_| !name.is_empty());
    near.map_or(String::new(), |stage| format!(" (did you mean `{}`?)", stage.name))
}

/// The stage with this name.
pub fn find(name: &str) -> Result<&'static Stage, UnknownStage> {
    ALL.iter().copied().find(|stage| stage.name == name).ok_or_else(|| UnknownStage { name: name.to_owned() })
}

impl Selection {
    /// The stages that run, in the order of the list. What a stage needs from one that doesn't run is checked
    /// against the cluster when it is planned.
    pub fn stages(&self) -> Result<Vec<&'static Stage>, SelectionError> {
        for name in self.only.iter().chain(&self.skip).chain(&self.from) {
            find(name)?;
        }
        let start = self.from.as_ref().map_or(0, |from| position(from));
        let chosen = |stage: &&Stage| {
            (self.only.is_empty() || self.only.iter().any(|name| name == stage.name))
                && !self.skip.iter().any(|name| name == stage.name)
        };
        let stages: Vec<_> = ALL[start..].iter().copied().filter(|stage| chosen(stage)).collect();
        if stages.is_empty() { Err(SelectionError::Empty) } else { Ok(stages) }
    }
}

fn position(name: &str) -> usize {
    ALL.iter().position(|stage| stage.name == name).unwrap_or_default()
}
