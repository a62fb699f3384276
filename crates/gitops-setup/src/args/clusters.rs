//! `clusters list|check|add|remove`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use manifests::clusters::{ACCOUNT, NAMESPACE};

/// What to do with the clusters that Argo CD deploys to.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Clusters {
    /// Show the clusters that Argo CD knows
    List,
    /// Reach each one as Argo CD would, with what is stored, and say what is wrong
    Check(CheckClusters),
    /// Make an account for Argo CD in the cluster of a context, and tell Argo CD of it; again changes nothing
    Add(Box<AddCluster>),
    /// Take a cluster away from Argo CD, and Argo CD's account away from the cluster
    Remove(RemoveCluster),
}

/// Which clusters to check.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckClusters {
    /// Name in Argo CD [default: all]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) kubeconfig: Kubeconfig,
}

/// Where contexts are looked up.
#[derive(Clone, Debug, Args)]
pub(crate) struct Kubeconfig {
    /// Kubeconfig file with the context [default: what kubectl would use]
    #[arg(long = "kubeconfig", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Which cluster Argo CD is told of, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct AddCluster {
    /// Context of the kubeconfig; its user makes the account, and is not stored
    pub(crate) context: String,
    #[command(flatten)]
    pub(crate) kubeconfig: Kubeconfig,
    /// Name in Argo CD [default: the context's]
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    /// Address by which Argo CD reaches the cluster [default: that of the context]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with the authorities (PEM) of the server's certificate [default: those of the context]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Name that the server's certificate is for, where that is not its host
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// Let Argo CD take any certificate: whoever is on the way can pass for the cluster, and gets the token
    #[arg(long, conflicts_with = "ca_file")]
    pub(crate) insecure: bool,
    /// Rights in these namespaces only [default: the whole cluster]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) namespaces: Vec<String>,
    /// AppProject that alone may deploy there (Argo CD 2.2)
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Label by which ApplicationSets choose the cluster; may be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = manifests::clusters::label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Name of Argo CD's account there
    #[arg(long, value_name = "NAME", default_value = ACCOUNT)]
    pub(crate) service_account: String,
    /// Namespace of the account
    #[arg(long, value_name = "NAME", default_value = NAMESPACE)]
    pub(crate) service_account_namespace: String,
    /// Only show what would change, on both sides
    #[arg(long)]
    pub(crate) plan: bool,
    /// Take over fields that other field managers own
    #[arg(long)]
    pub(crate) force_conflicts: bool,
    /// Longest wait for the token
    #[arg(long, value_parser = super::duration, default_value = "60s", value_name = "TIME")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) lock: super::Lock,
}

/// Which cluster is taken away.
#[derive(Clone, Debug, Args)]
pub(crate) struct RemoveCluster {
    /// Name in Argo CD
    pub(crate) name: String,
    /// Context by which the account there is removed [default: that by which it was added]
    #[arg(long)]
    pub(crate) context: Option<String>,
    #[command(flatten)]
    pub(crate) kubeconfig: Kubeconfig,
    /// Also where Applications are deployed there
    #[arg(long)]
    pub(crate) force: bool,
    /// Where the cluster can't be reached: leave Argo CD's account there, whose token goes on working
    #[arg(long)]
    pub(crate) keep_account: bool,
    /// Only show what would go, on both sides
    #[arg(long)]
    pub(crate) plan: bool,
    #[command(flatten)]
    pub(crate) lock: super::Lock,
}
