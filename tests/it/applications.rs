//! Projects, Applications and ApplicationSets on a real API server with Argo CD's real definitions, and previews.

use std::process::Command;

use http::Method;
use manifests::applications::preview::{self, Cluster, Known};
use manifests::config::{Config, Source, load};
use manifests::{Object, applications};
use serde_json::{Value, json};
use support::{Api, Refusal, Sandbox, manifest};

use crate::PROGRAM;

const PLATFORM: &str = include_str!("../../fixtures/ml-platform.yaml");

/// Every field that there is, and every generator, besides those of the whole platform.
const MORE: &str = r#"
  - name: by-cluster
    generators:
      - clusters: {}
      - clusters:
          matchLabels: {serves: models}
          matchExpressions: [{key: env, operator: NotIn, values: [dev]}, {key: gpu, operator: Exists}]
          values: {tier: gold}
    template:
      name: "models-{{.nameNormalized}}"
      project: everything
      source:
        path: models
        directory: {recurse: true, include: "*.yaml", exclude: "v*"}
      destination: {namespace: ml-serving, server: "{{.server}}"}
      syncPolicy: {automated: false}
      retry: {limit: -1}
  - name: by-folder
    generators:
      - gitDirectories: {directories: [{path: models/*}, {path: models/archive, exclude: true}]}
      - matrix:
          generators:
            - clusters: {matchLabels: {serves: models}}
            - gitDirectories: {revision: v1, directories: [{path: "models/{{.metadata.labels.env}}/*"}]}
    template:
      name: "{{.path.basename}}"
      project: everything
      source:
        path: "{{.path.path}}"
        kustomize: {images: ["a=b/a:1"], namePrefix: p-, nameSuffix: -s}
      destination: {namespace: ml-serving}
projects:
  - name: everything
    sourceRepos: ["*"]
    destinations: [{namespace: "ml-*", server: "*"}, {namespace: "ml-*", cluster: prod}]
    namespaceResources: [{group: apps, kind: "*"}]
    clusterResources: [{group: scheduling.k8s.io, kind: PriorityClass}]
applications:
  - name: chart
    project: everything
    source:
      repoURL: https://charts.example.com
      chart: features
      targetRevision: 1.4.2
      helm:
        releaseName: store
        valueFiles: [a.yaml]
        values: "gpu: true"
        parameters: {image.tag: v2}
    destination: {namespace: ml-features, cluster: prod}
    finalizer: true
    syncPolicy: {prune: true, selfHeal: true, allowEmpty: true}
    syncOptions: [ServerSideApply=true, CreateNamespace=true, PrunePropagationPolicy=orphan]
    wave: -2
    labels: {team: ml}
"#;

/// The platform and the rest in one: lists of the same key are put together.
fn everything(version: &str, file: &str) -> String {
    let (sets, rest) = MORE.split_once("\nprojects:").expect("it has projects");
    let (projects, apps) = rest.split_once("\napplications:").expect("it has applications");
    let text = PLATFORM
        .replace("applicationSets:\n", &format!("applicationSets:{sets}\n"))
        .replace("\nprojects:\n", &format!("\nprojects:{projects}\n"))
        .replace("\napplications:\n", &format!("\napplications:{apps}\n"));
    // PagerDuty's newer interface is known since 2.8.
    let pagerduty = "{pagerduty: {integrationKeys: {ml: {env: PAGERDUTY_KEY}}}}";
    assert!(text.contains(pagerduty));
    let text = text.replace(pagerduty, "{slack: {token: {env: SLACK_TOKEN}}}");
    text.replace(
        "version: v3.5.1",
        &format!("version: {version}\n  allowVulnerable: [{version}]\n  manifest: {{file: {file}}}"),
    )
}

fn loaded(text: &str) -> Config {
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}\n{text}")).config
}

fn path(object: &Object) -> String {
    let plural = object.kind().to_lowercase() + "s";
    format!("/apis/argoproj.io/v1alpha1/namespaces/argocd/{plural}/{}", object.name())
}

/// Whether the server takes it, where a field that its definition doesn't have is an error.
fn strictly(api: &Api, object: &Object) -> Result<Value, Refusal> {
    let query = "fieldManager=strict&force=true&fieldValidation=Strict&dryRun=All";
    let path = format!("{}?{query}", path(object));
    api.send(Method::PATCH, &path, "application/apply-patch+yaml", object.as_value())
}

fn fits_the_definitions(api: &Api, config: &Config) {
    let folders = |_: &str, _: &str| Ok(["models/a", "models/prod/b"].map(str::to_owned).to_vec());
    let labels = [("serves", "models"), ("env", "prod"), ("gpu", "a100")];
    let prod = Cluster {
        name: "prod".into(),
        server: "https://1.2.3.4".into(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    let known = Known { folders: &folders, clusters: vec![prod] };
    let mut objects = applications::objects(config);
    for set in config.application_sets.iter().filter(|set| set.name != "by-cluster") {
        let found = preview::applications(set, config, &known).unwrap_or_else(|error| panic!("{error}"));
        assert!(!found.is_empty(), "{}", set.name);
        objects.extend(found);
    }
    assert!(objects.len() > 15, "{}", objects.len());
    for object in &objects {
        strictly(api, object).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", object.reference()));
    }
    // What would be told if it did not fit.
    let mut wrong = objects.last().expect("there are some").clone();
    wrong.get_mut("/spec").expect("it has one")["colour"] = json!("blue");
    let refusal = strictly(api, &wrong).expect_err("no such field");
    assert!(refusal.message.contains("colour"), "{refusal:?}");
}

/// A second run that finds everything as it wants it.
fn settled(sandbox: &Sandbox) {
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    sandbox.run(&["plan", "--exit-code"]).exits(0);
    sandbox.run(&["status"]).exits(0).says("ApplicationSet ml-models");
    audit.has_no_writes();
}

#[test]
fn the_whole_platform_fits_the_published_definitions_and_stays_as_it_is() {
    let (Some(old), Some(new)) = (manifest("install-v2.6.7.yaml"), manifest("install-v3.5.1.yaml")) else {
        return;
    };
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.set_env("SLACK_TOKEN", "xoxb-for-tests");
    let repository = format!("file://{}", sandbox.path("gitops.git").display());
    let options = |api: &Api| {
        let set = api.get("/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets/ml-models");
        set["spec"]["goTemplateOptions"].clone()
    };
    for (version, file, expected) in
        [("v2.6.7", &old, Value::Null), ("v3.5.1", &new, json!(["missingkey=error"]))]
    {
        let text = everything(version, &file.display().to_string());
        let text = text.replace("https://github.com/acme/ml-platform-config", &repository);
        sandbox.write("gitops.yaml", &text);
        sandbox.run(&["setup"]).exits(0);
        let api = sandbox.api();
        fits_the_definitions(&api, &loaded(&text));
        assert_eq!(options(&api), expected, "{version}");
        settled(&sandbox);
    }
    others_keep_what_they_have(&sandbox);
}

/// Destinations and kinds that somebody else adds to a project survive every further run, and are told.
fn others_keep_what_they_have(sandbox: &Sandbox) {
    let api = sandbox.api();
    let path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/ml-models";
    let theirs = json!({ "namespace": "theirs", "server": "https://other.example" });
    api.patch(
        "somebody",
        path,
        &json!([
            { "op": "add", "path": "/spec/destinations/-", "value": theirs },
            { "op": "add", "path": "/spec/namespaceResourceWhitelist/-", "value": { "group": "ray.io", "kind": "RayJob" } },
        ]),
    );
    let more = sandbox.work().join("gitops.yaml");
    let text = std::fs::read_to_string(&more).expect("it was written");
    sandbox.write("gitops.yaml", &text.replace("description: Models, one", "description: Our models, one"));
    sandbox.run(&["setup"]).exits(0).says("ray.io/RayJob");
    let spec = api.get(path)["spec"].clone();
    assert_eq!(spec["description"], "Our models, one Application each");
    assert!(spec["destinations"].as_array().is_some_and(|list| list.contains(&theirs)), "{spec}");
    settled(sandbox);
}

fn git(sandbox: &Sandbox, words: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(words)
        .current_dir(sandbox.work())
        .output()
        .expect("git");
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A repository with two models, one of them only on a branch.
fn repository(sandbox: &Sandbox) {
    git(sandbox, &["init", "--quiet", "--initial-branch=main", "checkout"]);
    for (folder, branch) in [("models/nlp", "main"), ("models/.hidden", "main"), ("models/fraud", "next")] {
        if branch != "main" {
            git(sandbox, &["-C", "checkout", "checkout", "--quiet", "-b", branch]);
        }
        let folder = sandbox.work().join("checkout").join(folder);
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        std::fs::write(folder.join("kustomization.yaml"), "resources: []\n").expect("written");
        git(sandbox, &["-C", "checkout", "add", "."]);
        git(sandbox, &["-C", "checkout", "commit", "--quiet", "-m", "x"]);
    }
    git(sandbox, &["clone", "--quiet", "--bare", "checkout", "gitops.git"]);
    git(sandbox, &["--git-dir", "gitops.git", "symbolic-ref", "HEAD", "refs/heads/main"]);
}

#[test]
fn models_are_listed_and_previewed() {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write(
        "gitops.yaml",
        "git: {url: https://git.example/a/b}\nenvironments: [{namespace: dev}]\nmodels: {}\n",
    );
    sandbox
        .run(&["applications", "list"])
        .exits(0)
        .says("ApplicationSet models: overlays of models in models/");
    let overlay = sandbox.work().join("checkout/models/iris/overlays/dev");
    std::fs::create_dir_all(&overlay).expect("the folder is ours");
    std::fs::write(overlay.join("kustomization.yaml"), "resources: []\n").expect("written");
    let table = sandbox.run(&["applications", "preview", "--folder", "checkout"]);
    table.exits(0).says("iris-dev  models   models/iris/overlays/dev  dev");
    let events =
        sandbox.run(&["applications", "preview", "models", "--folder", "checkout", "--output", "json"]);
    let events = events.exits(0).events_of("application");
    assert_eq!((events.len(), &events[0]["set"]), (1, &json!("models")));
    sandbox.run(&["applications", "preview"]).exits(3).says("--folder https://git.example/a/b=DIR");
}

#[test]
fn a_preview_needs_no_cluster_and_reads_the_branch_or_a_checkout() {
    let sandbox = Sandbox::new(PROGRAM);
    repository(&sandbox);
    let text = |url: &str, revision: &str| {
        format!(
            "git: {{url: '{url}'}}
projects: [{{name: ml, destinations: [{{namespace: ml}}]}}]
applications: [{{name: nlp, project: ml, source: {{path: x}}, destination: {{namespace: ml}}}}]
applicationSets:
- name: models
  generators: [{{gitDirectories: {{{revision}directories: [{{path: models/*}}]}}}}]
  template:
    name: 'm-{{{{.path.basename}}}}'
    project: ml
    source: {{path: '{{{{.path.path}}}}'}}
    destination: {{namespace: ml}}
"
        )
    };
    let local = format!("file://{}", sandbox.work().join("gitops.git").display());
    let names = |words: &[&str]| -> Vec<String> {
        let words = [&["applications", "preview", "--output", "json"], words].concat();
        let events = sandbox.run(&words);
        let events = events.exits(0).events_of("application");
        events.iter().map(|event| event["object"]["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    sandbox.write("gitops.yaml", &text(&local, ""));
    assert_eq!(names(&[]), ["m-nlp"]);
    sandbox.write("gitops.yaml", &text(&local, "revision: next, "));
    assert_eq!(names(&[]), ["m-fraud", "m-nlp"]);
    sandbox.write("gitops.yaml", &text(&local, "revision: gone, "));
    sandbox.run(&["applications", "preview"]).exits(3).says("there is no commit gone");
    sandbox.write("gitops.yaml", &text("github.com/acme/models", ""));
    assert_eq!(names(&["--folder", "checkout"]), ["m-fraud", "m-nlp"]);
    assert_eq!(names(&["--folder", "github.com/acme/models=checkout"]), ["m-fraud", "m-nlp"]);

    let table = sandbox.run(&["applications", "preview", "--folder", "checkout"]);
    table
        .exits(0)
        .says("NAME     PROJECT  PATH          DESTINATION")
        .says("m-nlp    ml       models/nlp    ml");
    let yaml = sandbox.run(&["applications", "preview", "--folder", "checkout", "--yaml"]);
    let objects = manifests::yaml::parse_objects(&yaml.exits(0).stdout).expect("YAML");
    assert_eq!(objects.iter().map(Object::kind).collect::<Vec<_>>(), ["Application"; 2]);
    let unknown = sandbox.run(&["applications", "preview"]);
    unknown.exits(3).says("not previewed").says("--folder https://github.com/acme/models=DIR");
    sandbox.run(&["applications", "list"]).exits(0).says("ApplicationSet models: gitDirectories");
    sandbox.run(&["applications", "preview", "model"]).exits(2).says("there is models");
    sandbox.run(&["applications", "preview", "--folder", "nowhere"]).exits(2).says("no such folder");
    sandbox.run(&["applications", "preview", "--cluster", "prod"]).exits(2).says("has no `=`");

    let clash = text(&local, "").replace("'m-{{.path.basename}}'", "'{{.path.basename}}'");
    sandbox.write("gitops.yaml", &clash);
    let clash = sandbox.run(&["applications", "preview"]);
    clash.exits(2).says("Application nlp comes of the configuration as well");
    assert!(!sandbox.data().exists(), "no cluster, no folder");
}
