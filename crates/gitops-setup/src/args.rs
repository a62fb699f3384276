//! The command line. Parsing does no work; `run` hands over to the tasks.

mod applications;
mod clusters;
mod git;
mod model;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use manifests::config::Override;
use stages::select::Selection;

use crate::failure::Failure;
use crate::own::Own;
use crate::report::program;
use crate::tasks;

pub(crate) use applications::{Applications, Preview};
pub(crate) use clusters::{AddCluster, CheckClusters, Clusters, RemoveCluster};
pub(crate) use git::{Credentials, GenerateDeployKey, Repository, Trust};
pub(crate) use model::{AddModel, Model, Place, Written};

/// From a config file and a Kubernetes cluster to a verified GitOps set-up with Argo CD.
#[derive(Debug, Parser)]
#[command(name = program(), bin_name = program(), version, max_term_width = 80, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    task: Task,
}

const EXIT_CODES: &str = "Exit codes: 0 done or nothing to do, 2 bad usage or config, 3 a precondition is missing, \
4 the cluster or a server refused, 5 timed out, 130 interrupted, 1 a bug; \
10 there is something to do: changes with `plan --exit-code`, findings of `lint`.";

/// Flags of every command.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// Configuration file [default: gitops.yaml where it exists, else the built-in quickstart]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set one value of the configuration, over file and environment; may be given again
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// What to print
    #[arg(long, global = true, value_enum, default_value = "human")]
    pub(crate) output: Output,
    /// Say more: every object, every change, where values come from
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// What the embedding repository adds.
    #[arg(skip)]
    pub(crate) own: Own,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Human,
    /// One JSON event a line (docs/output.md).
    Json,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Bring the cluster to what the configuration says, and verify it; again changes nothing
    Setup(Setup),
    /// Show what setup would change, and change nothing
    Plan(Plan),
    /// Run one stage
    Stage(OneStage),
    /// List the stages
    Stages,
    /// Write the objects as files, one each, without secrets
    Render(Render),
    /// List the images that setup makes a cluster pull, for a registry of your own
    Images,
    /// Find defects in the files of a GitOps repository, and in what the configuration renders to; needs no cluster
    Lint(Lint),
    /// Show how the cluster compares with the configuration
    Status,
    /// Take away what setup made, and nothing else; the cluster and the Git repository stay
    Teardown(Teardown),
    /// Write a commented configuration file
    Init(Init),
    /// Print the JSON Schema of the configuration
    Schema,
    /// Check Git credentials, make a deploy key, trust a Git host
    #[command(subcommand)]
    Credentials(Credentials),
    /// Check the GitOps repository, or put its folders in place; needs no cluster
    #[command(subcommand)]
    Repository(Repository),
    /// Reach Argo CD: its address, a port-forward, its own command line
    #[command(subcommand)]
    Argocd(Argocd),
    /// List the Applications, and preview those of ApplicationSets; needs no cluster
    #[command(subcommand)]
    Applications(Applications),
    /// What Seldon Enterprise Platform is told about the repository
    #[command(subcommand)]
    Seldon(Seldon),
    /// List, test, rotate and remove the webhooks at the Git host
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Clusters that Argo CD deploys to, apart from its own: add, check, remove
    #[command(subcommand)]
    Clusters(Clusters),
    /// Add, list, promote and remove models in a checkout of the GitOps repository
    #[command(subcommand)]
    Model(Box<Model>),
    /// Make, delete and find the cluster
    #[command(subcommand)]
    Cluster(Cluster),
}

/// Which stages run, and how.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Setup {
    #[command(flatten)]
    pub(crate) selection: Select,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Which stages.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Select {
    /// Begin with this stage
    #[arg(long, value_name = "STAGE")]
    from: Option<String>,
    /// Only these stages
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    only: Vec<String>,
    /// All but these stages
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    skip: Vec<String>,
}

impl From<Select> for Selection {
    fn from(select: Select) -> Self {
        Self { from: select.from, only: select.only, skip: select.skip }
    }
}

/// How stages run.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Run {
    /// Longest wait for one thing, such as a rollout: 90s, 10m
    #[arg(long, value_parser = duration, default_value = "10m", value_name = "TIME")]
    pub(crate) timeout: Duration,
    /// Take over fields that other field managers own
    #[arg(long)]
    pub(crate) force_conflicts: bool,
    #[command(flatten)]
    pub(crate) lock: Lock,
}

/// How commands that change the cluster wait for each other.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Lock {
    /// Longest wait for another run that changes the same cluster; with 0s it is not waited for
    #[arg(long, value_parser = duration, default_value = "10m", value_name = "TIME")]
    pub(crate) lock_timeout: Duration,
}

/// Nobody waits longer, and sums of times stay within what clocks can hold.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| "expected a time such as 90s or 10m".to_owned())?;
    match Duration::try_from(span) {
        Ok(time) if time <= LONGEST => Ok(time),
        _ => Err("expected a time between 0 and 24h".to_owned()),
    }
}

/// What to plan.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selection: Select,
    /// Give exit code 10 where there are changes
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// What to take away.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Teardown {
    /// Show what would go, and change nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// Leave Argo CD installed
    #[arg(long)]
    pub(crate) keep_argocd: bool,
    /// Leave the webhooks at the Git host, which is not asked then
    #[arg(long)]
    pub(crate) keep_webhooks: bool,
    /// Also take away what Argo CD has deployed for the Applications that go; by default it stays
    #[arg(long)]
    pub(crate) with_workloads: bool,
    /// Longest wait for one thing, such as a namespace that is being deleted: 90s, 10m
    #[arg(long, value_parser = duration, default_value = "5m", value_name = "TIME")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) lock: Lock,
}

/// Which stage.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct OneStage {
    /// Name of the stage, as `stages` lists them
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Where to write.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Render {
    /// Folder for the files; files that an earlier render wrote there are replaced
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// What to look at, and how to tell.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Lint {
    /// Root of the repository, or a rendered folder
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// What to print [default: as `--output` says]
    #[arg(long, value_enum)]
    pub(crate) format: Option<LintFormat>,
    /// Warnings, too, give exit code 10
    #[arg(long)]
    pub(crate) strict: bool,
    /// Say of a rule what comes of the defect and what to do, or of all
    #[arg(long, value_name = "RULE", num_args = 0..=1, default_missing_value = "")]
    pub(crate) explain: Option<String>,
}

/// How findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// For people.
    Human,
    /// One JSON event a line (docs/output.md).
    Json,
    /// One log in SARIF 2.1.0, for code hosts and editors.
    Sarif,
}

/// Where to write.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Init {
    /// The file
    #[arg(default_value = "gitops.yaml")]
    pub(crate) file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// What to do with the cluster.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Cluster {
    /// Make or start the cluster of the configuration, and say where the time went
    Up {
        /// Delete it first, and everything in it, where it is there
        #[arg(long)]
        recreate: bool,
    },
    /// Delete it and everything in it
    Down,
    /// List the clusters that this tool made
    List,
    /// Print the path of its kubeconfig
    Kubeconfig,
    /// Collect the logs of its nodes, or of its control plane
    Logs {
        /// Folder for the logs
        #[arg(short, long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// How to reach Argo CD.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Argocd {
    /// Lead a port of this machine to Argo CD until interrupted; needs no kubectl
    PortForward {
        /// The port, on 127.0.0.1; 0 for any free one
        #[arg(long, default_value_t = crate::access::LOCAL_PORT)]
        port: u16,
    },
    /// Print the address of Argo CD's UI, and open it on a desktop
    Open,
    /// Log in with the configured password, and write a context for Argo CD's own command line
    Login {
        /// Its configuration file [default: where it looks for it]
        #[arg(long, value_name = "FILE")]
        config_file: Option<PathBuf>,
        /// The local port that `port-forward` will have, where no address leads to Argo CD
        #[arg(long, default_value_t = crate::access::LOCAL_PORT)]
        port: u16,
    },
    /// Install Argo CD's own command line, verified, in the version of the configuration
    Cli {
        /// Folder for the program
        #[arg(short, long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
}

/// What Seldon Enterprise Platform is told.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Seldon {
    /// Print the section `gitops` of its Helm values
    Values,
}

/// What to do with the webhooks.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Show the webhooks of the repository, and whether ours are as configured
    List,
    /// Send a push event as the Git host would, and say what comes of it
    Test {
        /// Longest wait for an Application to be refreshed
        #[arg(long, value_parser = duration, default_value = "30s", value_name = "TIME")]
        timeout: Duration,
    },
    /// Make a new secret, and put it in the cluster and at the Git host
    Rotate(Lock),
    /// Remove ours at the Git host, and their secrets in the cluster
    Remove(Lock),
}

impl Args {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let global = self.global;
        match self.task {
            Task::Setup(args) => tasks::setup::run(&global, args),
            Task::Plan(args) => tasks::plan::run(&global, args),
            Task::Stage(args) => tasks::stage::run(&global, args),
            Task::Stages => tasks::stages::run(&global),
            Task::Render(args) => tasks::render::run(&global, &args),
            Task::Images => tasks::images::run(&global),
            Task::Lint(args) => tasks::lint::run(&global, &args),
            Task::Status => tasks::status::run(&global),
            Task::Teardown(args) => tasks::teardown::run(&global, args),
            Task::Init(args) => tasks::init::run(&args),
            Task::Schema => tasks::schema::run(),
            Task::Credentials(what) => tasks::credentials::run(&global, what),
            Task::Repository(what) => tasks::repository::run(&global, what),
            Task::Argocd(what) => tasks::argocd::run(&global, what),
            Task::Applications(what) => tasks::applications::run(&global, what),
            Task::Seldon(what) => tasks::seldon::run(&global, what),
            Task::Webhooks(what) => tasks::webhooks::run(&global, what),
            Task::Clusters(what) => tasks::clusters::run(&global, what),
            Task::Model(what) => tasks::model::run(&global, *what),
            Task::Cluster(what) => tasks::cluster::run(&global, what),
        }
    }
}
