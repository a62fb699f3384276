//! Lock files, format, clippy, documentation, tests, those of a repository that embeds this, and benchmark.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;

use xshell::{Shell, cmd};

use super::{Done, results, root, say, title};

/// How a test says that something is not tested here.
const SKIPPED: &str = "skipped: ";
/// What must not be skipped: most tests need it.
const REQUIRED: &str = "skipped: a local control plane";

/// A repository that embeds this.
const CONSUMER: &str = "fixtures/consumer/Cargo.toml";

/// How many schedules of faults are tried (docs/trust.md).
const FAULTS: &str = "GITOPS_SETUP_TEST_FAULTS";

pub(super) fn run(sh: &Shell) -> Done {
    title("lock files");
    for manifest in ["Cargo.toml", CONSUMER] {
        let args = ["--format-version", "1", "--locked", "--manifest-path", manifest];
        cmd!(sh, "cargo metadata --quiet {args...}").ignore_stdout().run()?;
    }
    title("format");
    cmd!(sh, "cargo fmt --all --check").run()?;
    title("clippy");
    cmd!(sh, "cargo clippy --quiet --workspace --all-targets --locked -- -D warnings").run()?;
    title("documentation");
    cmd!(sh, "cargo doc --quiet --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-D warnings").run()?;
    title("tests");
    let skipped = tests(sh)?;
    title("a repository that embeds this");
    consumer(sh)?;
    title("benchmark");
    cmd!(
        sh,
        "cargo test --quiet --package integration-tests --locked --bench setup --bench scale --bench pure"
    )
    .run()?;
    title("what was skipped");
    if skipped.is_empty() {
        say("nothing");
    }
    for (line, times) in &skipped {
        say(&format!("{times:7} {line}"));
    }
    match skipped.keys().any(|line| line.starts_with(REQUIRED)) {
        false => Ok(()),
        true => Err(
            "the tests on a real API server did not run: neither downloads nor Go modules can be had here"
                .into(),
        ),
    }
}

/// What its own folder's settings say does not count here, so the alias is written out. Dependencies are those of
/// before.
fn consumer(sh: &Shell) -> Done {
    let consumer = ["--manifest-path", CONSUMER];
    let target = results().with_file_name("");
    let _built = sh.push_env("CARGO_TARGET_DIR", target);
    cmd!(sh, "cargo fmt {consumer...} --check").run()?;
    cmd!(sh, "cargo clippy --quiet {consumer...} --locked --all-targets -- -D warnings").run()?;
    cmd!(sh, "cargo test --quiet {consumer...} --locked").run()?;
    let stages = cmd!(sh, "cargo run --quiet {consumer...} --locked -- stages").read()?;
    match stages.lines().any(|line| line.starts_with("quota ")) {
        true => Ok(()),
        false => Err(format!("its own stage is not in the list:\n{stages}").into()),
    }
}

/// Runs the tests, and gives what was skipped, and how often. The whole output is in a log: what tests say would drown
/// their results.
fn tests(sh: &Shell) -> Result<BTreeMap<String, usize>, Box<dyn std::error::Error>> {
    let path = results().join("test.log");
    sh.create_dir(results())?;
    let mut log = std::fs::File::create(&path)?;
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--locked", "--", "--show-output"]).current_dir(root());
    // With CI set, Docker that is missing is an error.
    command.env("CI", "true");
    if std::env::var_os(FAULTS).is_none() {
        command.env(FAULTS, "200");
    }
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // It holds the other end of the pipe.
    drop(command);
    let mut skipped = BTreeMap::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(log, "{line}")?;
        if line.starts_with(SKIPPED) {
            *skipped.entry(line.clone()).or_default() += 1;
        }
        if !is_frame(&line) {
            say(&line);
        }
    }
    match child.wait()?.success() {
        true => Ok(skipped),
        false => Err(format!("tests failed; all that they say: {}", path.display()).into()),
    }
}

/// What stands around the output of a test that passed.
fn is_frame(line: &str) -> bool {
    line.is_empty() || line == "successes:" || (line.starts_with("---- ") && line.ends_with(" stdout ----"))
}
