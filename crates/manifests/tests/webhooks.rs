//! Webhooks that are impossible, and what is said about them.

use manifests::config::{GitProvider, Loaded, Source, load};

fn loaded(text: &str) -> Result<Loaded, String> {
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    load(Some(&source), &|_| None, &[]).map_err(|errors| {
        errors.errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("\n")
    })
}

const TOKEN: &str = "auth: {token: {username: bot, token: {env: GIT_TOKEN}}}";

#[track_caller]
fn refused(text: &str, words: &str) {
    let errors = loaded(text).map(|_| ()).expect_err("a mistake was expected");
    assert!(errors.contains(words), "{text}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn a_token_and_a_known_host_are_enough() {
    for (url, provider) in [
        ("github.com/acme/gitops", GitProvider::Github),
        ("https://gitlab.acme.com/acme/gitops", GitProvider::Gitlab),
        ("https://dev.azure.com/acme/ml/_git/gitops", GitProvider::AzureDevops),
    ] {
        let config = loaded(&format!("git: {{url: \"{url}\", {TOKEN}}}\nwebhooks: {{}}\n")).unwrap().config;
        assert_eq!(config.git_provider(), Some(provider));
        let webhooks = config.webhooks.as_ref().unwrap();
        assert!(webhooks.verify_tls && webhooks.seldon);
        assert_eq!(config.webhooks_auth().unwrap().0, "git.auth");
    }
}

#[test]
fn a_key_opens_no_api() {
    let ssh = "git: {url: git@github.com:acme/gitops, auth: {ssh: {privateKey: {file: /k}}}}\n";
    refused(
        &format!("{ssh}webhooks: {{}}\n"),
        "`git.auth.ssh` is a key, which opens no API; give `webhooks.auth`",
    );
    let own = "webhooks: {auth: {bearer: {token: {env: HOOKS}}}}\n";
    let config = loaded(&format!("{ssh}{own}")).unwrap().config;
    assert_eq!(config.webhooks_auth().unwrap().0, "webhooks.auth");
    let authority = ssh.replace("git: {", "git: {caCertificate: ca.pem, ");
    assert!(loaded(&format!("{authority}{own}")).is_ok(), "the API is spoken to by https");
    refused(&authority, "is only for https addresses");
    refused("webhooks: {auth: {ssh: {privateKey: {file: /k}}}}\n", "a key opens no API");
    refused("git: {url: github.com/acme/public}\nwebhooks: {}\n", "there is no `git.auth` that could manage");
}

#[test]
fn what_a_host_runs_is_asked_for_where_its_name_does_not_tell() {
    let git = format!("git: {{url: git.acme.com/ml/gitops, {TOKEN}}}\n");
    refused(&format!("{git}webhooks: {{}}\n"), "the name of git.acme.com doesn't tell what it runs");
    let named = loaded(&format!("{git}webhooks: {{provider: bitbucket-server}}\n")).unwrap().config;
    assert_eq!(named.git_provider(), Some(GitProvider::BitbucketServer));
}

#[test]
fn what_can_not_be_is_refused() {
    let git = format!("git: {{url: github.com/acme/gitops, {TOKEN}}}\n");
    refused(
        &format!(
            "git: {{url: dev.azure.com/acme/ml/_git/gitops, {TOKEN}}}\nargocd: {{version: v3.4.0}}\nwebhooks: {{}}\n"
        ),
        "Argo CD understands events of Azure DevOps since v3.5.0, and this is v3.4.0",
    );
    refused(
        &format!("git: {{url: gitea.acme.com/a/b, {TOKEN}}}\nwebhooks: {{verifyTls: false}}\n"),
        "`webhooks.verifyTls: false` can't be said of a single webhook",
    );
    refused("git: {url: \"file:///srv/gitops\"}\nwebhooks: {}\n", "is at no Git host that could send events");
    refused(&format!("{git}argocd: {{variant: core}}\nwebhooks: {{}}\n"), "the variant `core` has no API");
    refused(&format!("{git}webhooks: {{seldonUrl: \"https://a.com/x\"}}\n"), "needs `seldon`");
    refused(
        &format!("{git}seldon: {{}}\nwebhooks: {{seldon: false, seldonUrl: \"https://a.com/x\"}}\n"),
        "is not used with `webhooks.seldon: false`",
    );
    refused(&format!("{git}webhooks: {{repository: acme/gitops}}\n"), "is no name of a repository");
}

#[test]
fn addresses_are_addresses_and_never_repeated() {
    let git = format!("git: {{url: github.com/acme/gitops, {TOKEN}}}\n");
    for (key, value, words) in [
        ("api", "https://bot:planted@ghe.acme.com/api/v3", "is neither a host name"),
        ("api", "ghe.acme.com/planted/v3", "is neither a host name"),
        ("api", "http://planted.acme.com/api/v3", "is plain http"),
        ("argocdUrl", "https://bot:planted@gitops.acme.com", "is no address such as"),
        ("argocdUrl", "gitops.acme.com/planted", "is no address such as"),
        ("argocdUrl", "https://gitops.acme.com/?token=planted", "is no address such as"),
        ("argocdUrl", "ftp://planted.acme.com", "is no address such as"),
    ] {
        let text = format!("{git}webhooks: {{{key}: \"{value}\"}}\n");
        refused(&text, words);
        assert!(!loaded(&text).map(|_| ()).unwrap_err().contains("planted"), "{key}");
    }
    for (key, value) in [
        ("api", "api.github.com"),
        ("api", "ghe.acme.com:8443"),
        ("api", "https://ghe.acme.com/api/v3"),
        ("api", "http://127.0.0.1:3000/api/v1"),
        ("argocdUrl", "https://gitops.acme.com:8443/argocd/"),
        ("argocdUrl", "http://[2001:db8::1]:8080"),
    ] {
        loaded(&format!("{git}webhooks: {{{key}: \"{value}\"}}\n")).map(|_| ()).unwrap();
    }
}
