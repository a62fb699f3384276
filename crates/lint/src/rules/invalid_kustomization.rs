use manifests::config::did_you_mean;
use serde_json::Value;

use crate::finding::{Finding, Level};
use crate::item::{Item, text};
use crate::repository::is_kustomization;
use crate::walk::escaped;
use crate::{Context, Rule, kustomize};

const ID: &str = "invalid-kustomization";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a kustomization has a key that Kustomize doesn't know, or nothing to build",
    help: "Kustomize refuses a file with an unknown key or with nothing in it, and the Application stays as it was. One \
           without resources is built to nothing, and with pruning everything goes.",
    check,
};

/// Keys that stand above lists, of Kustomize 5.7's type `Kustomization`; the older ones are still read.
const LISTS: &[&str] = &[
    "bases",
    "buildMetadata",
    "components",
    "configMapGenerator",
    "configurations",
    "crds",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "imageTags",
    "images",
    "labels",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "replicas",
    "resources",
    "secretGenerator",
    "transformers",
    "validators",
    "vars",
];
/// The other keys.
const OTHERS: &[&str] = &[
    "apiVersion",
    "commonAnnotations",
    "commonLabels",
    "generatorOptions",
    "helmGlobals",
    "inventory",
    "kind",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "openapi",
    "sortOptions",
];
/// Lists of which objects may come.
const SOURCES: &[&str] = &[
    "bases",
    "components",
    "configMapGenerator",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "resources",
    "secretGenerator",
    "transformers",
];

fn check(context: &Context<'_>) -> Vec<Finding> {
    let all = context.repository.sources().filter(|source| is_kustomization(&source.path));
    let findings = all.flat_map(|source| match source.documents.first() {
        Some(document) => of(&kustomize::whole(source, document), document.value()),
        None => vec![empty(&source.path)],
    });
    findings.collect()
}

const NOTHING: &str = "there is nothing in it, which Kustomize refuses";
const HINT: &str = "name files and folders under `resources`";

/// A file without any document has no place to point at.
fn empty(path: &str) -> Finding {
    Finding {
        rule: ID,
        level: Level::Error,
        file: path.to_owned(),
        line: 1,
        column: 1,
        object: None,
        stage: None,
        message: NOTHING.to_owned(),
        hint: HINT.to_owned(),
    }
}

fn of(kustomization: &Item<'_>, spec: &Value) -> Vec<Finding> {
    let Some(map) = spec.as_object() else {
        let message = "is no mapping: Kustomize builds nothing of this folder".to_owned();
        return vec![kustomization.error(ID, "", message, HINT.to_owned())];
    };
    let refused: Vec<Finding> =
        map.iter().filter_map(|(key, value)| refused(kustomization, key, value)).collect();
    // What is missing may stand under the key that is not known.
    if refused.is_empty() { nothing(kustomization, spec).into_iter().collect() } else { refused }
}

/// What Kustomize says of one key. It does not tell capital letters from small ones.
fn refused(kustomization: &Item<'_>, key: &str, value: &Value) -> Option<Finding> {
    let is_among = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(key));
    let (message, hint) = if is_among(LISTS) {
        if value.is_array() || value.is_null() {
            return None;
        }
        let message = format!("`{key}` is no list: Kustomize builds nothing of this folder");
        (message, format!("put each entry of `{key}` behind a `-`"))
    } else if is_among(OTHERS) {
        return None;
    } else {
        let meant = did_you_mean(key, LISTS.iter().chain(OTHERS).copied());
        let message = format!("Kustomize knows no key `{key}`, and builds nothing of this folder{meant}");
        (message, format!("correct the key `{key}`, or remove it"))
    };
    Some(kustomization.error(ID, &format!("/{}", escaped(key)), message, hint))
}

/// A component may only change what others bring, so it needs nothing of its own.
fn nothing(kustomization: &Item<'_>, spec: &Value) -> Option<Finding> {
    let map = spec.as_object()?;
    if map.iter().all(|(key, value)| ["apiVersion", "kind"].contains(&key.as_str()) || value.is_null()) {
        return Some(kustomization.error(ID, "", NOTHING.to_owned(), HINT.to_owned()));
    }
    // An empty list says that there is to be nothing.
    let has_any = map.keys().any(|key| SOURCES.iter().any(|name| name.eq_ignore_ascii_case(key)));
    if has_any || text(spec, "/kind") == "Component" {
        return None;
    }
    let message = "there are no `resources`, `components` or generators: nothing is built".to_owned();
    Some(kustomization.warning(ID, "", message, HINT.to_owned()))
}
