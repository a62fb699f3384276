use serde_json::Value;

use crate::finding::Finding;
use crate::walk::escaped;
use crate::{Context, Rule, kustomize};

const ID: &str = "version-in-selector";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "`commonLabels` put a version into selectors",
    help: "Kustomize writes `commonLabels` into selectors, too, which can't be changed in a Deployment: the sync fails at \
           the next version. Use `labels`, which leaves selectors alone.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let all =
        context.repository.kustomizations().filter_map(|folder| context.repository.kustomization(folder));
    let findings = all.flat_map(|(source, document)| {
        let labels = document.value().get("commonLabels").and_then(Value::as_object).into_iter().flatten();
        let versions = labels.map(|(key, _)| key).filter(|key| key.to_lowercase().contains("version"));
        versions.map(move |key| {
            let message =
                format!("`commonLabels` put `{key}` into selectors: the sync fails as soon as it changes");
            let hint =
                "use `labels: [{pairs: {…}}]`, with `includeTemplates: true` where pods are to have it"
                    .to_owned();
            kustomize::whole(source, document).warning(
                ID,
                &format!("/commonLabels/{}", escaped(key)),
                message,
                hint,
            )
        })
    });
    findings.collect()
}
