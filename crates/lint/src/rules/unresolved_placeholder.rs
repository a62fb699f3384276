use std::collections::BTreeSet;

use serde_json::Value;

use crate::application::GROUP;
use crate::finding::Finding;
use crate::generators::Parameters;
use crate::item::{Item, text};
use crate::walk::{escaped, visit};
use crate::{Context, Rule, notifications, placeholder};

const ID: &str = "unresolved-placeholder";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a `{{ }}` stands for nothing",
    help: "It reaches the cluster as it is, or as `<no value>`. In an ApplicationSet, only what its generators give has a \
           value; in an AnalysisTemplate, only `{{args.<name>}}` of its arguments; in a plain manifest, nothing has.",
    check,
};

/// Kinds with a `{{ }}` of their own, by group; `*` for all of a group.
const OTHERS: [(&str, &[&str]); 14] = [
    ("", &["ConfigMap", "Secret"]),
    (
        "argoproj.io",
        &["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow", "EventSource", "Sensor"],
    ),
    ("bitnami.com", &["*"]),
    ("cilium.io", &["*"]),
    ("external-secrets.io", &["*"]),
    ("generators.external-secrets.io", &["*"]),
    ("grafana.integreatly.org", &["*"]),
    ("kyverno.io", &["*"]),
    ("monitoring.coreos.com", &["*"]),
    ("secrets.hashicorp.com", &["*"]),
    ("serving.kserve.io", &["ServingRuntime", "ClusterServingRuntime", "LLMInferenceServiceConfig"]),
    ("templates.gatekeeper.sh", &["*"]),
    ("notification.toolkit.fluxcd.io", &["*"]),
    ("apiextensions.k8s.io", &["*"]),
];

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for item in context.units.items() {
        let kind = (item.group(), item.kind());
        findings.extend(match kind {
            (GROUP, "ApplicationSet") => application_set(item, context),
            (GROUP, "AnalysisTemplate" | "ClusterAnalysisTemplate") => analysis_template(item),
            _ if notifications::is_config(item) => notification_templates(item),
            _ if is_others(kind) => Vec::new(),
            _ => plain(item),
        });
    }
    findings
}

fn is_others((group, kind): (&str, &str)) -> bool {
    let kinds = OTHERS.iter().find(|(known, _)| *known == group).map(|(_, kinds)| *kinds);
    kinds.is_some_and(|kinds| kinds.contains(&"*") || kinds.contains(&kind))
}

/// Texts with placeholders, with their pointers.
fn texts(value: &Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    visit(value, &mut |pointer, value| match value {
        Value::String(text) if text.contains("{{") => found.push((pointer.to_owned(), text.as_str())),
        Value::Object(map) => {
            let keys = map.keys().filter(|key| key.contains("{{"));
            found.extend(keys.map(|key| (format!("{pointer}/{}", escaped(key)), key.as_str())));
        }
        _ => {}
    });
    found
}

fn application_set(item: &Item<'_>, context: &Context<'_>) -> Vec<Finding> {
    let parameters = Parameters::of(item, context.repository);
    let go = item.get("/spec/goTemplate") == Some(&Value::Bool(true));
    let known = known(&parameters);
    let mut findings = Vec::new();
    let template = item.get("/spec/template").unwrap_or(&Value::Null);
    for (pointer, text) in texts(template) {
        for name in unknown(text, &parameters, go) {
            let what = if go { "becomes `<no value>`" } else { "stays as it is" };
            let message = format!("`{{{{{name}}}}}` {what}: no generator gives it; known are {known}");
            let form = match (go, name.starts_with('.')) {
                (false, true) => "; a dot in front is for `goTemplate: true`",
                (true, false) => "; with `goTemplate: true`, a dot belongs in front",
                _ => "",
            };
            let hint = format!("correct the name, or add it to every element of the generator{form}");
            findings.push(item.error(ID, &format!("/spec/template{pointer}"), message, hint));
        }
    }
    findings
}

/// Names in a text that stand for nothing, as they are written.
fn unknown(text: &str, parameters: &Parameters, go: bool) -> BTreeSet<String> {
    let all = placeholder::all(text).into_iter();
    if !go {
        return all.filter(|name| !parameters.knows(name)).map(str::to_owned).collect();
    }
    let mut names = BTreeSet::new();
    let mut asks = false;
    for expression in all {
        // From here on, a dot may mean something else.
        let Some(fields) = placeholder::go_fields(expression) else { break };
        asks |= placeholder::asks(expression);
        let is_known = |name: &String| if asks { parameters.may_know(name) } else { parameters.knows(name) };
        names.extend(fields.into_iter().filter(|name| !is_known(name)).map(|name| format!(".{name}")));
        // As templates of old wrote it.
        if parameters.names.contains(expression) {
            names.insert(expression.to_owned());
        }
    }
    names
}

fn known(parameters: &Parameters) -> String {
    let open = parameters.open.iter().map(|prefix| format!("{prefix}*"));
    let names: Vec<String> = parameters.names.iter().cloned().chain(open).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn analysis_template(item: &Item<'_>) -> Vec<Finding> {
    let arguments: BTreeSet<&str> =
        item.list("/spec/args").iter().map(|argument| text(argument, "/name")).collect();
    let known = if arguments.is_empty() {
        "none".into()
    } else {
        arguments.iter().copied().collect::<Vec<_>>().join(", ")
    };
    let mut findings = Vec::new();
    for (pointer, text) in texts(item.get("/spec").unwrap_or(&Value::Null)) {
        let names: BTreeSet<&str> = placeholder::all(text).into_iter().collect();
        for name in names {
            let inner = name.strip_prefix("args.").unwrap_or_default();
            // Of a job's pod or of a web measurement, Argo Rollouts fills in nothing else.
            if arguments.contains(inner) {
                continue;
            }
            let message =
                format!("`{{{{{name}}}}}` stands for nothing: the template's arguments are {known}");
            let hint = "write `{{args.<name>}}`, and list the name under `args`".to_owned();
            findings.push(item.error(ID, &format!("/spec{pointer}"), message, hint));
        }
    }
    findings
}

fn notification_templates(item: &Item<'_>) -> Vec<Finding> {
    let broken = notifications::data(item).filter(|(_, text)| !placeholder::is_balanced(text));
    let findings = broken.map(|(key, _)| {
        let message = format!("`{key}` has a `{{{{` that is never closed: the template can't be read");
        let hint = "close every `{{` with `}}`".to_owned();
        item.error(ID, &format!("/data/{}", escaped(key)), message, hint)
    });
    findings.collect()
}

fn plain(item: &Item<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (pointer, text) in texts(&item.value) {
        let Some(name) = placeholder::all(text).into_iter().next() else { continue };
        let message = format!("`{{{{{name}}}}}` stands for nothing: nobody fills in a plain manifest");
        let hint = "write the value, or move the file below `templates/` of a Helm chart".to_owned();
        findings.push(item.error(ID, &pointer, message, hint));
    }
    findings
}
