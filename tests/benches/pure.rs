//! The paths that need neither network nor disk: render, plan, parse. Prints the median and the fastest of many.
//!
//! Run it with `cargo bench --package integration-tests --bench pure`, or with `cargo test` instead of `cargo bench`
//! as `cargo xtask` builds it.

#![expect(clippy::print_stdout, reason = "figures are its result")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use gitops_setup::stages::observed::{ClusterState, Live};
use gitops_setup::stages::{Inputs, Observed, Stage};
use manifests::config::{Config, Environment, Source, load};
use manifests::{MANAGER, Object, files, yaml};
use serde_json::{Map, Value, json};
use support::manifest;

const ENVIRONMENTS: usize = 1000;
const ROUNDS: usize = 21;

fn main() {
    let inputs = inputs();
    let stage = inputs.stages.iter().copied().find(|stage| stage.name == "environments").expect("a stage");
    let objects = (stage.objects)(&inputs);
    println!("{ENVIRONMENTS} environments, {} objects; {ROUNDS} rounds", objects.len());

    let text = json!({ "git": inputs.config.git, "environments": inputs.config.environments }).to_string();
    let source = Source { name: "gitops.yaml".into(), text };
    time("read the configuration", || load(Some(&source), &|_| None, &[]).expect("it is sound"));
    time("render the objects", || (stage.objects)(&inputs));
    time("render the files", || files::files(vec![("environments", (stage.objects)(&inputs))]));

    let absent = objects.iter().map(|object| (object.reference(), Live::Absent)).collect();
    plan("plan, nothing there", stage, &inputs, &running(absent));
    let there =
        objects.iter().map(|object| (object.reference(), Live::Found(Box::new(live(object))))).collect();
    plan("plan, everything there", stage, &inputs, &running(there));

    if let Some(path) = manifest("install-v3.5.1.yaml") {
        let text = std::fs::read_to_string(path).expect("it was just found");
        time("parse Argo CD's manifest", || yaml::parse_objects(&text).expect("objects"));
    }
}

fn inputs() -> Inputs {
    let environment = |index| {
        let name = format!("models-{index:04}");
        Environment { project: name.clone(), ..Environment::new(&name) }
    };
    let mut config =
        Config { environments: (0..ENVIRONMENTS).map(environment).collect(), ..Config::default() };
    config.git.url = "https://git.example.com/models.git".into();
    Inputs { config, ..Inputs::default() }
}

fn running(objects: std::collections::BTreeMap<manifests::ObjectRef, Live>) -> Observed {
    Observed { cluster: ClusterState::Running, objects, ..Observed::default() }
}

fn plan(what: &str, stage: &Stage, inputs: &Inputs, observed: &Observed) {
    time(what, || (stage.plan)(inputs, observed).expect("a plan"));
}

/// The object as a server holds it after our apply.
fn live(object: &Object) -> Object {
    let mut applied = object.as_value().clone();
    let fields = applied.as_object_mut().expect("an object");
    fields.retain(|field, _| !matches!(field.as_str(), "apiVersion" | "kind"));
    let mut owned = owned(&applied);
    let metadata = owned["f:metadata"].as_object_mut().expect("it has metadata");
    metadata.retain(|field, _| !matches!(field.as_str(), "f:name" | "f:namespace"));
    let mut metadata = object.get("/metadata").cloned().unwrap_or_default();
    metadata["resourceVersion"] = "1".into();
    metadata["managedFields"] = json!([{ "manager": MANAGER, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": owned.to_string() }]);
    object.clone().with("metadata", metadata)
}

/// Lists are taken whole here.
fn owned(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(key, value)| (format!("f:{key}"), owned(value))).collect::<Map<String, Value>>().into()
}

fn time<T>(what: &str, mut work: impl FnMut() -> T) {
    let mut once = || {
        let start = Instant::now();
        black_box(work());
        start.elapsed()
    };
    once();
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| once()).collect();
    times.sort();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    println!("{what:<28}{:>9.2} ms{:>9.2} ms", milliseconds(times[ROUNDS / 2]), milliseconds(times[0]));
}
