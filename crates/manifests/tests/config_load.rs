//! Where values come from, which one is on top, and that no secret gets in.

use std::path::{Path, PathBuf};

use manifests::config::{
    Config, ConfigErrors, GitAuth, Loaded, ManifestSource, Origin, Override, SecretRef, Source, load,
    quickstart,
};

const SECRET: &str = "correct-horse-battery-staple";

fn try_load(text: &str, env: &[(&str, &str)], sets: &[&str]) -> Result<Loaded, ConfigErrors> {
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    let overrides: Vec<Override> = sets.iter().map(|set| set.parse().expect("KEY=VALUE")).collect();
    let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    load(Some(&source), &env, &overrides)
}

fn loaded(text: &str, env: &[(&str, &str)], sets: &[&str]) -> Loaded {
    try_load(text, env, sets).unwrap_or_else(|errors| panic!("{errors}"))
}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.into())
}

#[test]
fn nothing_at_all_means_defaults() {
    let nothing = load(None, &|_| None, &[]).unwrap();
    assert_eq!(nothing.config, Config::default());
    assert!(nothing.origins.is_empty());
    for text in ["", "# only a comment\n", "---\n", "{}\n", "\u{feff}{}\n"] {
        assert_eq!(loaded(text, &[], &[]).config, Config::default(), "{text:?}");
    }
}

#[test]
fn flags_above_variables_above_the_file_above_defaults() {
    let file = "argocd: {version: v2.4.0}\n";
    let variable = [("ARGOCD_VERSION", "v2.5.0")];
    let flag = ["argocd.version=v2.6.7"];
    let version = |loaded: Loaded| {
        (loaded.config.argocd.version.to_string(), loaded.origins.get("argocd.version").cloned())
    };
    assert_eq!(version(loaded("", &[], &[])), ("v3.5.1".into(), None));
    let origin = Origin::File { line: 1, column: 19 };
    assert_eq!(version(loaded(file, &[], &[])), ("v2.4.0".into(), Some(origin)));
    let origin = Origin::Env("ARGOCD_VERSION".into());
    assert_eq!(version(loaded(file, &variable, &[])), ("v2.5.0".into(), Some(origin)));
    let origin = Origin::Flag("--set argocd.version".into());
    assert_eq!(version(loaded(file, &variable, &flag)), ("v2.6.7".into(), Some(origin)));
}

#[test]
fn what_was_overridden_can_be_told() {
    let loaded = loaded("cluster: {nodes: 2}\n", &[("GIT_EMAIL", "me@acme.com")], &["cluster.name=a"]);
    let told: Vec<_> = loaded.overridden().map(|(path, origin)| format!("{path} from {origin}")).collect();
    assert_eq!(
        told,
        ["cluster.name from --set cluster.name", "git.author.email from environment variable GIT_EMAIL"]
    );
}

#[test]
fn an_empty_variable_is_not_set() {
    let env = [("ARGOCD_VERSION", ""), ("GIT_TOKEN", ""), ("ARGOCDINITIALPASS", ""), ("GIT_REPO_URL", "")];
    assert_eq!(loaded("", &env, &[]).config, Config::default());
}

#[test]
fn variables_are_texts_whatever_they_look_like() {
    let env = [("GIT_USER", "1234"), ("GIT_EMAIL", "null"), ("ARGO_APP_NAME", "true")];
    let config = loaded("git: {url: a.com/b}\nenvironments: [{namespace: x}]\n", &env, &[]).config;
    let author = config.git.author.unwrap();
    assert_eq!((author.name.as_str(), author.email.as_str()), ("1234", "null"));
    assert_eq!(config.environments[0].application(), "true");
}

#[test]
fn flags_reach_everywhere() {
    let text =
        "git: {url: a.com/b}\nargocd: {manifest: auto}\nenvironments:\n- namespace: a\n- namespace: b\n";
    let sets = [
        "environments.0.namespace=c",
        "environments[1].syncPolicy={automated: true, prune: true}",
        "environments.2.namespace=d",
        "environments.2.roles.read=[ops]",
        "argocd.manifest.file=/tmp/install.yaml",
        "expose.via=ingress",
        r"expose.ingress.annotations.example\.com/size=8m",
    ];
    let config = loaded(text, &[], &sets).config;
    let namespaces: Vec<_> = config.environments.iter().map(|e| e.namespace.as_str()).collect();
    assert_eq!(namespaces, ["c", "b", "d"]);
    assert!(config.environments[1].sync_policy.prune);
    assert_eq!(config.environments[2].roles.read, ["ops"]);
    assert_eq!(config.argocd.manifest, ManifestSource::File("/tmp/install.yaml".into()));
    assert_eq!(config.expose.ingress.unwrap().annotations["example.com/size"], "8m");
}

#[test]
fn an_empty_flag_takes_back_what_the_file_says() {
    let text =
        "git: {url: a.com/b, branch: main}\nenvironments: [{namespace: a}, {namespace: b}]\nlogging: {}\n";
    let config = loaded(text, &[], &["git.branch=", "logging=null", "environments.0=null"]).config;
    assert_eq!((config.git.branch, config.logging), (None, None));
    assert_eq!(config.environments.len(), 1);
    assert_eq!(config.environments[0].namespace, "b");
}

#[test]
fn a_flag_replaces_another_variant_of_the_file() {
    let text = "argocd: {adminPassword: {file: /a}, manifest: {file: /b}}\n";
    let config = loaded(text, &[], &["argocd.adminPassword.env=PASS", "argocd.manifest=official"]).config;
    assert_eq!(config.argocd.admin_password, Some(env("PASS")));
    assert_eq!(config.argocd.manifest, ManifestSource::Official);
}

#[test]
fn a_bad_flag_does_not_repeat_itself() {
    for text in ["argocd.version", "=x", " =x"] {
        let error = text.parse::<Override>().unwrap_err().to_string();
        assert_eq!(error, "expected KEY=VALUE with a dotted key, such as `argocd.version=v2.6.7`");
    }
    let deep = format!("{}=1", vec!["a"; 10_000].join("."));
    assert!(try_load("", &[], &[&deep]).is_err());
}

#[test]
fn the_admin_password_is_referred_to_unless_the_file_names_one() {
    let variable = [("ARGOCDINITIALPASS", SECRET)];
    let password = |text: &str, sets: &[&str]| loaded(text, &variable, sets).config.argocd.admin_password;
    assert_eq!(password("", &[]), Some(env("ARGOCDINITIALPASS")));
    let text = "argocd: {adminPassword: {file: /a}}\n";
    assert_eq!(password(text, &[]), Some(SecretRef::File("/a".into())));
    assert_eq!(password("", &["argocd.adminPassword=null"]), None);
    assert_eq!(password("argocd: {variant: core}\n", &[]), None);
}

#[test]
fn the_guides_token() {
    let variables = [("GIT_REPO_URL", "github.com/acme/gitops"), ("GIT_USER", "bot"), ("GIT_TOKEN", SECRET)];
    let loaded = loaded("", &variables, &[]);
    assert_eq!(loaded.config.git.repo_url(), "https://github.com/acme/gitops");
    let auth = GitAuth::Token { username: "bot".into(), token: env("GIT_TOKEN") };
    assert_eq!(loaded.config.git.auth, Some(auth));
    assert_eq!(loaded.config.git.author.unwrap().name, "bot");
}

#[test]
fn the_guides_key() {
    let variables = [
        ("GIT_REPO_URL", "ssh://git@github.com/acme/gitops"),
        ("GIT_SSH_PATH", "/keys/id"),
        ("GIT_KNOWN_HOSTS_PATH", "/keys/known_hosts"),
        ("GIT_SSHKEY_PASSPHRASE", SECRET),
        ("GIT_TOKEN", SECRET),
    ];
    let loaded = loaded("", &variables, &[]);
    let auth = GitAuth::Ssh {
        private_key: SecretRef::File("/keys/id".into()),
        passphrase: Some(env("GIT_SSHKEY_PASSPHRASE")),
        known_hosts: Some("/keys/known_hosts".into()),
    };
    assert_eq!(loaded.config.git.auth, Some(auth));
    assert_eq!(
        loaded.notes,
        ["environment variable GIT_TOKEN is not used: `git.url` is an ssh address, and GIT_SSH_PATH is set"]
    );
}

#[test]
fn with_both_the_address_decides() {
    let method = |url: &str, set: &[&str]| {
        let variables: Vec<_> = set.iter().map(|name| (*name, SECRET)).chain([("GIT_USER", "bot")]).collect();
        match loaded(&format!("git: {{url: '{url}'}}\n"), &variables, &[]).config.git.auth {
            Some(GitAuth::Ssh { .. }) => "ssh",
            Some(GitAuth::Token { .. }) => "token",
            None | Some(GitAuth::Bearer { .. } | GitAuth::GithubApp { .. }) => "none",
        }
    };
    let both = ["GIT_TOKEN", "GIT_SSH_PATH"];
    assert_eq!(method("github.com/acme/gitops", &both), "token");
    assert_eq!(method("git@github.com:acme/gitops", &both), "ssh");
    assert_eq!(method("file:///srv/gitops", &both), "none");
    assert_eq!(method("git@github.com:acme/gitops", &["GIT_TOKEN"]), "none");
    assert_eq!(method("git@github.com:acme/gitops", &["GIT_SSH_PATH"]), "ssh");
}

#[test]
fn a_token_of_the_environment_does_not_replace_a_named_one() {
    let text = "git: {url: a.com/b, auth: {token: {username: a, token: {file: /token}}}}\n";
    let loaded = loaded(text, &[("GIT_TOKEN", SECRET), ("GIT_USER", "bot"), ("GIT_SSH_PATH", "/key")], &[]);
    let auth = GitAuth::Token { username: "bot".into(), token: SecretRef::File("/token".into()) };
    assert_eq!(loaded.config.git.auth, Some(auth));
    assert_eq!(loaded.notes, ["environment variable GIT_TOKEN is not used: `git.auth.token.token` is given"]);
}

#[test]
fn a_path_of_the_environment_replaces_that_of_the_file() {
    let text = "git: {url: git@a.com:b, auth: {ssh: {privateKey: {file: /a}, knownHosts: /b}}}\n";
    let variables = [("GIT_SSH_PATH", "/c"), ("GIT_KNOWN_HOSTS_PATH", "/d")];
    match loaded(text, &variables, &[]).config.git.auth {
        Some(GitAuth::Ssh { private_key, known_hosts, .. }) => {
            assert_eq!(private_key, SecretRef::File("/c".into()));
            assert_eq!(known_hosts, Some(PathBuf::from("/d")));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn webhooks_are_not_switched_on_by_variables() {
    let variables = [("GIT_API", "api.github.com"), ("REPONAME", "gitops")];
    let off = loaded("", &variables, &[]);
    assert_eq!(off.config.webhooks, None);
    assert_eq!(off.notes.len(), 2);
    let on = loaded("webhooks: {repository: other}\n", &variables, &[]).config.webhooks.unwrap();
    assert_eq!((on.api.as_deref(), on.repository.as_deref()), (Some("api.github.com"), Some("gitops")));
}

#[test]
fn the_application_of_the_only_environment() {
    let variable = [("ARGO_APP_NAME", "app")];
    let one = loaded("git: {url: a.com/b}\nenvironments: [{namespace: x}]\n", &variable, &[]);
    assert_eq!(one.config.environments[0].application.as_deref(), Some("app"));
    assert_eq!(
        loaded("", &variable, &[]).notes,
        ["environment variable ARGO_APP_NAME is not used: no `environments` are configured"]
    );
}

/// Whatever place a secret is put in by mistake, what is said about it does not repeat it.
#[test]
fn no_secret_is_ever_repeated() {
    let variables = [
        ("GIT_TOKEN", SECRET),
        ("ARGOCDINITIALPASS", SECRET),
        ("GIT_SSHKEY_PASSPHRASE", SECRET),
        ("GIT_USER", "bot"),
        ("GIT_REPO_URL", "a.com/b"),
    ];
    assert!(!format!("{:?}", loaded("", &variables, &[])).contains(SECRET));

    for text in [
        "argocd: {adminPassword: SECRET}",
        "argocd: {adminPassword: [SECRET]}",
        "argocd: {adminPassword: {value: SECRET}}",
        "argocd: {adminPassword: {SECRET: }}",
        "argocd: {adminPassword: {env: SECRET}}",
        "argocd: {adminPassword: {command: SECRET}}",
        "argocd: {adminPassword: !SECRET }",
        "argocd: {adminPassword: *SECRET }",
        "argocd: {adminPassword: 'SECRET}",
        "argocd: {adminPassword: SECRET: x}",
        "git: {auth: SECRET}",
        "git: {auth: {SECRET: {}}}",
        "git: {auth: {token: SECRET}}",
        "git: {auth: {token: {username: a, token: {env: A}, SECRET: b}}}",
        "git: {auth: {token: {username: a, SECRET: b, SECRET: c}}}",
        "git: {auth: {token: {username: [SECRET], token: SECRET}}}",
        "git: {auth: {ssh: {privateKey: \"SECRET\"}}}",
        "git: {url: 'https://bob:SECRET@github.com/acme/gitops'}",
        "git: {url: 'bob:SECRET@github.com/acme/gitops'}",
        "git: {url: 'SECRET@github.com/acme/gitops'}",
        "git: {url: 'ssh://git:SECRET@github.com/acme/gitops'}",
        "git: {url: 'http://bob:SECRET@github.com/acme/gitops'}",
    ] {
        let text = text.replace("SECRET", SECRET);
        let errors = try_load(&text, &[], &[]).expect_err(&text);
        assert!(!errors.to_string().contains(SECRET), "{errors}");
        assert!(!format!("{errors:?}").contains(SECRET), "{errors:?}");
        let source = Source { name: "gitops.yaml".into(), text };
        assert!(!format!("{source:?}").contains(SECRET));
    }
}

#[test]
fn no_secret_of_a_flag_or_a_variable_is_repeated() {
    let url = format!("https://bob:{SECRET}@github.com/acme/gitops");
    let errors = try_load("", &[("GIT_REPO_URL", &url)], &[]).unwrap_err();
    assert!(!format!("{errors} {errors:?}").contains(SECRET), "{errors}");
    for value in [SECRET.to_owned(), format!("[{SECRET}"), format!("!{SECRET} ")] {
        let set = format!("argocd.adminPassword={value}");
        let errors = try_load("", &[], &[&set]).unwrap_err();
        assert!(!format!("{errors} {errors:?}").contains(SECRET), "{errors}");
        assert!(!format!("{:?}", set.parse::<Override>()).contains(SECRET));
    }
}

/// A file written from the quickstart loads to the same again.
#[test]
fn quickstart_is_a_sound_configuration() {
    let config = quickstart("file:///srv/gitops.git", Path::new("/srv/admin-password"));
    let text = manifests::yaml::to_string(&config);
    assert_eq!(loaded(&text, &[], &[]).config, config, "{text}");
    let namespaces: Vec<_> = config.environments.iter().map(|e| e.namespace.as_str()).collect();
    assert_eq!(namespaces, ["seldon-dev", "seldon-prod"]);
}

/// Xorshift: seeded, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn garbage_never_panics() {
    const PIECES: &[&str] = &[
        "environments",
        "namespace",
        "git",
        "url",
        "auth",
        "token",
        "argocd",
        "version",
        "manifest",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n- ",
        "\n    ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "'",
        "&a ",
        "*a",
        "!t ",
        "|",
        ">",
        "%",
        "@",
        "`",
        "#",
        "---\n",
        "?",
        "~",
        "true",
        "1",
        "1e9",
        "-0.0",
        ".inf",
        "é",
        "\u{0}",
        "\t",
        "\r\n",
        "<<",
        "ssh://",
        "v1.2.3",
        "\u{202e}",
        "99999999999999999999",
    ];
    const PATHS: &[&str] =
        &["git", "environments.0", "environments.1.roles", "a..b", "[", "\\", "argocd.manifest.file"];
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..5_000 {
        let length = random.below(24);
        let text: String = (0..length).map(|_| PIECES[random.below(PIECES.len())]).collect();
        let value = PIECES[random.below(PIECES.len())];
        let overrides = [Override::set(PATHS[random.below(PATHS.len())], value)];
        let source = Source { name: "gitops.yaml".into(), text };
        let env = |_: &str| Some(value.to_owned());
        if let Err(errors) = load(Some(&source), &env, &overrides) {
            assert!(!errors.errors.is_empty() && !errors.to_string().is_empty());
        }
    }
}

/// The template with pieces torn out of it comes nearer to what people write than garbage does.
#[test]
fn a_torn_file_never_panics() {
    let template: Vec<char> = manifests::config::template().chars().collect();
    let mut random = Random(42);
    for _ in 0..300 {
        let mut torn = template.clone();
        for _ in 0..=random.below(4) {
            let start = random.below(torn.len());
            let end = (start + random.below(40)).min(torn.len());
            torn.drain(start..end);
        }
        let source = Source { name: "gitops.yaml".into(), text: torn.iter().collect() };
        drop(load(Some(&source), &|_| None, &[]));
    }
}

#[test]
fn extensions_hold_what_others_say_they_hold() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Quota {
        pods: u32,
        of: Vec<Option<String>>,
    }
    let text = "extensions: {quota: {pods: 20, of: [a, null]}}\n";
    let config = loaded(text, &[], &["extensions.quota.pods=30"]).config;
    assert_eq!(config.extension("quota"), Some(Quota { pods: 30, of: vec![Some("a".into()), None] }));
    assert_eq!(config.extension::<Quota>("limits"), None);
    let twice = try_load("extensions: {quota: {pods: 1, pods: 2}}\n", &[], &[]).unwrap_err();
    assert!(twice.to_string().contains("`pods` is given a second time"), "{twice}");
}
