//! Finding the manifest of Argo CD: the release's own, the built-in one, or a file.

use std::path::{Path, PathBuf};

use cluster::tools::download::{DownloadError, Wanted, fetch_verified};
use manifests::argocd::install::{Install, prepare};
use manifests::argocd::release::{self, Published};
use manifests::argocd::{bundled, version::ArgoVersion};
use manifests::config::{ManifestSource, Provider, Variant};
use manifests::{Object, yaml};

use crate::failure::Failure;
use crate::session::{Effects, Session};

/// A manifest and where it came from.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) install: Option<Install>,
    pub(crate) origin: String,
}

/// Finds the manifest that the configuration asks for.
pub(crate) async fn find(session: &Session, effects: Effects) -> Result<Found, Failure> {
    match &session.config.argocd.manifest {
        ManifestSource::Existing => Ok(Found::default()),
        ManifestSource::Bundled => built_in(session, "built-in manifest".into()),
        ManifestSource::File(path) => from_file(session, path),
        ManifestSource::Official => official(session, &published(session)?).await?.map_err(unreachable),
        ManifestSource::Auto => auto(session, effects).await,
    }
}

/// The official manifest; on a local control plane the built-in one where that can't be had. Once chosen for a
/// cluster, the built-in one stays: a second run must not change what the first one did.
async fn auto(session: &Session, effects: Effects) -> Result<Found, Failure> {
    let argocd = &session.config.argocd;
    let fits = session.config.cluster.provider == Provider::Kwok
        && argocd.version == ArgoVersion::current()
        && argocd.variant == Variant::Standard;
    if !fits {
        return official(session, &published(session)?).await?.map_err(unreachable);
    }
    let marker = session.data.join(format!("clusters/kwok-{}/bundled-manifest", session.config.cluster.name));
    let chosen = marker.exists();
    if !chosen {
        match official(session, &published(session)?).await? {
            Ok(found) => return Ok(found),
            Err(error) => session.report.detail(&error.to_string()),
        }
        if effects == Effects::Allowed {
            remember(&marker)?;
        }
    }
    let why = if chosen { "as before" } else { "the official one can't be downloaded here" };
    built_in(session, format!("built-in manifest ({why})"))
}

fn remember(marker: &Path) -> Result<(), Failure> {
    let folder = marker.parent().unwrap_or(Path::new("."));
    cluster::dirs::create(folder).map_err(|error| Failure::Precondition(error.to_string()))?;
    std::fs::write(marker, "").map_err(|error| Failure::file(marker, &error))
}

fn published(session: &Session) -> Result<Published, Failure> {
    let argocd = &session.config.argocd;
    release::published(&argocd.version, argocd.variant).ok_or_else(|| {
        Failure::Usage(format!(
            "this version of gitops-setup has no checksum for the manifest of Argo CD {} ({:?})\n  choose a release \
             up to {}, or download the manifest and name it: argocd.manifest: {{file: install.yaml}}",
            argocd.version,
            argocd.variant,
            ArgoVersion::current()
        ))
    })
}

/// Fetches a published manifest into the cache. The inner error says that it can't be reached.
async fn official(session: &Session, published: &Published) -> Result<Result<Found, DownloadError>, Failure> {
    let dest = cached(session, published);
    let url = published.url();
    let wanted = Wanted { url: &url, sha256: published.sha256, dest: &dest };
    let is_there = || std::fs::read(&dest).is_ok_and(|bytes| release::sha256(&bytes) == published.sha256);
    if session.tools.offline && !is_there() {
        let url = url.clone();
        return Ok(Err(DownloadError::Unreachable { url, why: "GITOPS_SETUP_OFFLINE is set".into() }));
    }
    match fetch_verified(wanted, &session.tools.limits, &session.report.progress()).await {
        Ok(_) => {}
        Err(error @ DownloadError::Unreachable { .. }) => return Ok(Err(error)),
        Err(error @ DownloadError::ChecksumMismatch { .. }) => {
            return Err(Failure::Refused(error.to_string()));
        }
        Err(error) => return Err(Failure::Precondition(error.to_string())),
    }
    let text = read(&dest)?;
    let objects = yaml::parse_objects(&text).map_err(|error| Failure::Bug(error.to_string()))?;
    let origin = format!("official manifest {}", published.tag);
    prepared(session, objects, true, origin).map(Ok)
}

fn cached(session: &Session, published: &Published) -> PathBuf {
    session.tools.cache.join("manifests").join(format!("{}.yaml", published.sha256))
}

fn unreachable(error: DownloadError) -> Failure {
    Failure::Precondition(format!(
        "{error}\n  or download it elsewhere and name the file: argocd.manifest: {{file: install.yaml}}"
    ))
}

fn from_file(session: &Session, path: &Path) -> Result<Found, Failure> {
    let text = read(path)?;
    let published = release::recognise(text.as_bytes());
    if published.is_none() {
        judge_own(session, path, &release::sha256(text.as_bytes()))?;
    }
    let objects =
        yaml::parse_objects(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    let version = session.config.argocd.version.to_string();
    let known = published.is_some_and(|published| published.tag == version);
    let origin = match published {
        Some(published) => {
            format!("{}, the official {} of {}", path.display(), published.path, published.tag)
        }
        None => format!("{}, which no release was published with", path.display()),
    };
    prepared(session, objects, known, origin)
}

/// A manifest of the user's own is told from a damaged one by its checksum alone.
fn judge_own(session: &Session, path: &Path, actual: &str) -> Result<(), Failure> {
    let path = path.display();
    match session.config.argocd.manifest_sha256.as_deref() {
        Some(expected) if expected.eq_ignore_ascii_case(actual) => Ok(()),
        Some(expected) => Err(Failure::Usage(format!(
            "{path} is not what `argocd.manifestSha256` says: sha256 is {actual}, expected {expected}\n  the file was \
             changed since; look at it before you change the key"
        ))),
        None => Err(Failure::Usage(format!(
            "{path} is not what any release of Argo CD was published with: it is damaged, or your own\n  fetch it \
             again; or say that it is yours: `argocd.manifestSha256: {actual}`"
        ))),
    }
}

fn built_in(session: &Session, origin: String) -> Result<Found, Failure> {
    prepared(session, bundled::objects(&session.config.argocd.namespace), true, origin)
}

fn prepared(session: &Session, objects: Vec<Object>, known: bool, origin: String) -> Result<Found, Failure> {
    let install = prepare(objects, &session.config.argocd, known)?;
    Ok(Found { install: Some(install), origin })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}
