//! What an object uses of others.

use serde_json::Value;

use crate::application::GROUP;
use crate::item::{Item, list, text};
use crate::walk::visit;

/// A use of another object.
pub(crate) struct Reference {
    /// Kind of what is used; several where either will do.
    pub(crate) kinds: &'static [&'static str],
    /// Its name.
    pub(crate) name: String,
    /// Its kind where the object itself says it.
    pub(crate) said_kind: Option<String>,
}

/// A use of an AnalysisTemplate.
pub(crate) struct Analysis<'i> {
    pub(crate) pointer: String,
    pub(crate) name: &'i str,
    pub(crate) is_cluster_scoped: bool,
    pub(crate) arguments: &'i [Value],
}

/// Every use of an AnalysisTemplate in a Rollout, an Experiment or another template.
pub(crate) fn analyses<'i>(item: &'i Item<'_>) -> Vec<Analysis<'i>> {
    let mut found = Vec::new();
    if !["Rollout", "Experiment", "AnalysisTemplate", "ClusterAnalysisTemplate"].contains(&item.kind()) {
        return found;
    }
    visit(&item.value, &mut |pointer, value| {
        let arguments = list(value, "/args");
        let mut add = |pointer: String, template: &'i Value| {
            let name = text(template, "/templateName");
            if !name.is_empty() {
                let is_cluster_scoped = template["clusterScope"] == true;
                found.push(Analysis { pointer, name, is_cluster_scoped, arguments });
            }
        };
        for (index, template) in list(value, "/templates").iter().enumerate() {
            add(format!("{pointer}/templates/{index}/templateName"), template);
        }
        // The analyses of an Experiment name theirs directly.
        if pointer.rsplit_once('/').is_some_and(|(list, _)| list.ends_with("/analyses")) {
            add(format!("{pointer}/templateName"), value);
        }
    });
    found
}

/// A Secret, or what makes one of the same name.
const SECRETS: [&str; 3] = ["Secret", "SealedSecret", "ExternalSecret"];

/// Keys of a map that names an object, the key in it that has the name, and the object's kind.
const NAMED: [(&str, &str, &[&str]); 9] = [
    ("configMapKeyRef", "name", &["ConfigMap"]),
    ("configMapRef", "name", &["ConfigMap"]),
    ("configMap", "name", &["ConfigMap"]),
    ("secretKeyRef", "name", &SECRETS),
    ("secretRef", "name", &SECRETS),
    ("secret", "secretName", &SECRETS),
    ("persistentVolumeClaim", "claimName", &["PersistentVolumeClaim"]),
    ("virtualService", "name", &["VirtualService"]),
    ("workloadRef", "name", &["Deployment"]),
];

/// Keys whose text is the name of an object.
const PLAIN: [(&str, &[&str]); 7] = [
    ("serviceAccountName", &["ServiceAccount"]),
    ("canaryService", &["Service"]),
    ("stableService", &["Service"]),
    ("activeService", &["Service"]),
    ("previewService", &["Service"]),
    ("priorityClassName", &["PriorityClass"]),
    ("runtime", &["ServingRuntime", "ClusterServingRuntime"]),
];

/// Everything that an object needs to become healthy.
pub(crate) fn of(item: &Item<'_>) -> Vec<Reference> {
    let mut found = Vec::new();
    if ["CustomResourceDefinition", "ConfigMap", "Secret", "ApplicationSet"].contains(&item.kind()) {
        return found;
    }
    let mut add = |kinds: &'static [&'static str], name: &str, said_kind: Option<&str>| {
        if !name.is_empty() {
            found.push(Reference { kinds, name: name.to_owned(), said_kind: said_kind.map(str::to_owned) });
        }
    };
    visit(&item.value, &mut |_, value| {
        for (key, field, kinds) in NAMED {
            let Some(inner) = value.get(key).filter(|inner| inner["optional"] != true) else { continue };
            add(kinds, text(inner, &format!("/{field}")), None);
        }
        for (key, kinds) in PLAIN {
            add(kinds, text(value, &format!("/{key}")), None);
        }
        if let Some(target) = value.get("scaleTargetRef") {
            let kind = Some(text(target, "/kind")).filter(|kind| !kind.is_empty()).or(Some("Deployment"));
            add(&[], text(target, "/name"), kind);
        }
        for secret in list(value, "/imagePullSecrets") {
            add(&SECRETS, text(secret, "/name"), None);
        }
    });
    if item.group() == GROUP {
        for analysis in analyses(item) {
            add(&["AnalysisTemplate", "ClusterAnalysisTemplate"], analysis.name, None);
        }
    }
    found
}

impl Reference {
    /// Whether this is what is meant.
    pub(crate) fn means(&self, item: &Item<'_>) -> bool {
        let kind = match &self.said_kind {
            Some(kind) => kind == item.kind(),
            None => self.kinds.contains(&item.kind()),
        };
        kind && item.name() == self.name
    }
}
