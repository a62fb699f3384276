//! The address under which Argo CD is reached, and whether it lets us in there.

use manifests::config::Variant;

use super::{Check, Stage, no_objects, no_secrets};
use crate::plan::Plan;

pub(super) const STAGE: Stage = Stage {
    name: "access",
    summary: "the address under which Argo CD is reached, and a login there",
    needs: &["expose"],
    reads: None,
    plan: |inputs, _| match inputs.config.argocd.variant {
        Variant::Core => Ok(Plan::skipped("the core variant has no API server")),
        _ => Ok(Plan::default()),
    },
    objects: no_objects,
    checks: |inputs| match inputs.config.argocd.variant {
        Variant::Core => Vec::new(),
        _ => vec![Check::Address, Check::Login],
    },
    facts: &[],
    secrets: no_secrets,
};
