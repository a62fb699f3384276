//! What a release is made of.

use std::path::PathBuf;

use clap::Args;
use xshell::{Shell, cmd};

use super::{Done, needs, results, say, title};

/// The program that is released, and its package.
const PROGRAM: &str = "gitops-setup";
/// The version of the whole workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Clone, Debug, Args)]
pub(super) struct Notes {
    /// The tag: `v` and the version of the workspace
    #[arg(long)]
    tag: String,
}

impl Notes {
    pub(super) fn run(&self, sh: &Shell) -> Done {
        title("release-notes");
        let notes = notes(&self.tag, VERSION, &sh.read_file("CHANGELOG.md")?)?;
        let path = results().join("release-notes.md");
        sh.write_file(&path, notes)?;
        say(&format!("what is new in {}: {}", self.tag, path.display()));
        Ok(())
    }
}

/// The section of the change log that is about a version.
fn notes(tag: &str, version: &str, changelog: &str) -> Result<String, String> {
    if tag.strip_prefix('v') != Some(version) {
        return Err(format!(
            "the tag is {tag}, and the version in Cargo.toml is {version}\n  tag v{version}, or change the version first"
        ));
    }
    let heading = format!("## [{version}]");
    let rest = changelog.lines().skip_while(|line| !line.starts_with(&heading)).skip(1);
    let section: Vec<&str> = rest.take_while(|line| !line.starts_with("## ")).collect();
    match section.join("\n").trim() {
        "" => Err(format!(
            "CHANGELOG.md says nothing of {version}\n  give what is new the heading: {heading} - <date>"
        )),
        text => Ok(format!("{text}\n")),
    }
}

#[derive(Clone, Debug, Args)]
pub(super) struct Package {
    /// The target, such as x86_64-unknown-linux-musl
    #[arg(long)]
    target: String,
}

impl Package {
    pub(super) fn run(&self, sh: &Shell) -> Done {
        title("package");
        let (target, out) = (&self.target, results());
        cmd!(sh, "cargo build --release --locked --package {PROGRAM} --target {target}").run()?;
        let built = out.with_file_name(target).join("release");
        let folder = format!("{PROGRAM}-v{VERSION}-{target}");
        let (staged, dist) = (out.join(&folder), out.join("dist"));
        sh.remove_path(&staged)?;
        sh.create_dir(&staged)?;
        sh.create_dir(&dist)?;
        for file in [built.join(PROGRAM), "LICENSE".into(), "README.md".into(), "CHANGELOG.md".into()] {
            sh.copy_file(file, &staged)?;
        }
        let archive = dist.join(format!("{folder}.tar.gz"));
        cmd!(sh, "tar -C {out} -czf {archive} {folder}").run()?;
        say(&format!("packed: {}", archive.display()));
        Ok(())
    }
}

/// CycloneDX, of what the program is built from on any target, and of nothing that only tests need.
pub(super) fn sbom(sh: &Shell) -> Done {
    title("sbom");
    needs(sh, "cargo cyclonedx", "cargo install --locked cargo-cyclonedx")?;
    let (name, dist) = (format!("{PROGRAM}.cdx"), results().join("dist"));
    let options = ["--format=json", "--spec-version=1.5", "--target=all", "--no-build-deps", "--quiet"];
    cmd!(sh, "cargo cyclonedx --override-filename {name} {options...}").run()?;
    let file = format!("{name}.json");
    sh.create_dir(&dist)?;
    sh.copy_file(PathBuf::from("crates").join(PROGRAM).join(&file), &dist)?;
    // It writes one into every member of the workspace.
    let members = sh.read_dir("crates")?.into_iter().chain(["tests".into(), "xtask".into()]);
    for member in members {
        sh.remove_path(member.join(&file))?;
    }
    say(&format!("written: {}", dist.join(&file).display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "# Changelog\n\n## [Unreleased]\n\n- c\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- b\n\n## [0.1.0]\n- a\n";

    #[test]
    fn notes_are_the_section_of_the_version() {
        assert_eq!(notes("v0.2.0", "0.2.0", LOG).unwrap(), "### Added\n\n- b\n");
        assert_eq!(notes("v0.1.0", "0.1.0", LOG).unwrap(), "- a\n");
    }

    #[test]
    fn a_tag_of_another_version_and_a_version_without_notes_are_refused() {
        assert!(notes("v0.2.1", "0.2.0", LOG).unwrap_err().contains("tag v0.2.0"));
        assert!(notes("0.2.0", "0.2.0", LOG).is_err());
        assert!(notes("v0.3.0", "0.3.0", LOG).unwrap_err().contains("## [0.3.0]"));
    }
}
