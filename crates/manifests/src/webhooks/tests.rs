use super::*;
use crate::argocd::names;
use crate::config::Webhooks;

fn secret(annotations: Value, managed: Value) -> Object {
    let metadata = json!({ "name": "argocd-secret", "namespace": "argocd", "annotations": annotations, "managedFields": managed });
    Object::new(&names::secret("argocd")).with("metadata", metadata)
}

fn owner(manager: &str, key: &str) -> Value {
    json!({ "manager": manager, "time": "2026-11-21T09:29:54Z", "fieldsV1": { "f:data": { format!("f:{key}"): {} } } })
}

const KEY: &str = "webhook.github.secret";
const OURS: &str = "gitops-setup-webhooks-github";

#[test]
fn the_endpoint_has_the_root_path_once() {
    let mut config = Config::default();
    for (root, url, expected) in [
        ("/argocd", "https://a.com", "https://a.com/argocd/api/webhook"),
        ("/argocd", "https://a.com/", "https://a.com/argocd/api/webhook"),
        ("/argocd", "https://a.com/argocd/", "https://a.com/argocd/api/webhook"),
        ("/argocd", "https://a.com:8443/x", "https://a.com:8443/x/api/webhook"),
        ("/", "https://a.com", "https://a.com/api/webhook"),
    ] {
        config.argocd.root_path = root.into();
        assert_eq!(argocd_endpoint(&config, url), expected);
    }
}

#[test]
fn the_service_of_seldon_says_where_it_is() {
    let service = |ports: Value, ingress: Value| {
        Object::new(&ObjectRef::namespaced("v1", "Service", "seldon-system", SELDON_SERVICE))
            .with("spec", json!({ "ports": ports }))
            .with("status", json!({ "loadBalancer": { "ingress": ingress } }))
    };
    for (ports, ingress, expected) in [
        (json!([{ "port": 80 }]), json!([{ "ip": "1.2.3.4" }]), Some("http://1.2.3.4/api/git-webhook")),
        (
            json!([{ "port": 80 }, { "port": 443 }]),
            json!([{ "hostname": "s.com" }]),
            Some("https://s.com/api/git-webhook"),
        ),
        (
            json!([{ "port": 8080 }]),
            json!([{ "ip": "2001:db8::1" }]),
            Some("http://[2001:db8::1]:8080/api/git-webhook"),
        ),
        (json!([{ "port": 80 }]), json!([]), None),
    ] {
        assert_eq!(seldon_endpoint(&service(ports, ingress)).as_deref(), expected);
    }
}

#[test]
fn what_is_stored_is_known_by_its_making() {
    let ours = json!({ "gitops-setup/webhooks-github": "a1" });
    let of = |annotations: &Value, managed: Value| {
        version(&secret(annotations.clone(), managed), GitProvider::Github)
    };
    assert_eq!(of(&ours, json!([owner(OURS, KEY)])).as_deref(), Some("a1"));
    assert_eq!(
        of(&ours, json!([owner("kubectl-edit", KEY)])).as_deref(),
        Some("kubectl-edit@2026-11-21T09:29:54Z")
    );
    assert_eq!(of(&ours, json!([owner(OURS, "webhook.gitlab.secret")])), None, "nothing is stored");
    assert!(is_ours(&secret(json!({}), json!([owner(OURS, KEY)])), GitProvider::Github));
    for managed in [json!([]), json!([owner(OURS, KEY), owner("kubectl", KEY)])] {
        assert!(!is_ours(&secret(json!({}), managed), GitProvider::Github));
    }
}

#[test]
fn a_note_is_of_one_hook_and_one_making() {
    let reference = names::secret("argocd");
    let given = Given::of(GitProvider::Github, "https://github.com/a/b", "https://x/api/webhook");
    let other = Given::of(GitProvider::Github, "https://github.com/a/c", "https://x/api/webhook");
    assert_ne!(given.manager(), other.manager());
    let note = given.note(&reference, "a1", "7");
    let mut annotations = note.get("/metadata/annotations").unwrap().clone();
    annotations["gitops-setup/webhooks-github"] = json!("a1");
    let live = secret(annotations.clone(), json!([owner(OURS, KEY)]));
    assert!(given.is_current(&live, "7"));
    assert!(!given.is_current(&live, "8"), "another hook");
    assert!(given.was_given(&live, "7") && !given.was_given(&live, "8") && !other.was_given(&live, "7"));
    assert!(!other.is_current(&live, "7"), "another repository");
    annotations["gitops-setup/webhooks-github"] = json!("a2");
    assert!(!given.is_current(&secret(annotations, json!([owner(OURS, KEY)])), "7"), "another secret");
    assert_eq!((given.others(&live), other.others(&live)), (0, 1));
}

#[test]
fn the_hooks_of_one_provider_are_not_anothers() {
    let server = Given::of(GitProvider::BitbucketServer, "https://b/a/b", "https://x/api/webhook");
    let note = server.note(&names::secret("argocd"), "a1", "7");
    let mut annotations = note.get("/metadata/annotations").unwrap().clone();
    annotations["gitops-setup/webhooks-bitbucket-server"] = json!("a1");
    let live = secret(annotations, json!([]));
    let cloud = Given::of(GitProvider::Bitbucket, "https://b/a/b", "https://x/api/webhook");
    assert_eq!((cloud.others(&live), server.others(&live)), (0, 0));
    let gitea = Given::of(GitProvider::Gitea, "https://b/a/b", "https://x/api/webhook");
    assert_eq!(
        gitea.manager(),
        Given::of(GitProvider::Gogs, "https://b/a/b", "https://x/api/webhook").manager()
    );
}

#[test]
fn a_large_git_host_reaches_only_what_is_outside() {
    for (url, reach) in [
        ("https://gitops.acme.com/argocd", Reach::Internet),
        ("http://34.1.2.3:8080", Reach::Internet),
        ("https://[2001:db8::1]/x", Reach::Internet),
        ("https://10.0.0.1", Reach::Network),
        ("https://172.18.0.2:30080", Reach::Network),
        ("https://100.64.0.1", Reach::Network),
        ("https://[fd00::1]:443", Reach::Network),
        ("https://argocd", Reach::Network),
        ("https://argocd-server.argocd.svc", Reach::Network),
        ("http://localhost:8080/argocd/", Reach::Machine),
        ("https://127.0.0.1:8080", Reach::Machine),
        ("https://[::1]", Reach::Machine),
    ] {
        assert_eq!(Reach::of(url), reach, "{url}");
    }
    for (api, reach) in [
        ("https://api.github.com", Reach::Internet),
        ("https://api.acme.ghe.com", Reach::Internet),
        ("https://dev.azure.com/acme", Reach::Internet),
        ("https://gitlab.acme.com/api/v4", Reach::Network),
        ("http://127.0.0.1:3000/api/v1", Reach::Machine),
    ] {
        assert_eq!(Reach::of_git_host(api), reach, "{api}");
    }
}

#[test]
fn every_provider_has_its_key() {
    let keys = |provider| secret_keys(provider).into_iter().map(|(key, _)| key).collect::<Vec<_>>().join(" ");
    assert_eq!(keys(GitProvider::Github), KEY);
    assert_eq!(keys(GitProvider::Gitlab), "webhook.gitlab.secret");
    assert_eq!(keys(GitProvider::Bitbucket), "webhook.bitbucket.uuid");
    assert_eq!(keys(GitProvider::BitbucketServer), "webhook.bitbucketserver.secret");
    assert_eq!(keys(GitProvider::Gitea), "webhook.gogs.secret");
    assert_eq!(keys(GitProvider::AzureDevops), "webhook.azuredevops.username webhook.azuredevops.password");
}

#[test]
fn receivers_are_those_that_are_configured() {
    let mut config = Config::default();
    assert_eq!(receivers(&config), []);
    config.webhooks = Some(Webhooks::default());
    assert_eq!(receivers(&config), [Receiver::Argocd]);
    config.seldon = Some(crate::config::Seldon::default());
    assert_eq!(receivers(&config), [Receiver::Argocd, Receiver::Seldon]);
    config.webhooks = Some(Webhooks { seldon: false, ..Webhooks::default() });
    assert_eq!(receivers(&config), [Receiver::Argocd]);
}
