use crate::finding::Finding;
use crate::{Context, Rule, project};

const ID: &str = "namespace-differs";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a kustomization's `namespace` is another than its Application's destination",
    help: "The namespace in the kustomization wins: the objects go there, and not where the Application says. Where the \
           project does not allow it, that is `project-refuses-kind`.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let projects = project::all(context);
    let mut findings = Vec::new();
    for unit in &context.units.units {
        let Some(application) = &unit.application else { continue };
        let (server, name, own) = application.destination();
        let project = project::of(&projects, application);
        let project = project.filter(|_| !server.is_empty() || !name.is_empty());
        for overlay in &unit.overlays {
            let namespace = overlay.namespace.as_deref().unwrap_or_default();
            let is_refused =
                project.is_some_and(|project| !project::allows_namespace(project, application, namespace));
            if own.is_empty() || namespace == own || is_refused {
                continue;
            }
            let message = format!(
                "everything here goes to namespace `{namespace}`, although {} deploys to `{own}`",
                application.label()
            );
            let hint = "write the same namespace in both, or none here".to_owned();
            findings.push(overlay.warning(ID, "/namespace", message, hint));
        }
    }
    findings
}
