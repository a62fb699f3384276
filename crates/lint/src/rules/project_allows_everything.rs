use crate::finding::Finding;
use crate::{Context, Rule, application, project};

const ID: &str = "project-allows-everything";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a project lets its Applications create any cluster-wide object",
    help: "Whoever writes to the repository can then take over the cluster, with a ClusterRoleBinding for one. List the \
           kinds that are needed. The project `default` allows everything, too, unless it is defined otherwise.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let projects = project::all(context);
    let everything = projects.iter().filter_map(|project| {
        let entries = project.list("/spec/clusterResourceWhitelist").iter();
        let all = |entry: &serde_json::Value| entry["group"] == "*" && entry["kind"] == "*" && entry["name"].is_null();
        let index = entries.clone().position(all)?;
        let message = "allows every cluster-wide kind (`*/*`): whoever writes to the repository can take over the cluster";
        let hint = "list the kinds that are needed: `{group: apiextensions.k8s.io, kind: CustomResourceDefinition}`";
        let at = format!("/spec/clusterResourceWhitelist/{index}");
        Some(project.warning(ID, &at, message.to_owned(), hint.to_owned()))
    });
    let is_defined = projects.iter().any(|project| project.name() == project::DEFAULT);
    let applications =
        context.units.items().filter_map(|item| Some((item, application::spec_pointer(item)?)));
    let default = applications.filter(|_| !is_defined).filter_map(|(item, spec)| {
        let at = format!("{spec}/project");
        let message = "uses the project `default`, which allows everything everywhere";
        let hint =
            "make an AppProject of its own with the repository, the namespaces and the kinds that it needs";
        (item.text(&at) == project::DEFAULT)
            .then(|| item.warning(ID, &at, message.to_owned(), hint.to_owned()))
    });
    everything.chain(default).collect()
}
