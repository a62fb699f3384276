//! Whether the `go` at hand can build a module.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::{BuildError, GoModule, ToolContext, version};

/// From this version on, go fetches a newer toolchain by itself unless GOTOOLCHAIN forbids it.
const FETCHES_TOOLCHAINS: Version = Version(1, 21, 0);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

/// Refuses a go that is too old and stays so.
pub(super) async fn check(
    go: &Path,
    module: GoModule,
    folder: &Path,
    context: &ToolContext,
) -> Result<(), BuildError> {
    let failed = |why: String| BuildError::Start { go: go.to_owned(), why };
    let mut command = Command::new(go);
    command
        .args(["env", "GOVERSION", "GOTOOLCHAIN"])
        // Above the module: inside of it, go would fetch another toolchain before it answers.
        .current_dir(folder.parent().unwrap_or(folder))
        .env("PATH", &context.path)
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = version::spawn(&mut command).await.map_err(|error| failed(error.to_string()))?;
    let limit = context.limits.version;
    let output = tokio::time::timeout(limit, child.wait_with_output())
        .await
        .map_err(|_| failed(format!("`go env` gave no answer in {} s", limit.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(failed(format!("`go env` failed ({}): {said}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().map(str::trim);
    let (found, toolchain) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let wanted = wanted_by(module);
    if is_too_old(found, toolchain, wanted, context.offline) {
        let (found, wanted) = (found.trim_start_matches("go").to_owned(), wanted.to_owned());
        return Err(BuildError::GoTooOld { go: go.to_owned(), module, found, wanted });
    }
    Ok(())
}

fn is_too_old(found: &str, toolchain: &str, wanted: &str, offline: bool) -> bool {
    // What cannot be read is a development version; go itself knows better.
    let (Some(found), Some(wanted)) = (parse(found), parse(wanted)) else { return false };
    let stays = offline || toolchain == "local" || found < FETCHES_TOOLCHAINS;
    found < wanted && stays
}

fn wanted_by(module: GoModule) -> &'static str {
    module.go_mod().lines().find_map(|line| line.strip_prefix("go ")).unwrap_or_default().trim()
}

/// Reads `go1.26.8`, `1.26` and `go1.27rc1`.
fn parse(text: &str) -> Option<Version> {
    let mut parts = text.strip_prefix("go").unwrap_or(text).split('.').map(|part| {
        let digits = part.find(|char: char| !char.is_ascii_digit()).unwrap_or(part.len());
        part[..digits].parse().ok()
    });
    Some(Version(parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse("go1.26.8"), Some(Version(1, 26, 8)));
        assert_eq!(parse("1.26"), Some(Version(1, 26, 0)));
        assert_eq!(parse("go1.27rc1"), Some(Version(1, 27, 0)));
        assert_eq!(parse("devel go1.28-abc"), None);
        for module in [GoModule::ControlPlane, GoModule::Kind] {
            assert!(parse(wanted_by(module)) >= Some(Version(1, 26, 0)), "{}", module.name());
        }
    }

    #[test]
    fn an_old_go_counts_only_where_it_cannot_fetch_a_newer_one() {
        assert!(is_too_old("go1.24.1", "local", "1.26.0", false));
        assert!(!is_too_old("go1.24.1", "auto", "1.26.0", false));
        assert!(is_too_old("go1.24.1", "auto", "1.26.0", true));
        assert!(is_too_old("go1.19", "", "1.26.0", false));
        assert!(!is_too_old("go1.26.0", "local", "1.26.0", true));
    }
}
