//! One JSON event a line; `docs/output.md` is the schema.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use manifests::clusters::Stored;
use manifests::config::Provider;
use manifests::models::Deployed;
use serde::Serialize;
use serde_json::{Value, json};
use stages::teardown::Undoing;
use stages::{Plan, Stage};

use super::{Outcome, Summary, safe, spoken};
use crate::failure::Failure;

pub(super) fn started(title: &str, stages: &[&Stage]) {
    let names: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
    print(&json!({ "event": "started", "title": title, "stages": names }));
}

pub(super) fn stage_started(stage: &str) {
    print(&json!({ "event": "stage-started", "stage": stage }));
}

pub(super) fn progress(stage: Option<&str>, message: &str) {
    print(&json!({ "event": "progress", "stage": stage, "message": message }));
}

pub(super) fn plan(stage: &str, plan: &Plan) {
    print(&json!({ "event": "plan", "stage": stage, "plan": plan }));
}

pub(super) fn undoing(stage: &str, undoing: &Undoing) {
    print(&json!({ "event": "undoing", "stage": stage, "undoing": undoing }));
}

pub(super) fn stage_undone(stage: &str, undoing: &Undoing, took: Duration) {
    let ((deleted, changed), seconds) = (undoing.counts(), took.as_secs_f64());
    print(&json!({
        "event": "stage-undone", "stage": stage, "deleted": deleted, "changed": changed, "notes": undoing.notes,
        "seconds": seconds,
    }));
}

pub(super) fn stage_finished(stage: &str, outcome: &Outcome, took: Duration) {
    let seconds = took.as_secs_f64();
    print(&json!({ "event": "stage-finished", "stage": stage, "outcome": outcome, "seconds": seconds }));
}

pub(super) fn model(model: &Deployed) {
    print(&json!({
        "event": "model", "model": model.model, "environment": model.environment,
        "runtime": model.runtime.map(|runtime| runtime.to_string()), "version": model.version,
        "image": model.image, "storageUri": model.storage_uri,
        "problem": model.problem.as_ref().map(ToString::to_string),
    }));
}

pub(super) fn file(path: &str, change: &str) {
    print(&json!({ "event": "file", "path": path, "change": change }));
}

pub(super) fn finished(summary: &Summary) {
    let facts: Value =
        summary.facts.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    print(&json!({
        "event": "finished", "created": summary.created, "changed": summary.changed, "deleted": summary.deleted,
        "unchanged": summary.unchanged, "notVerified": summary.not_verified, "facts": facts,
        "seconds": summary.seconds,
    }));
}

pub(super) fn clusters(clusters: &[Stored]) {
    let clusters: Value = clusters.iter().map(cluster).collect();
    print(&json!({ "event": "clusters", "clusters": clusters }));
}

fn cluster(cluster: &Stored) -> Value {
    json!({
        "name": cluster.name, "server": cluster.server, "labels": cluster.labels,
        "namespaces": cluster.namespaces, "project": cluster.project, "context": cluster.context,
        "ours": cluster.ours, "inCluster": cluster.is_in_cluster(),
    })
}

/// How a cluster stands, and how it is reached.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    /// Who makes the cluster.
    pub(crate) provider: Provider,
    /// Kubeconfig file; `None` for kubectl's default.
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) context: String,
    /// Major and minor version.
    pub(crate) kubernetes_version: Option<String>,
    /// The release that the configuration says.
    pub(crate) argocd_version: String,
    /// Argo CD's address; `None` where there is none.
    pub(crate) address: Option<String>,
    /// Whether the address leads there only while `argocd port-forward` runs.
    pub(crate) port_forward: bool,
    /// Changes that `setup` would make; `None` where a stage could not be looked at.
    pub(crate) differences: Option<usize>,
}

pub(super) fn standing(standing: &Standing) {
    print(&json!({ "event": "status", "status": standing }));
}

pub(super) fn failed(failure: &Failure) {
    let stage = match failure {
        Failure::Stage { stage, .. } => Some(*stage),
        _ => None,
    };
    print(&json!({
        "event": "failed", "stage": stage, "message": failure.to_string(), "exitCode": failure.code(),
    }));
}

pub(super) fn finding(finding: &lint::Finding) {
    print(&json!({ "event": "finding", "finding": finding }));
}

pub(super) fn not_checked(file: &str, why: &str) {
    print(&json!({ "event": "not-checked", "file": file, "why": why }));
}

pub(super) fn linted(root: &str, files: usize, objects: usize, errors: usize, warnings: usize) {
    let root = if root.is_empty() { "." } else { root };
    print(&json!({
        "event": "linted", "root": root, "files": files, "objects": objects, "errors": errors, "warnings": warnings,
    }));
}

fn print(event: &Value) {
    let event = event.to_string();
    let _closed = writeln!(std::io::stdout(), "{}", safe::json(&spoken(&event)));
}
