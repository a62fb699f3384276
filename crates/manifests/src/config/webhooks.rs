//! Combinations of webhooks, repository, credentials and release of Argo CD that are impossible.

use super::combinations::Clash;
use super::types::{Config, GitAuth, GitProvider, Variant, Webhooks};
use super::url::Transport;
use crate::webhooks::is_this_machine;

/// All impossible combinations.
pub(super) fn clashes(config: &Config) -> Vec<Clash> {
    let Some(webhooks) = &config.webhooks else { return Vec::new() };
    let mut clashes: Vec<Clash> = texts(webhooks).into_iter().chain(seldon(config, webhooks)).collect();
    if config.argocd.variant == Variant::Core {
        clashes.push(Clash::new(
            &["webhooks", "argocd.variant"],
            "the variant `core` has no API that a webhook could reach; remove `webhooks` or use another variant",
        ));
    }
    clashes.extend(auth(webhooks.auth.as_ref()));
    if config.git.url.is_empty() {
        return clashes;
    }
    match config.git.transport() {
        Ok(Transport::File) => {
            clashes.push(Clash::new(
                &["webhooks", "git.url"],
                "a `file://` repository is at no Git host that could send events; remove `webhooks`",
            ));
            return clashes;
        }
        // Said already.
        Err(_) => return clashes,
        Ok(_) => {}
    }
    clashes.extend(provider(config, webhooks));
    if webhooks.auth.is_none() {
        clashes.extend(default_auth(config));
    }
    clashes
}

fn provider(config: &Config, webhooks: &Webhooks) -> Vec<Clash> {
    let clash = |path: &str, message: String| Clash::new(&[path, "webhooks", "git.url"], message);
    let Some(provider) = config.git_provider() else {
        let host = config.git.host().unwrap_or_default().0;
        return vec![clash(
            "webhooks.provider",
            format!(
                "the name of {host} doesn't tell what it runs; set `webhooks.provider` to github, gitlab, bitbucket, \
                 bitbucket-server, gitea, gogs or azure-devops"
            ),
        )];
    };
    let mut clashes = Vec::new();
    let version = &config.argocd.version;
    if provider == GitProvider::AzureDevops && !version.knows_azure_devops_events() {
        clashes.push(Clash::new(
            &["webhooks.provider", "webhooks", "argocd.version"],
            format!("Argo CD understands events of Azure DevOps since v3.5.0, and this is {version}"),
        ));
    }
    if !webhooks.verify_tls && matches!(provider, GitProvider::Gitea | GitProvider::Gogs) {
        clashes.push(clash(
            "webhooks.verifyTls",
            "`webhooks.verifyTls: false` can't be said of a single webhook at Gitea, Forgejo and Gogs; whoever runs \
             the server can, by SKIP_TLS_VERIFY in the section `webhook` of app.ini"
                .into(),
        ));
    }
    clashes
}

fn auth(auth: Option<&GitAuth>) -> Option<Clash> {
    matches!(auth, Some(GitAuth::Ssh { .. })).then(|| {
        Clash::new(
            &["webhooks.auth.ssh"],
            "`webhooks.auth.ssh`: a key opens no API; use `webhooks.auth.token` or `webhooks.auth.bearer`",
        )
    })
}

/// The credentials of the repository, where webhooks have none of their own.
fn default_auth(config: &Config) -> Option<Clash> {
    let what = match &config.git.auth {
        Some(GitAuth::Ssh { .. }) => "`git.auth.ssh` is a key, which opens no API",
        None => "there is no `git.auth` that could manage webhooks",
        Some(_) => return None,
    };
    let message = format!(
        "{what}; give `webhooks.auth` a token with the right to manage webhooks, or remove `webhooks`"
    );
    Some(Clash::new(&["webhooks", "git.auth"], message))
}

/// Addresses and names. They are not repeated: they may hold a token.
fn texts(webhooks: &Webhooks) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let mut clash = |path: &str, message: &str| {
        clashes.push(Clash::new(&[path], format!("`{path}` {message}")));
    };
    if let Some(api) = &webhooks.api {
        match api.split_once("://") {
            Some(("http", rest)) if !is_this_machine(rest) => {
                clash(
                    "webhooks.api",
                    "is plain http, by which the token would be sent to anyone on the way; use https://",
                );
            }
            Some(("http" | "https", rest)) if is_place(rest) => {}
            None if is_place(api) && !api.contains('/') => {}
            _ => clash(
                "webhooks.api",
                "is neither a host name such as `api.github.com` nor an address such as \
                 `https://ghe.example.com/api/v3`",
            ),
        }
    }
    for (path, url) in
        [("webhooks.argocdUrl", &webhooks.argocd_url), ("webhooks.seldonUrl", &webhooks.seldon_url)]
    {
        if !url.as_deref().is_none_or(is_url) {
            clash(path, NO_URL);
        }
    }
    let sound = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    if webhooks.repository.as_ref().is_some_and(|name| !name.chars().all(sound)) {
        clash("webhooks.repository", "is no name of a repository; the rest of its address is in `git.url`");
    }
    clashes
}

/// What is said of an address that is none.
pub(super) const NO_URL: &str =
    "is no address such as `https://gitops.example.com`, without user, query and fragment";

/// An address without user, query and fragment, which may hold a token.
pub(super) fn is_url(url: &str) -> bool {
    matches!(url.split_once("://"), Some(("http" | "https", rest)) if is_place(rest))
}

/// A host, maybe with port and path, and nothing else.
fn is_place(text: &str) -> bool {
    let (authority, path) = text.split_once('/').unwrap_or((text, ""));
    let host = crate::webhooks::host(authority);
    let host_char = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    let path_char = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
    !host.is_empty() && !authority.contains('@') && host.chars().all(host_char) && path.chars().all(path_char)
}

fn seldon(config: &Config, webhooks: &Webhooks) -> Option<Clash> {
    webhooks.seldon_url.as_ref()?;
    let (other, message) = match (webhooks.seldon, &config.seldon) {
        (false, _) => {
            ("webhooks.seldon", "`webhooks.seldonUrl` is not used with `webhooks.seldon: false`; remove one")
        }
        (true, None) => ("seldon", "`webhooks.seldonUrl` needs `seldon`, which is not configured"),
        (true, Some(_)) => return None,
    };
    Some(Clash::new(&["webhooks.seldonUrl", other], message))
}
