//! Seldon Enterprise Platform's Git credentials.

use manifests::config::Seldon;
use manifests::fill::FilledSecret;
use manifests::{Object, ObjectRef};

use super::super::install_argocd::refuse_terminating;
use super::push_secret;
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError};

/// The Secret, where there are credentials.
pub(super) fn git_secret(inputs: &Inputs) -> Option<FilledSecret> {
    manifests::seldon::git_secret(&inputs.config, &inputs.known_hosts)
}

/// The namespace to look for.
pub(super) fn namespace(inputs: &Inputs) -> Option<ObjectRef> {
    let seldon = inputs.config.seldon.as_ref()?;
    Some(manifests::seldon::namespace(&seldon.namespace).reference())
}

/// The namespace, where it is made.
pub(in crate::stage) fn new_namespace(inputs: &Inputs) -> Option<Object> {
    let seldon = inputs.config.seldon.as_ref().filter(|seldon| seldon.create_namespace)?;
    Some(manifests::seldon::namespace(&seldon.namespace))
}

pub(super) fn plan(inputs: &Inputs, observed: &Observed, plan: &mut Plan) -> Result<(), PlanError> {
    let Some(seldon) = &inputs.config.seldon else { return Ok(()) };
    place(seldon, observed, plan)?;
    match git_secret(inputs) {
        Some(secret) => {
            plan.notes.extend(nobody(inputs));
            push_secret(secret, observed, plan);
        }
        None => plan
            .notes
            .push("`seldon` gets no Git credentials: neither `seldon.auth` nor `git.auth` is set".into()),
    }
    Ok(())
}

/// Git makes no commit without a name and an address.
fn nobody(inputs: &Inputs) -> Option<String> {
    let author = inputs.config.git.author.clone().unwrap_or_default();
    (author.name.is_empty() || author.email.is_empty()).then(|| {
        "Seldon Enterprise Platform is told no name or no e-mail address to commit with: set `git.author`"
            .into()
    })
}

/// Makes sure of the namespace, also for other stages. One that is there belongs to whoever installed Seldon Enterprise Platform.
pub(in crate::stage) fn place(
    seldon: &Seldon,
    observed: &Observed,
    plan: &mut Plan,
) -> Result<(), PlanError> {
    refuse_terminating(&seldon.namespace, observed)?;
    let namespace = manifests::seldon::namespace(&seldon.namespace);
    match observed.object(&namespace.reference()) {
        Some(_) => plan.unchanged += 1,
        None if seldon.create_namespace => {
            plan.push_apply(Apply::new(namespace).if_unchanged(None), observed);
        }
        None => {
            return Err(PlanError::precondition(
                format!("{} is not there", namespace.reference()),
                "install Seldon Enterprise Platform first, or set `seldon.createNamespace: true`, or remove `seldon`",
            ));
        }
    }
    Ok(())
}
