//! An account in another cluster, and the Secret by which Argo CD knows that cluster.
//!
//! The order can be cut off anywhere: rights that are no longer wanted go first, as long as the ServiceAccount still
//! says which there are; then the account, its token and its rights; and Argo CD is told last, of a token that works.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cluster::Client;
use cluster::connect::Endpoint;
use cluster::observe::Found;
use cluster::probe::ProbeError;
use manifests::clusters::{self, Account, Address, Connection, IN_CLUSTER_NAME, Registration};
use manifests::fill::Fill;
use manifests::{Object, ObjectRef};
use secrecy::{ExposeSecret, SecretString};
use stages::observed::Live;
use stages::{Action, Apply, Observed, Plan};
use tokio::time::Instant;

use super::{Hub, apply, connect, identity, observe};
use crate::apply::wait_for;
use crate::args::AddCluster;
use crate::failure::Failure;
use crate::observe::value;

/// How long an API server may take to know an account, a token or rights that it was just given: it reads them from
/// caches, which nobody can watch.
const SETTLE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// A cluster to add, looked at.
pub(crate) struct Add<'a> {
    hub: &'a Hub<'a>,
    target: Client,
    endpoint: Endpoint,
    wanted: Registration,
}

/// What would change.
pub(crate) struct Steps {
    /// What goes in the other cluster: rights of an earlier `add`, the token of an account that was deleted.
    pub(crate) obsolete: Vec<ObjectRef>,
    /// What comes there.
    pub(crate) target: Plan,
    /// What Argo CD is told.
    pub(crate) hub: Plan,
}

impl Steps {
    pub(crate) fn is_empty(&self) -> bool {
        self.obsolete.is_empty() && self.target.actions.is_empty() && self.hub.actions.is_empty()
    }
}

impl<'a> Add<'a> {
    /// Finds out which cluster it is, and refuses what would be of no use. Changes nothing.
    pub(crate) async fn of(hub: &'a Hub<'a>, args: &AddCluster) -> Result<Self, Failure> {
        let version = &hub.session.config.argocd.version;
        if args.project.is_some() && !version.has_project_clusters() {
            return Err(Failure::Usage(format!(
                "--project: Argo CD knows clusters of a project since v2.2.0, and this is {version}"
            )));
        }
        let kubeconfig = args.kubeconfig.file.as_deref();
        let endpoint = endpoint(kubeconfig, args)?;
        let target = connect(kubeconfig, &args.context).await?;
        let (own, other) = (identity(&hub.client).await?, identity(&target).await?);
        let address = Address::parse(&endpoint.server);
        let same = address.as_ref().is_ok_and(Address::is_in_cluster) || (own.is_some() && own == other);
        let wanted = match same {
            true => in_cluster(args, other)?,
            false => {
                let address = address.map_err(|error| {
                    let fix = clusters::inside(&args.context).unwrap_or_else(|| "https://…".into());
                    Failure::Usage(format!(
                        "{} {error}\n  name the address by which Argo CD reaches that cluster: --server {fix}",
                        shown(&endpoint.server)
                    ))
                })?;
                registration(args, address, &endpoint, other)
            }
        };
        let (known, _) = hub.stored().await?;
        let secret = Registration::reference(&hub.session.config.argocd, &wanted.address);
        wanted.is_free(&secret, &known).map_err(|taken| Failure::Refused(taken.to_string()))?;
        Ok(Self { hub, target, endpoint, wanted })
    }

    /// Whom it is about, for people.
    pub(crate) fn title(&self) -> String {
        match &self.wanted.access {
            Some((account, _)) => format!(
                "cluster {} at {}, where Argo CD is {}",
                self.wanted.name,
                self.wanted.address,
                account.reference()
            ),
            None => format!("cluster {}, where Argo CD itself runs", self.wanted.name),
        }
    }

    /// What is not as wanted.
    pub(crate) async fn steps(&self) -> Result<Steps, Failure> {
        let Some((account, _)) = &self.wanted.access else {
            let hub = self.hub_plan(None).await?;
            return Ok(Steps { obsolete: Vec::new(), target: Plan::default(), hub });
        };
        let objects = account.objects();
        let mut wanted: Vec<ObjectRef> = objects.iter().map(Object::reference).collect();
        let before = match self.target.read(&account.reference()).await? {
            Found::Object(live) => Account::of(&live),
            Found::Absent | Found::KindUnknown => None,
        };
        let obsolete = before.map_or(Vec::new(), |before| account.obsolete(&before));
        wanted.extend(obsolete.iter().cloned());
        let mut observed = observe(&self.target, &wanted).await?;
        refuse_foreign(&observed)?;
        self.refuse_missing(account).await?;
        let there = |object: &ObjectRef| observed.object(object).is_some();
        let mut obsolete: Vec<ObjectRef> = obsolete.into_iter().filter(there).collect();
        let secret = account.token();
        let live = observed.object(&account.reference());
        if observed.object(&secret).is_some_and(|token| Account::is_stale(token, live)) {
            observed.objects.insert(secret.clone(), Live::Absent);
            obsolete.push(secret);
        }
        let mut target = Plan::default();
        objects.into_iter().for_each(|object| target.push_apply(Apply::new(object), &observed));
        let token = observed.object(&account.token()).and_then(token);
        Ok(Steps { obsolete, target, hub: self.hub_plan(token.as_ref()).await? })
    }

    /// Rights can only be given in namespaces that are there.
    async fn refuse_missing(&self, account: &Account) -> Result<(), Failure> {
        for name in account.namespaces.iter().chain([&account.namespace]) {
            let namespace = ObjectRef::cluster_scoped("v1", "Namespace", name);
            if self.target.read(&namespace).await? == Found::Absent {
                let context = &self.wanted.context;
                return Err(Failure::Precondition(format!(
                    "{namespace} is not in the cluster of context {context}\n  make it first: kubectl --context \
                     {context} create namespace {name}"
                )));
            }
        }
        Ok(())
    }

    /// What Argo CD would be told, given the token there.
    async fn hub_plan(&self, token: Option<&SecretString>) -> Result<Plan, Failure> {
        let secret = self.wanted.secret(&self.hub.session.config.argocd);
        let reference = secret.object.reference();
        let mut observed = observe(&self.hub.client, std::slice::from_ref(&reference)).await?;
        for (key, fill) in &secret.fill {
            let live = observed.object(&reference).and_then(|live| value(live, key));
            if live.is_some() && live == token.and_then(|token| filled(fill, token)) {
                observed.stored.insert((reference.clone(), key.clone()));
            }
        }
        let mut plan = Plan::default();
        plan.push_apply(Apply::filled(secret), &observed);
        Ok(plan)
    }

    /// Makes it so. Gives what is to be said of the token.
    pub(crate) async fn run(&self, steps: Steps, force: bool) -> Result<Option<String>, Failure> {
        self.hub.session.lock.guard(&self.target);
        for object in &steps.obsolete {
            self.target.delete(object).await?;
        }
        // One after the other: a token without its account is deleted at once.
        for action in &steps.target.actions {
            if let Action::Apply(change) = action {
                apply(&self.target, change.object.clone(), &change.manager, force).await?;
            }
        }
        let Some((account, _)) = &self.wanted.access else {
            self.tell(&steps.hub, None, force).await?;
            return Ok(None);
        };
        let token = self.token(&account.token()).await?;
        let hub = self.hub_plan(Some(&token)).await?;
        let verified = self.verify(&token, &account.namespaces).await?;
        self.tell(&hub, Some(&token), force).await?;
        Ok(Some(verified))
    }

    /// The token, once Kubernetes has made it.
    async fn token(&self, secret: &ObjectRef) -> Result<SecretString, Failure> {
        let made = wait_for(self.hub.session, &self.target, secret, "/data/token").await;
        made.map_err(|failure| match failure {
            Failure::TimedOut(text) => Failure::TimedOut(format!(
                "{text}\n  the cluster's kube-controller-manager makes tokens: does it run? kubectl get pods -n \
                 kube-system"
            )),
            other => other,
        })?;
        let found = match self.target.read(secret).await? {
            Found::Object(live) => token(&live),
            Found::Absent | Found::KindUnknown => None,
        };
        found.ok_or_else(|| Failure::Changed(format!("{secret} is gone again\n  run the same command again")))
    }

    /// Uses the token as Argo CD will. That the server can't be reached from here says nothing about Argo CD.
    async fn verify(&self, token: &SecretString, namespaces: &[String]) -> Result<String, Failure> {
        let client = Client::with_token(&self.endpoint, token).await?;
        let deadline = Instant::now() + SETTLE;
        loop {
            let probed = client.probe(namespaces).await;
            let settled = match &probed {
                Ok(probe) => probe.lacking.is_empty(),
                Err(error) => *error != ProbeError::Unauthorized,
            };
            if !settled && Instant::now() < deadline {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let address = &self.wanted.address;
            return match probed {
                Ok(probe) if settled => {
                    Ok(format!("verified: {address} is Kubernetes {} and takes the token", probe.version))
                }
                Ok(probe) => Err(Failure::Refused(format!(
                    "{address} takes the token, but it does not give every right in {}\n  see what takes them \
                     away, such as an authorization webhook: kubectl auth can-i --list",
                    probe.lacking.join(", ")
                ))),
                Err(error) if error.is_about_the_way() => {
                    Ok(format!("not verified from here: {address}: {error}"))
                }
                Err(error) => Err(Failure::Refused(format!(
                    "{address} can't be used with the token: {error}\n  Argo CD was not told of it; see --server, \
                     --ca-file and --tls-server-name"
                ))),
            };
        }
    }

    /// Tells Argo CD.
    async fn tell(&self, plan: &Plan, token: Option<&SecretString>, force: bool) -> Result<(), Failure> {
        for action in &plan.actions {
            let Action::Apply(change) = action else { continue };
            let mut object = change.object.clone();
            for (key, fill) in &change.fill {
                let value = token.and_then(|token| filled(fill, token));
                let value = value.ok_or_else(|| Failure::Bug("a cluster without its token".into()))?;
                if let Some(data) = object.get_mut("/data") {
                    data[key.as_str()] = BASE64_STANDARD.encode(value).into();
                }
            }
            apply(&self.hub.client, object, &change.manager, force).await?;
        }
        Ok(())
    }
}

fn filled(fill: &Fill, token: &SecretString) -> Option<Vec<u8>> {
    match fill {
        Fill::ClusterConfig(connection) => Some(connection.config(token.expose_secret()).into_bytes()),
        _ => None,
    }
}

/// The token in a Secret that Kubernetes filled.
pub(super) fn token(secret: &Object) -> Option<SecretString> {
    let bytes = value(secret, "token").filter(|bytes| !bytes.is_empty())?;
    String::from_utf8(bytes).ok().map(SecretString::from)
}

/// An account of somebody else's would be changed, and one day removed.
fn refuse_foreign(observed: &Observed) -> Result<(), Failure> {
    let foreign = observed.objects.iter().find(|(_, live)| match live {
        Live::Found(object) => !clusters::is_ours(object),
        _ => false,
    });
    match foreign {
        None => Ok(()),
        Some((object, _)) => Err(Failure::Refused(format!(
            "{object} was made by somebody else, such as `argocd cluster add`\n  use another name: --service-account \
             gitops-setup-{}",
            clusters::ACCOUNT
        ))),
    }
}

/// How Argo CD is to reach the cluster: what the context says, and over it what was asked for.
fn endpoint(kubeconfig: Option<&Path>, args: &AddCluster) -> Result<Endpoint, Failure> {
    let mut endpoint = Endpoint::of(kubeconfig, &args.context)?;
    if let Some(server) = &args.server {
        endpoint.server = server.clone();
    }
    if let Some(name) = &args.tls_server_name {
        endpoint.server_name = Some(name.clone());
    }
    if let Some(path) = &args.ca_file {
        let pem = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(Failure::Usage(format!("{}: there is no certificate (PEM) in it", path.display())));
        }
        endpoint.ca = Some(pem);
        endpoint.insecure = false;
    }
    if endpoint.insecure && !args.insecure {
        return Err(Failure::Usage(format!(
            "context {} checks no certificate (insecure-skip-tls-verify): whoever is on the way could pass for the \
             cluster, and would get the token\n  give the authority of its certificate: --ca-file FILE\n  or, where \
             nobody can be on the way: --insecure",
            args.context
        )));
    }
    endpoint.insecure = args.insecure;
    Ok(endpoint)
}

fn registration(
    args: &AddCluster,
    address: Address,
    endpoint: &Endpoint,
    identity: Option<String>,
) -> Registration {
    let name = args.name.clone().unwrap_or_else(|| args.context.clone());
    let mut namespaces = args.namespaces.clone();
    namespaces.sort();
    namespaces.dedup();
    let account = Account {
        namespace: args.service_account_namespace.clone(),
        name: args.service_account.clone(),
        cluster: name.clone(),
        namespaces,
    };
    let connection = Connection {
        ca: endpoint.ca.clone(),
        insecure: endpoint.insecure,
        server_name: endpoint.server_name.clone(),
        token: account.token(),
    };
    Registration {
        name,
        address,
        labels: args.labels.iter().cloned().collect(),
        project: args.project.clone(),
        access: Some((account, connection)),
        context: args.context.clone(),
        identity,
    }
}

/// Argo CD knows its own cluster without being told; a Secret only adds to that.
fn in_cluster(args: &AddCluster, identity: Option<String>) -> Result<Registration, Failure> {
    let known = format!(
        "context {} leads to the cluster that Argo CD runs in, which it knows already, as {IN_CLUSTER_NAME} at {}",
        args.context,
        Address::in_cluster()
    );
    if !args.namespaces.is_empty() {
        return Err(Failure::Usage(format!(
            "{known}: its rights there are those that Argo CD was installed with"
        )));
    }
    if args.labels.is_empty() && args.project.is_none() {
        return Err(Failure::Usage(format!(
            "{known}\n  to give it labels for ApplicationSets: --label KEY=VALUE"
        )));
    }
    Ok(Registration {
        name: args.name.clone().unwrap_or_else(|| IN_CLUSTER_NAME.into()),
        address: Address::in_cluster(),
        labels: args.labels.iter().cloned().collect(),
        project: args.project.clone(),
        access: None,
        context: args.context.clone(),
        identity,
    })
}

/// An address, unless it may hold a password.
fn shown(server: &str) -> &str {
    match server {
        "" => "the address",
        server if server.contains(['@', '?']) => "the address",
        server => server,
    }
}
