//! The action `setup-gitops`: its script in JavaScript, run as the runner does, and what is said of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use support::{Sandbox, skipped};

use super::{files, root};
use crate::PROGRAM;

const FOLDER: &str = ".github/actions/setup-gitops";

fn action(name: &str) -> Value {
    let found = files().into_iter().find(|(path, ..)| path.ends_with(format!("{name}/action.yml")));
    found.unwrap_or_else(|| panic!("no action {name}")).2
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().map(|map| map.keys().collect()).unwrap_or_default()
}

#[test]
fn inputs_and_outputs_are_handed_on_and_documented() {
    let (outer, inner) = (action("setup-gitops"), action("run"));
    let page = fs::read_to_string(root().join("docs/ci.md")).expect("the page is there");
    let steps = outer["runs"]["steps"].as_array().expect("steps");
    let handed = &steps.iter().find(|step| step["id"] == "setup").expect("a step")["with"];
    assert_eq!(keys(handed), keys(&inner["inputs"]));
    for name in keys(handed) {
        assert_eq!(handed[name], format!("${{{{ inputs.{name} }}}}"));
        assert!(outer["inputs"][name].is_object(), "{name}");
    }
    assert_eq!(keys(&outer["outputs"]), keys(&inner["outputs"]));
    for name in keys(&outer["inputs"]).into_iter().chain(keys(&outer["outputs"])) {
        assert!(page.contains(&format!("| `{name}` |")), "docs/ci.md has no row for {name}");
    }
}

/// The runner, as far as an action sees it.
struct Runner {
    sandbox: Sandbox,
    state: BTreeMap<String, String>,
}

impl Runner {
    /// `None` where there is no Node.
    fn new() -> Option<Self> {
        if !Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
            skipped("the action's script: there is no Node");
            return None;
        }
        let sandbox = Sandbox::with_cluster(PROGRAM)?;
        let bin = sandbox.path("gitops-setup/bin");
        fs::create_dir_all(&bin).expect("the folder is ours");
        symlink(PROGRAM, bin.join("gitops-setup")).expect("the folder is ours");
        Some(Self { sandbox, state: BTreeMap::new() })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.sandbox.path(&format!("GITHUB_{name}"))
    }

    /// Runs a script with these inputs over the defaults; gives its exit code and what it printed.
    fn run(&mut self, script: &str, inputs: &[(&str, &str)]) -> (Option<i32>, String) {
        let environment = self.sandbox.command(&[]);
        let mut command = Command::new("node");
        command
            .arg(root().join(FOLDER).join("run").join(script))
            .current_dir(self.sandbox.work())
            .env_clear();
        command.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("RUNNER_TEMP", self.sandbox.path("")).env("ARGOCDINITIALPASS", "planted-password");
        for name in ["STATE", "OUTPUT", "ENV", "STEP_SUMMARY"] {
            command.env(format!("GITHUB_{name}"), self.file(name));
        }
        let outer = action("setup-gitops");
        let defaults = outer["inputs"].as_object().expect("inputs").iter();
        let defaults = defaults.map(|(name, input)| (name.as_str(), input["default"].as_str().unwrap_or("")));
        for (name, value) in defaults.chain(inputs.iter().copied()) {
            command.env(format!("INPUT_{}", name.to_uppercase()), value);
        }
        command.envs(self.state.iter().map(|(name, value)| (format!("STATE_{name}"), value)));
        let output = command.output().expect("Node is there");
        self.state.extend(self.values("STATE"));
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code(), text.concat())
    }

    /// What was put into one of the runner's files.
    fn values(&self, name: &str) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.file(name)).unwrap_or_default();
        let mut lines = text.lines();
        let mut values = BTreeMap::new();
        while let Some((name, end)) = lines.next().and_then(|line| line.split_once("<<")) {
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
            values.insert(name.to_owned(), value.join("\n"));
        }
        values
    }
}

#[test]
fn it_sets_up_tells_how_the_cluster_is_reached_and_takes_it_away() {
    let Some(mut runner) = Runner::new() else { return };
    let name = runner.sandbox.name().to_owned();
    // A value that a shell would run, and one that has an equals sign.
    let set =
        format!("cluster.name={name}\n  argocd.rootPath=/a=b\n\nexpose.host=$(touch planted).example.com");
    let (code, said) = runner.run("main.js", &[("set", &set)]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("expose.host") && said.contains("exit code 2"), "{said}");
    assert!(!runner.sandbox.work().join("planted").exists());
    let (code, said) = runner.run("post.js", &[]);
    assert_eq!(code, Some(0), "what was refused has left nothing: {said}");

    let set = format!("cluster.name={name}\nargocd.manifest=bundled\n");
    let inputs = [("set", set.as_str()), ("provider", "kwok"), ("only", "cluster,install-argocd,verify")];
    let (code, said) = runner.run("main.js", &inputs);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("::add-mask::planted-password\n"), "{said}");
    assert_eq!(said.matches("planted-password").count(), 1, "{said}");
    let outputs = runner.values("OUTPUT");
    let kubeconfig = runner.sandbox.kubeconfig().display().to_string();
    assert_eq!(outputs["kubeconfig"], kubeconfig);
    assert_eq!(outputs["context"], format!("kwok-{name}"));
    assert_eq!(outputs["argocd-version"], "v3.5.1");
    assert_eq!(outputs["kubernetes-version"], "1.36");
    assert_eq!((outputs["address"].as_str(), outputs["port-forward"].as_str()), ("", "false"));
    assert_eq!(
        outputs.keys().collect::<Vec<_>>(),
        keys(&action("setup-gitops")["outputs"]),
        "each output has a value"
    );
    assert_eq!(runner.values("ENV")["KUBECONFIG"], kubeconfig);
    let summary = fs::read_to_string(runner.file("STEP_SUMMARY")).expect("a summary");
    assert!(summary.contains("| Kubernetes | 1.36 (kwok) |"), "{summary}");

    let logs = Command::new("bash")
        .arg(root().join(".github/actions/gitops-logs/collect.sh"))
        .env("RUNNER_TEMP", runner.sandbox.path(""))
        .env("GITOPS_SETUP_DATA", runner.sandbox.data())
        .output()
        .expect("bash is there");
    assert!(logs.status.success(), "{}", String::from_utf8_lossy(&logs.stderr));
    assert!(runner.sandbox.path("gitops-setup/logs/kube-apiserver.log").exists());

    let (code, said) = runner.run("post.js", &[("cleanup", "none")]);
    assert!(code == Some(0) && runner.sandbox.cluster().exists(), "{said}");
    let (code, said) = runner.run("post.js", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is deleted") && !runner.sandbox.cluster().exists(), "{said}");
}

#[test]
fn a_cluster_of_others_stays() {
    let Some(mut runner) = Runner::new() else { return };
    runner.state.insert("arguments".into(), "[]".into());
    runner.state.insert("provider".into(), "context".into());
    let (code, said) = runner.run("post.js", &[]);
    assert!(code == Some(0) && said.contains("stays as it is"), "{said}");
    let (code, said) = runner.run("main.js", &[("cleanup", "all")]);
    assert!(code == Some(1) && said.contains("cleanup has to be one of cluster, teardown, none"), "{said}");
}
