//! `clusters list|check|add|remove`.

use std::process::ExitCode;

use super::block_on_locked;
use crate::args::{AddCluster, CheckClusters, Clusters, Global, RemoveCluster};
use crate::clusters::{Add, Checked, Hub, Remove, check};
use crate::failure::Failure;
use crate::report::count;
use crate::session::Session;

pub(crate) fn run(global: &Global, what: Clusters) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    block_on_locked(&session, async {
        let work = Work { hub: Hub::of(&session).await?, session: &session };
        match what {
            Clusters::List => work.list().await,
            Clusters::Check(args) => work.check(&args).await,
            Clusters::Add(args) => work.add(&args).await,
            Clusters::Remove(args) => work.remove(&args).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What the commands work with.
struct Work<'a> {
    hub: Hub<'a>,
    session: &'a Session,
}

impl Work<'_> {
    fn say(&self, text: &str) {
        text.lines().for_each(|line| {
            let indent = &line[..line.len() - line.trim_start().len()];
            self.session.report.wrapped(indent, line.trim_start(), &format!("{indent}  "));
        });
    }

    async fn list(&self) -> Result<(), Failure> {
        let (known, _) = self.hub.stored().await?;
        self.session.report.clusters(&known);
        Ok(())
    }

    async fn check(&self, args: &CheckClusters) -> Result<(), Failure> {
        let (known, secrets) = self.hub.stored().await?;
        let wanted = |name: &str| args.name.as_ref().is_none_or(|wanted| wanted == name);
        let (mut checked, mut bad) = (0, 0);
        for stored in known.iter().filter(|stored| wanted(&stored.name)) {
            let secret = stored.secret.as_ref();
            let secret = secrets.iter().find(|live| secret == Some(&live.reference()));
            checked += 1;
            let word = match check(stored, secret, args.kubeconfig.file.as_deref()).await? {
                Checked::Good(word) => word,
                Checked::NotVerified(why) => format!("not verified: {why}"),
                Checked::Bad(why) => {
                    bad += 1;
                    why
                }
            };
            self.say(&format!("{} ({}): {word}", stored.name, stored.server));
        }
        match (checked, bad) {
            (0, _) => Err(Failure::Usage(format!(
                "Argo CD knows no cluster {}\n  see those that it knows: cargo xtask clusters list",
                args.name.as_deref().unwrap_or_default()
            ))),
            (_, 0) => Ok(()),
            (checked, bad) => Err(Failure::Refused(format!(
                "{bad} of {} can't be used as stored",
                count(checked, "cluster")
            ))),
        }
    }

    async fn add(&self, args: &AddCluster) -> Result<(), Failure> {
        let report = &self.session.report;
        report.set_timeout(args.timeout);
        self.session.lock.set("clusters add", args.lock.lock_timeout);
        let add = Add::of(&self.hub, args).await?;
        let mut steps = add.steps().await?;
        if !args.plan && !steps.is_empty() && self.hub.lock().await? {
            steps = add.steps().await?;
        }
        self.say(&add.title());
        if steps.is_empty() {
            self.say("nothing to change");
            return Ok(());
        }
        steps.obsolete.iter().for_each(|object| report.line(&format!("  - {object}")));
        report.actions(&steps.target);
        report.actions(&steps.hub);
        if args.plan {
            self.say("nothing was changed: this is a plan");
            return Ok(());
        }
        if let Some(verified) = add.run(steps, args.force_conflicts).await? {
            self.say(&verified);
        }
        self.say("done; to see it: cargo xtask clusters list");
        Ok(())
    }

    async fn remove(&self, args: &RemoveCluster) -> Result<(), Failure> {
        let report = &self.session.report;
        self.session.lock.set("clusters remove", args.lock.lock_timeout);
        if !args.plan {
            self.hub.lock().await?;
        }
        let remove = Remove::of(&self.hub, args).await?;
        self.say(&format!("cluster {}", args.name));
        for object in remove.secret.iter().chain(remove.there()) {
            report.line(&format!("  - {object}"));
        }
        remove.notes.iter().for_each(|note| self.say(note));
        if args.plan {
            self.say("nothing was changed: this is a plan");
            return Ok(());
        }
        remove.run().await?;
        self.say("removed");
        Ok(())
    }
}
