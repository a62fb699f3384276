//! What is wrong in the files of a GitOps repository, told without a cluster.
//!
//! Pure: files come in as texts, findings go out. [`RULES`] is the list of rules; the documents and the SARIF output
//! derive from it. What an Application takes from the repository is put together as Argo CD and Kustomize would
//! (plain folders, kustomizations with patches and images, ApplicationSets with their generators), so that a rule
//! sees an object as the cluster would. Helm charts are not rendered, and [`Report::unchecked`] says so.

mod application;
mod finding;
mod generators;
mod glob;
mod image;
mod item;
mod kustomize;
mod notifications;
mod patch;
mod path;
mod placeholder;
mod project;
mod references;
mod repository;
mod rules;
pub mod sarif;
mod scope;
mod suppress;
mod tokens;
mod units;
mod walk;

use std::collections::BTreeSet;

use manifests::Object;

pub use finding::{Finding, Level, Unchecked};
pub use rules::{RULES, Rule};

use item::Item;
use repository::Repository;
use scope::Scopes;
use units::Units;

/// A text file.
#[derive(Clone)]
pub struct File {
    /// Relative to the root of the repository, with `/` between.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// An object that our own configuration renders to.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The stage that it is from.
    pub stage: String,
    /// The configuration file, which findings are shown at.
    pub file: String,
    /// The object.
    pub object: Object,
}

/// What there is to look at.
#[derive(Clone, Default)]
pub struct Input {
    /// The files of the repository.
    pub files: Vec<File>,
    /// Paths of the files that are no text, or too large: that they are there is all that is known.
    pub others: Vec<String>,
    /// The repository's address, where it is known: Applications with another one take nothing from these files.
    pub repository: Option<String>,
    /// Of what the files are a checkout; `None` where that is not known, or they are not all of it.
    pub checkout: Option<Checkout>,
    /// What our own configuration renders.
    pub rendered: Vec<Rendered>,
}

/// A checkout of a Git repository.
#[derive(Clone, Debug, Default)]
pub struct Checkout {
    /// Addresses of its remotes, in any form.
    pub remotes: Vec<String>,
    /// The branch that is checked out.
    pub branch: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By file and place.
    pub findings: Vec<Finding>,
    /// Files that were not looked at, or not wholly.
    pub unchecked: Vec<Unchecked>,
    /// How many objects were.
    pub objects: usize,
    /// Of these, how many are in files.
    pub in_files: usize,
}

/// What rules look at.
pub(crate) struct Context<'a> {
    pub(crate) repository: &'a Repository<'a>,
    pub(crate) units: Units<'a>,
    pub(crate) scopes: Scopes,
}

/// Runs every rule.
pub fn lint(input: &Input) -> Report {
    let repository = Repository::read(input);
    let units = Units::of(&repository);
    let scopes = Scopes::of(units.items());
    let context = Context { repository: &repository, units, scopes };
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| (rule.check)(&context)).collect();
    findings.retain(|finding| !suppress::is_allowed(input, finding));
    findings.sort_by(|a, b| key(a).cmp(&key(b)));
    // An object that several Applications take is looked at for each of them.
    findings.dedup();
    let mut unchecked: Vec<Unchecked> =
        repository.unchecked.iter().chain(&context.units.unchecked).cloned().collect();
    unchecked.sort();
    unchecked.dedup();
    let places = |is_counted: &dyn Fn(&Item<'_>) -> bool| {
        let items = context.units.items().filter(|item| is_counted(item));
        let places = items.map(|item| (&item.source.path, item.document.position("/kind"), item.label()));
        places.collect::<BTreeSet<_>>().len()
    };
    let (objects, in_files) = (places(&|_| true), places(&|item| item.source.stage.is_none()));
    Report { findings, unchecked, objects, in_files }
}

fn key(finding: &Finding) -> (&str, u32, u32, &str, &str) {
    (&finding.file, finding.line, finding.column, finding.rule, &finding.message)
}
