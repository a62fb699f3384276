use crate::finding::Finding;
use crate::item::Item;
use crate::{Context, Rule, application, project};

const ID: &str = "missing-project";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "an Application or ApplicationSet has no project, or one that is not defined",
    help: "`project` is required; Argo CD refuses an Application without one, and one whose AppProject it does not know. \
           A project that is defined elsewhere is fine: allow the finding with a comment.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let missing = context.units.items().filter_map(none);
    missing.chain(undefined(context)).collect()
}

fn none(item: &Item<'_>) -> Option<Finding> {
    let spec = application::spec_pointer(item)?;
    if application::gives(item, "/project") {
        return None;
    }
    let message = "there is no `project`: Argo CD refuses the Application".to_owned();
    let hint =
        "set `project` to the name of an AppProject that allows what the Application brings".to_owned();
    Some(item.error(ID, spec, message, hint))
}

fn undefined(context: &Context<'_>) -> Vec<Finding> {
    let projects = project::all(context);
    let known: Vec<&str> = projects.iter().map(|project| project.name()).collect();
    // Where none is defined, they are somewhere else.
    let applications = context.units.units.iter().filter_map(|unit| unit.application.as_ref());
    let findings = applications.filter(|_| !known.is_empty()).filter_map(|application| {
        let name = application.project();
        if name.is_empty() || name == project::DEFAULT || known.contains(&name) {
            return None;
        }
        let message =
            format!("there is no AppProject `{name}` among those that are defined: {}", known.join(", "));
        let hint = format!("define AppProject `{name}`, or correct the name");
        let spec = application::spec_pointer(&application.item)?;
        Some(application.item.warning(ID, &format!("{spec}/project"), message, hint))
    });
    findings.collect()
}
