//! Repositories in Argo CD's ConfigMap: put there before 2.1, taken out from there since.

use manifests::argocd::names;
use manifests::repository::{self, CREDENTIALS_KEY, Entries, NotAList, REPOSITORIES_KEY, Rest};
use manifests::{Object, ObjectRef};
use serde_json::{Map, Value};

use super::{carry_along, shared};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Action, Plan, PlanError, Unseen};

/// The entries that are configured, where the release reads them; their removal, where it has Secrets for them.
pub(super) fn plan(inputs: &Inputs, observed: &Observed, plan: &mut Plan) -> Result<(), PlanError> {
    let version = &inputs.config.argocd.version;
    let reference = names::config(inputs.argocd_namespace());
    let Some(live) = observed.object(&reference) else { return Ok(()) };
    let result = match (version.has_repository_secrets(), version.ignores_repositories_in_config()) {
        (false, _) => put_in(inputs, live, observed, plan),
        (true, ignored) => take_out(inputs, live, observed, plan).or_else(|error| match ignored {
            // Nobody reads it any more.
            true => Ok(()),
            false => Err(error),
        }),
    };
    result.map_err(|(key, error)| unreadable(&reference, key, error))?;
    if version.ignores_repositories_in_config() {
        plan.notes.extend(left_behind(inputs, live));
    }
    Ok(())
}

fn unreadable(reference: &ObjectRef, key: &str, error: NotAList) -> PlanError {
    let namespace = reference.namespace.as_deref().unwrap_or_default();
    PlanError::precondition(
        format!("`{key}` in {reference} {error}: Argo CD can't read it either"),
        format!("mend it: kubectl edit configmap {} --namespace {namespace}", reference.name),
    )
}

type Unreadable = (&'static str, NotAList);

fn text<'a>(live: &'a Object, key: &str) -> &'a str {
    live.text(&format!("/data/{key}"))
}

fn put_in(inputs: &Inputs, live: &Object, observed: &Observed, plan: &mut Plan) -> Result<(), Unreadable> {
    let entries = Entries::of(&inputs.config);
    let mut data = Map::new();
    for (key, entry) in [(REPOSITORIES_KEY, entries.repository), (CREDENTIALS_KEY, entries.template)] {
        let before = text(live, key);
        let after = match entry {
            Some(entry) => repository::merged(before, &entry).map_err(|error| (key, error))?,
            // Applied as it is: left out, it would go with all that others have in it.
            None => before.to_owned(),
        };
        if !after.is_empty() {
            data.insert(key.into(), after.into());
        }
    }
    let desired = Object::new(&live.reference()).with("data", data);
    plan.push_apply(shared(desired, Some(live)), observed);
    Ok(())
}

fn take_out(inputs: &Inputs, live: &Object, observed: &Observed, plan: &mut Plan) -> Result<(), Unreadable> {
    let git = &inputs.config.git;
    let (mut shorter, mut gone) = (Map::new(), Vec::new());
    for (key, address) in
        [(REPOSITORIES_KEY, Some(git.repo_url())), (CREDENTIALS_KEY, git.credential_template.clone())]
    {
        let Some(address) = address else { continue };
        match repository::without(text(live, key), &address).map_err(|error| (key, error))? {
            Rest::All => {}
            Rest::Some(text) => drop(shorter.insert(key.into(), text.into())),
            Rest::None => {
                gone.push(key);
                plan.actions.push(Action::RemoveField {
                    object: live.reference(),
                    pointer: format!("/data/{key}"),
                    // An entry that somebody adds meanwhile must not go with ours.
                    expected: live.get(&format!("/data/{key}")).cloned().map(Unseen),
                    why: format!("{address} is registered by a Secret now"),
                });
            }
        }
    }
    if !shorter.is_empty() {
        let mut desired = Object::new(&live.reference()).with("data", Value::Object(shorter));
        carry_along(&mut desired, Some(live));
        if let Some(Value::Object(data)) = desired.get_mut("/data") {
            data.retain(|key, _| !gone.contains(&key.as_str()));
        }
        plan.push_apply(shared(desired, Some(live)), observed);
    }
    Ok(())
}

/// What others declared in the form that Argo CD no longer reads.
fn left_behind(inputs: &Inputs, live: &Object) -> Vec<String> {
    let git = &inputs.config.git;
    let ours = [Some(git.repo_url()), git.credential_template.clone()];
    let is_ours = |address: &str| ours.iter().flatten().any(|ours| repository::same_address(ours, address));
    let note = |key: &str| {
        let addresses = repository::addresses(text(live, key)).unwrap_or_default();
        let others: Vec<&str> =
            addresses.iter().filter(|address| !is_ours(address)).map(|a| without_user(a)).collect();
        (!others.is_empty()).then(|| {
            let version = &inputs.config.argocd.version;
            format!(
                "Argo CD {version} doesn't read `{key}` in {}; what is only there needs a Secret: {}",
                live.reference(),
                others.join(", ")
            )
        })
    };
    [REPOSITORIES_KEY, CREDENTIALS_KEY].into_iter().filter_map(note).collect()
}

/// An address may hold a token.
fn without_user(address: &str) -> &str {
    match address.split_once("://") {
        Some(("http" | "https", rest)) => rest.rsplit_once('@').map_or(address, |(_, place)| place),
        _ => address,
    }
}
