//! `cargo xtask ci`: the steps of `.github/workflows`, on any machine. The workflows only call them.

mod checks;
mod kind;
mod release;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use xshell::{Shell, cmd};

type Done = Result<(), Box<dyn Error>>;

/// The checks of this repository, as its workflows run them.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask ci", bin_name = "cargo xtask ci", max_term_width = 80)]
struct Ci {
    /// List the steps, and run none
    #[arg(long)]
    list: bool,
    /// The step [default: all that check something, in this order]
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Format, clippy, documentation, tests, benchmark
    Checks,
    /// Licences, advisories and sources of all dependencies; needs cargo-deny
    Dependencies,
    /// Workflows, actions and scripts; needs actionlint and shellcheck
    LintWorkflows,
    /// A cluster from setup to teardown; needs Docker
    Kind(kind::Kind),
    /// Compare a tag with version and change log, and write what is new into a file
    ReleaseNotes(release::Notes),
    /// Build the program for a target, and pack it
    Package(release::Package),
    /// Write the software bill of materials; needs cargo-cyclonedx
    Sbom,
}

pub(crate) fn main() -> ExitCode {
    let words = std::env::args_os().skip(1);
    let ci = Ci::parse_from(words);
    match run(ci) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(ci: Ci) -> Done {
    let sh = Shell::new()?;
    sh.change_dir(root());
    if ci.list {
        for step in Ci::command().get_subcommands() {
            let about = step.get_about().map(ToString::to_string).unwrap_or_default();
            say(&format!("{:16} {about}", step.get_name()));
        }
        return Ok(());
    }
    let steps = match ci.step {
        Some(step) => vec![step],
        None => {
            vec![Step::Checks, Step::Dependencies, Step::LintWorkflows, Step::Kind(kind::Kind::default())]
        }
    };
    for step in steps {
        match step {
            Step::Checks => checks::run(&sh)?,
            Step::Dependencies => dependencies(&sh)?,
            Step::LintWorkflows => lint_workflows(&sh)?,
            Step::Kind(kind) => kind.run(&sh)?,
            Step::ReleaseNotes(notes) => notes.run(&sh)?,
            Step::Package(package) => package.run(&sh)?,
            Step::Sbom => release::sbom(&sh)?,
        }
    }
    Ok(())
}

fn dependencies(sh: &Shell) -> Done {
    title("dependencies");
    needs(sh, "cargo deny", "cargo install --locked cargo-deny")?;
    Ok(cmd!(sh, "cargo deny --locked check").run()?)
}

/// What actionlint does not look at is in the tests (`workflows::`).
fn lint_workflows(sh: &Shell) -> Done {
    title("lint-workflows");
    needs(sh, "shellcheck", "apt-get install shellcheck")?;
    needs(sh, "actionlint", "go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")?;
    cmd!(sh, "actionlint").run()?;
    let mut scripts = vec![PathBuf::from(".ci/run")];
    for action in sh.read_dir(".github/actions")? {
        let files = sh.read_dir(action)?;
        scripts.extend(files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "sh")));
    }
    Ok(cmd!(sh, "shellcheck {scripts...}").run()?)
}

/// Says how to get a program that is missing.
fn needs(sh: &Shell, program: &str, install: &str) -> Done {
    let mut words = program.split_whitespace();
    let first = words.next().unwrap_or_default();
    match sh.cmd(first).args(words).arg("--version").quiet().ignore_stdout().ignore_stderr().run() {
        Ok(()) => Ok(()),
        Err(_) => Err(format!("{program} is not installed\n  install it: {install}").into()),
    }
}

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is a folder of the repository")
}

/// What the steps leave behind.
fn results() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("ci")
}

fn title(text: &str) {
    say(&format!("\n== {text}"));
}

fn say(line: &str) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Ci::command().debug_assert();
    }

    #[test]
    fn what_documents_and_workflows_call_exists() {
        let mut found = 0;
        for file in [
            "docs/ci.md",
            "ARCHITECTURE.md",
            ".ci/run",
            ".github/workflows/ci.yml",
            ".github/workflows/release.yml",
        ] {
            let text = std::fs::read_to_string(root().join(file)).unwrap();
            for rest in text.split("cargo xtask ci").skip(1) {
                let line = rest.lines().next().unwrap_or_default();
                let words: Vec<&str> =
                    line.split('`').next().unwrap_or_default().split_whitespace().collect();
                // A document leaves out what has to be named.
                let missing: &[&str] = match words[..] {
                    ["package"] => &["--target", "x"],
                    _ => &[],
                };
                let parsed = Ci::try_parse_from(["ci"].iter().chain(&words).chain(missing));
                assert!(parsed.is_ok(), "{file}: {words:?}: {parsed:?}");
                found += 1;
            }
        }
        assert!(found > 10, "{found}");
    }
}
