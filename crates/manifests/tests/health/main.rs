//! Every health check, on objects of every state.

mod malformed;
mod sandbox;

use std::collections::BTreeSet;

use manifests::config::{Config, HealthChecks, HealthKind};
use manifests::health::{CHECKS, HealthCheck, INFERENCE_SERVICE, chosen};
use manifests::yaml;
use serde_json::{Value, json};

const HEALTHY: &str = "Healthy";
const PROGRESSING: &str = "Progressing";
const DEGRADED: &str = "Degraded";
const SUSPENDED: &str = "Suspended";
const UNKNOWN: &str = "Unknown";

/// Kinds, the statuses that they can have, and their samples.
const KINDS: &[(&str, &[&str], &str)] = &[
    (
        "argoproj.io/Application",
        &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED, UNKNOWN],
        include_str!("samples/Application.yaml"),
    ),
    ("kubeflow.org/MPIJob", &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED], include_str!("samples/jobs.yaml")),
    (
        "kubeflow.org/PyTorchJob",
        &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED],
        include_str!("samples/jobs.yaml"),
    ),
    ("kubeflow.org/TFJob", &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED], include_str!("samples/jobs.yaml")),
    (
        "machinelearning.seldon.io/SeldonDeployment",
        &[HEALTHY, PROGRESSING, DEGRADED, UNKNOWN],
        include_str!("samples/SeldonDeployment.yaml"),
    ),
    (
        "mlops.seldon.io/Experiment",
        &[HEALTHY, PROGRESSING, DEGRADED],
        include_str!("samples/Experiment.yaml"),
    ),
    (
        "mlops.seldon.io/Model",
        &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED],
        include_str!("samples/Model.yaml"),
    ),
    ("mlops.seldon.io/Pipeline", &[HEALTHY, PROGRESSING, DEGRADED], include_str!("samples/Pipeline.yaml")),
    ("mlops.seldon.io/Server", &[HEALTHY, PROGRESSING, DEGRADED], include_str!("samples/Server.yaml")),
    (
        "ray.io/RayCluster",
        &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED],
        include_str!("samples/RayCluster.yaml"),
    ),
    (
        "ray.io/RayJob",
        &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED, UNKNOWN],
        include_str!("samples/RayJob.yaml"),
    ),
    ("ray.io/RayService", &[HEALTHY, PROGRESSING, DEGRADED], include_str!("samples/RayService.yaml")),
    (
        "serving.kserve.io/InferenceGraph",
        &[HEALTHY, PROGRESSING, DEGRADED],
        include_str!("samples/InferenceGraph.yaml"),
    ),
    ("serving.kserve.io/ServingRuntime", &[HEALTHY, SUSPENDED], include_str!("samples/ServingRuntime.yaml")),
    (
        "serving.kserve.io/TrainedModel",
        &[HEALTHY, PROGRESSING, DEGRADED],
        include_str!("samples/TrainedModel.yaml"),
    ),
    (
        "trainer.kubeflow.org/TrainJob",
        &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED],
        include_str!("samples/TrainJob.yaml"),
    ),
    (
        "serving.kserve.io/InferenceService",
        &[HEALTHY, PROGRESSING, DEGRADED, SUSPENDED],
        include_str!("samples/InferenceService.yaml"),
    ),
];

fn all() -> impl Iterator<Item = HealthCheck> {
    CHECKS.iter().copied().chain([INFERENCE_SERVICE])
}

/// The check, its statuses, and its samples: each an object with the health that it has.
fn kinds() -> impl Iterator<Item = (HealthCheck, &'static [&'static str], Vec<Value>)> {
    KINDS.iter().map(|(name, statuses, samples)| {
        let check = all().find(|check| check.name() == *name).expect("a kind of the table");
        let samples = yaml::parse_value(samples).expect("YAML");
        (check, *statuses, samples.as_array().expect("a list").clone())
    })
}

#[test]
fn every_kind_has_samples() {
    let sampled: Vec<&str> = KINDS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(sampled, all().map(|check| check.name()).collect::<Vec<_>>());
}

#[test]
fn every_sample_has_its_health() {
    let mut wrong = Vec::new();
    for (check, statuses, samples) in kinds() {
        let mut seen = BTreeSet::new();
        for sample in samples {
            let health = sandbox::run(&check.lua(), &sample["object"]);
            let text = |key: &str| sample[key].as_str().expect("a text").to_owned();
            let expected = (text("health"), text("message"));
            seen.insert(expected.0.clone());
            if health.as_ref() != Ok(&expected) {
                wrong.push(format!("{}: {health:?}, expected {expected:?}", check.name()));
            }
        }
        assert_eq!(seen, statuses.iter().map(ToString::to_string).collect(), "{}", check.name());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_sandbox_has_what_argo_cd_has() {
    let run = |check: &str| sandbox::run(check, &json!({ "metadata": { "generation": 2 }, "status": null }));
    let ok = |message: &str| Ok(("Healthy".to_owned(), message.to_owned()));
    let health = |message: &str| format!("return {{status = 'Healthy', message = {message}}}");
    assert_eq!(run(&health("tostring(obj.metadata.generation)")), ok("2"));
    assert_eq!(run(&health("tostring(obj.status)")), ok("nil"));
    assert_eq!(run(&health("table.concat({'a', 'b'})")), ok("ab"));
    assert_eq!(run(&health("type(require('os').date())")), ok("string"));
    for missing in
        ["string.len('a')", "('a'):len()", "math.max(1, 2)", "os.exit()", "io.read()", "debug.getinfo(1)"]
    {
        let error = run(&health(missing)).expect_err(missing);
        assert!(error.contains("attempt to index"), "{missing}: {error}");
    }
    let error = run("while true do end").expect_err("it never ends");
    assert!(error.contains("longer than allowed"), "{error}");
    assert!(run("return {status = 'Fine', message = ''}").is_err());
}

#[test]
fn a_configuration_chooses() {
    let of = |section: Option<HealthChecks>| {
        let chosen = chosen(&Config { health_checks: section, ..Config::default() });
        chosen.map(|checks| checks.iter().map(HealthCheck::name).collect::<Vec<_>>())
    };
    let all_kinds: Vec<String> = CHECKS.iter().map(HealthCheck::name).collect();
    assert_eq!(of(None), None);
    assert_eq!(of(Some(HealthChecks::default())), Some(all_kinds));
    let kinds = ["ray.io/RayJob", "argoproj.io/Application", "ray.io/RayJob"];
    let kinds = Some(kinds.map(|kind| HealthKind(kind.into())).into());
    assert_eq!(
        of(Some(HealthChecks { kinds, inference_service: true })),
        Some(
            ["argoproj.io/Application", "ray.io/RayJob", "serving.kserve.io/InferenceService"]
                .map(Into::into)
                .into()
        )
    );
}

#[test]
fn the_page_on_it_has_a_row_for_every_kind() {
    let page = include_str!("../../../../docs/ml.md");
    for check in all() {
        let kind = format!("`{}`", check.kind);
        let row = page.lines().find(|line| line.starts_with("| `") && line.contains(&kind));
        assert!(
            row.is_some_and(|row| row.contains(check.group)),
            "docs/ml.md has no row for {}",
            check.name()
        );
    }
}
