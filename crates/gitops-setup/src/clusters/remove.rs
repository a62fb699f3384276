//! A cluster is taken away from Argo CD, and then Argo CD's account from the cluster.
//!
//! The ServiceAccount goes last, because it says what else there is: a run that was cut off is finished by another.

use cluster::Client;
use cluster::observe::Found;
use manifests::argocd::names::ARGOPROJ;
use manifests::clusters::{self, Account, Stored};
use manifests::{Object, ObjectRef};
use stages::Observed;

use super::{Hub, connect, identity, observe};
use crate::args::RemoveCluster;
use crate::failure::Failure;

/// Applications that are named in an error.
const NAMED: usize = 5;

/// What goes.
pub(crate) struct Remove<'a> {
    hub: &'a Hub<'a>,
    /// The Secret by which Argo CD knows the cluster; `None` where an earlier run removed it.
    pub(crate) secret: Option<ObjectRef>,
    /// The other cluster, and what goes there.
    target: Option<(Client, Vec<ObjectRef>)>,
    /// What stays, and why.
    pub(crate) notes: Vec<String>,
}

impl<'a> Remove<'a> {
    /// Finds what goes, and refuses where it must not. Changes nothing.
    pub(crate) async fn of(hub: &'a Hub<'a>, args: &RemoveCluster) -> Result<Self, Failure> {
        let (known, _) = hub.stored().await?;
        let stored = known.iter().find(|stored| stored.name == args.name);
        let mut remove = Self { hub, secret: None, target: None, notes: Vec::new() };
        match stored {
            None if args.context.is_none() => return Err(unknown(&args.name, &known)),
            None => {}
            Some(stored) => {
                refuse_foreign(stored)?;
                remove.secret = stored.secret.clone();
                if stored.is_in_cluster() {
                    remove
                        .notes
                        .push("Argo CD still knows the cluster that it runs in, without labels".into());
                    return Ok(remove);
                }
                remove.applications(stored, args.force).await?;
            }
        }
        remove.look_there(stored, args).await?;
        Ok(remove)
    }

    /// What goes in the other cluster.
    pub(crate) fn there(&self) -> &[ObjectRef] {
        self.target.as_ref().map_or(&[], |(_, objects)| objects)
    }

    /// Makes it so.
    pub(crate) async fn run(&self) -> Result<(), Failure> {
        if let Some(secret) = &self.secret {
            self.hub.client.delete(secret).await?;
        }
        if let Some((client, objects)) = &self.target {
            self.hub.session.lock.guard(client);
            for object in objects {
                client.delete(object).await?;
            }
        }
        Ok(())
    }

    /// Applications that are deployed there would fail for ever.
    async fn applications(&mut self, stored: &Stored, force: bool) -> Result<(), Failure> {
        let like = ObjectRef { namespace: None, ..ObjectRef::cluster_scoped(ARGOPROJ, "Application", "") };
        let applications = self.hub.client.list_all(&like).await?.unwrap_or_default();
        let names: Vec<String> = applications
            .iter()
            .filter(|application| stored.is_destination_of(application))
            .map(|application| {
                format!("{}/{}", application.namespace().unwrap_or_default(), application.name())
            })
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let more = names.len().saturating_sub(NAMED);
        let mut shown = names[..names.len().min(NAMED)].join(", ");
        if more > 0 {
            shown += &format!(" and {more} more");
        }
        if !force {
            return Err(Failure::Refused(format!(
                "Applications are deployed to {}: {shown}\n  delete or move them first, or leave them without a \
                 cluster: --force",
                stored.name
            )));
        }
        self.notes.push(format!("Applications are left without a cluster: {shown}"));
        Ok(())
    }

    /// Leaves the account where it is, if that is wanted: its token goes on opening the cluster.
    fn leave(&mut self, why: &str, args: &RemoveCluster) -> Result<(), Failure> {
        if !args.keep_account {
            return Err(Failure::Precondition(format!(
                "Argo CD's account in the cluster can't be removed: {why}\n  say how it is reached (--context CONTEXT, \
                 --kubeconfig FILE), or leave it there: --keep-account"
            )));
        }
        self.notes.push(format!(
            "Argo CD's account in the cluster stays, with a token that goes on working: {why}"
        ));
        Ok(())
    }

    async fn look_there(&mut self, stored: Option<&Stored>, args: &RemoveCluster) -> Result<(), Failure> {
        let context = args.context.as_ref().or(stored.and_then(|stored| stored.context.as_ref()));
        let Some(context) = context else {
            return self.leave("nothing says by which context it was added", args);
        };
        let client = match connect(args.kubeconfig.file.as_deref(), context).await {
            Ok(client) => client,
            // Nobody asked for this very context.
            Err(error) if args.context.is_none() => {
                let error = error.to_string();
                return self.leave(error.lines().next().unwrap_or_default(), args);
            }
            Err(error) => return Err(error.into()),
        };
        let expected = stored.and_then(|stored| stored.identity.clone());
        if expected.is_some() && identity(&client).await? != expected {
            let why = format!("context {context} leads to another cluster than {}", args.name);
            return match args.context {
                Some(_) => Err(Failure::Refused(format!("{why}\n  see: kubectl config get-contexts"))),
                None => self.leave(&why, args),
            };
        }
        match account(&client, stored, &args.name).await? {
            Some(account) => {
                let observed = observe(&client, &account.removal()).await?;
                let (ours, foreign) = sorted(&account.removal(), &observed);
                self.notes.extend(
                    foreign.iter().map(|object| format!("{object} stays: it was made by somebody else")),
                );
                self.target = Some((client, ours));
            }
            None if stored.is_none() => return Err(nothing(&args.name, context)),
            None => {}
        }
        Ok(())
    }
}

/// Argo CD's account for this cluster, by what the other side says.
async fn account(client: &Client, stored: Option<&Stored>, name: &str) -> Result<Option<Account>, Failure> {
    let place = stored.and_then(|stored| stored.account.clone());
    let live: Vec<Object> = match place {
        Some((namespace, account)) => {
            match client.read(&ObjectRef::namespaced("v1", "ServiceAccount", &namespace, &account)).await? {
                Found::Object(live) => vec![*live],
                Found::Absent | Found::KindUnknown => Vec::new(),
            }
        }
        None => {
            let like = ObjectRef::cluster_scoped("v1", "ServiceAccount", "");
            client.list_all(&like).await?.unwrap_or_default()
        }
    };
    let ours = live.iter().filter(|live| clusters::is_ours(live)).filter_map(Account::of);
    Ok(ours.into_iter().find(|account| account.cluster == name))
}

/// What is there, ours and others'.
fn sorted(objects: &[ObjectRef], observed: &Observed) -> (Vec<ObjectRef>, Vec<ObjectRef>) {
    let there = objects.iter().filter(|object| observed.object(object).is_some());
    there.cloned().partition(|object| observed.object(object).is_some_and(clusters::is_ours))
}

fn refuse_foreign(stored: &Stored) -> Result<(), Failure> {
    match (&stored.secret, stored.ours) {
        (Some(_), true) => Ok(()),
        (Some(secret), false) => Err(Failure::Refused(format!(
            "{secret} was made by somebody else, such as `argocd cluster add`\n  remove it there: argocd cluster rm {}",
            stored.name
        ))),
        (None, _) => Err(Failure::Refused(format!(
            "{} is the cluster that Argo CD runs in: there is nothing that could be removed\n  to remove Argo CD \
             itself, delete its namespace: kubectl delete namespace",
            stored.name
        ))),
    }
}

fn unknown(name: &str, known: &[Stored]) -> Failure {
    let names: Vec<&str> = known.iter().map(|stored| stored.name.as_str()).collect();
    Failure::Usage(format!(
        "Argo CD knows no cluster {name}; it knows: {}\n  where an earlier run was cut off, name the context: \
         --context CONTEXT",
        names.join(", ")
    ))
}

fn nothing(name: &str, context: &str) -> Failure {
    Failure::Usage(format!(
        "Argo CD knows no cluster {name}, and has no account for one of that name in the cluster of context {context}"
    ))
}
