//! The rules of ARCHITECTURE.md that a compiler doesn't know.

use std::fs;
use std::path::{Path, PathBuf};

/// Longer files hold more than one concept.
const LONGEST: usize = 450;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn pure_crates_depend_on_nothing_that_does_input_or_output() {
    for name in ["lint", "manifests", "stages"] {
        let text =
            fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).expect("it is there");
        let dependencies = text.split("[dependencies]").nth(1).expect("it has some");
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for forbidden in ["tokio", "xshell", "kube", "ureq", "cluster", "git-credentials"] {
            let listed = dependencies.lines().any(|line| line.split(['.', ' ']).next() == Some(forbidden));
            assert!(!listed, "{name} depends on {forbidden}");
        }
    }
}

#[test]
fn pure_crates_read_no_clock_file_or_environment() {
    for name in ["lint", "manifests", "stages"] {
        let mut files = Vec::new();
        sources(&root().join("crates").join(name).join("src"), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("it was listed");
            for forbidden in ["std::fs", "std::env", "std::process", "std::net", "SystemTime", "Instant::now"]
            {
                assert!(!text.contains(forbidden), "{} uses {forbidden}", file.display());
            }
        }
    }
}

#[test]
fn only_one_crate_reads_and_writes_yaml() {
    for name in
        ["crates/lint", "crates/stages", "crates/cluster", "crates/git-credentials", "crates/gitops-setup"]
    {
        let text = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("it is there");
        assert!(!text.contains("yaml"), "{name} has a YAML library of its own");
    }
}

/// Others than ours would be compiled besides ours, and what is tested there is not what is tested here.
#[test]
fn the_repository_that_embeds_this_has_the_same_dependencies() {
    let locked = |path: &str| -> Vec<String> {
        let text = fs::read_to_string(root().join(path)).expect("a file of the repository");
        let packages = text.split("[[package]]").skip(1);
        let others = packages.filter(|package| package.contains("\nsource = "));
        others.map(|package| package.lines().skip(1).take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let (ours, theirs) = (locked("Cargo.lock"), locked("fixtures/consumer/Cargo.lock"));
    assert!(theirs.len() > 100, "{theirs:?}");
    for package in theirs {
        assert!(
            ours.contains(&package),
            "fixtures/consumer/Cargo.lock: {package}, and Cargo.lock has another"
        );
    }
}

#[test]
fn files_can_be_held_in_the_head() {
    let mut files = Vec::new();
    for folder in ["crates", "fixtures/consumer", "xtask", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    for file in files {
        let lines = fs::read_to_string(&file).expect("it was listed").lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", file.display());
    }
}
