//! Official releases: addresses, published checksums, archives.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::cache::Slot;
use super::download::{self, DownloadError, Wanted};
use super::files::{FileError, Partial, detached};
use super::table::Checksum;
use super::{Origin, Platform, Progress, Resolved, Tool, ToolContext, ToolError, version};

/// How a download ended that did not give the tool.
pub(super) enum NoRelease {
    /// The next way may be tried.
    Unreachable(String),
    /// It must not.
    Stop(ToolError),
}

impl<E: Into<ToolError>> From<E> for NoRelease {
    fn from(error: E) -> Self {
        Self::Stop(error.into())
    }
}

/// Downloads a tool into its slot, unless another process has done so meanwhile.
pub(super) async fn download(
    tool: Tool,
    context: &ToolContext,
    progress: &Progress,
) -> Result<Resolved, NoRelease> {
    let release = &tool.spec().release;
    let platform = context.platform;
    if !release.platforms.contains(&platform.to_string().as_str()) {
        return Err(NoRelease::Unreachable(format!("none is published for {platform}")));
    }
    let slot = Slot::of(tool, context);
    let what = format!("downloading {}", tool.name());
    let (_lock, filled) = slot.lock(&what, context.limits.lock, progress).await?;
    if filled {
        return Ok(slot.resolved(Origin::Cache));
    }
    let stop = |error| match error {
        DownloadError::Unreachable { .. } => NoRelease::Unreachable(error.to_string()),
        DownloadError::File(error) => NoRelease::Stop(error.into()),
        source => NoRelease::Stop(ToolError::Download { tool, source }),
    };
    let url = format!("{}{}", context.sites.base(release.site), fill(release.path, platform));
    let sha256 = published_checksum(release.checksum, &url, context).await.map_err(stop)?;
    let dest = release.member.map_or_else(|| slot.path.clone(), |_| slot.folder.join("archive"));
    let wanted = Wanted { url: &url, sha256: &sha256, dest: &dest };
    let mut partial = download::fetch(wanted, &context.limits, progress).await.map_err(stop)?;
    if let Some(member) = release.member {
        partial = unpack(partial, &fill(member, platform), &slot.path, context).await?;
    }
    slot.install(partial, download::shown(&url)).await?;
    Ok(slot.resolved(Origin::Downloaded))
}

fn fill(pattern: &str, platform: Platform) -> String {
    let ext = if platform.os == "linux" { "tar.gz" } else { "zip" };
    pattern.replace("{os}", platform.os).replace("{arch}", platform.arch).replace("{ext}", ext)
}

async fn published_checksum(
    checksum: Checksum,
    url: &str,
    context: &ToolContext,
) -> Result<String, DownloadError> {
    let (folder, file) = url.rsplit_once('/').unwrap_or(("", url));
    let listed = async |address: String| {
        let text = download::text(&address, None, &context.limits).await?;
        checksum_in(&text, file).ok_or_else(|| none_in(&address, file))
    };
    match checksum {
        Checksum::Beside(suffix) => listed(format!("{url}{suffix}")).await,
        Checksum::Listed(name) => listed(format!("{folder}/{name}")).await,
        Checksum::GitHubDigest { repository, tag } => {
            if context.sites.mirrored
                && let Ok(sum) = listed(format!("{url}.sha256")).await
            {
                return Ok(sum);
            }
            let address = format!("{}/repos/{repository}/releases/tags/{tag}", context.sites.github_api);
            let text = download::text(&address, context.github_token.as_ref(), &context.limits).await?;
            digest_in(&text, file).ok_or_else(|| none_in(&address, file))
        }
    }
}

/// Without a checksum nothing is downloaded, and that is no more alarming than a host that does not answer.
fn none_in(address: &str, file: &str) -> DownloadError {
    let why = format!("there is no sha256 of {file} in the answer");
    DownloadError::Unreachable { url: download::shown(address), why }
}

/// Reads bare hex, or the line of `file` in what sha256sum writes.
pub(super) fn checksum_in(text: &str, file: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let named = lines.clone().find_map(|line| {
        let (sum, name) = line.split_once(char::is_whitespace)?;
        let name = name.trim_start().trim_start_matches('*');
        (name.rsplit('/').next() == Some(file)).then_some(sum)
    });
    let sum = named.or_else(|| lines.clone().next().filter(|_| lines.count() == 1))?;
    is_sha256(sum).then(|| sum.to_ascii_lowercase())
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[derive(Deserialize)]
struct GitHubRelease {
    assets: Vec<GitHubAsset>,
}

#[derive(Deserialize)]
struct GitHubAsset {
    name: String,
    digest: Option<String>,
}

fn digest_in(text: &str, file: &str) -> Option<String> {
    let release: GitHubRelease = serde_json::from_str(text).ok()?;
    let asset = release.assets.into_iter().find(|asset| asset.name == file)?;
    let digest = asset.digest?;
    let sum = digest.strip_prefix("sha256:")?;
    is_sha256(sum).then(|| sum.to_ascii_lowercase())
}

/// Takes one program out of an archive, tar.gz or (with the tar of macOS) zip.
async fn unpack(
    archive: Partial,
    member: &str,
    dest: &Path,
    context: &ToolContext,
) -> Result<Partial, NoRelease> {
    let Some(tar) = version::on_path("tar", &context.path).into_iter().next() else {
        return Err(NoRelease::Unreachable("there is no `tar` on PATH to unpack it with".to_owned()));
    };
    let (member, dest, path) = (member.to_owned(), dest.to_owned(), context.path.clone());
    detached(move |_| {
        let (partial, mut file) = Partial::create(&dest)?;
        let mut command = Command::new(&tar);
        command.arg("-xOf").arg(&archive.path).arg(&member).env("PATH", path);
        let failed =
            |why: String| NoRelease::Unreachable(format!("{} -xOf … {member}: {why}", tar.display()));
        match pipe(&mut command, &mut file) {
            Ok(None) => {}
            Ok(Some(why)) => return Err(failed(why)),
            Err(Piped::Run(error)) => return Err(failed(error.to_string())),
            Err(Piped::Write(error)) => {
                return Err(FileError::new("write", &partial.path, None, error).into());
            }
        }
        partial.settle(file, 0o755)?;
        Ok(partial)
    })
    .await
}

enum Piped {
    Run(io::Error),
    Write(io::Error),
}

/// Runs a program with its output to a file; gives what it complains of when it fails.
fn pipe(command: &mut Command, out: &mut impl io::Write) -> Result<Option<String>, Piped> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Piped::Run)?;
    let written = child.stdout.take().map_or(Ok(0), |mut stdout| io::copy(&mut stdout, out));
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        // What it says only explains a failure that its status tells.
        let _ = stderr.take(4096).read_to_string(&mut said);
    }
    let status = child.wait().map_err(Piped::Run)?;
    written.map_err(Piped::Write)?;
    Ok((!status.success()).then(|| format!("{status}: {}", said.trim())))
}

/// Where a program copied by hand is found.
pub(super) fn by_hand(tool: Tool, context: &ToolContext) -> PathBuf {
    Slot::of(tool, context).path
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn checksums_are_read_in_all_formats() {
        let sum = Some(SUM.to_owned());
        assert_eq!(checksum_in(SUM, "x"), sum);
        assert_eq!(checksum_in(&format!("{SUM}\n"), "x"), sum);
        assert_eq!(checksum_in(&format!("{SUM}  x\n"), "x"), sum);
        assert_eq!(checksum_in(&format!("{}  y\n{} *./x\n", "0".repeat(64), SUM.to_uppercase()), "x"), sum);
        assert_eq!(checksum_in(&format!("{SUM}  y\n"), "x"), None);
        assert_eq!(checksum_in("<html>Sign in</html>", "x"), None);
        assert_eq!(checksum_in("", "x"), None);
    }

    #[test]
    fn digests_are_read_from_the_api() {
        let text =
            format!(r#"{{"assets":[{{"name":"y","digest":null}},{{"name":"x","digest":"sha256:{SUM}"}}]}}"#);
        assert_eq!(digest_in(&text, "x").as_deref(), Some(SUM));
        assert_eq!(digest_in(&text, "y"), None);
        assert_eq!(digest_in(r#"{"message":"API rate limit exceeded"}"#, "x"), None);
    }

    #[test]
    fn addresses_are_those_of_the_release_pages() {
        let linux = Platform { os: "linux", arch: "amd64" };
        let mac = Platform { os: "darwin", arch: "arm64" };
        let path = |tool: Tool, platform| fill(tool.spec().release.path, platform);
        assert_eq!(path(Tool::KubeScheduler, linux), "/release/v1.36.3/bin/linux/amd64/kube-scheduler");
        assert_eq!(
            path(Tool::Etcd, mac),
            "/etcd-io/etcd/releases/download/v3.6.16/etcd-v3.6.16-darwin-arm64.zip"
        );
        for tool in Tool::ALL {
            let spec = tool.spec();
            let version = format!("v{}", spec.version);
            assert!(spec.release.path.contains(&version), "{tool}: the address is of another version");
            if let Checksum::GitHubDigest { tag, .. } = spec.release.checksum {
                assert_eq!(tag, version);
            }
        }
    }
}
