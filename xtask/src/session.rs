//! What a command works with: configuration, provider, report, and the inputs of the plans.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cluster::provider::Provider;
use cluster::tools::ToolContext;
use manifests::config::{self, Config, Provider as Which, SecretRef, Source};
use manifests::yaml;
use secrecy::SecretString;
use stages::observed::KubernetesVersion;
use stages::stage::Fact;
use stages::{Inputs, Stage};

use crate::args::Global;
use crate::failure::Failure;
use crate::manifest::Found;
use crate::report::Report;
use crate::{manifest, quickstart};

/// The configuration file that is read where none is named.
pub(crate) const CONFIG_FILE: &str = "gitops.yaml";

/// Whether a command may write into our own data folder. A mere plan may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effects {
    /// It may.
    Allowed,
    /// It only looks.
    None,
}

/// What a command works with.
pub(crate) struct Session {
    pub(crate) config: Config,
    /// Where the configuration comes from, for people.
    pub(crate) config_origin: String,
    pub(crate) quickstart: bool,
    pub(crate) provider: Provider,
    pub(crate) tools: ToolContext,
    pub(crate) data: PathBuf,
    pub(crate) report: Report,
    /// Secrets of this run, each looked up once: what is checked is what is used, and a command that asks the user
    /// asks once.
    secrets: Mutex<BTreeMap<SecretRef, SecretString>>,
}

impl Session {
    /// Reads the configuration and picks the provider. Changes nothing.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let report = Report::new(global.output, global.verbose);
        let data = cluster::dirs::data().map_err(|error| Failure::Precondition(error.to_string()))?;
        let tools = ToolContext::from_env().map_err(|error| Failure::Precondition(error.to_string()))?;
        let file = read(global.config.as_deref())?;
        let is_quickstart = file.is_none();
        let source = file.unwrap_or_else(|| Source {
            name: "built-in quickstart".into(),
            text: yaml::to_string(&quickstart::config(&data)),
        });
        let loaded = config::load(Some(&source), &|name| std::env::var(name).ok(), &global.set)?;
        if global.verbose {
            for (path, origin) in loaded.overridden() {
                report.line(&format!("{path}: from {origin}"));
            }
            loaded.notes.iter().for_each(|note| report.line(note));
        }
        let provider = Provider::new(&loaded.config.cluster, &data)?;
        Ok(Self {
            config: loaded.config,
            config_origin: source.name,
            quickstart: is_quickstart,
            provider,
            tools,
            data,
            report,
            secrets: Mutex::default(),
        })
    }

    /// The value of a secret.
    pub(crate) fn secret(&self, reference: &SecretRef) -> Result<SecretString, Failure> {
        let mut secrets = self.secrets.lock().expect("never poisoned");
        if let Some(secret) = secrets.get(reference) {
            return Ok(secret.clone());
        }
        let secret = git_credentials::resolve(reference)?;
        secrets.insert(reference.clone(), secret.clone());
        Ok(secret)
    }

    /// The inputs of the plans of some stages; fetches the manifest of Argo CD where one of them needs it.
    pub(crate) async fn inputs(&self, stages: &[&Stage], effects: Effects) -> Result<Inputs, Failure> {
        if self.quickstart && effects == Effects::Allowed {
            quickstart::make_password(&self.data)?;
        }
        let found = match stages.iter().any(|stage| stage.facts.contains(&Fact::Manifest)) {
            true => manifest::find(self, effects).await?,
            false => Found::default(),
        };
        let admin_password = self.config.argocd.admin_password.clone().or_else(|| {
            // The guide's variable is the default reference; unset, Argo CD's own password stays.
            std::env::var_os("ARGOCDINITIALPASS")
                .filter(|value| !value.is_empty())
                .map(|_| SecretRef::Env("ARGOCDINITIALPASS".into()))
        });
        let expected_kubernetes = (self.config.cluster.provider == Which::Kwok)
            .then(|| kubernetes_version(cluster::tools::KUBERNETES))
            .flatten();
        Ok(Inputs {
            config: self.config.clone(),
            install: found.install,
            manifest_origin: found.origin,
            expected_kubernetes,
            admin_password,
        })
    }
}

fn read(named: Option<&Path>) -> Result<Option<Source>, Failure> {
    let path = named.unwrap_or(Path::new(CONFIG_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Source { name: path.display().to_string(), text })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(error) => Err(Failure::Usage(format!(
            "{}: {error}\n  write one with: cargo xtask init {}",
            path.display(),
            path.display()
        ))),
    }
}

fn kubernetes_version(text: &str) -> Option<KubernetesVersion> {
    let mut numbers = text.split('.').map(str::parse);
    Some(KubernetesVersion { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
}
