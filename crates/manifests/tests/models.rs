//! Models as files, and what makes Argo CD follow them.

use std::collections::{BTreeMap, BTreeSet};

use manifests::config::{Config, Environment, Git, Models, Source, load};
use manifests::models::{self, Files, Image, Model, ModelError, Runtime};
use manifests::{Object, waves, yaml};
use serde_json::{Value, json};

fn model(name: &str, runtime: Runtime) -> Model {
    let image = (runtime == Runtime::Rollout)
        .then(|| Image::parse("registry.example.com/iris:v1").expect("an image"));
    Model {
        name: name.into(),
        runtime,
        storage_uri: "s3://models/iris/v1".into(),
        version: None,
        format: image.is_none().then(|| "sklearn".into()),
        image,
        port: None,
        cpu: None,
        memory: None,
        gpu: if runtime == Runtime::SeldonCore2 { 0 } else { 2 },
        replicas: (1, 3),
    }
}

/// The files once the model is added to these environments.
fn added(model: &Model, environments: &[&str], settings: &Models, there: Files) -> Result<Files, ModelError> {
    let environments: Vec<String> = environments.iter().map(ToString::to_string).collect();
    let changes = models::add(model, &environments, &config(settings.clone()), &there, false)?;
    Ok(done(there, changes))
}

fn done(mut there: Files, changes: models::Changes) -> Files {
    for change in changes.changes {
        match change.after {
            Some(text) => drop(there.insert(change.path, text)),
            None => drop(there.remove(&change.path)),
        }
    }
    there
}

/// The objects of a model's base.
fn objects(model: &Model, settings: &Models) -> Vec<Object> {
    let files = added(model, &["dev"], settings, Files::new()).expect("it can be added");
    let parsed = files.iter().filter(|(path, _)| path.contains("/base/") && !path.contains("kustom"));
    parsed.flat_map(|(_, text)| yaml::parse_objects(text).expect("objects")).collect()
}

fn config(models: Models) -> Config {
    Config {
        git: Git { url: "github.com/acme/gitops".into(), ..Git::default() },
        environments: ["dev", "prod"].map(Environment::new).into(),
        models: Some(models),
        ..Config::default()
    }
}

/// Every value below a key, wherever it is.
fn values<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            if name == key {
                found.push(value);
            }
            values(value, key, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| values(item, key, found)),
        _ => {}
    }
}

fn texts(object: &Object, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    values(object.as_value(), key, &mut found);
    found.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn every_object_has_the_wave_of_the_table_and_the_project_allows_its_kind() {
    let settings = Models::default();
    let project = models::project(&settings, &config(settings.clone()));
    let allowed = project.list("/spec/namespaceResourceWhitelist");
    for runtime in Runtime::ALL {
        for object in objects(&model("iris", runtime), &settings) {
            let reference = object.reference();
            let kind = (reference.group(), object.kind());
            let row =
                waves::TABLE.iter().find(|wave| wave.kinds.contains(&kind)).expect("it is in the table");
            assert_eq!(
                object.annotation(waves::ANNOTATION),
                Some(row.number.to_string().as_str()),
                "{reference}"
            );
            assert!(allowed.contains(&json!({ "group": kind.0, "kind": kind.1 })), "{reference}");
        }
    }
    assert!(allowed.contains(&json!({ "group": "", "kind": "ConfigMap" })));
    assert!(allowed.iter().all(|entry| entry["kind"] != "*" && entry["group"] != "*"), "{allowed:?}");
    assert_eq!(project.get("/spec/clusterResourceWhitelist"), None);
}

#[test]
fn waves_are_moved_by_the_configuration() {
    let settings = Models { waves: BTreeMap::from([("InferenceService".into(), -1)]), ..Models::default() };
    let moved = objects(&model("iris", Runtime::KServe), &settings);
    let wave = |kind: &str| {
        moved.iter().find(|it| it.kind() == kind).and_then(|it| it.annotation(waves::ANNOTATION))
    };
    assert_eq!((wave("InferenceService"), wave("PodDisruptionBudget")), (Some("-1"), Some("5")));
}

#[test]
fn gpus_are_limited_as_they_are_requested() {
    for runtime in [Runtime::KServe, Runtime::Seldon, Runtime::Rollout] {
        let objects = objects(&model("iris", runtime), &Models::default());
        let mut found = Vec::new();
        objects.iter().for_each(|object| values(object.as_value(), "resources", &mut found));
        let [resources] = found.as_slice() else { panic!("{runtime}: {found:?}") };
        for kind in ["requests", "limits"] {
            assert_eq!(resources[kind]["nvidia.com/gpu"], "2", "{runtime}");
            assert_eq!(resources[kind]["memory"], "1Gi", "{runtime}");
        }
        assert_eq!(
            resources["limits"]["cpu"],
            Value::Null,
            "a limit would slow down what could use what is idle"
        );
    }
}

#[test]
fn everything_that_a_canary_refers_to_is_there_with_its_arguments() {
    let objects = objects(&model("iris", Runtime::Rollout), &Models::default());
    let names = |kind: &str| -> Vec<&str> {
        objects.iter().filter(|object| object.kind() == kind).map(Object::name).collect()
    };
    let rollout = objects.iter().find(|object| object.kind() == "Rollout").unwrap();
    let canary = rollout.get("/spec/strategy/canary").unwrap();
    for key in ["canaryService", "stableService"] {
        assert!(names("Service").contains(&canary[key].as_str().unwrap()), "{key}");
    }
    let service = objects.iter().find(|it| it.kind() == "VirtualService").unwrap();
    let istio = &canary["trafficRouting"]["istio"]["virtualService"];
    assert_eq!(
        (istio["name"].as_str(), &istio["routes"]),
        (Some(service.name()), &json!(texts(service, "name")[1..]))
    );
    assert_eq!(texts(service, "host"), [canary["stableService"].clone(), canary["canaryService"].clone()]);

    let mut steps = Vec::new();
    values(canary, "analysis", &mut steps);
    assert_eq!(steps.len(), 3);
    let mut used = BTreeSet::new();
    for step in steps {
        let given: BTreeSet<&str> =
            step["args"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
        for template in step["templates"].as_array().unwrap() {
            let name = template["templateName"].as_str().unwrap();
            let template =
                objects.iter().find(|it| it.kind() == "AnalysisTemplate" && it.name() == name).unwrap();
            let wanted: BTreeSet<&str> =
                template.list("/spec/args").iter().filter_map(|it| it["name"].as_str()).collect();
            assert_eq!(wanted, given, "{name}");
            for query in texts(template, "query") {
                for argument in query.split("{{args.").skip(1).filter_map(|rest| rest.split("}}").next()) {
                    assert!(wanted.contains(argument), "{argument} in {query}");
                }
            }
            used.insert(name);
        }
    }
    assert_eq!(used, names("AnalysisTemplate").into_iter().collect(), "none is left over");
    assert_eq!(rollout.get("/spec/replicas"), None, "they are the autoscaler's");
    let autoscaler = objects.iter().find(|it| it.kind() == "HorizontalPodAutoscaler").unwrap();
    assert_eq!(autoscaler.text("/spec/scaleTargetRef/kind"), "Rollout");
}

#[test]
fn nothing_measured_neither_passes_nor_fails() {
    let objects = objects(&model("iris", Runtime::Rollout), &Models::default());
    let metrics = objects
        .iter()
        .flat_map(|object| object.list("/spec/metrics"))
        .filter(|it| it["provider"].is_object());
    let metrics: Vec<&Value> = metrics.collect();
    assert_eq!(metrics.len(), 2);
    for metric in metrics {
        for condition in ["successCondition", "failureCondition"] {
            let text = metric[condition].as_str().expect("both: else what is not the one is the other");
            assert!(text.starts_with("len(result) > 0 && !isNaN(result[0]) && "), "{text}");
        }
        assert!(metric["inconclusiveLimit"].as_u64() < metric["count"].as_u64(), "{metric}");
    }
}

#[test]
fn a_runtime_of_another_kind_is_no_edit() {
    let settings = Models::default();
    let there = added(&model("iris", Runtime::KServe), &["dev"], &settings, Files::new()).unwrap();
    let error = added(&model("iris", Runtime::Seldon), &["dev"], &settings, there).unwrap_err();
    assert_eq!(error, ModelError::OtherRuntime { name: "iris".into(), there: Runtime::KServe });
}

#[test]
fn applications_have_names_of_their_own() {
    let config =
        Config { environments: ["c", "b-c"].map(Environment::new).into(), ..config(Models::default()) };
    let add = |name: &str, environment: &str, there: &Files| {
        models::add(&model(name, Runtime::KServe), &[environment.into()], &config, there, false)
    };
    let there = done(Files::new(), add("a", "b-c", &Files::new()).unwrap());
    let error = add("a-b", "c", &there).unwrap_err();
    assert_eq!(error, ModelError::SameApplication { name: "a-b-c".into(), owner: "model a in b-c".into() });
    assert!(add("a", "b-c", &there).is_ok(), "it may have its own");
    let error = add("seldon-gitops", "c", &there).unwrap_err();
    let owner = "the environment c".into();
    assert_eq!(error, ModelError::SameApplication { name: "seldon-gitops-c".into(), owner });
}

#[test]
fn applications_of_the_configuration_are_not_taken_over() {
    let text = "git: {url: github.com/acme/gitops}
environments: [{namespace: dev}]
models: {}
projects: [{name: ml, destinations: [{namespace: dev}]}]
applications:
- {name: gateway-dev, project: ml, source: {path: gateway}, destination: {namespace: dev}}
applicationSets:
- name: shared
  generators: [{list: {elements: [{of: drift}, {of: bias}]}}]
  template:
    {name: '{{.of}}-dev', project: ml, source: {path: '{{.of}}'}, destination: {namespace: dev}}
";
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    let config = load(Some(&source), &|_| None, &[]).expect("a configuration").config;
    for (name, owner) in [("gateway", "applications[0]"), ("bias", "applicationSets[0]")] {
        let error =
            models::add(&model(name, Runtime::KServe), &["dev".into()], &config, &Files::new(), false);
        let expected = ModelError::SameApplication { name: format!("{name}-dev"), owner: owner.into() };
        assert_eq!(error.unwrap_err(), expected);
    }
}

#[test]
fn a_promotion_is_refused_where_an_overlay_says_its_namespace_in_another_way() {
    let settings = Models::default();
    let mut there = added(&model("iris", Runtime::KServe), &["dev"], &settings, Files::new()).unwrap();
    let promote = |there: &Files| models::promote("iris", ("dev", "prod"), &config(settings.clone()), there);
    let path = "models/iris/overlays/dev/kustomization.yaml";
    let commented = there[path].replace("namespace: dev\n", "# Ours.\nnamespace: dev  \n");
    there.insert(path.into(), commented);
    let promoted = done(there.clone(), promote(&there).unwrap());
    let overlay = &promoted["models/iris/overlays/prod/kustomization.yaml"];
    assert!(overlay.contains("# Ours.\nnamespace: prod\n"), "{overlay}");
    there.insert(path.into(), "{namespace: dev}\n".into());
    assert_eq!(
        promote(&there).unwrap_err(),
        ModelError::NoNamespace { path: path.into(), namespace: "dev".into() }
    );
}

#[test]
fn amounts_are_those_that_somebody_means() {
    let check = |cpu: Option<&str>, memory: Option<&str>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let model = Model { cpu: owned(cpu), memory: owned(memory), ..model("iris", Runtime::KServe) };
        added(&model, &["dev"], &Models::default(), Files::new()).map_err(|error| error.to_string())
    };
    for cpu in ["500m", "1m", "2", "0.5"] {
        assert!(check(Some(cpu), None).is_ok(), "{cpu}");
    }
    for cpu in ["0", "0m", "0.0001", "2Gi", "1.m", ".5", "-1", "1e3", "m", ""] {
        assert!(
            check(Some(cpu), None).unwrap_err().contains("--cpu: expected an amount such as 500m"),
            "{cpu}"
        );
    }
    for memory in ["512Mi", "4Gi", "1.5G", "100Ki", "1073741824"] {
        assert!(check(None, Some(memory)).is_ok(), "{memory}");
    }
    for memory in ["1m", "512m", "4", "0Gi", "4gi", "4 Gi", "Gi"] {
        let error = check(None, Some(memory)).unwrap_err();
        assert!(error.contains("--memory: expected an amount such as 512Mi"), "{memory}: {error}");
    }
}

#[test]
fn what_kustomize_could_not_read_is_not_promoted() {
    let settings = Models::default();
    let there = added(&model("iris", Runtime::KServe), &["dev"], &settings, Files::new()).unwrap();
    for (path, text, line) in [
        ("models/iris/overlays/dev/version/kustomization.yaml", "kind: Component\n{ bad\n", 2),
        ("models/iris/overlays/dev/version/kustomization.yaml", "", 1),
        ("models/iris/overlays/dev/kustomization.yaml", "namespace: dev\n- no\n", 2),
    ] {
        let mut there = there.clone();
        there.insert(path.into(), text.into());
        let error = models::promote("iris", ("dev", "prod"), &config(settings.clone()), &there).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{path}:{line} can't be read")), "{error}");
        let listed = models::list(&config(settings.clone()), &there);
        assert_eq!(listed[0].problem, Some(error), "{path}");
    }
}

#[test]
fn what_others_wrote_is_listed_as_far_as_it_is_understood() {
    let settings = Models { folder: "ml/models".into(), ..Models::default() };
    let mut there = added(&model("iris", Runtime::Rollout), &["dev"], &settings, Files::new()).unwrap();
    there.insert("ml/models/theirs/overlays/dev/kustomization.yaml".into(), "no: [yaml".into());
    there.insert("ml/models/README.md".into(), String::new());
    there.insert("ml/models/iris/overlays/README.md".into(), String::new());
    // An image that a program set in the overlay itself is what Kustomize uses.
    let path = "ml/models/iris/overlays/dev/kustomization.yaml";
    let image = "images: [{name: model-server, newName: registry.example.com/iris, newTag: v9}]\n";
    there.insert(path.into(), format!("{}{image}", there[path]));
    let listed = models::list(&config(settings), &there);
    let shown: Vec<_> =
        listed.iter().map(|it| (it.model.as_str(), it.version.as_deref(), it.image.as_deref())).collect();
    assert_eq!(shown, [("iris", Some("v1"), Some("registry.example.com/iris:v9")), ("theirs", None, None)]);
    assert_eq!(listed[0].storage_uri.as_deref(), Some("s3://models/iris/v1"));
}

#[test]
fn the_application_set_makes_an_application_of_each_overlay() {
    let settings = Models { folder: "ml/models".into(), ..Models::default() };
    insta::assert_snapshot!(yaml::to_string(&models::application_set(&settings, &config(settings.clone()))));
}

#[test]
fn without_pruning_what_runs_stays() {
    let mut settings = Models::default();
    settings.sync_policy.prune = false;
    let set = models::application_set(&settings, &config(settings.clone()));
    assert_eq!(set.get("/spec/template/metadata/finalizers"), None);
    assert_eq!(set.get("/spec/syncPolicy/preserveResourcesOnDeletion"), Some(&json!(true)));
    settings.sync_policy.automated = false;
    let set = models::application_set(&settings, &config(settings.clone()));
    assert_eq!(set.get("/spec/template/spec/syncPolicy/automated"), None);
}

#[test]
fn no_other_stage_makes_what_models_makes() {
    let errors = |models: &str| {
        let text = format!(
            "git: {{url: github.com/acme/gitops}}
environments: [{{namespace: dev}}]
models: {{{models}}}
projects: [{{name: ml, destinations: [{{namespace: dev}}]}}, {{name: models, destinations: [{{namespace: dev}}]}}]
applicationSets:
- name: models
  generators: [{{list: {{elements: [{{of: drift}}]}}}}]
  template:
    {{name: 'shared-{{{{.of}}}}', project: ml, source: {{path: a}}, destination: {{namespace: dev}}}}
"
        );
        let source = Source { name: "gitops.yaml".into(), text };
        load(Some(&source), &|_| None, &[]).expect_err("it is wrong").to_string()
    };
    insta::assert_snapshot!(errors(""), @"
    gitops.yaml:4:65: projects[1] is called `models`, as the AppProject is that
      `models` makes: each would undo what the other did; take a name other than
      `ml` or `models`
    gitops.yaml:6:9: applicationSets[0] is called `models`, as the ApplicationSet is
      that `models` makes: each would undo what the other did; take a name other
      than `models`
    ");
    let other = errors("project: ml");
    assert!(other.contains("projects[0] is called `ml`") && !other.contains("projects[1]"), "{other}");
}

#[test]
fn what_models_cannot_be_is_said_with_its_place() {
    let errors = |models: &str, more: &str| {
        let git = "git: {url: github.com/acme/gitops, repository: {project: models}}";
        let source =
            Source { name: "gitops.yaml".into(), text: format!("{git}\n{more}\nmodels: {models}\n") };
        load(Some(&source), &|_| None, &[]).expect_err("it is wrong").to_string()
    };
    const DEV: &str = "environments: [{namespace: dev}]";
    for (models, more, said) in [
        ("{}", "", "`models` needs `environments`"),
        ("{}", "environments: [{namespace: dev}]\nargocd: {version: v2.4.28}", "since v2.5.0"),
        ("{folder: dev/models}", DEV, "`models.folder` is in `dev`"),
        ("{project: seldon}", DEV, "has the project `seldon`, which is that of the models"),
        ("{folder: ../x}", DEV, "models.folder"),
        ("{waves: {Inferenceservice: 3}}", DEV, "no kind of the table"),
        ("{prometheus: prometheus}", DEV, "models.prometheus"),
        (
            "{project: others}",
            DEV,
            "`git.repository.project: models` is only for applications of that project",
        ),
    ] {
        let text = errors(models, more);
        assert!(
            text.split_whitespace().collect::<Vec<_>>().join(" ").contains(said),
            "{models}, {more}: {text}"
        );
    }
}

#[test]
fn servers_of_seldon_core_are_asked_by_the_protocol_that_they_know() {
    let protocol = |format: &str| {
        let model = Model { format: Some(format.into()), ..model("iris", Runtime::Seldon) };
        let objects = objects(&model, &Models::default());
        let found = objects.iter().find(|object| object.kind() == "SeldonDeployment").expect("there is one");
        found.text("/spec/protocol").to_owned()
    };
    // Without TensorFlow's own, image and GPU of the container would be those of a proxy.
    for (format, expected) in [
        ("sklearn", ""),
        ("mlflow", ""),
        ("tensorflow", "tensorflow"),
        ("triton", "v2"),
        ("huggingface", "v2"),
    ] {
        assert_eq!(protocol(format), expected, "{format}");
    }
}
