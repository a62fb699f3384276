//! The command line as those have it who installed it: by its own name, without a repository around it.

use std::os::unix::fs::symlink;

use support::Sandbox;

use crate::PROGRAM;

#[test]
fn whoever_installed_it_is_told_its_own_name() {
    let bin = tempfile::tempdir().expect("a temporary folder");
    let program = bin.path().join("gitops-setup");
    symlink(PROGRAM, &program).expect("the folder is ours");
    let sandbox = Sandbox::new(&program.to_string_lossy());
    let in_a_repository = Sandbox::new(PROGRAM);
    in_a_repository.run(&["--help"]).exits(0).says("Usage: cargo xtask [OPTIONS] <COMMAND>");
    in_a_repository.run(&["plan", "-c", "none.yaml"]).exits(2).says("cargo xtask init none.yaml");

    let outcomes = [
        sandbox.run(&["--help"]),
        sandbox.run(&["setup", "--help"]),
        sandbox.run(&["no-such-command"]),
        sandbox.run(&["plan", "-c", "none.yaml"]),
        sandbox.run(&["plan", "-c", "none.yaml", "--output", "json"]),
        sandbox.run(&["status"]),
        sandbox.run(&["status", "--output", "json"]),
        sandbox.run(&["init"]),
        sandbox.run(&["init"]),
    ];
    outcomes[0].exits(0).says("Usage: gitops-setup [OPTIONS] <COMMAND>");
    outcomes[2].exits(2).says("Usage: gitops-setup [OPTIONS] <COMMAND>");
    outcomes[3].exits(2).says("write one with: gitops-setup init none.yaml");
    let failed = &outcomes[4].exits(2).events_of("failed")[0];
    assert!(failed["message"].as_str().is_some_and(|text| text.contains("gitops-setup init")), "{failed}");
    outcomes[5].exits(0).says("There is no cluster yet, or it does not run: gitops-setup setup");
    outcomes[7].exits(0).says("then: gitops-setup plan");
    outcomes[8].exits(2).says("gitops-setup init gitops.yaml --force");
    for outcome in &outcomes {
        assert!(!outcome.output().contains("cargo xtask"), "{}: {}", outcome.words, outcome.output());
    }
    let config = std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("init wrote it");
    assert!(config.contains("`gitops-setup setup`") && !config.contains("cargo xtask"), "{config}");
}
