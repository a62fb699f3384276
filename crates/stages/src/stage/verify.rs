//! Everything once more, as the cluster has it now.

use super::{Check, Fact, Stage, install_argocd, no_objects, no_secrets};
use crate::plan::Plan;

pub(super) const STAGE: Stage = Stage {
    name: "verify",
    summary: "every object read back, every workload rolled out",
    needs: &["cluster"],
    reads: None,
    plan: |_, _| Ok(Plan::default()),
    objects: no_objects,
    checks: |inputs| vec![Check::RolledOut(install_argocd::workloads(inputs))],
    facts: &[Fact::Manifest],
    secrets: no_secrets,
};
