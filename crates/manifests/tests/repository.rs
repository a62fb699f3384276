//! The repository as Argo CD and Seldon Enterprise Platform are told of it, release by release.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use manifests::config::{
    Author, ClientCertificate, Config, Environment, Git, GitAuth, RepositoryOptions, SecretRef, Seldon,
};
use manifests::fill::{Fill, FilledSecret};
use manifests::repository::{Entries, secrets};
use manifests::{environment, seldon, yaml};

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.into())
}

fn token() -> GitAuth {
    GitAuth::Token { username: "gitops-bot".into(), token: env("GIT_TOKEN") }
}

fn ssh() -> GitAuth {
    let (private_key, passphrase) = (env("GIT_KEY"), Some(env("GIT_PASSPHRASE")));
    GitAuth::Ssh { private_key, passphrase, known_hosts: None }
}

fn github_app() -> GitAuth {
    let api_url = Some("https://ghe.acme.com/api/v3".into());
    GitAuth::GithubApp { app_id: 12, installation_id: 34, private_key: env("APP_KEY"), api_url }
}

fn config(version: &str, url: &str, auth: Option<GitAuth>) -> Config {
    let mut config = Config { git: Git { url: url.into(), auth, ..Git::default() }, ..Config::default() };
    config.argocd.version = version.parse().expect("a release");
    config
}

/// For people: values that are no secrets in plain, the others by where they come from.
fn shown(secret: &FilledSecret) -> String {
    let object = &secret.object;
    let mut text = format!("{}\n", object.reference());
    for (label, value) in
        object.get("/metadata/labels").and_then(|labels| labels.as_object()).into_iter().flatten()
    {
        text += &format!("  {label}: {}\n", value.as_str().expect("a text"));
    }
    for (key, value) in object.get("/data").and_then(|data| data.as_object()).into_iter().flatten() {
        let value = BASE64_STANDARD.decode(value.as_str().expect("a text")).expect("base64");
        text += &format!("  {key} = {:?}\n", String::from_utf8(value).expect("a text"));
    }
    for (key, fill) in &secret.fill {
        let from = match fill {
            Fill::Secret(from) => from.to_string(),
            Fill::Key(key) => format!("key in {key}"),
            Fill::UnencryptedKey { private_key, passphrase: Some(passphrase) } => {
                format!("key in {private_key}, opened with {passphrase}")
            }
            Fill::UnencryptedKey { private_key, passphrase: None } => {
                format!("key in {private_key}, as parsed")
            }
            other => format!("{other:?}"),
        };
        text += &format!("  {key} <- {from}\n");
    }
    text
}

/// Everything that Argo CD is given.
fn argocd(config: &Config) -> String {
    let mut text: String = secrets(config).iter().map(shown).collect();
    if !config.argocd.version.has_repository_secrets() {
        let entries = Entries::of(config);
        for (key, entry) in
            [("repositories", entries.repository), ("repository.credentials", entries.template)]
        {
            if let Some(entry) = entry {
                text += &format!("argocd-cm {key}:\n{}", yaml::to_string(&[entry]));
            }
        }
    }
    text
}

const HTTPS: &str = "github.com/acme/gitops";
const SSH: &str = "git@github.com:acme/gitops.git";

#[test]
fn a_token() {
    let of = |version| argocd(&config(version, HTTPS, Some(token())));
    assert_snapshot!(of("v1.6.2"), @r#"
    Secret/repo-github-com-acme-gitops-2f34707411 in argocd
      app.kubernetes.io/managed-by: gitops-setup
      username = "gitops-bot"
      password <- environment variable GIT_TOKEN
    argocd-cm repositories:
    - passwordSecret:
        key: password
        name: repo-github-com-acme-gitops-2f34707411
      type: git
      url: https://github.com/acme/gitops
      usernameSecret:
        key: username
        name: repo-github-com-acme-gitops-2f34707411
    "#);
    assert_snapshot!(of("v2.6.7"), @r#"
    Secret/repo-github-com-acme-gitops-2f34707411 in argocd
      app.kubernetes.io/managed-by: gitops-setup
      argocd.argoproj.io/secret-type: repository
      type = "git"
      url = "https://github.com/acme/gitops"
      username = "gitops-bot"
      password <- environment variable GIT_TOKEN
    "#);
    assert_eq!(of("v3.5.1"), of("v2.6.7"));
}

#[test]
fn a_key_loses_its_passphrase() {
    let of = |version| argocd(&config(version, SSH, Some(ssh())));
    assert_snapshot!(of("v1.6.2"), @"
    Secret/repo-github-com-acme-gitops-2d2f0d019d in argocd
      app.kubernetes.io/managed-by: gitops-setup
      sshPrivateKey <- key in environment variable GIT_KEY, opened with environment variable GIT_PASSPHRASE
    argocd-cm repositories:
    - sshPrivateKeySecret:
        key: sshPrivateKey
        name: repo-github-com-acme-gitops-2d2f0d019d
      type: git
      url: git@github.com:acme/gitops.git
    ");
    assert_snapshot!(of("v2.6.7"), @r#"
    Secret/repo-github-com-acme-gitops-2d2f0d019d in argocd
      app.kubernetes.io/managed-by: gitops-setup
      argocd.argoproj.io/secret-type: repository
      type = "git"
      url = "git@github.com:acme/gitops.git"
      sshPrivateKey <- key in environment variable GIT_KEY, opened with environment variable GIT_PASSPHRASE
    "#);
    assert_eq!(of("v3.5.1"), of("v2.6.7"));
}

#[test]
fn a_github_app() {
    let of = |version| argocd(&config(version, HTTPS, Some(github_app())));
    assert_snapshot!(of("v2.0.5"), @"
    Secret/repo-github-com-acme-gitops-2f34707411 in argocd
      app.kubernetes.io/managed-by: gitops-setup
      githubAppPrivateKey <- key in environment variable APP_KEY, as parsed
    argocd-cm repositories:
    - githubAppEnterpriseBaseUrl: https://ghe.acme.com/api/v3
      githubAppID: 12
      githubAppInstallationID: 34
      githubAppPrivateKeySecret:
        key: githubAppPrivateKey
        name: repo-github-com-acme-gitops-2f34707411
      type: git
      url: https://github.com/acme/gitops
    ");
    assert_snapshot!(of("v2.6.7"), @r#"
    Secret/repo-github-com-acme-gitops-2f34707411 in argocd
      app.kubernetes.io/managed-by: gitops-setup
      argocd.argoproj.io/secret-type: repository
      githubAppEnterpriseBaseUrl = "https://ghe.acme.com/api/v3"
      githubAppID = "12"
      githubAppInstallationID = "34"
      type = "git"
      url = "https://github.com/acme/gitops"
      githubAppPrivateKey <- key in environment variable APP_KEY, as parsed
    "#);
    assert_eq!(of("v3.5.1"), of("v2.6.7"));
}

#[test]
fn a_bearer_token() {
    assert_snapshot!(argocd(&config("v3.5.1", HTTPS, Some(GitAuth::Bearer { token: env("GIT_TOKEN") }))), @r#"
    Secret/repo-github-com-acme-gitops-2f34707411 in argocd
      app.kubernetes.io/managed-by: gitops-setup
      argocd.argoproj.io/secret-type: repository
      type = "git"
      url = "https://github.com/acme/gitops"
      bearerToken <- environment variable GIT_TOKEN
    "#);
}

#[test]
fn a_public_repository_is_registered() {
    let of = |version| argocd(&config(version, HTTPS, None));
    assert_snapshot!(of("v1.6.2"), @"
    argocd-cm repositories:
    - type: git
      url: https://github.com/acme/gitops
    ");
    assert_snapshot!(of("v3.5.1"), @r#"
    Secret/repo-github-com-acme-gitops-2f34707411 in argocd
      app.kubernetes.io/managed-by: gitops-setup
      argocd.argoproj.io/secret-type: repository
      type = "git"
      url = "https://github.com/acme/gitops"
    "#);
    assert_eq!(argocd(&config("v3.5.1", "file:///srv/gitops.git", None)), "");
    assert_eq!(Entries::of(&config("v1.6.2", "file:///srv/gitops.git", None)), Entries::default());
}

#[test]
fn a_template_takes_the_credentials_away_from_the_repository() {
    let of = |version| {
        let mut config = config(version, HTTPS, Some(token()));
        config.git.credential_template = Some("https://github.com/acme".into());
        config
    };
    assert_snapshot!(argocd(&of("v1.6.2")), @r#"
    Secret/creds-github-com-acme-47a00949ae in argocd
      app.kubernetes.io/managed-by: gitops-setup
      username = "gitops-bot"
      password <- environment variable GIT_TOKEN
    argocd-cm repositories:
    - type: git
      url: https://github.com/acme/gitops
    argocd-cm repository.credentials:
    - passwordSecret:
        key: password
        name: creds-github-com-acme-47a00949ae
      url: https://github.com/acme
      usernameSecret:
        key: username
        name: creds-github-com-acme-47a00949ae
    "#);
    assert_snapshot!(argocd(&of("v3.5.1")), @r#"
    Secret/repo-github-com-acme-gitops-2f34707411 in argocd
      app.kubernetes.io/managed-by: gitops-setup
      argocd.argoproj.io/secret-type: repository
      type = "git"
      url = "https://github.com/acme/gitops"
    Secret/creds-github-com-acme-47a00949ae in argocd
      app.kubernetes.io/managed-by: gitops-setup
      argocd.argoproj.io/secret-type: repo-creds
      type = "git"
      url = "https://github.com/acme"
      username = "gitops-bot"
      password <- environment variable GIT_TOKEN
    "#);
    let mut with_certificate = of("v3.5.1");
    with_certificate.git.repository = Some(options());
    let [repository, template] = secrets(&with_certificate).try_into().expect("two Secrets");
    assert_eq!(repository.fill, [], "a client certificate counts as a credential of its own");
    let keys: Vec<_> = template.fill.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["password", "tlsClientCertData", "tlsClientCertKey"]);
    assert!(shown(&template).contains("forceHttpBasicAuth"), "the template's goes before the repository's");
}

fn options() -> RepositoryOptions {
    RepositoryOptions {
        name: Some("gitops".into()),
        project: Some("seldon".into()),
        enable_lfs: true,
        proxy: Some("http://proxy:3128".into()),
        no_proxy: Some("a.com,b.com".into()),
        force_http_basic_auth: true,
        depth: Some(1),
        client_certificate: Some(ClientCertificate {
            certificate: env("CERTIFICATE"),
            key: env("CERTIFICATE_KEY"),
        }),
    }
}

#[test]
fn every_option() {
    let mut config = config("v3.5.1", HTTPS, Some(token()));
    config.git.repository = Some(options());
    config.git.insecure = true;
    assert_snapshot!(argocd(&config), @r#"
    Secret/repo-github-com-acme-gitops-2f34707411 in argocd
      app.kubernetes.io/managed-by: gitops-setup
      argocd.argoproj.io/secret-type: repository
      depth = "1"
      enableLfs = "true"
      forceHttpBasicAuth = "true"
      insecure = "true"
      name = "gitops"
      noProxy = "a.com,b.com"
      project = "seldon"
      proxy = "http://proxy:3128"
      type = "git"
      url = "https://github.com/acme/gitops"
      username = "gitops-bot"
      password <- environment variable GIT_TOKEN
      tlsClientCertData <- environment variable CERTIFICATE
      tlsClientCertKey <- key in environment variable CERTIFICATE_KEY
    "#);
}

#[test]
fn seldons_secret_has_the_documented_keys_and_no_other() {
    let of = |url: &str, auth: GitAuth| {
        let mut config = config("v3.5.1", url, Some(auth));
        config.git.author = Some(Author { name: "Ada".into(), email: "ada@acme.com".into() });
        config.seldon = Some(Seldon::default());
        seldon::git_secret(&config, "github.com ssh-ed25519 AAAA\n").as_ref().map(shown)
    };
    assert_snapshot!(of(SSH, ssh()).unwrap(), @r#"
    Secret/git-creds in seldon-system
      app.kubernetes.io/managed-by: gitops-setup
      email = "ada@acme.com"
      known_hosts = "github.com ssh-ed25519 AAAA\n"
      username = "Ada"
      id_rsa <- key in environment variable GIT_KEY
      passphrase <- environment variable GIT_PASSPHRASE
    "#);
    assert_snapshot!(of(HTTPS, token()).unwrap(), @r#"
    Secret/git-creds in seldon-system
      app.kubernetes.io/managed-by: gitops-setup
      email = "ada@acme.com"
      username = "gitops-bot"
      token <- environment variable GIT_TOKEN
    "#);
    let GitAuth::Ssh { private_key, .. } = ssh() else { unreachable!() };
    let open = GitAuth::Ssh { private_key, passphrase: None, known_hosts: None };
    assert!(of(SSH, open).unwrap().contains("passphrase = \"\""));
    assert_eq!(of(HTTPS, github_app()), None);
}

#[test]
fn seldons_own_credentials_go_before_those_of_argo_cd() {
    let mut config = config("v3.5.1", HTTPS, Some(github_app()));
    config.seldon = Some(Seldon { auth: Some(token()), namespace: "ml".into(), ..Seldon::default() });
    let secret = seldon::git_secret(&config, "").unwrap();
    assert_eq!(secret.fill, [("token".to_owned(), Fill::Secret(env("GIT_TOKEN")))]);
    assert_eq!(secret.object.namespace(), Some("ml"));
    config.seldon = None;
    assert_eq!(seldon::git_secret(&config, ""), None);
}

#[test]
fn everybody_is_told_the_same_address() {
    for (url, told) in [
        ("github.com/acme/gitops", "https://github.com/acme/gitops"),
        ("github.com/acme/gitops.git", "https://github.com/acme/gitops.git"),
        ("https://git.acme.com:8443/gitops", "https://git.acme.com:8443/gitops"),
        ("https://git.acme.com/gitops.git", "https://git.acme.com/gitops.git"),
        ("ssh://git@github.com/acme/gitops", "ssh://git@github.com/acme/gitops"),
        ("ssh://git@github.com:2222/acme/gitops.git", "ssh://git@github.com:2222/acme/gitops.git"),
        ("git@github.com:acme/gitops", "git@github.com:acme/gitops"),
        ("git@github.com:acme/gitops.git", "git@github.com:acme/gitops.git"),
    ] {
        let config = config("v3.5.1", url, None);
        let dev = Environment::new("dev");
        let application = environment::application(&dev, &config.git, "argocd");
        let [project] =
            environment::projects(std::slice::from_ref(&dev), &config).try_into().expect("one project");
        let [repository] = secrets(&config).try_into().expect("one Secret");
        let registered = BASE64_STANDARD.decode(repository.object.text("/data/url")).unwrap();
        let old = Entries::of(&config).repository.unwrap();
        assert_eq!(application.text("/spec/source/repoURL"), told);
        assert_eq!(project.text("/spec/sourceRepos/0"), told);
        assert_eq!(environment::namespace(&dev, &config.git).annotation("git-repo"), Some(told));
        assert_eq!(String::from_utf8(registered).unwrap(), told);
        assert_eq!(old["url"], told);
    }
}

#[test]
fn a_secret_keeps_its_name_from_release_to_release() {
    let names = |version| -> Vec<String> {
        let mut config = config(version, HTTPS, Some(token()));
        config.git.credential_template = Some("https://github.com/".into());
        let mut names: Vec<_> =
            secrets(&config).iter().map(|secret| secret.object.name().to_owned()).collect();
        // Before 2.1 the repository itself needs none.
        names.retain(|name| name.starts_with("creds-"));
        names
    };
    assert_eq!(names("v2.0.5"), names("v2.1.0"));
    let own = |version| secrets(&config(version, HTTPS, Some(token())))[0].object.reference();
    assert_eq!(own("v2.0.5"), own("v3.5.1"));
}

#[test]
fn no_release_is_given_a_key_that_it_does_not_know() {
    let minor =
        |major, minors: std::ops::RangeInclusive<u64>| minors.map(move |minor| format!("v{major}.{minor}.0"));
    for version in minor(2, 1..=14).chain(minor(3, 0..=5)) {
        let mut config = config(&version, HTTPS, Some(github_app()));
        let known = |key| config.argocd.version.knows_repository_key(key);
        // What the configuration refuses with this release.
        let mut options = options();
        options.project.take_if(|_| !known("project"));
        options.no_proxy.take_if(|_| !known("noProxy"));
        options.depth.take_if(|_| !known("depth"));
        options.force_http_basic_auth &= known("forceHttpBasicAuth");
        config.git.repository = Some(options);
        for secret in secrets(&config) {
            let data = secret.object.get("/data").and_then(|data| data.as_object()).unwrap();
            for key in data.keys().chain(secret.fill.iter().map(|(key, _)| key)) {
                assert!(config.argocd.version.knows_repository_key(key), "{version}: {key}");
            }
        }
    }
}
