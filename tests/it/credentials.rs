//! Git credentials in the cluster: on both sides, once, changed by rotation and nothing else, and moved between
//! the two forms that Argo CD has had.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::{Api, Sandbox, Shared, Turn, Write};

use crate::PROGRAM;

static SHARED: Shared = Shared::new();

const URL: &str = "https://git.example/ml/gitops.git";
const SECRETS: &str = "/api/v1/namespaces/argocd/secrets";
const GIT_CREDS: &str = "/api/v1/namespaces/seldon-system/secrets/git-creds";

/// A cluster with Argo CD.
fn cluster() -> Option<Turn> {
    SHARED.get(|| {
        let mut sandbox = Sandbox::with_cluster(PROGRAM)?;
        sandbox.set_env("GIT_TOKEN", "first-token");
        sandbox.write("gitops.yaml", &config().to_string());
        sandbox.run(&["setup", "--only", "cluster,install-argocd"]).exits(0);
        Some(sandbox)
    })
}

fn config() -> Value {
    json!({
        "argocd": { "manifest": "bundled" },
        "git": {
            "url": URL,
            "author": { "name": "ml", "email": "ml@acme.com" },
            "auth": { "token": { "username": "bot", "token": { "env": "GIT_TOKEN" } } },
        },
        "environments": [{ "namespace": "seldon-dev" }],
        "seldon": { "createNamespace": true },
    })
}

/// The Secret with this value of Argo CD's label that is about the URL or prefix.
fn registered(api: &Api, kind: &str, url: &str) -> Option<Value> {
    let secrets = api.list(&format!("{SECRETS}?labelSelector=argocd.argoproj.io/secret-type={kind}"));
    secrets.into_iter().find(|secret| text(secret, "url") == url)
}

fn text(secret: &Value, key: &str) -> String {
    let value = secret["data"][key].as_str().unwrap_or_default();
    String::from_utf8(BASE64_STANDARD.decode(value).expect("base64")).expect("text")
}

fn secrets_of(writes: &[Write]) -> Vec<&str> {
    let path = |write: &Write| write.uri.split('?').next().map(str::len).unwrap_or_default();
    writes.iter().map(|write| &write.uri[..path(write)]).collect()
}

#[test]
fn both_sides_get_them_and_rotation_changes_one_secret_each() {
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.set_env("GIT_TOKEN", "first-token");
    sandbox.write("gitops.yaml", &config().to_string());
    sandbox.run(&["setup"]).exits(0);
    let api = sandbox.api();
    let repository = registered(&api, "repository", URL).expect("it is registered");
    assert_eq!(text(&repository, "username"), "bot");
    assert_eq!(text(&repository, "password"), "first-token");
    assert_eq!(text(&repository, "type"), "git");
    let seldon = api.get(GIT_CREDS);
    let keys: Vec<&String> = seldon["data"].as_object().expect("data").keys().collect();
    assert_eq!(keys, ["email", "token", "username"]);
    assert_eq!(text(&seldon, "token"), "first-token");
    // All four carry the same address, or the credentials would never match.
    let application =
        api.get("/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/seldon-gitops-seldon-dev");
    assert_eq!(application["spec"]["source"]["repoURL"], URL);
    let project = api.get("/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/seldon");
    assert_eq!(project["spec"]["sourceRepos"], json!([URL]));
    let namespace = api.get("/api/v1/namespaces/seldon-dev");
    assert_eq!(namespace["metadata"]["annotations"]["git-repo"], URL);

    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
    sandbox.set_env("GIT_TOKEN", "second-token");
    let plan = sandbox.run(&["plan", "-v", "--exit-code"]);
    plan.exits(10).says("data.password");
    assert!(!plan.output().contains("first-token") && !plan.output().contains("second-token"));
    audit.has_no_writes();
    sandbox.run(&["setup"]).exits(0).says("2 changed");
    let name = repository["metadata"]["name"].as_str().expect("a name");
    let mut written = secrets_of(&audit.writes()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    written.sort();
    assert_eq!(written, [format!("{SECRETS}/{name}"), GIT_CREDS.to_owned()]);
    assert_eq!(text(&api.get(GIT_CREDS), "token"), "second-token");
    assert_eq!(text(&api.get(&format!("{SECRETS}/{name}")), "password"), "second-token");
}

#[test]
fn a_template_serves_every_repository_under_its_prefix() {
    let Some(sandbox) = cluster() else { return };
    let mut config = config();
    config["git"]["url"] = json!("https://git.example/team/one");
    config["git"]["credentialTemplate"] = json!("https://git.example/team");
    sandbox.write("template.yaml", &config.to_string());
    let setup = || sandbox.run(&["setup", "--config", "template.yaml", "--only", "git-credentials"]);
    setup().exits(0);
    let api = sandbox.api();
    let template = registered(&api, "repo-creds", "https://git.example/team").expect("a template");
    assert_eq!(
        (text(&template, "username"), text(&template, "password")),
        ("bot".into(), "first-token".into())
    );
    let repository = registered(&api, "repository", "https://git.example/team/one").expect("a repository");
    let keys: Vec<&String> = repository["data"].as_object().expect("data").keys().collect();
    assert!(!keys.iter().any(|key| ["username", "password"].contains(&key.as_str())), "{keys:?}");
    setup().exits(0).says("Nothing changed");
}

#[test]
fn the_older_form_is_written_and_moved_to_the_newer_one() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let theirs = "- url: https://git.example/theirs\n  passwordSecret: {name: theirs, key: password}\n";
    let path = "/api/v1/namespaces/argocd/configmaps/argocd-cm";
    let map = |data: Value| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "argocd-cm", "namespace": "argocd" },
            "data": data,
        })
    };
    api.apply("kubectl", path, &map(json!({ "repositories": theirs })));
    let mut config = config();
    let url = "https://git.example/moving";
    config["git"]["url"] = json!(url);
    config["argocd"] = json!({ "manifest": "existing", "version": "v1.8.7" });
    sandbox.write("old.yaml", &config.to_string());
    let setup = |file: &str| sandbox.run(&["setup", "--config", file, "--only", "git-credentials"]);
    setup("old.yaml").exits(0);
    let repositories = || api.get(path)["data"]["repositories"].as_str().unwrap_or_default().to_owned();
    assert!(repositories().contains(url) && repositories().contains("https://git.example/theirs"));
    assert!(!repositories().contains("first-token"), "the ConfigMap only refers to the Secret");
    assert!(registered(&api, "repository", url).is_none(), "Argo CD 1.8 knows no labelled Secrets");
    setup("old.yaml").exits(0).says("Nothing changed");

    // Both forms are read from 2.1 to 2.14; ours goes to the newer one at once.
    config["argocd"] = json!({ "manifest": "existing", "version": "v2.6.7" });
    sandbox.write("new.yaml", &config.to_string());
    let plan = sandbox.run(&["plan", "-v", "--config", "new.yaml", "--only", "git-credentials"]);
    plan.exits(0).says("argocd-cm");
    setup("new.yaml").exits(0);
    assert!(!repositories().contains(url), "{}", repositories());
    assert!(repositories().contains("https://git.example/theirs"), "what others registered stays");
    assert_eq!(text(&registered(&api, "repository", url).expect("it moved"), "password"), "first-token");
    setup("new.yaml").exits(0).says("Nothing changed");
    config["argocd"] = json!({ "manifest": "existing", "version": "v3.5.1" });
    sandbox.write("new.yaml", &config.to_string());
    setup("new.yaml").exits(0).says("Nothing changed").says("https://git.example/theirs");
}

#[test]
fn host_keys_and_certificates_are_added_to_those_of_others() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let path = "/api/v1/namespaces/argocd/configmaps/argocd-ssh-known-hosts-cm";
    let known = || api.get(path)["data"]["ssh_known_hosts"].as_str().unwrap_or_default().to_owned();
    let theirs =
        "theirs.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO";
    let before = known();
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "argocd-ssh-known-hosts-cm", "namespace": "argocd" },
        "data": { "ssh_known_hosts": format!("{before}{theirs}\n") },
    });
    api.apply("argocd-server", path, &map);
    let ours = "git.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    sandbox.write("hosts", &format!("{ours}\nother.example {}\n", theirs.split_once(' ').expect("a line").1));
    sandbox.run(&["credentials", "generate-deploy-key", "--out", "key"]).exits(0);
    let mut config = config();
    config["git"]["url"] = json!("ssh://git@git.example/ml/gitops");
    config["git"]["auth"] = json!({ "ssh": { "privateKey": { "file": "key" }, "knownHosts": "hosts" } });
    sandbox.write("ssh.yaml", &config.to_string());
    let only = "install-argocd,git-credentials";
    let setup = || sandbox.run(&["setup", "--config", "ssh.yaml", "--only", only]);
    setup().exits(0);
    for line in before.lines().chain([theirs, ours]) {
        assert!(known().contains(line), "{line} is gone:\n{}", known());
    }
    assert!(!known().contains("other.example"), "only what concerns the Git host");
    setup().exits(0).says("Nothing changed");

    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    sandbox.write("ca.pem", certificate);
    let mut config = self::config();
    config["git"]["caCertificate"] = json!("ca.pem");
    sandbox.write("ca.yaml", &config.to_string());
    let certs = "/api/v1/namespaces/argocd/configmaps/argocd-tls-certs-cm";
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "argocd-tls-certs-cm", "namespace": "argocd" },
        "data": { "theirs.example": certificate },
    });
    api.apply("argocd-server", certs, &map);
    let setup = || sandbox.run(&["setup", "--config", "ca.yaml", "--only", only]);
    setup().exits(0);
    let data = api.get(certs)["data"].clone();
    assert_eq!(data["theirs.example"], certificate);
    assert!(data["git.example"].as_str().is_some_and(|pem| pem.contains("MIIB")), "{data}");
    setup().exits(0).says("Nothing changed");
}

#[test]
fn without_seldons_namespace_nothing_is_written() {
    let Some(sandbox) = cluster() else { return };
    let mut config = config();
    config["seldon"] = json!({ "namespace": "seldon-elsewhere" });
    sandbox.write("absent.yaml", &config.to_string());
    let audit = sandbox.audit();
    let setup = sandbox.run(&["setup", "--config", "absent.yaml"]);
    setup.exits(3).says("Namespace/seldon-elsewhere").says("seldon.createNamespace");
    audit.has_no_writes();
}

#[test]
fn a_project_token_is_made_once() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let mut config = config();
    config["environments"] = json!([{ "namespace": "with-token", "project": "tokens" }]);
    config["seldon"]["projectToken"] = json!("tokens");
    sandbox.write("token.yaml", &config.to_string());
    let setup = || sandbox.run(&["setup", "--config", "token.yaml"]);
    // No server runs on simulated nodes, so nobody has made its signing key yet.
    setup().exits(0).says("server.secretkey");
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "argocd-secret", "namespace": "argocd" },
        "data": { "server.secretkey": BASE64_STANDARD.encode("a signing key") },
    });
    api.apply("argocd-server", &format!("{SECRETS}/argocd-secret"), &secret);
    setup().exits(0);
    let jwt = api.get("/api/v1/namespaces/seldon-system/secrets/jwt-argocd");
    assert_eq!(text(&jwt, "jwt-argocd.txt").split('.').count(), 3);
    let project = api.get("/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/tokens");
    assert_eq!(project["spec"]["roles"][0]["jwtTokens"][0]["id"], "gitops-setup");
    let audit = sandbox.audit();
    setup().exits(0).says("Nothing changed");
    audit.has_no_writes();
}
