//! What a test cluster is to be.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use cluster::dirs;
use cluster::tools::ToolContext;
use manifests::config::{self, Override, Source};

use super::place::{self, Place, User};
use super::share::Share;
use super::{Error, Summary, TestCluster, elsewhere};
use crate::failure::Failure;
use crate::own::{Own, Xtask};
use crate::report::Report;
use crate::runner::{self, Options};
use crate::session::{Session, read};

/// The variable that keeps clusters after their last user.
pub(super) const KEEP_ENV: &str = "GITOPS_SETUP_KEEP_TEST_CLUSTERS";

/// Longest wait for one thing. On simulated nodes, everything is there within seconds or not at all.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Says what a [`TestCluster`] is to be, and starts it.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing starts before `start`"]
pub struct TestClusterBuilder {
    config: Option<Config>,
    set: Vec<Override>,
    local_repository: bool,
    xtask: Xtask,
    dedicated: bool,
    data: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Config {
    Text(String),
    File(PathBuf),
}

/// What a cluster is to be, read and checked.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    source: Source,
    set: Vec<Override>,
    local_repository: bool,
    own: Own,
}

impl TestClusterBuilder {
    /// The configuration, as `gitops.yaml` has it. Without one, everything has its default: Argo CD, and no
    /// environments.
    ///
    /// Its section `cluster` says how many simulated nodes there are; what else stands there is left out, so that it
    /// may be the file that real clusters are set up by. So are the variables of the environment that stand above
    /// `gitops.yaml` elsewhere: a test depends on no shell.
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = Some(Config::Text(text.into()));
        self
    }

    /// The same from a file. A relative path begins where the test runs: in the folder of its package.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Some(Config::File(path.into()));
        self
    }

    /// Sets one value over the configuration, as `--set KEY=VALUE` does. An empty value takes back what is there.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.set.push(Override::set(key, value));
        self
    }

    /// A Git repository on this machine in place of the section `git`, made by the setup, and no webhooks: neither
    /// network nor credentials are needed. It is empty but for a folder for each environment.
    pub fn local_repository(mut self) -> Self {
        self.local_repository = true;
        self
    }

    /// The stages and sections of the configuration of the repository that is tested: the same [`Xtask`] as in its
    /// `main`.
    pub fn xtask(mut self, xtask: Xtask) -> Self {
        self.xtask = xtask;
        self
    }

    /// A cluster for this value alone, for a test that changes what others build on.
    pub fn dedicated(mut self) -> Self {
        self.dedicated = true;
        self
    }

    /// The folder that test clusters are kept below, instead of `GITOPS_SETUP_DATA` or `~/.local/share/gitops-setup`.
    /// Clusters are shared between those who name the same one.
    pub fn data_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self
    }

    /// Starts the cluster, or joins those who use it already. Mistakes in the configuration are told before anything
    /// is started.
    ///
    /// The first time on a machine, the programs of a control plane are fetched or built, which takes minutes; then
    /// a cluster takes seconds.
    pub async fn start(self) -> Result<TestCluster, Error> {
        let (wanted, share, report) = elsewhere::run(|| self.share()).await?;
        let client = share.connect().await?.kube().clone();
        Ok(TestCluster { wanted, report, client, share })
    }

    async fn share(self) -> Result<(Wanted, Share, Report), Error> {
        let data = match &self.data {
            Some(data) => std::path::absolute(data).map_err(|error| Failure::file(data, &error))?,
            None => dirs::data()?,
        };
        let dedicated = self.dedicated;
        let wanted = self.read()?;
        wanted.session("checked", data.clone(), Report::kept())?;
        let keep = std::env::var(KEEP_ENV).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        if !keep {
            let tools = ToolContext::from_env()?;
            for unused in place::unused(&data) {
                unused.delete(&tools).await?;
            }
        }
        let user = match dedicated {
            true => User::alone(&data)?,
            false => User::shared(&data, &wanted.name())?,
        };
        // From here on, whatever fails gives back what it has.
        let mut share = Share::new(user, keep);
        if dedicated {
            share.clear().await?;
        }
        let report = Report::kept();
        wanted.run(share.place(), &report, Some("cluster")).await?;
        share.make_namespace(TIMEOUT).await?;
        Ok((wanted, share, report))
    }

    fn read(self) -> Result<Wanted, Failure> {
        let source = match self.config {
            Some(Config::Text(text)) => Source { name: "configuration of the test".into(), text },
            Some(Config::File(path)) => read(Some(&path))?.unwrap_or_else(no_configuration),
            None => no_configuration(),
        };
        Ok(Wanted { source, set: self.set, local_repository: self.local_repository, own: self.xtask.own()? })
    }
}

fn no_configuration() -> Source {
    Source { name: "defaults".into(), text: String::new() }
}

impl Wanted {
    /// The cluster's name: those who want the same have the same.
    fn name(&self) -> String {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        self.source.text.hash(&mut hasher);
        self.local_repository.hash(&mut hasher);
        self.set.iter().for_each(|set| (&set.path, &set.value).hash(&mut hasher));
        self.own.stages.iter().for_each(|stage| stage.name.hash(&mut hasher));
        format!("test-{:012x}", hasher.finish() & 0xffff_ffff_ffff)
    }

    /// What setup works with on the cluster of this name, all of which is below `data`.
    pub(super) fn session(&self, name: &str, data: PathBuf, report: Report) -> Result<Session, Error> {
        let mut set = self.set.clone();
        if self.local_repository {
            let url = format!("file://{}", data.join("repository.git").display());
            set.push(Override::set("git", &format!("{{url: {}}}", serde_json::Value::from(url))));
            set.push(Override::set("webhooks", ""));
        }
        for key in ["context", "kubeconfig", "kubernetesVersion", "nodeImage", "kind"] {
            set.push(Override::set(&format!("cluster.{key}"), ""));
        }
        set.push(Override::set("cluster.provider", "kwok"));
        set.push(Override::set("cluster.name", name));
        let loaded = config::load(Some(&self.source), &|_| None, &set).map_err(Failure::from)?;
        Ok(Session::of(loaded.config, self.source.name.clone(), &self.own, data, report)?)
    }

    /// Runs one stage, or all of them.
    pub(super) async fn run(
        &self,
        place: &Place,
        report: &Report,
        stage: Option<&str>,
    ) -> Result<Summary, Error> {
        let session = self.session(place.name(), place.folder().to_owned(), report.clone())?;
        let stages = match stage {
            Some(name) => vec![session.stages.find(name).map_err(Failure::from)?],
            None => session.stages.to_vec(),
        };
        let options = Options { timeout: TIMEOUT, force_conflicts: false };
        session.lock.set("setup of a test", TIMEOUT);
        match session.locked(runner::run(&session, &stages, options)).await {
            Ok(summary) => Ok(Summary {
                created: summary.created,
                changed: summary.changed,
                unchanged: summary.unchanged,
                not_verified: summary.not_verified,
            }),
            Err(failure) => Err(Error { failure, log: report.lines() }),
        }
    }
}
