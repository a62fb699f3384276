//! Arguments of `model`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use manifests::models;

/// What to do with models.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Model {
    /// Write a model's files: what it is, and an overlay for each environment
    Add(AddModel),
    /// Show which models are in which environments, in which version
    List(Place),
    /// Copy a model's version from one environment to another
    Promote {
        /// Name of the model
        name: String,
        /// Environment that has the version
        from: String,
        /// Environment that gets it; one that does not have the model yet gets the model
        to: String,
        #[command(flatten)]
        written: Written,
    },
    /// Remove a model's files
    Remove {
        /// Name of the model
        name: String,
        /// Only its overlay for this environment
        #[arg(long, value_name = "ENVIRONMENT")]
        environment: Option<String>,
        #[command(flatten)]
        written: Written,
    },
}

/// Where the checkout is.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Place {
    /// Folder in a checkout of the GitOps repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// Where files are written, and what becomes of them.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Written {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// Replace or remove what was edited by hand
    #[arg(long)]
    pub(crate) force: bool,
    /// Commit these files, and nothing else
    #[arg(long, conflicts_with = "plan")]
    pub(crate) commit: bool,
    /// Message of the commit [default: what was done]
    #[arg(short, long, requires = "commit", value_name = "TEXT", value_parser = not_blank)]
    pub(crate) message: Option<String>,
}

fn not_blank(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("git makes no commit without a message: say what is done, or leave the flag away".into()),
        _ => Ok(text.to_owned()),
    }
}

/// No machine has more.
fn gpus(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (0..=64).contains(number));
    number.ok_or_else(|| "expected a whole number from 0 to 64".into())
}

fn replicas(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number, and at least 1".into())
}

/// The model.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct AddModel {
    /// Name of the model
    name: String,
    /// Environment that it runs in: the namespace; may be given again
    #[arg(long, required = true, value_name = "ENVIRONMENT")]
    pub(crate) environment: Vec<String>,
    /// Who runs it
    #[arg(long, value_enum)]
    runtime: Runtime,
    /// Where the trained model is: s3://bucket/path
    #[arg(long, value_name = "URI")]
    storage_uri: String,
    /// Its version [default: the image's tag or digest, else the last part of the storage URI]
    #[arg(long, value_name = "VERSION")]
    model_version: Option<String>,
    /// What it was trained with: sklearn, xgboost, pytorch …
    #[arg(long, value_name = "FORMAT")]
    model_format: Option<String>,
    /// Image of the server, with tag or digest
    #[arg(long, value_parser = models::Image::parse)]
    image: Option<models::Image>,
    /// Port that the image listens on [default: 8080]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// CPU that each replica is sure of: 500m, 2 [default: 500m]
    #[arg(long, value_name = "AMOUNT")]
    cpu: Option<String>,
    /// Memory of each replica: 512Mi, 4Gi [default: 1Gi]
    #[arg(long, value_name = "AMOUNT")]
    memory: Option<String>,
    /// GPUs of each replica
    #[arg(long, default_value_t = 0, value_name = "NUMBER", value_parser = gpus, allow_negative_numbers = true)]
    gpu: u16,
    /// Smallest number of replicas
    #[arg(long, default_value_t = 1, value_name = "NUMBER", value_parser = replicas, allow_negative_numbers = true)]
    min_replicas: u16,
    /// Largest number of replicas [default: the smallest]
    #[arg(long, value_name = "NUMBER", value_parser = replicas, allow_negative_numbers = true)]
    max_replicas: Option<u16>,
    #[command(flatten)]
    pub(crate) written: Written,
}

/// Who runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Runtime {
    /// KServe's InferenceService
    Kserve,
    /// Seldon Core's SeldonDeployment
    Seldon,
    /// Seldon Core 2's Model
    #[value(name = "seldon-core-2")]
    SeldonCore2,
    /// A container of your own, by Argo Rollouts as a canary with Istio and Prometheus
    Rollout,
}

impl AddModel {
    /// The model that is asked for.
    pub(crate) fn model(&self) -> models::Model {
        models::Model {
            name: self.name.clone(),
            runtime: match self.runtime {
                Runtime::Kserve => models::Runtime::KServe,
                Runtime::Seldon => models::Runtime::Seldon,
                Runtime::SeldonCore2 => models::Runtime::SeldonCore2,
                Runtime::Rollout => models::Runtime::Rollout,
            },
            storage_uri: self.storage_uri.clone(),
            version: self.model_version.clone(),
            format: self.model_format.clone(),
            image: self.image.clone(),
            port: self.port,
            cpu: self.cpu.clone(),
            memory: self.memory.clone(),
            gpu: self.gpu,
            replicas: (self.min_replicas, self.max_replicas.unwrap_or(self.min_replicas)),
        }
    }
}
