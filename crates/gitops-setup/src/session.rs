//! What a command works with: configuration, provider, report, and the inputs of the plans.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use cluster::provider::Provider;
use cluster::tools::ToolContext;
use git_credentials::hosts::Hook;
use git_credentials::{SshKey, Trust};
use manifests::argocd::advisories;
use manifests::config::{self, Config, Provider as Which, SecretRef, Source};
use manifests::yaml;
use secrecy::{ExposeSecret, SecretString};
use stages::observed::{KubernetesVersion, RepositoryState};
use stages::stage::Fact;
use stages::{Inputs, Stage, Stages};
use tokio::sync::OnceCell;

use crate::args::Global;
use crate::failure::Failure;
use crate::lock::Slot;
use crate::manifest::Found;
use crate::own::Own;
use crate::report::Report;
use crate::{fill, git, manifest, quickstart};

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
    /// The admin password where the configuration names none.
    default_password: Option<SecretRef>,
    pub(crate) provider: Provider,
    pub(crate) tools: ToolContext,
    pub(crate) data: PathBuf,
    pub(crate) report: Report,
    /// The stages of this command line.
    pub(crate) stages: Stages,
    /// What was found in the remote repository.
    pub(crate) repository: OnceCell<Option<RepositoryState>>,
    /// The webhooks that were found at the Git host.
    pub(crate) hooks: tokio::sync::Mutex<Option<Vec<Hook>>>,
    /// The lock of the cluster, for commands that write.
    pub(crate) lock: Slot,
    secrets: Secrets,
    /// Keys without their passphrases: deriving what opens one is slow on purpose.
    keys: Mutex<BTreeMap<SecretRef, SecretString>>,
    effects: OnceLock<Effects>,
}

/// Secrets of a run, each looked up once: what is checked is what is used, and a command that asks the user asks
/// once.
#[derive(Default)]
struct Secrets(Mutex<BTreeMap<SecretRef, SecretString>>);

impl Secrets {
    fn known(&self, reference: &SecretRef) -> Option<SecretString> {
        self.0.lock().expect("never poisoned").get(reference).cloned()
    }

    async fn get(&self, reference: &SecretRef) -> Result<SecretString, Failure> {
        if let Some(secret) = self.known(reference) {
            return Ok(secret);
        }
        let wanted = reference.clone();
        let secret = blocking(move || Ok(git_credentials::resolve(&wanted)?)).await?;
        self.0.lock().expect("never poisoned").insert(reference.clone(), secret.clone());
        Ok(secret)
    }
}

/// Runs what may wait for a file, a lock or a program, in such a way that an interrupt is heard meanwhile.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::Bug(error.to_string()))?
}

impl Session {
    /// Reads the configuration and picks the provider. Changes nothing.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let report = Report::new(global.output, global.verbose);
        let data = cluster::dirs::data().map_err(|error| Failure::Precondition(error.to_string()))?;
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
        let session = Self::of(loaded.config, source.name, &global.own, data, report)?;
        // The guide's variable is the default reference; unset, Argo CD's own password stays.
        let default_password = std::env::var_os("ARGOCDINITIALPASS")
            .filter(|value| !value.is_empty())
            .map(|_| SecretRef::Env("ARGOCDINITIALPASS".into()));
        Ok(Self { quickstart: is_quickstart, default_password, ..session })
    }

    /// What works with a configuration that was read from `config_origin`. `data` is our data folder.
    pub(crate) fn of(
        config: Config,
        config_origin: String,
        own: &Own,
        data: PathBuf,
        report: Report,
    ) -> Result<Self, Failure> {
        own.check(&config, &config_origin)?;
        let tools = ToolContext::from_env().map_err(|error| Failure::Precondition(error.to_string()))?;
        let provider = Provider::new(&config.cluster, &data)?;
        Ok(Self {
            config,
            config_origin,
            quickstart: false,
            default_password: None,
            provider,
            tools,
            data,
            report,
            stages: own.stages.clone(),
            repository: OnceCell::new(),
            hooks: tokio::sync::Mutex::default(),
            lock: Slot::default(),
            secrets: Secrets::default(),
            keys: Mutex::default(),
            effects: OnceLock::new(),
        })
    }

    /// Refuses to install a release with known vulnerabilities that nobody has allowed by name.
    pub(crate) fn judge_release(&self) -> Result<(), Failure> {
        let argocd = &self.config.argocd;
        match advisories::of(argocd).refusal(&argocd.version) {
            Some(refusal) => Err(Failure::Usage(format!("{}: {refusal}", self.config_origin))),
            None => Ok(()),
        }
    }

    /// The value of a secret.
    pub(crate) async fn secret(&self, reference: &SecretRef) -> Result<SecretString, Failure> {
        self.secrets.get(reference).await
    }

    /// Says that secrets may be looked up, also where the inputs are had without effects.
    pub(crate) fn allow_secrets(&self) {
        self.effects.get_or_init(|| Effects::Allowed);
    }

    /// Whether a secret may be looked up: a mere plan runs no command and asks nobody.
    pub(crate) fn may_look_up(&self, reference: &SecretRef) -> bool {
        self.effects.get() != Some(&Effects::None) || is_at_hand(reference)
    }

    /// A private key without its passphrase.
    pub(crate) async fn unencrypted(
        &self,
        private_key: &SecretRef,
        passphrase: Option<&SecretRef>,
    ) -> Result<SecretString, Failure> {
        let known = self.keys.lock().expect("never poisoned").get(private_key).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let text = self.secret(private_key).await?;
        let phrase = match passphrase {
            Some(reference) => Some(self.secret(reference).await?),
            None => None,
        };
        let key = blocking(move || Ok(SshKey::parse(&text, phrase.as_ref())?.unencrypted().clone())).await?;
        self.keys.lock().expect("never poisoned").insert(private_key.clone(), key.clone());
        Ok(key)
    }

    /// The inputs of the plans of some stages; fetches the manifest of Argo CD where one of them needs it.
    pub(crate) async fn inputs(&self, stages: &[&Stage], effects: Effects) -> Result<Inputs, Failure> {
        self.effects.get_or_init(|| effects);
        if self.quickstart && effects == Effects::Allowed {
            quickstart::make_password(&self.data)?;
        }
        if effects == Effects::Allowed {
            crate::secrets::check(self, stages)?;
        }
        let found = match asks_for(stages, Fact::Manifest) {
            true => manifest::find(self, effects).await?,
            false => Found::default(),
        };
        let admin_password =
            self.config.argocd.admin_password.clone().or_else(|| self.default_password.clone());
        let expected_kubernetes = match self.config.cluster.provider {
            Which::Kwok => kubernetes_version(cluster::tools::KUBERNETES),
            Which::Kind => self.config.cluster.kubernetes_version.as_deref().and_then(kubernetes_version),
            Which::Context => None,
        };
        let trust = match asks_for(stages, Fact::Credentials) {
            true => git::trust(&self.config)?,
            false => Trust::default(),
        };
        let inputs = Inputs {
            stages: self.stages.clone(),
            config: self.config.clone(),
            install: found.install,
            manifest_origin: found.origin,
            expected_kubernetes,
            admin_password,
            known_hosts: trust.known_hosts,
            ca_certificate: trust.ca,
        };
        if asks_for(stages, Fact::Password) {
            self.judge_password(&inputs, effects).await?;
        }
        if asks_for(stages, Fact::Credentials) && effects == Effects::Allowed {
            git::check_credentials(self).await?;
        }
        if asks_for(stages, Fact::Webhooks) && effects == Effects::Allowed && !self.tools.offline {
            git::credentials(self, self.config.webhooks_auth().map(|(_, auth)| auth)).await?;
        }
        if asks_for(stages, Fact::Tokens) && effects == Effects::Allowed {
            let fill =
                manifests::notifications::secret(&self.config).map_or_else(Vec::new, |secret| secret.fill);
            for reference in fill.iter().flat_map(|(_, fill)| fill.secrets()) {
                self.secret(reference).await?;
            }
        }
        Ok(inputs)
    }

    /// Refuses an admin password that Argo CD would not take. Without effects, only one that is at hand.
    async fn judge_password(&self, inputs: &Inputs, effects: Effects) -> Result<(), Failure> {
        let Some(reference) = fill::used_password(inputs) else { return Ok(()) };
        if effects == Effects::None && !is_at_hand(reference) {
            return Ok(());
        }
        let password = self.secret(reference).await?;
        fill::check_password(password.expose_secret(), reference)
    }
}

fn asks_for(stages: &[&Stage], fact: Fact) -> bool {
    stages.iter().any(|stage| stage.facts.contains(&fact))
}

/// Whether a secret is there and can be read without any effect. A pipe can be read only once, and a command may
/// do anything.
fn is_at_hand(reference: &SecretRef) -> bool {
    match reference {
        SecretRef::Env(name) => std::env::var_os(name).is_some(),
        SecretRef::File(path) => path.is_file() && std::fs::File::open(path).is_ok(),
        SecretRef::Command(_) | SecretRef::Prompt(_) => false,
    }
}

/// The text of a configuration file.
pub(crate) fn read(named: Option<&Path>) -> Result<Option<Source>, Failure> {
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
    let mut numbers = text.strip_prefix('v').unwrap_or(text).split('.').map(str::parse);
    Some(KubernetesVersion { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(script: &str) -> SecretRef {
        SecretRef::Command(["sh", "-c", script].map(str::to_owned).into())
    }

    #[tokio::test]
    async fn a_secret_is_looked_up_once() {
        let (secrets, reference) = (Secrets::default(), shell("echo $$"));
        assert!(secrets.known(&reference).is_none());
        let first = secrets.get(&reference).await.unwrap();
        let second = secrets.get(&reference).await.unwrap();
        assert_eq!(
            first.expose_secret(),
            second.expose_secret(),
            "another process would have another number"
        );
        assert!(secrets.known(&reference).is_some());
    }

    #[tokio::test]
    async fn an_interrupt_is_heard_while_a_command_asks() {
        let (secrets, reference) = (Secrets::default(), shell("sleep 1; echo late"));
        let asked = secrets.get(&reference);
        assert!(tokio::time::timeout(Duration::from_millis(20), asked).await.is_err());
    }

    #[test]
    fn only_what_has_no_effects_is_at_hand() {
        assert!(!is_at_hand(&shell("echo secret")));
        assert!(!is_at_hand(&SecretRef::Env("GITOPS_SETUP_TEST_UNSET".into())));
        assert!(is_at_hand(&SecretRef::Env("PATH".into())));
        assert!(!is_at_hand(&SecretRef::File("/nonexistent/secret".into())));
        assert!(!is_at_hand(&SecretRef::File("/dev/null".into())), "not a file");
    }
}
