use crate::finding::Finding;
use crate::notifications::{self, Notifications};
use crate::{Context, Rule};

const ID: &str = "undefined-service";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "Argo CD's notifications name a service that is not defined, or have none at all",
    help: "Without `service.<name>` in argocd-notifications-cm there is nothing to send by. Its token belongs into \
           argocd-notifications-secret, and is named there as `$key`.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(all) = Notifications::of(context) else { return Vec::new() };
    let hint = |name: &str| {
        format!(
            "define `service.{name}` in argocd-notifications-cm, with its token as `$key` of argocd-notifications-secret"
        )
    };
    if all.services.is_empty() {
        let sends = !all.triggers.is_empty() || !all.templates.is_empty();
        let none = all.configs.iter().take(usize::from(sends)).map(|config| {
            let message =
                "there are triggers or templates, but no `service.*`: nothing is ever sent".to_owned();
            config.error(ID, "/data", message, hint("slack"))
        });
        return none.collect();
    }
    let unknown = all.mentions(context).into_iter().filter_map(|mention| {
        let name = mention.service.filter(|name| !all.services.contains(name))?;
        let known = notifications::names(&all.services);
        let message = format!("subscribes by service `{name}`, which is not defined; services are: {known}");
        Some(mention.item.error(ID, &mention.pointer, message, hint(&name)))
    });
    unknown.collect()
}
