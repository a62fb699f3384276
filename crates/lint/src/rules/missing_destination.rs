use crate::finding::Finding;
use crate::{Context, Rule, application};

const ID: &str = "missing-destination";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "an Application or ApplicationSet doesn't say where to deploy",
    help: "`destination` needs `server` or `name` of a cluster; without it nothing is deployed.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let specs = context.units.items().filter_map(|item| Some((item, application::spec_pointer(item)?)));
    let findings = specs.filter_map(|(item, spec)| {
        let given = |field: &str| application::gives(item, &format!("/destination/{field}"));
        let message = match (given("server"), given("name")) {
            (false, false) => "there is no `destination` with a cluster: nothing says where to deploy",
            (true, true) => "`destination` has both `server` and `name`, which Argo CD refuses",
            _ => return None,
        };
        let hint = "set `destination.server: https://kubernetes.default.svc` for the cluster that Argo CD runs in, or \
                    `destination.name`"
            .to_owned();
        Some(item.error(ID, &format!("{spec}/destination"), message.to_owned(), hint))
    });
    findings.collect()
}
