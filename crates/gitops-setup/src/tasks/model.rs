//! `model add|list|promote|remove`: models in a checkout of the GitOps repository.

use std::process::ExitCode;

use git_credentials::checkout::{Checkout, CheckoutError};
use manifests::models::{self, Deployed, FileChange, Files, ModelError};
use manifests::repository::same_place;

use crate::args::{AddModel, Global, Model, Place, Written};
use crate::failure::Failure;
use crate::report::count;
use crate::session::{CONFIG_FILE, Session};

pub(crate) fn run(global: &Global, what: Model) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    let folder = session.config.models.clone().unwrap_or_default().folder;
    let work = Work { session: &session, folder };
    match what {
        Model::List(place) => work.list(&place),
        Model::Add(args) => work.add(&args),
        Model::Promote { name, from, to, written } => work.promote(&name, (&from, &to), &written),
        Model::Remove { name, environment, written } => work.remove(&name, environment.as_deref(), &written),
    }?;
    Ok(ExitCode::SUCCESS)
}

struct Work<'a> {
    session: &'a Session,
    /// Where models are in the repository.
    folder: String,
}

impl Work<'_> {
    fn add(&self, args: &AddModel) -> Result<(), Failure> {
        let model = args.model();
        let written = &args.written;
        let (checkout, there) = self.there(&written.place)?;
        let changes = |force| models::add(&model, &args.environment, &self.session.config, &there, force);
        let all = changes(true).map_err(|error| self.refused(&error))?;
        let mut is_update = true;
        for path in all.versions() {
            is_update &= checkout.has_committed(path)?;
        }
        let (name, version) = (&model.name, model.version());
        let message = match is_update {
            true => format!("Update model {name} to {version}"),
            false => format!("Add model {name} {version} to {}", args.environment.join(", ")),
        };
        self.change(&checkout, written, &message, changes)?;
        if self.session.config.models.is_none() {
            self.session.report.paragraph(&format!(
                "Argo CD does not follow {}/ yet: add `models: {{}}` to the configuration, and run cargo xtask setup",
                self.folder
            ));
        }
        Ok(())
    }

    fn promote(&self, name: &str, (from, to): (&str, &str), written: &Written) -> Result<(), Failure> {
        let message = format!("Promote model {name} from {from} to {to}");
        let (checkout, there) = self.there(&written.place)?;
        self.change(&checkout, written, &message, |_| {
            models::promote(name, (from, to), &self.session.config, &there)
        })
    }

    fn remove(&self, name: &str, environment: Option<&str>, written: &Written) -> Result<(), Failure> {
        let from = environment.map(|environment| format!(" from {environment}")).unwrap_or_default();
        let config = &self.session.config;
        let (checkout, there) = self.there(&written.place)?;
        let removed = models::remove(name, environment, config, &there)?;
        let paths: Vec<&str> = removed.all.iter().map(String::as_str).collect();
        // What an earlier run removed may still have to be committed.
        if removed.changes.is_empty() && checkout.uncommitted(&paths)?.is_empty() {
            let missing = models::missing(name, environment, config, &there);
            return Err(Failure::Precondition(missing.to_string()));
        }
        let gone = |path: &String| removed.changes.iter().any(|change| change.path == *path);
        let left: Files =
            there.iter().filter(|(path, _)| !gone(path)).map(|(k, v)| (k.clone(), v.clone())).collect();
        self.change(&checkout, written, &format!("Remove model {name}{from}"), |_| Ok(removed.clone()))?;
        if !written.plan
            && models::list(config, &left).iter().any(|it| it.model == name && it.environment.is_none())
        {
            self.session.report.paragraph(&format!(
                "Model {name} is in no environment now. To remove its base, too: cargo xtask model remove {name}"
            ));
        }
        Ok(())
    }

    /// The checkout, and the files of all models in it.
    fn there(&self, place: &Place) -> Result<(Checkout, Files), Failure> {
        let checkout = self.checkout(place)?;
        let there = checkout.read(&self.folder)?;
        Ok((checkout, there))
    }

    fn checkout(&self, place: &Place) -> Result<Checkout, Failure> {
        let url = self.session.config.git.repo_url();
        match Checkout::of(&place.folder) {
            Err(error @ CheckoutError::None(_)) if !url.is_empty() => {
                Err(Failure::Precondition(format!("{error}: git clone {url}")))
            }
            checkout => {
                let checkout = checkout?;
                self.tell_remotes(&checkout, &url)?;
                Ok(checkout)
            }
        }
    }

    /// Says where a checkout is none of the repository that Argo CD reads. It is no refusal: an address may have more
    /// than one form.
    fn tell_remotes(&self, checkout: &Checkout, url: &str) -> Result<(), Failure> {
        let remotes = checkout.remotes()?;
        if url.is_empty() || remotes.iter().any(|remote| same_place(remote, url)) {
            return Ok(());
        }
        let top = checkout.top().display();
        let report = &self.session.report;
        report.paragraph(&match remotes.is_empty() {
            true => format!("Note: {top} has no remote, and Argo CD reads {url}"),
            false => format!(
                "Note: no remote of {top} leads to {url}, which Argo CD reads. Is this the checkout of another repository? \
                 `--folder` names the right one."
            ),
        });
        if remotes.is_empty() {
            report.line(&format!("  git remote add origin {url}"));
        }
        Ok(())
    }

    /// Shows what changes, writes it, and commits it where that is asked for. `changes` is asked with whether files
    /// that say something else may be replaced.
    fn change(
        &self,
        checkout: &Checkout,
        written: &Written,
        message: &str,
        changes: impl Fn(bool) -> Result<models::Changes, ModelError>,
    ) -> Result<(), Failure> {
        let planned = changes(written.force).map_err(|error| {
            if let (true, ModelError::Edited { .. }, Ok(forced)) = (written.plan, &error, changes(true)) {
                forced.changes.iter().for_each(|change| self.show(change));
            }
            self.refused(&error)
        });
        let models::Changes { changes, all } = planned?;
        checkout.check(&changes, written.force)?;
        for change in &changes {
            // What is shown as done is done, also where the next file can't be written.
            if !written.plan {
                checkout.write(change)?;
            }
            self.show(change);
        }
        if written.plan {
            self.session.report.line(&format!("{} would change", count(changes.len(), "file")));
            return Ok(());
        }
        let paths: Vec<&str> = all.iter().map(String::as_str).collect();
        let report = &self.session.report;
        if written.commit {
            let message = written.message.as_deref().unwrap_or(message);
            match checkout.commit(&paths, message, self.session.config.git.author.as_ref())? {
                Some(commit) => {
                    report.paragraph(&format!("Committed {commit}: {message}"));
                    report.line(match checkout.branch()? {
                        Some(_) => "Push it: git push",
                        None => {
                            "It is on no branch (detached HEAD). Make one, and push that: git switch -c NAME"
                        }
                    });
                }
                None => report.line("Nothing changed."),
            }
        } else if changes.is_empty() {
            report.line("Nothing changed.");
        } else {
            report.line(&format!("{} changed. Look at them, commit and push.", count(changes.len(), "file")));
        }
        Ok(())
    }

    /// Why the files can't be made, with where the environments come from that are none of the user's.
    fn refused(&self, error: &ModelError) -> Failure {
        let is_unknown = matches!(error, ModelError::UnknownEnvironment { .. });
        Failure::Usage(match self.session.quickstart && is_unknown {
            true => format!(
                "{error}\n  there is no {CONFIG_FILE} in the current folder, so these are the built-in quickstart's: go to \
                 where yours is, or name it by `--config`"
            ),
            false => error.to_string(),
        })
    }

    fn show(&self, change: &FileChange) {
        let report = &self.session.report;
        let (sign, what) = match (&change.before, &change.after) {
            (None, _) => ('+', "created"),
            (_, None) => ('-', "removed"),
            (Some(_), Some(_)) => ('~', "changed"),
        };
        if report.is_json() {
            return report.file(&change.path, what);
        }
        report.line(&format!("  {sign} {}", change.path));
        if let (Some(before), Some(after)) = (&change.before, &change.after) {
            models::lines(before, after).iter().for_each(|line| report.line(&format!("      {line}")));
        }
    }

    fn list(&self, place: &Place) -> Result<(), Failure> {
        let report = &self.session.report;
        let (_, there) = self.there(place)?;
        let listed = models::list(&self.session.config, &there);
        if report.is_json() {
            listed.iter().for_each(|model| report.model(model));
            return Ok(());
        }
        if listed.is_empty() {
            report.paragraph(&format!("no models in {}/: cargo xtask model add", self.folder));
        }
        let mut last = "";
        for model in &listed {
            if model.model != last {
                let runtime = model.runtime.map(|runtime| format!(" ({runtime})")).unwrap_or_default();
                report.line(&format!("{}{runtime}", model.model));
                last = &model.model;
            }
            self.list_one(model);
        }
        Ok(())
    }

    fn list_one(&self, model: &Deployed) {
        let report = &self.session.report;
        let Some(environment) = &model.environment else {
            return report.wrapped("  ", "in no environment", "      ");
        };
        let version = model.version.as_deref().unwrap_or("-");
        let known = self.session.config.environments.iter().any(|it| it.namespace == *environment);
        let unknown = if known { "" } else { ", no environment of the configuration" };
        report.wrapped("  ", &format!("{environment}: {version}{unknown}"), "      ");
        for value in [&model.storage_uri, &model.image].into_iter().flatten() {
            report.line(&format!("      {value}"));
        }
        if let Some(problem) = &model.problem {
            report.wrapped("      ", &problem.to_string(), "      ");
        }
    }
}
