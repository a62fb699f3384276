//! Everything once more, as the cluster has it now.

use super::{Check, Fact, Stage, install_argocd, no_objects, no_secrets, nothing_read};
use crate::plan::Plan;
use manifests::config::Config;

pub(super) const STAGE: Stage = Stage {
    name: "verify",
    summary: "every object read back, every workload rolled out",
    needs: &["cluster"],
    reads: nothing_read,
    plan: |inputs, _| Ok(Plan { notes: unused(&inputs.config), ..Plan::default() }),
    objects: no_objects,
    checks: |inputs| vec![Check::RolledOut(install_argocd::workloads(inputs))],
    facts: &[Fact::Manifest],
    secrets: no_secrets,
};

/// What the configuration asks for and no stage brings about yet: better said than silently passed over.
fn unused(config: &Config) -> Vec<String> {
    let asked = [("webhooks", config.webhooks.is_some())];
    asked
        .iter()
        .filter(|(_, asked)| *asked)
        .map(|(key, _)| format!("`{key}` is configured, and no stage of this version uses it yet"))
        .collect()
}
