//! Where in a Git host's API a repository is, by its address.

use manifests::config::GitProvider;

use crate::remote::Address;

/// The API, and the repository in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Address of the API, without slash at its end.
    pub(super) api: String,
    /// User, organisation, workspace, project, or group with its parents.
    pub(super) owner: String,
    /// Name of the repository.
    pub(super) name: String,
}

impl Place {
    /// `None` where the path is no repository's at such a host.
    pub(super) fn of(kind: GitProvider, address: &Address) -> Option<Self> {
        match kind {
            GitProvider::BitbucketServer => bitbucket_server(address),
            GitProvider::AzureDevops => azure(address),
            _ => plain(kind, address),
        }
        .filter(|place| !place.owner.is_empty() && !place.name.is_empty())
    }
}

fn plain(kind: GitProvider, address: &Address) -> Option<Place> {
    let (owner, name) = address.path.rsplit_once('/')?;
    let one = kind == GitProvider::Gitlab || !owner.contains('/');
    let (host, origin) = (host(address), origin(address));
    let api = match kind {
        GitProvider::Github if host == "github.com" => "https://api.github.com".to_owned(),
        GitProvider::Github if host.ends_with(".ghe.com") => format!("https://api.{host}"),
        GitProvider::Github => format!("{origin}/api/v3"),
        GitProvider::Gitlab => format!("{origin}/api/v4"),
        GitProvider::Bitbucket => "https://api.bitbucket.org/2.0".to_owned(),
        _ => format!("{origin}/api/v1"),
    };
    one.then(|| Place { api, owner: owner.to_owned(), name: name.to_owned() })
}

/// `https://host[/context]/scm/PROJECT/name` or `ssh://git@host:7999/PROJECT/name`; a project `~user` is a user's.
fn bitbucket_server(address: &Address) -> Option<Place> {
    let (before, name) = address.path.rsplit_once('/')?;
    let (context, owner) = match before.rsplit_once('/') {
        None => ("", before),
        Some(("scm", owner)) => ("", owner),
        Some((context, owner)) => (context.strip_suffix("/scm")?, owner),
    };
    let slash = if context.is_empty() { "" } else { "/" };
    let api = format!("{}{slash}{context}/rest/api/1.0", origin(address));
    Some(Place { api, owner: owner.to_owned(), name: name.to_owned() })
}

/// `https://dev.azure.com/organisation/project/_git/name`, the older `https://organisation.visualstudio.com/…`,
/// `git@ssh.dev.azure.com:v3/organisation/project/name`, or at one's own server
/// `https://host/collection/project/_git/name`. Where the project has the repository's name, it may be left out.
///
/// The API is the organisation's or collection's.
fn azure(address: &Address) -> Option<Place> {
    let host = host(address);
    let cloud = |organisation: &str| format!("https://dev.azure.com/{organisation}");
    if let Some(path) = address.path.strip_prefix("v3/") {
        let [organisation, project, name] = parts(path)?;
        return Some(Place { api: cloud(organisation), owner: project.to_owned(), name: name.to_owned() });
    }
    let (before, name) = address.path.split_once("_git/")?;
    let mut before: Vec<&str> = before.split('/').filter(|part| !part.is_empty()).collect();
    let is_cloud = host == "dev.azure.com";
    let organisation = match host.strip_suffix(".visualstudio.com") {
        Some(organisation) => {
            before.retain(|part| !part.eq_ignore_ascii_case("DefaultCollection"));
            Some(organisation)
        }
        None if is_cloud && !before.is_empty() => Some(before.remove(0)),
        None => None,
    };
    let collection = if organisation.is_none() { before.len().saturating_sub(1) } else { 0 };
    let project = before.get(collection).copied().unwrap_or(name);
    let api = match organisation {
        Some(organisation) => cloud(organisation),
        None => format!("{}/{}", origin(address), before[..collection].join("/")),
    };
    Some(Place { api, owner: project.to_owned(), name: name.to_owned() })
}

fn parts<const N: usize>(path: &str) -> Option<[&str; N]> {
    path.split('/').collect::<Vec<_>>().try_into().ok()
}

/// The host; an address for SSH may name another one than HTTPS.
fn host(address: &Address) -> String {
    match address.host.to_ascii_lowercase() {
        host if host == "ssh.github.com" => "github.com".to_owned(),
        host if host == "altssh.gitlab.com" => "gitlab.com".to_owned(),
        host => host,
    }
}

/// `https://host`, with the port of HTTPS and without a user. An address for SSH names SSH's port, which is not
/// the API's.
fn origin(address: &Address) -> String {
    let Some((scheme, authority)) = address.origin.trim_end_matches('/').split_once("://") else {
        return format!("https://{}", host(address));
    };
    format!("{scheme}://{}", authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}
