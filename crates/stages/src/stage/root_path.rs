//! The path under which Argo CD is served.

use manifests::argocd::settings::{self, Setting};

use super::tls_termination::{setting_objects, setting_plan, setting_reads};
use super::{Stage, no_checks, no_secrets};
use crate::inputs::Inputs;

pub(super) const STAGE: Stage = Stage {
    name: "root-path",
    summary: "the path under which Argo CD is served",
    needs: &["install-argocd"],
    reads: Some(|inputs| setting_reads(inputs, &setting(inputs))),
    plan: |inputs, observed| setting_plan(inputs, observed, &setting(inputs), "root-path"),
    objects: |inputs| setting_objects(inputs, &setting(inputs)),
    checks: no_checks,
    facts: &[],
    secrets: no_secrets,
};

fn setting(inputs: &Inputs) -> Setting {
    settings::root_path(&inputs.config.argocd)
}
