//! Arguments of `credentials` and `repository`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, Subcommand};
use git_credentials::hosts::CREATING;
use manifests::config::GitProvider;

use super::duration;

/// What to do with Git credentials.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Credentials {
    /// Look up every credential that the configuration names, and say what is wrong with it
    Check,
    /// Make an ed25519 key pair for a deploy key; prints the public half only
    GenerateDeployKey(GenerateDeployKey),
    /// Show the keys of an SSH host with their fingerprints, and add those that you trust to known hosts
    Trust(Trust),
}

/// Where to write a deploy key.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct GenerateDeployKey {
    /// File for the private half; the public half is written beside it, with `.pub`
    #[arg(short, long, value_name = "FILE", default_value = "gitops-deploy-key")]
    pub(crate) out: PathBuf,
    /// Comment that tells the key from others at the Git host
    #[arg(long, default_value = "gitops-setup")]
    pub(crate) comment: String,
}

/// Whom to trust.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Trust {
    /// Host name, with a port where it is not 22: git.example.com:2222
    pub(crate) host: String,
    /// File that the keys are added to [default: `git.auth.ssh.knownHosts`, else known_hosts]
    #[arg(long, value_name = "FILE")]
    pub(crate) known_hosts: Option<PathBuf>,
    /// Trust the key with this fingerprint, which you have from elsewhere, without being asked; may be given again
    #[arg(long, value_name = "SHA256:…")]
    pub(crate) fingerprint: Vec<String>,
}

/// What to do with the GitOps repository.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Repository {
    /// Reach it, authenticate, and look for the branch and a folder for every environment
    Check {
        /// Also whether the credentials may push
        #[arg(long)]
        write: bool,
        #[command(flatten)]
        patience: Patience,
    },
    /// Add a README and a folder for every environment, and push; what is there stays as it is
    Init {
        /// Make the repository at the Git host first, where it is missing
        #[arg(long)]
        create: bool,
        /// With `--create`: make it public
        #[arg(long, requires = "create")]
        public: bool,
        /// With `--create`: what the Git host runs [default: as its name tells]
        #[arg(long, requires = "create", value_parser = creating())]
        host: Option<GitProvider>,
        #[command(flatten)]
        patience: Patience,
    },
}

/// How long to wait for a Git host.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Patience {
    /// Longest wait for the Git host
    #[arg(long, value_parser = duration, default_value = "30s", value_name = "TIME")]
    pub(crate) timeout: Duration,
}

/// The word of a kind of Git host that creates repositories.
fn creating() -> impl TypedValueParser<Value = GitProvider> {
    PossibleValuesParser::new(CREATING.map(GitProvider::word)).try_map(|word| {
        let found = CREATING.into_iter().find(|provider| provider.word() == word);
        found.ok_or("no kind of Git host that creates repositories")
    })
}
