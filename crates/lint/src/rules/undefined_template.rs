use crate::finding::Finding;
use crate::notifications::{self, Notifications};
use crate::{Context, Rule, walk};

const ID: &str = "undefined-template";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a trigger of Argo CD's notifications sends a template that is not defined",
    help: "The notification fails at the moment when it is needed, with an entry in the controller's log only. Define \
           `template.<name>` in argocd-notifications-cm.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(all) = Notifications::of(context) else { return Vec::new() };
    let mut findings = Vec::new();
    for config in &all.configs {
        for (key, value) in notifications::data(config) {
            let Some(trigger) = key.strip_prefix("trigger.") else { continue };
            for name in notifications::sent(value).into_iter().filter(|name| !all.templates.contains(name)) {
                let known = notifications::names(&all.templates);
                let message = format!(
                    "trigger `{trigger}` sends template `{name}`, which is not defined; templates are: {known}"
                );
                let hint = format!("define `template.{name}`, or take the name out of `send`");
                findings.push(config.error(ID, &format!("/data/{}", walk::escaped(key)), message, hint));
            }
        }
    }
    findings
}
