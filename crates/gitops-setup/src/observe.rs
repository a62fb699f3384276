//! From what stages ask for to what is there.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cluster::Client;
use cluster::observe::Found;
use cluster::provider::State;
use manifests::{Object, ObjectRef, repository};
use stages::observed::{ClusterState, KubernetesVersion, Live, Nodes};
use stages::stage::Fact;
use stages::{Inputs, Observed, Plan, PlanError, Stage};

use crate::failure::Failure;
use crate::session::Session;
use crate::{fill, git, values, webhooks};

/// Looks at the world for one stage after the other, and keeps the connection between them.
pub(crate) struct Observer<'a> {
    session: &'a Session,
    client: Option<Client>,
    kubernetes: Option<KubernetesVersion>,
    nodes: Option<Nodes>,
    settled: bool,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self { session, client: None, kubernetes: None, nodes: None, settled: false }
    }

    /// For a run, where earlier stages have done all that a later one can wait for.
    pub(crate) fn settled(self) -> Self {
        Self { settled: true, ..self }
    }

    /// The connection, once the cluster runs.
    pub(crate) fn client(&self) -> Result<&Client, Failure> {
        self.client.as_ref().ok_or_else(|| {
            Failure::Precondition(
                "there is no cluster yet\n  make one: cargo xtask setup --only cluster".into(),
            )
        })
    }

    /// Nodes as last seen.
    pub(crate) fn nodes(&self) -> Nodes {
        self.nodes.unwrap_or_default()
    }

    /// Version of Kubernetes, once the cluster runs.
    pub(crate) fn kubernetes(&self) -> Option<KubernetesVersion> {
        self.kubernetes
    }

    /// Connects to a cluster that was made a moment ago.
    pub(crate) async fn reconnect(&mut self) -> Result<(), Failure> {
        self.connect().await.map(drop)
    }

    /// The connection and the nodes, where the cluster runs.
    pub(crate) async fn reach(&mut self) -> Result<Option<&Client>, Failure> {
        if self.connect().await? == ClusterState::Running {
            self.look_at_nodes().await?;
        }
        Ok(self.client.as_ref())
    }

    /// Nodes were added or taken away.
    pub(crate) fn forget_nodes(&mut self) {
        self.nodes = None;
    }

    /// What a stage's plan needs to know.
    pub(crate) async fn observe(&mut self, stage: &Stage, inputs: &Inputs) -> Result<Observed, Failure> {
        let mut observed = Observed { cluster: self.connect().await?, ..Observed::default() };
        if stage.facts.contains(&Fact::Repository) {
            observed.repository = git::look(self.session).await?;
        }
        if stage.facts.contains(&Fact::Values) {
            observed.values = values::look(self.session, observed.cluster == ClusterState::Running).await?;
        }
        if observed.cluster != ClusterState::Running {
            return Ok(observed);
        }
        if stage.facts.contains(&Fact::Images) {
            observed.images_to_load = self.session.provider.images_to_load().await?;
        }
        observed.kubernetes = self.kubernetes;
        observed.nodes = self.look_at_nodes().await?;
        observed.objects = self.read(stage.reads(inputs)).await?;
        if stage.facts.contains(&Fact::Webhooks) {
            observed.webhooks =
                webhooks::look(self.session, self.client()?, observed.nodes, self.settled).await?;
        }
        stored(self.session, stage, inputs, &mut observed).await?;
        if stage.facts.contains(&Fact::Credentials) && inputs.config.git.is_remote() {
            other_secrets(self.client()?, inputs, &mut observed).await?;
        }
        Ok(observed)
    }

    async fn connect(&mut self) -> Result<ClusterState, Failure> {
        if self.client.is_some() {
            return Ok(ClusterState::Running);
        }
        match self.session.provider.state().await? {
            State::Absent => return Ok(ClusterState::Absent),
            State::Stopped => return Ok(ClusterState::Stopped),
            State::Running => {}
        }
        let client = self.session.provider.access().connect().await?;
        let version = client.version().await?;
        self.kubernetes = Some(KubernetesVersion { major: version.major, minor: version.minor });
        self.client = Some(client);
        Ok(ClusterState::Running)
    }

    async fn look_at_nodes(&mut self) -> Result<Nodes, Failure> {
        if let Some(nodes) = self.nodes {
            return Ok(nodes);
        }
        let seen = self.client()?.nodes().await?;
        let nodes = Nodes { real: seen.real, simulated: seen.simulated };
        self.nodes = Some(nodes);
        Ok(nodes)
    }

    async fn read(&self, wanted: Vec<ObjectRef>) -> Result<BTreeMap<ObjectRef, Live>, Failure> {
        let found = self.client()?.read_all(&wanted).await?;
        let live = |found| match found {
            Found::Object(object) => Live::Found(object),
            Found::Absent => Live::Absent,
            Found::KindUnknown => Live::KindUnknown,
        };
        Ok(found.into_iter().map(|(reference, found)| (reference, live(found))).collect())
    }
}

/// The plan of a stage, with what could not be compared for it.
pub(crate) fn planned(stage: &Stage, inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let mut plan = (stage.plan)(inputs, observed)?;
    if plan.skipped.is_none() {
        plan.not_verified.extend(observed.gaps.iter().cloned());
        plan.notes.extend(observed.notes.iter().cloned());
    }
    Ok(plan)
}

/// Finds the values that are already what the stage would fill in. The secrets go no further than this. What a mere
/// plan may not look up counts as stored, and that is said.
async fn stored(
    session: &Session,
    stage: &Stage,
    inputs: &Inputs,
    observed: &mut Observed,
) -> Result<(), Failure> {
    for secret in (stage.secrets)(inputs, observed) {
        let reference = secret.object.reference();
        let Some(live) = observed.object(&reference).cloned() else { continue };
        for (key, fill) in secret.fill {
            let Some(value) = value(&live, &key) else { continue };
            if let Some(hidden) = fill.secrets().into_iter().find(|secret| !session.may_look_up(secret)) {
                observed
                    .gaps
                    .push(format!("data.{key} of {reference}: a plan does not look up the {hidden}"));
            } else if !fill::is_filled(session, &fill, &value, observed).await? {
                continue;
            }
            observed.stored.insert((reference.clone(), key));
        }
    }
    Ok(())
}

/// Looks for Secrets that register the same repository, of whose credentials Argo CD takes any, and for those that
/// this tool stored for what is no longer configured.
async fn other_secrets(client: &Client, inputs: &Inputs, observed: &mut Observed) -> Result<(), Failure> {
    let namespace = inputs.argocd_namespace();
    let url = inputs.config.git.repo_url();
    let own: Vec<String> =
        repository::secrets(&inputs.config).iter().map(|secret| secret.object.name().to_owned()).collect();
    let secrets = client.list(&ObjectRef::namespaced("v1", "Secret", namespace, "")).await?;
    for (name, secret) in secrets.unwrap_or_default() {
        let Some(kind) = secret.label(repository::SECRET_TYPE).filter(|_| !own.contains(&name)) else {
            continue;
        };
        let address = value(&secret, "url").and_then(|url| String::from_utf8(url).ok()).unwrap_or_default();
        let delete = format!("kubectl delete secret -n {namespace} {name}");
        if kind == "repository" && repository::same_address(&address, &url) {
            observed.gaps.push(format!(
                "whose credentials Argo CD uses: Secret/{name} in {namespace} registers the same repository; take it \
                 away: {delete}"
            ));
        } else if kind != "cluster"
            && secret.label("app.kubernetes.io/managed-by") == Some(manifests::MANAGER)
        {
            observed.notes.push(format!(
                "Secret/{name} was stored for another address or template; where no other configuration has it: {delete}"
            ));
        }
    }
    Ok(())
}

/// The value under a key of a Secret.
pub(crate) fn value(secret: &Object, key: &str) -> Option<Vec<u8>> {
    let data = secret.get("/data")?.get(key)?.as_str()?;
    BASE64_STANDARD.decode(data).ok()
}
