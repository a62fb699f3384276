//! Combinations of repository, credentials and release of Argo CD that are impossible.

use super::combinations::Clash;
use super::types::{Config, Git, GitAuth, Seldon};
use super::url::{Transport, is_branch};
use crate::argocd::version::ArgoVersion;

/// All impossible combinations.
pub(super) fn clashes(config: &Config) -> Vec<Clash> {
    let mut clashes: Vec<Clash> = proxy(&config.git).into_iter().chain(branch(&config.git)).collect();
    if config.git.url.is_empty() {
        clashes.extend(seldon(config, None));
        return clashes;
    }
    let transport = match config.git.transport() {
        Ok(transport) => transport,
        Err(bad) => {
            clashes.push(Clash::new(&["git.url"], format!("`git.url` {bad}")));
            return clashes;
        }
    };
    clashes.extend(auth(config.git.auth.as_ref(), "git.auth", transport));
    clashes.extend(release(config));
    clashes.extend(template(&config.git, transport));
    clashes.extend(trust(config, transport));
    clashes.extend(seldon(config, Some(transport)));
    clashes
}

/// A user or a password in the proxy's address. It is never repeated.
fn proxy(git: &Git) -> Option<Clash> {
    // In no other part of a proxy's address is there an `@`, and a password may hold any character.
    let proxy = git.repository.as_ref()?.proxy.as_ref()?;
    let message = match proxy.contains('@') {
        true => {
            "`git.repository.proxy` holds a user or a password, which would end up in logs and manifests; use a proxy \
             that asks for none"
        }
        // Argo CD has handed it to a shell (CVE-2026-55797).
        false if !proxy.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:/[]".contains(c)) => {
            "`git.repository.proxy` is not the address of a proxy; expected one such as `http://proxy.example.com:3128`"
        }
        false => return None,
    };
    Some(Clash::new(&["git.repository.proxy"], message))
}

/// What git would take for an option, a range or a path.
fn branch(git: &Git) -> Option<Clash> {
    let bad = git.branch.as_deref().is_some_and(|name| !is_branch(name));
    bad.then(|| {
        Clash::new(&["git.branch"], "`git.branch` can't be the name of a branch; expected one such as `main`")
    })
}

/// Credentials that don't fit the address.
fn auth(auth: Option<&GitAuth>, path: &str, transport: Transport) -> Vec<Clash> {
    let clash =
        |kind: &str, message: String| vec![Clash::new(&[&format!("{path}{kind}"), "git.url"], message)];
    match (auth, transport) {
        (Some(_), Transport::File) => {
            clash("", format!("a `file://` repository needs no credentials; remove `{path}`"))
        }
        (Some(GitAuth::Ssh { .. }), Transport::Https) => clash(
            ".ssh",
            format!(
                "`{path}.ssh` needs an ssh address; write `git.url` as `ssh://git@host/path`, or use `{path}.token`"
            ),
        ),
        (Some(other), Transport::Ssh) if !matches!(other, GitAuth::Ssh { .. }) => {
            let kind = kind(other);
            let message = format!(
                "`{path}{kind}` needs an https address; write `git.url` as `https://host/path`, or use `{path}.ssh`"
            );
            clash(kind, message)
        }
        _ => Vec::new(),
    }
}

fn kind(auth: &GitAuth) -> &'static str {
    match auth {
        GitAuth::Token { .. } => ".token",
        GitAuth::Bearer { .. } => ".bearer",
        GitAuth::GithubApp { .. } => ".githubApp",
        GitAuth::Ssh { .. } => ".ssh",
    }
}

/// What the release of Argo CD does not know yet: it would be passed over in silence.
fn release(config: &Config) -> Vec<Clash> {
    let options = config.git.repository.clone().unwrap_or_default();
    let bearer = matches!(config.git.auth, Some(GitAuth::Bearer { .. }));
    let github_app = matches!(config.git.auth, Some(GitAuth::GithubApp { .. }));
    let version = &config.argocd.version;
    [
        ("git.auth.bearer", "bearerToken", bearer),
        ("git.auth.githubApp", "githubAppID", github_app),
        ("git.repository.project", "project", options.project.is_some()),
        ("git.repository.proxy", "proxy", options.proxy.is_some()),
        ("git.repository.noProxy", "noProxy", options.no_proxy.is_some()),
        ("git.repository.forceHttpBasicAuth", "forceHttpBasicAuth", options.force_http_basic_auth),
        ("git.repository.depth", "depth", options.depth.is_some()),
    ]
    .into_iter()
    .filter(|(_, key, given)| *given && !version.knows_repository_key(key))
    .map(|(path, key, _)| {
        let (major, minor) = ArgoVersion::first_with_repository_key(key);
        let message = format!("`{path}` needs Argo CD v{major}.{minor}.0 or later, and this is {version}");
        Clash::new(&[path, "argocd.version"], message)
    })
    .collect()
}

fn template(git: &Git, transport: Transport) -> Vec<Clash> {
    let Some(prefix) = &git.credential_template else { return Vec::new() };
    let clash =
        |message: String| vec![Clash::new(&["git.credentialTemplate", "git.url", "git.auth"], message)];
    if git.auth.is_none() {
        return clash("`git.credentialTemplate` needs `git.auth`, the credentials that it shares".into());
    }
    if transport != Transport::File && !git.repo_url().starts_with(prefix.as_str()) {
        let url = git.repo_url();
        return clash(format!(
            "`git.credentialTemplate` must be the beginning of the repository's address, {url}"
        ));
    }
    Vec::new()
}

fn trust(config: &Config, transport: Transport) -> Vec<Clash> {
    let git = &config.git;
    // The API of the same host is spoken to by https, whatever the repository's address is.
    let used = transport == Transport::Https || (transport == Transport::Ssh && config.webhooks.is_some());
    if git.ca_certificate.is_some() && !used {
        let message = "`git.caCertificate` is only for https addresses; remove it";
        return vec![Clash::new(&["git.caCertificate", "git.url"], message)];
    }
    Vec::new()
}

fn seldon(config: &Config, transport: Option<Transport>) -> Vec<Clash> {
    let Some(seldon) = &config.seldon else { return Vec::new() };
    let mut clashes = match transport {
        Some(transport) => auth(seldon.auth.as_ref(), "seldon.auth", transport),
        None => Vec::new(),
    };
    clashes.extend(seldon_form(config, seldon));
    clashes.extend(project_token(config, seldon));
    clashes
}

/// The project has to be one that this tool makes, with the role in it.
fn project_token(config: &Config, seldon: &Seldon) -> Option<Clash> {
    let project = seldon.project_token.as_ref()?;
    let logging = config.logging.as_ref().map(|logging| logging.environment().project);
    let mut projects = config.environments.iter().map(|environment| &environment.project).chain(&logging);
    if projects.any(|other| other == project) {
        return None;
    }
    Some(Clash::new(
        &["seldon.projectToken", "environments"],
        format!("`seldon.projectToken`: no environment has the project `{project}`"),
    ))
}

/// Seldon Enterprise Platform reads a user and a token, or a key; nothing else.
fn seldon_form(config: &Config, seldon: &Seldon) -> Option<Clash> {
    let (path, auth) = match (&seldon.auth, &config.git.auth) {
        (Some(auth), _) => ("seldon.auth", auth),
        (None, Some(auth)) => ("git.auth", auth),
        (None, None) => return None,
    };
    let what = match auth {
        GitAuth::Bearer { .. } => "a bearer token",
        GitAuth::GithubApp { .. } => "a GitHub App",
        GitAuth::Token { .. } | GitAuth::Ssh { .. } => return None,
    };
    let message = format!(
        "Seldon Enterprise Platform can't use {what}; give it a token or a key of its own in `seldon.auth.token` or \
         `seldon.auth.ssh`"
    );
    Some(Clash::new(&["seldon.auth", path], message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RepositoryOptions;

    #[test]
    fn a_prefix_is_compared_with_the_address_that_argo_cd_is_told() {
        let git = |url: &str, prefix: &str| Git {
            url: url.into(),
            credential_template: Some(prefix.into()),
            auth: Some(GitAuth::Bearer { token: crate::config::SecretRef::Env("T".into()) }),
            ..Git::default()
        };
        for (url, prefix, fits) in [
            ("github.com/acme/gitops", "https://github.com/acme", true),
            ("https://github.com/acme/gitops", "https://github.com/other", false),
        ] {
            let git = git(url, prefix);
            assert_eq!(template(&git, git.transport().unwrap()).is_empty(), fits, "{url}");
        }
    }

    #[test]
    fn a_proxy_is_named_without_a_user() {
        let of = |proxy: &str, url: &str| {
            let repository = RepositoryOptions { proxy: Some(proxy.into()), ..RepositoryOptions::default() };
            let git = Git { url: url.into(), repository: Some(repository), ..Git::default() };
            clashes(&Config { git, ..Config::default() })
        };
        for url in ["", "github.com/acme/gitops", "nonsense"] {
            for (proxy, refused) in [
                ("http://proxy.acme.com:3128", false),
                ("socks5://10.0.0.1", false),
                ("http://bob:hunter2@proxy.acme.com", true),
                ("bob:hunter2@proxy.acme.com:3128", true),
                ("http://bob:hun/ter2@proxy.acme.com", true),
                ("http://hunter2@proxy.acme.com", true),
            ] {
                let found = of(proxy, url);
                let is_ours = |clash: &&Clash| clash.paths == ["git.repository.proxy"];
                assert_eq!(found.iter().filter(is_ours).count(), usize::from(refused), "{proxy}");
                assert!(found.iter().all(|clash| !clash.message.contains("hunter2")), "{proxy}");
            }
        }
    }

    #[test]
    fn a_token_is_for_the_project_of_an_environment() {
        let clash = |project: &str, logging: bool| {
            let seldon = Seldon { project_token: Some(project.into()), ..Seldon::default() };
            let mut config = Config { seldon: Some(seldon.clone()), ..Config::default() };
            match logging {
                true => config.logging = Some(crate::config::Logging::default()),
                false => config.environments = vec![crate::config::Environment::new("dev")],
            }
            project_token(&config, &seldon).map(|clash| clash.message)
        };
        assert_eq!(clash("seldon", false), None);
        assert_eq!(clash("seldon", true), None);
        assert_eq!(
            clash("other", false).as_deref(),
            Some("`seldon.projectToken`: no environment has the project `other`")
        );
    }
}
