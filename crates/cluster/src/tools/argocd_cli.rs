//! Argo CD's own command line: the program of a release, verified by the checksum that is published beside it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::download::{DownloadError, Wanted, fetch_verified, shown, text};
use super::files::{FileError, detached};
use super::release::checksum_in;
use super::{Progress, ToolContext};

/// Name of the program once it is here.
const PROGRAM: &str = "argocd";

/// Why it was not installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// Downloads are forbidden.
    #[error(
        "GITOPS_SETUP_OFFLINE is set, and {url} would have to be fetched\n  unset it, or copy the program by hand"
    )]
    Offline {
        /// Where it is.
        url: String,
    },
    /// It could not be fetched, or is not what was published.
    #[error(
        "{0}\n  is the release there, and for this platform? Behind a proxy set HTTPS_PROXY, or name a mirror: \
         GITOPS_SETUP_DOWNLOAD_MIRROR=https://mirror.example"
    )]
    Download(#[from] DownloadError),
    /// It could not be made a program.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Installs the program of a release, such as `v3.5.1`, in a folder; gives its path and whether it was fetched.
pub async fn install(
    version: &str,
    folder: &Path,
    context: &ToolContext,
    progress: &Progress,
) -> Result<(PathBuf, bool), CliError> {
    let name = format!("{PROGRAM}-{}-{}", context.platform.os, context.platform.arch);
    let release = format!("{}/argoproj/argo-cd/releases/download/{version}", context.sites.github);
    let url = format!("{release}/{name}");
    if context.offline {
        return Err(CliError::Offline { url: shown(&url) });
    }
    let sha256 = checksum(&release, &name, context).await?;
    let dest = folder.join(PROGRAM);
    let wanted = Wanted { url: &url, sha256: &sha256, dest: &dest };
    let fetched = fetch_verified(wanted, &context.limits, progress).await?;
    let program = dest.clone();
    let made = detached(move |_| {
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .map_err(|source| FileError::new("make executable", &program, None, source))
    });
    made.await?;
    Ok((dest, fetched))
}

/// One list for all platforms, or in older releases a file for each program. Without either nothing is fetched.
async fn checksum(release: &str, name: &str, context: &ToolContext) -> Result<String, DownloadError> {
    let mut failure = None;
    for file in ["cli_checksums.txt".to_owned(), format!("{name}.sha256")] {
        let url = format!("{release}/{file}");
        match text(&url, None, &context.limits).await {
            Ok(text) => match checksum_in(&text, name) {
                Some(sum) => return Ok(sum),
                None => {
                    let why = format!("there is no sha256 of {name} in it");
                    failure = Some(DownloadError::Unreachable { url: shown(&url), why });
                }
            },
            // What is told is why the first is not there.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.expect("two were asked for"))
}
