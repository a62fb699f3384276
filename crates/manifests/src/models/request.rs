//! What a model is asked to be.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{Image, ModelError};

/// Longest name: `-predictor`, `-success-rate` and the like come behind it, and 63 letters are all that a host name's
/// part may have.
const LONGEST_NAME: usize = 45;
/// What CPUs are counted in, and how many that is.
const CPU: [(&str, f64); 2] = [("", 1.0), ("m", 1e-3)];
/// What memory is counted in, and how many bytes that is. A thousandth of a byte, which Kubernetes has too, is never
/// meant.
const MEMORY: [(&str, f64); 11] = [
    ("", 1.0),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("Ki", 1024.0),
    ("Mi", 1024.0 * 1024.0),
    ("Gi", 1024.0 * 1024.0 * 1024.0),
    ("Ti", 1024.0 * 1024.0 * 1024.0 * 1024.0),
    ("Pi", 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0),
];
/// Longest value of a label.
const LONGEST_LABEL: usize = 63;

/// Who runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// KServe's InferenceService.
    KServe,
    /// Seldon Core's SeldonDeployment.
    Seldon,
    /// Seldon Core 2's Model.
    SeldonCore2,
    /// A container of one's own, by Argo Rollouts.
    Rollout,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::KServe, Self::Seldon, Self::SeldonCore2, Self::Rollout];

    /// API group and kind of the model's own object.
    pub(super) fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::KServe => ("serving.kserve.io/v1beta1", "InferenceService"),
            Self::Seldon => ("machinelearning.seldon.io/v1", "SeldonDeployment"),
            Self::SeldonCore2 => ("mlops.seldon.io/v1alpha1", "Model"),
            Self::Rollout => ("argoproj.io/v1alpha1", "Rollout"),
        }
    }
}

/// As users write it.
impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KServe => "kserve",
            Self::Seldon => "seldon",
            Self::SeldonCore2 => "seldon-core-2",
            Self::Rollout => "rollout",
        })
    }
}

/// What a model is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name, and that of its folder and of most of its objects.
    pub name: String,
    /// Who runs it.
    pub runtime: Runtime,
    /// Where the trained model is, `s3://…`.
    pub storage_uri: String,
    /// Its version; by default the image's tag or first 12 digits of the digest, else the last part of the storage URI.
    pub version: Option<String>,
    /// What it was trained with, such as `sklearn`; tells the server that fits.
    pub format: Option<String>,
    /// The server's image, where it is not the runtime's own.
    pub image: Option<Image>,
    /// Port that the image listens on, where it is not [`PORT`](Self::PORT).
    pub port: Option<u16>,
    /// CPU that each replica is sure of, as Kubernetes writes it.
    pub cpu: Option<String>,
    /// Memory of each replica, as Kubernetes writes it.
    pub memory: Option<String>,
    /// GPUs of each replica.
    pub gpu: u16,
    /// Smallest and largest number of replicas.
    pub replicas: (u16, u16),
}

impl Model {
    /// Port that an image of one's own listens on by default.
    pub const PORT: u16 = 8080;

    /// One that uses everything that its runtime has.
    pub(super) fn example(runtime: Runtime) -> Self {
        Self {
            name: "example".into(),
            runtime,
            storage_uri: "s3://models/example/v1".into(),
            version: None,
            format: Some("sklearn".into()),
            image: None,
            port: None,
            cpu: None,
            memory: None,
            gpu: 1,
            replicas: (1, 2),
        }
    }

    /// Its version.
    pub fn version(&self) -> String {
        let image = self.image.as_ref().map(Image::label);
        let last = self.storage_uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        self.version.as_deref().or(image).unwrap_or(last).to_owned()
    }

    /// Whether it can be written down.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        check_name(&self.name)?;
        let wrong = |flag, why: &str| Err(ModelError::Value { flag, why: why.into() });
        if !is_storage(&self.storage_uri) {
            return wrong(
                "--storage-uri",
                "expected an address such as s3://models/iris/v1, without credentials: it goes into Git",
            );
        }
        if !is_label(&self.version()) {
            return wrong(
                "--model-version",
                "the version becomes the value of a label: at most 63 letters, digits, `-`, `_` and `.`; name one",
            );
        }
        let least = |amount: &Option<String>, suffixes: &[(&str, f64)], least: f64| {
            amount.as_deref().is_none_or(|amount| quantity(amount, suffixes).is_some_and(|it| it >= least))
        };
        if !least(&self.cpu, &CPU, 0.001) {
            return wrong("--cpu", "expected an amount such as 500m (half a CPU) or 2, and at least 1m");
        }
        if !least(&self.memory, &MEMORY, 1024.0) {
            return wrong(
                "--memory",
                "expected an amount such as 512Mi or 4Gi, and at least 1Ki; it is in bytes",
            );
        }
        let (least, most) = self.replicas;
        if least == 0 || most < least {
            return wrong("--min-replicas", "at least 1, and at most as many as `--max-replicas`");
        }
        self.check_runtime()
    }

    /// Port that the image listens on.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(Self::PORT)
    }

    /// Whether its runtime has what is asked for.
    fn check_runtime(&self) -> Result<(), ModelError> {
        let value = |flag, why: String| Err(ModelError::Value { flag, why });
        let runtime = self.runtime;
        let has_port = matches!((runtime, &self.image), (Runtime::KServe | Runtime::Rollout, Some(_)));
        if self.port.is_some() && !has_port {
            return value(
                "--port",
                "only for an `--image` of the runtime kserve or rollout: other servers have ports of their own".into(),
            );
        }
        match (runtime, &self.format, &self.image) {
            (Runtime::Rollout, _, None) => value("--image", "the runtime rollout runs an image; name it".into()),
            (Runtime::Rollout, Some(_), _) => {
                value("--model-format", "the runtime rollout leaves that to the image".into())
            }
            (Runtime::KServe, None, None) => value(
                "--model-format",
                "say what the model was trained with, such as sklearn, or give a server of your own by `--image`".into(),
            ),
            (Runtime::KServe, Some(_), Some(_)) => {
                value("--model-format", "either that, or a server of your own by `--image`".into())
            }
            (Runtime::Seldon | Runtime::SeldonCore2, None, _) => {
                value("--model-format", "say what the model was trained with, such as sklearn".into())
            }
            (Runtime::Seldon, Some(format), _) if !super::seldon::serves(format) => {
                value("--model-format", format!("Seldon Core has servers for {}", super::seldon::formats()))
            }
            (Runtime::SeldonCore2, _, Some(_)) => {
                value("--image", "models of Seldon Core 2 run in shared servers, which have the image".into())
            }
            (Runtime::SeldonCore2, ..) if self.gpu > 0 || self.cpu.is_some() => value(
                if self.gpu > 0 { "--gpu" } else { "--cpu" },
                "models of Seldon Core 2 run in shared servers, which have CPUs and GPUs; only `--memory` is a model's"
                    .into(),
            ),
            (_, Some(format), _) if !is_label(format) => {
                value("--model-format", "expected a word such as sklearn".into())
            }
            _ => Ok(()),
        }
    }

    /// `resources` of the container: memory and GPUs are requested as they are limited, because neither can be taken
    /// back; CPU is requested only, because a limit slows down what could use what is idle.
    pub(super) fn resources(&self) -> Value {
        let memory = self.memory.as_deref().unwrap_or("1Gi");
        let mut limits = Map::from_iter([("memory".to_owned(), json!(memory))]);
        if self.gpu > 0 {
            limits.insert("nvidia.com/gpu".into(), json!(self.gpu.to_string()));
        }
        let mut requests = limits.clone();
        requests.insert("cpu".into(), json!(self.cpu.as_deref().unwrap_or("500m")));
        json!({ "requests": requests, "limits": limits })
    }
}

/// Whether a name can be a model's: it is a folder's, and begins those of Services.
pub(super) fn check_name(name: &str) -> Result<(), ModelError> {
    let sound = name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    match sound {
        true => Ok(()),
        false => Err(ModelError::Name { name: name.into(), longest: LONGEST_NAME }),
    }
}

/// Whether a name can be an environment's: it is a namespace's and a folder's.
pub(super) fn check_environment(name: &str) -> Result<(), ModelError> {
    let is_sound =
        is_label(name) && name.chars().all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit());
    if is_sound { Ok(()) } else { Err(ModelError::Environment(name.into())) }
}

fn is_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LONGEST_LABEL
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || "-_.".contains(c))
}

fn is_storage(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c))
        && !authority.is_empty()
        && !authority.contains('@')
        && rest.chars().all(|c| c.is_ascii_graphic() && !"\"'`\\$?#".contains(c))
}

/// The number that an amount stands for; `None` where it is none with one of these suffixes.
fn quantity(text: &str, suffixes: &[(&str, f64)]) -> Option<f64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (_, factor) = suffixes.iter().find(|(suffix, _)| *suffix == &text[number.len()..])?;
    let edge = |c: char| c.is_ascii_digit();
    let is_plain =
        number.starts_with(edge) && number.ends_with(edge) && number.chars().all(|c| edge(c) || c == '.');
    number.parse::<f64>().ok().filter(|_| is_plain).map(|number| number * factor)
}
