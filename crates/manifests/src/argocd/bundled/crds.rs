//! The three custom resource definitions, with schemas that accept any content.

use serde_json::{Map, Value, json};

use super::labelled;
use crate::object::{Object, ObjectRef};

const GROUP: &str = "argoproj.io";

/// Shown by `kubectl explain`, where whoever wonders about an accepted misspelling looks first.
const DESCRIPTION: &str =
    "Installed by gitops-setup without Argo CD's detailed schema: the API server accepts any field.";

struct Definition {
    kind: &'static str,
    /// The plural is the singular with an `s`, here and in both short names.
    singular: &'static str,
    short_name: &'static str,
    columns: &'static [Column],
    /// `None` and an empty list are the same to the API server but not to a comparison.
    subresources: Option<&'static [&'static str]>,
    /// Fields that take any content, besides `metadata`.
    free_fields: &'static [&'static str],
}

struct Column {
    name: &'static str,
    path: &'static str,
    /// Columns with a priority are only shown by `kubectl get -o wide`.
    priority: Option<u32>,
}

const DEFINITIONS: &[Definition] = &[
    Definition {
        kind: "Application",
        singular: "application",
        short_name: "app",
        columns: &[
            Column { name: "Sync Status", path: ".status.sync.status", priority: None },
            Column { name: "Health Status", path: ".status.health.status", priority: None },
            Column { name: "Revision", path: ".status.sync.revision", priority: Some(10) },
            Column { name: "Project", path: ".spec.project", priority: Some(10) },
        ],
        // Argo CD writes `status` together with the rest, so it must be no subresource of its own.
        subresources: Some(&[]),
        free_fields: &["spec", "status", "operation"],
    },
    Definition {
        kind: "ApplicationSet",
        singular: "applicationset",
        short_name: "appset",
        columns: &[],
        subresources: Some(&["status"]),
        free_fields: &["spec", "status"],
    },
    Definition {
        kind: "AppProject",
        singular: "appproject",
        short_name: "appproj",
        columns: &[],
        subresources: None,
        free_fields: &["spec", "status"],
    },
];

pub(super) fn definitions() -> Vec<Object> {
    DEFINITIONS.iter().map(Definition::object).collect()
}

impl Definition {
    fn object(&self) -> Object {
        let plural = format!("{}s", self.singular);
        let name = format!("{plural}.{GROUP}");
        let reference =
            ObjectRef::cluster_scoped("apiextensions.k8s.io/v1", "CustomResourceDefinition", &name);
        let spec = json!({
            "group": GROUP,
            "names": {
                "kind": self.kind,
                "listKind": format!("{}List", self.kind),
                "plural": plural,
                "singular": self.singular,
                "shortNames": [self.short_name, format!("{}s", self.short_name)],
            },
            "scope": "Namespaced",
            "versions": [self.version()],
        });
        labelled(&reference, &name).with("spec", spec)
    }

    fn version(&self) -> Value {
        let mut version = json!({
            "name": "v1alpha1",
            "served": true,
            "storage": true,
            "schema": {"openAPIV3Schema": self.schema()},
        });
        if !self.columns.is_empty() {
            version["additionalPrinterColumns"] = self.columns.iter().map(Column::to_json).collect();
        }
        if let Some(subresources) = self.subresources {
            let map: Map<_, _> = subresources.iter().map(|name| (name.to_string(), json!({}))).collect();
            version["subresources"] = map.into();
        }
        version
    }

    fn schema(&self) -> Value {
        let mut properties = json!({
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
        });
        for field in self.free_fields {
            properties[field] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        }
        json!({
            "description": DESCRIPTION,
            "type": "object",
            "properties": properties,
            "required": ["metadata", "spec"],
        })
    }
}

impl Column {
    fn to_json(&self) -> Value {
        let mut column = json!({"name": self.name, "type": "string", "jsonPath": self.path});
        if let Some(priority) = self.priority {
            column["priority"] = priority.into();
        }
        column
    }
}
