//! Models in a user's checkout: what is written, what is committed, and what is left alone.

use support::{Checkout, Outcome, Sandbox};

use crate::PROGRAM;

const CONFIG: &str = "{git: {url: 'https://git.example/ml/gitops'}, environments: [{namespace: dev}, {namespace: prod}], models: {}}";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write("gitops.yaml", CONFIG);
    sandbox
}

/// `model` with these words, in the checkout.
fn model(sandbox: &Sandbox, checkout: &Checkout, words: &[&str]) -> Outcome {
    let folder = checkout.folder();
    sandbox.run(&[&["model"], words, &["--folder", &folder]].concat())
}

/// Adds the model `iris` to `dev`.
fn add(sandbox: &Sandbox, checkout: &Checkout, uri: &str, more: &[&str]) -> Outcome {
    let words = ["add", "iris", "--environment", "dev", "--runtime", "kserve", "--model-format", "sklearn"];
    model(sandbox, checkout, &[words.as_slice(), &["--storage-uri", uri], more].concat())
}

#[test]
fn only_its_files_are_committed_and_a_second_run_changes_nothing() {
    let (sandbox, uri) = (sandbox(), "s3://models/iris/v1");
    let checkout = Checkout::new(&sandbox, "gitops");
    checkout.write("staged.txt", "theirs\n");
    checkout.git(&["add", "staged.txt"]);
    checkout.write("README.md", "edited\n");
    add(&sandbox, &checkout, uri, &["--plan"]).exits(0).says("6 files would change");
    assert!(!checkout.has("models"), "a plan writes nothing");
    let planned = add(&sandbox, &checkout, uri, &["--plan", "--output", "json"]);
    let events = planned.exits(0).events_of("file");
    assert!(events.len() == 6 && events.iter().all(|event| event["change"] == "created"), "{events:?}");
    add(&sandbox, &checkout, uri, &["--commit"]).exits(0).says("Add model iris v1 to dev");
    let files = checkout.committed();
    assert_eq!(files.len(), 6, "{files:?}");
    assert!(files.iter().all(|file| file.starts_with("models/iris/")), "{files:?}");
    assert_eq!(checkout.git(&["status", "--porcelain"]), " M README.md\nA  staged.txt\n");
    let head = checkout.git(&["rev-parse", "HEAD"]);
    add(&sandbox, &checkout, uri, &["--commit"]).exits(0).says("Nothing changed");
    add(&sandbox, &checkout, uri, &[]).exits(0).says("Nothing changed");
    assert_eq!(checkout.git(&["rev-parse", "HEAD"]), head);
}

#[test]
fn a_model_goes_from_one_environment_to_the_next_and_away() {
    let sandbox = sandbox();
    let checkout = Checkout::new(&sandbox, "gitops");
    // What an earlier run wrote and did not commit is committed by the next.
    add(&sandbox, &checkout, "s3://models/iris/v1", &["--max-replicas", "4"]).exits(0);
    add(&sandbox, &checkout, "s3://models/iris/v1", &["--max-replicas", "4", "--commit", "-m", "Begin"])
        .exits(0);
    assert_eq!(checkout.git(&["log", "-1", "--format=%s"]), "Begin\n");
    let promote =
        |more: &[&str]| model(&sandbox, &checkout, &[&["promote", "iris", "dev", "prod"], more].concat());
    promote(&["--commit"]).exits(0).says("+ models/iris/overlays/prod/kustomization.yaml");
    let overlay = checkout.read("models/iris/overlays/prod/kustomization.yaml");
    assert!(overlay.contains("namespace: prod\n") && overlay.contains("value: 4"), "{overlay}");
    promote(&["--commit"]).exits(0).says("Nothing changed");

    let listed = model(&sandbox, &checkout, &["list", "--output", "json"]);
    let events = listed.exits(0).events_of("model");
    let places: Vec<_> = events.iter().map(|event| (&event["environment"], &event["version"])).collect();
    assert_eq!(format!("{places:?}"), r#"[(String("dev"), String("v1")), (String("prod"), String("v1"))]"#);
    assert_eq!(
        (&events[0]["runtime"], &events[0]["storageUri"]),
        (&"kserve".into(), &"s3://models/iris/v1".into())
    );
    let shown = model(&sandbox, &checkout, &["list"]);
    assert!(shown.exits(0).stdout.lines().all(|line| line.len() <= 80), "{}", shown.stdout);

    model(&sandbox, &checkout, &["remove", "iris", "--environment", "dev", "--commit"]).exits(0);
    assert!(!checkout.has("models/iris/overlays/dev") && checkout.has("models/iris/overlays/prod"));
    // The files are gone already; the commit is still to be made.
    model(&sandbox, &checkout, &["remove", "iris"]).exits(0);
    assert!(!checkout.has("models"), "empty folders go too");
    model(&sandbox, &checkout, &["remove", "iris", "--commit"]).exits(0).says("Remove model iris");
    model(&sandbox, &checkout, &["remove", "iris", "--commit"]).exits(3).says("there is no model iris");
    assert_eq!(checkout.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_commit_is_by_the_author_of_the_configuration_where_git_knows_nobody() {
    let (sandbox, uri) = (sandbox(), "s3://models/iris/v1");
    let checkout = Checkout::new(&sandbox, "gitops");
    let who = || checkout.git(&["log", "-1", "--format=%an <%ae>, %cn <%ce>"]);
    let author = ["--set", "git.author.name=Ada", "--set", "git.author.email=ada@example.com"];
    add(&sandbox, &checkout, uri, &[&["--commit"], author.as_slice()].concat()).exits(0);
    assert_eq!(who(), "Somebody <somebody@example.com>, Somebody <somebody@example.com>\n");
    // Whoever the machine's own configuration names, here it is nobody.
    checkout.git(&["config", "user.name", ""]);
    let remove =
        |more: &[&str]| model(&sandbox, &checkout, &[&["remove", "iris", "--commit"], more].concat());
    remove(&[]).exits(3).says("git does not know who you are").says("set `git.author`");
    remove(&author).exits(0);
    assert_eq!(who(), "Ada <ada@example.com>, Ada <ada@example.com>\n");
    assert_eq!(checkout.git(&["status", "--porcelain"]), "");
}

#[test]
fn environments_of_the_quickstart_are_told_from_ones_own() {
    let sandbox = Sandbox::new(PROGRAM);
    let checkout = Checkout::new(&sandbox, "gitops");
    add(&sandbox, &checkout, "s3://models/iris/v1", &[])
        .exits(2)
        .says("`dev` is no environment of the configuration")
        .says("there is no gitops.yaml in the current folder");
}

#[test]
fn what_is_not_there_is_not_removed() {
    let sandbox = sandbox();
    let checkout = Checkout::new(&sandbox, "gitops");
    let remove = |words: &[&str]| model(&sandbox, &checkout, &[&["remove"], words].concat());
    add(&sandbox, &checkout, "s3://models/iris/v1", &["--commit"]).exits(0);
    remove(&["irs"]).exits(3).says("there is no model irs").says("the models are: iris");
    remove(&["iris", "--environment", "nope"]).exits(3).says("no model iris in nope").says("it is in: dev");
    let last = remove(&["iris", "--environment", "dev", "--commit"]);
    last.exits(0).says("in no environment now").says("cargo xtask model remove iris");
    let listed = model(&sandbox, &checkout, &["list"]);
    listed.exits(0).says("iris (kserve) in no environment");
    remove(&["iris", "--commit"]).exits(0);
    remove(&["iris"]).exits(3).says("there is none in models/");
}

#[test]
fn what_could_not_be_committed_is_not_staged() {
    let (sandbox, uri) = (sandbox(), "s3://models/iris/v1");
    let checkout = Checkout::new(&sandbox, "gitops");
    checkout.write("staged.txt", "theirs\n");
    checkout.git(&["add", "staged.txt"]);
    checkout.write(".git/hooks/pre-commit", "#!/bin/sh\necho No models on Fridays. >&2\nexit 1\n");
    let hook = checkout.root.join(".git/hooks/pre-commit");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let refused = add(&sandbox, &checkout, uri, &["--commit"]);
    refused.exits(3).says("not committed").says("No models on Fridays.").says("run this again");
    assert_eq!(checkout.git(&["diff", "--cached", "--name-only"]), "staged.txt\n");
    std::fs::remove_file(hook).expect("it is ours");
    checkout.git(&["checkout", "--quiet", "--detach"]);
    add(&sandbox, &checkout, uri, &["--commit", "-m", " "]).exits(2).says("without a message");
    add(&sandbox, &checkout, uri, &["-m", "Mine"]).exits(2).says("--commit");
    let done = add(&sandbox, &checkout, uri, &["--commit"]);
    done.exits(0).says("detached HEAD").says("git switch -c");
    assert_eq!(checkout.committed().len(), 6);
}

#[test]
fn what_somebody_edited_is_not_overwritten() {
    let (sandbox, uri) = (sandbox(), "s3://models/iris/v1");
    let checkout = Checkout::new(&sandbox, "gitops");
    let base = "models/iris/base/inferenceservice.yaml";
    add(&sandbox, &checkout, uri, &["--commit"]).exits(0);
    checkout.write(base, "mine\n");
    checkout.write("models/iris/base/extra.yaml", "mine\n");
    add(&sandbox, &checkout, uri, &[]).exits(2).says(base).says("--force");
    model(&sandbox, &checkout, &["remove", "iris"]).exits(2).says("in no commit").says(base);
    assert_eq!(checkout.read(base), "mine\n");
    add(&sandbox, &checkout, uri, &["--force"]).exits(0).says("- mine").says("1 file changed");
    assert_ne!(checkout.read(base), "mine\n");
    assert_eq!(checkout.read("models/iris/base/extra.yaml"), "mine\n");
    // A new version is an edit, too.
    add(&sandbox, &checkout, "s3://models/iris/v2", &[])
        .exits(2)
        .says("overlays/dev/version/kustomization.yaml");
    let planned = add(&sandbox, &checkout, "s3://models/iris/v2", &["--plan"]);
    planned.exits(2).says("- - MODEL_VERSION=v1").says("+ - MODEL_VERSION=v2").says("--force");
    assert!(checkout.read("models/iris/overlays/dev/version/kustomization.yaml").contains("v1"));
    add(&sandbox, &checkout, "s3://models/iris/v2", &["--force", "--commit"])
        .exits(0)
        .says("+ - MODEL_VERSION=v2")
        .says("Update model iris to v2");
    // Another environment's files are none of its business, whatever the base has become.
    checkout.git(&["add", "--all"]);
    checkout.git(&["commit", "--quiet", "-m", "theirs"]);
    checkout.write(base, "mine\n");
    model(&sandbox, &checkout, &["promote", "iris", "dev", "prod"]).exits(0);
    assert_eq!(checkout.read(base), "mine\n");
}

#[test]
fn nothing_is_written_outside_of_the_checkout_or_over_something_else() {
    let (sandbox, uri) = (sandbox(), "s3://models/iris/v1");
    let checkout = Checkout::new(&sandbox, "linked");
    std::fs::create_dir(sandbox.work().join("elsewhere")).expect("the folder is ours");
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, checkout.root.join(name)).expect("the folder is ours");
    };
    link("../elsewhere", "models");
    add(&sandbox, &checkout, uri, &[]).exits(2).says("models is in the way: it is a symbolic link");
    std::fs::remove_file(checkout.root.join("models")).expect("it is ours");
    checkout.write("models/iris/README.md", "mine\n");
    link("../../../elsewhere", "models/iris/base");
    add(&sandbox, &checkout, uri, &["--force"]).exits(2).says("base is in the way: it is a symbolic link");
    std::fs::remove_file(checkout.root.join("models/iris/base")).expect("it is ours");
    link("../../../elsewhere/file", "models/iris/base");
    std::fs::remove_file(checkout.root.join("models/iris/base")).expect("it is ours");
    checkout.write("models/iris/base", "a file\n");
    add(&sandbox, &checkout, uri, &["--force"]).exits(2).says("base is in the way: it is no folder");
    std::fs::remove_file(checkout.root.join("models/iris/base")).expect("it is ours");
    checkout.write("models/iris/base/kustomization.yaml/x", "a folder\n");
    add(&sandbox, &checkout, uri, &["--force"])
        .exits(2)
        .says("kustomization.yaml is in the way: it is a folder");
    assert!(!checkout.has("models/iris/overlays"), "nothing is written before all is checked");
    let elsewhere = std::fs::read_dir(sandbox.work().join("elsewhere")).expect("it is there");
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let sandbox = sandbox();
    let checkout = Checkout::new(&sandbox, "gitops");
    let refused = |words: &[&str], why: &str| {
        model(&sandbox, &checkout, words).exits(2).says(why);
        assert!(!checkout.has("models"), "{words:?}");
    };
    let add = |name: &str, environment: &str, more: &[&str], why: &str| {
        let words = ["add", name, "--environment", environment, "--storage-uri", "s3://models/iris/v1"];
        refused(&[&words, more].concat(), why);
    };
    let kserve = ["--runtime", "kserve", "--model-format", "sklearn"];
    for name in ["../../etc", "/etc", "Iris", "iris.v1", "1st", "a-", &"x".repeat(46)] {
        add(name, "dev", &kserve, "can't be the name of a model");
    }
    add("iris", "staging", &kserve, "`staging` is no environment of the configuration those are: dev, prod");
    add("iris", "../dev", &kserve, "is no environment");
    add("iris", "dev", &["--runtime", "kserve"], "--model-format");
    add("iris", "dev", &["--runtime", "seldon", "--model-format", "pytorch"], "Seldon Core has servers for");
    add(
        "iris",
        "dev",
        &["--runtime", "seldon-core-2", "--model-format", "sklearn", "--gpu", "1"],
        "shared servers",
    );
    add("iris", "dev", &["--runtime", "rollout"], "runs an image");
    add("iris", "dev", &["--runtime", "rollout", "--image", "iris:latest"], "another image every day");
    add("iris", "dev", &["--runtime", "rollout", "--image", "iris"], "a tag or a digest");
    add("iris", "dev", &[&kserve[..], &["--cpu", "lots"]].concat(), "an amount such as 500m");
    add(
        "iris",
        "dev",
        &[&kserve[..], &["--min-replicas", "3", "--max-replicas", "2"]].concat(),
        "--min-replicas",
    );
    let port = ["--port", "9000"];
    add("iris", "dev", &[&kserve[..], &port].concat(), "--port: only for an `--image`");
    let triton = ["--runtime", "seldon", "--model-format", "triton", "--image", "triton:24.01"];
    add("iris", "dev", &[&triton[..], &port].concat(), "--port: only for an `--image`");
    for number in ["-1", "abc", "65"] {
        add("iris", "dev", &[&kserve[..], &["--gpu", number]].concat(), "a whole number from 0 to 64");
    }
    add("iris", "dev", &[&kserve[..], &["--min-replicas", "0"]].concat(), "at least 1");
    let uri = ["add", "iris", "--environment", "dev", "--storage-uri", "https://me:secret@host/x"];
    let outcome = model(&sandbox, &checkout, &[&uri, &kserve[..]].concat());
    assert!(
        !outcome.exits(2).says("without credentials").output().contains("secret@"),
        "{}",
        outcome.output()
    );
    refused(&["promote", "iris", "dev", "prod"], "has no version in dev");
    refused(
        &["remove", "iris", "--environment", "../../..", "--commit"],
        "can't be the name of an environment",
    );
    let outside = sandbox.work().display().to_string();
    sandbox
        .run(&["model", "list", "--folder", &outside])
        .exits(3)
        .says("no checkout of a Git repository")
        .says("git clone https://git.example/ml/gitops");
}

#[test]
fn a_checkout_of_another_repository_is_told() {
    let sandbox = sandbox();
    let checkout = Checkout::new(&sandbox, "gitops");
    let plan = || add(&sandbox, &checkout, "s3://models/iris/v1", &["--plan"]);
    plan().exits(0).says("has no remote").says("git remote add origin https://git.example/ml/gitops");
    checkout.git(&["remote", "add", "origin", "https://bot:planted@git.example/ml/app"]);
    let other = plan();
    other.exits(0).says("no remote of").says("https://git.example/ml/gitops").says("6 files would change");
    assert!(!other.output().contains("planted"), "{}", other.output());
    checkout.git(&["remote", "add", "upstream", "git@git.example:ml/gitops.git"]);
    assert!(!plan().exits(0).output().contains("remote"), "by ssh it is the same");
}
