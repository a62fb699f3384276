//! Arguments of `applications`.

use clap::{Args as ClapArgs, Subcommand};

/// What to do with Applications.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Applications {
    /// List what is configured: Applications, those of environments, and ApplicationSets
    List,
    /// Show the Applications that come of ApplicationSets
    Preview(Preview),
}

/// What ApplicationSets are filled with, and what is shown.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Preview {
    /// Only this ApplicationSet
    pub(crate) name: Option<String>,
    /// Checkout of the repository `git.url`, or of another one: https://host/path=DIR; may be given again
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Vec<String>,
    /// A cluster that Argo CD knows: name=prod,server=https://…,labels.env=production; may be given again
    #[arg(long, value_name = "name=NAME,server=URL,…", value_parser = crate::tasks::applications::cluster)]
    pub(crate) cluster: Vec<manifests::applications::preview::Cluster>,
    /// Print the whole objects
    #[arg(long)]
    pub(crate) yaml: bool,
}
