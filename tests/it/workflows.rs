//! The workflows and actions of this repository: what actionlint does not look at, and what the actions do. That every
//! file of workflows is sound is a step of `cargo xtask ci`.

mod action;

use std::fs;
use std::path::{Path, PathBuf};

use manifests::argocd::release;
use manifests::config::Variant;
use manifests::{kind, yaml};
use regex_lite::Regex;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every YAML file below `.github`, with its text and what it means.
fn files() -> Vec<(PathBuf, String, Value)> {
    let mut folders = vec![root().join(".github")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
                let text = fs::read_to_string(&path).expect("it was listed");
                let value =
                    yaml::parse_value(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                files.push((path, text, value));
            }
        }
    }
    files
}

fn workflow(name: &str) -> Value {
    let found = files().into_iter().find(|(path, ..)| path.ends_with(format!("workflows/{name}")));
    found.unwrap_or_else(|| panic!("no workflow {name}")).2
}

/// The jobs of a workflow, by their names; an action has none.
fn jobs(file: &Value) -> impl Iterator<Item = (&String, &Value)> {
    file["jobs"].as_object().into_iter().flatten()
}

/// The steps of all jobs, or of a composite action.
fn steps(file: &Value) -> Vec<&Value> {
    let lists = jobs(file).map(|(_, job)| &job["steps"]).chain([&file["runs"]["steps"]]);
    lists.filter_map(Value::as_array).flatten().collect()
}

#[test]
fn what_others_wrote_is_pinned_by_commit_with_its_version() {
    let pinned = Regex::new(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$").expect("a pattern");
    let mut others = 0;
    for (path, text, _) in files() {
        let uses =
            text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "));
        for used in uses {
            // `$/` is this repository at the commit that runs.
            match used.strip_prefix("./").or_else(|| used.strip_prefix("$/")) {
                Some(ours) => assert!(root().join(ours).join("action.yml").exists(), "{used}"),
                None => {
                    others += 1;
                    assert!(pinned.is_match(used), "{}: {used}", path.display());
                }
            }
        }
    }
    assert!(others > 10, "{others}");
}

/// Two places with two versions of the same action are one that was forgotten.
#[test]
fn an_action_has_one_version() {
    let mut known = std::collections::BTreeMap::new();
    for (_, _, file) in files() {
        for used in steps(&file).iter().filter_map(|step| step["uses"].as_str()?.split_once('@')) {
            assert_eq!(known.entry(used.0.to_owned()).or_insert(used.1.to_owned()), used.1, "{}", used.0);
        }
    }
}

#[test]
fn workflows_may_only_read_and_one_job_may_publish() {
    for (path, _, file) in files().iter().filter(|(_, _, file)| file["jobs"].is_object()) {
        assert_eq!(file["permissions"], serde_json::json!({ "contents": "read" }), "{}", path.display());
        for (name, job) in jobs(file) {
            assert!(job["timeout-minutes"].is_number(), "{}: {name} may run for hours", path.display());
            let publishes = path.ends_with("release.yml") && name == "publish";
            assert!(publishes || job["permissions"].is_null(), "{}: {name} may more", path.display());
            let checkouts = job["steps"].as_array().into_iter().flatten();
            for step in checkouts.filter(|step| {
                step["uses"].as_str().is_some_and(|used| used.starts_with("actions/checkout@"))
            }) {
                assert_eq!(step["with"]["persist-credentials"], false, "{}: {name}", path.display());
            }
        }
    }
}

/// A title of a pull request, or an input of an action, would be run as a command.
#[test]
fn nothing_is_pasted_into_a_script() {
    let mut scripts = 0;
    for (path, _, file) in files() {
        for script in steps(&file).iter().filter_map(|step| step["run"].as_str()) {
            scripts += 1;
            assert!(!script.contains("${{"), "{}: use env: {script}", path.display());
        }
    }
    assert!(scripts > 5, "{scripts}");
}

/// Any other command would be one that nobody can run who is not a workflow.
#[test]
fn the_workflows_only_call() {
    let ci = workflow("ci.yml");
    for job in ["checks", "dependencies", "kind"] {
        let scripts: Vec<_> = ci["jobs"][job]["steps"].as_array().expect("steps").iter().collect();
        let last = scripts.iter().rev().find_map(|step| step["run"].as_str()).expect("it runs something");
        assert!(last.starts_with("cargo xtask ci ") || last == "bash .ci/run", "{job}: {last}");
    }
}

#[test]
fn the_matrix_has_every_kubernetes_and_releases_that_are_known() {
    let ci = workflow("ci.yml");
    let matrix = ci["jobs"]["kind"]["strategy"]["matrix"]["include"].as_array().expect("pairs").clone();
    let text = |pair: &Value, key: &str| pair[key].as_str().expect("a version").to_owned();
    for (minor, _) in kind::NODE_IMAGES {
        let tried = matrix.iter().any(|pair| text(pair, "kubernetes") == format!("v{minor}"));
        assert!(tried, "no cluster with Kubernetes {minor}");
    }
    for pair in &matrix {
        assert!(kind::node_image(&text(pair, "kubernetes")).is_some(), "{pair}");
        let version = text(pair, "argocd").parse().expect("a release");
        assert!(release::published(&version, Variant::Standard).is_some(), "{pair}");
    }
    let newest = manifests::argocd::version::ArgoVersion::current().to_string();
    assert!(matrix.iter().any(|pair| text(pair, "argocd") == newest), "no cluster with Argo CD {newest}");
}
