use crate::finding::Finding;
use crate::notifications::{self, Notifications};
use crate::{Context, Rule};

const ID: &str = "undefined-trigger";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a subscription names a trigger of Argo CD's notifications that is not defined",
    help: "Nothing is ever sent for it. Define `trigger.<name>` in argocd-notifications-cm, or correct the name.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(all) = Notifications::of(context) else { return Vec::new() };
    let unknown = all.mentions(context).into_iter().filter_map(|mention| {
        let name = mention.trigger.filter(|name| !all.triggers.contains(name))?;
        let known = notifications::names(&all.triggers);
        let message = format!("subscribes to trigger `{name}`, which is not defined; triggers are: {known}");
        let hint = format!("define `trigger.{name}` in argocd-notifications-cm, or correct the name");
        Some(mention.item.error(ID, &mention.pointer, message, hint))
    });
    unknown.collect()
}
