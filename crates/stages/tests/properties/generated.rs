//! Configurations that are drawn: as JSON, read by the product's own reader, which must find nothing to object to.

use manifests::argocd::{bundled, install};
use manifests::config::{self, Config, SecretRef, Source};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Map, Value, json};
use stages::Inputs;

/// Kinds that other systems brought before us.
pub(crate) const KINDS: [(&str, &str); 4] = [
    ("networking.istio.io", "VirtualService"),
    ("networking.istio.io", "Gateway"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "Gateway"),
];
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn argocd() -> impl Strategy<Value = Value> {
    let path = prop_oneof![Just("/"), Just("/argocd"), Just("/ml/gitops")];
    let tls = prop_oneof![Just("ingress"), Just("argocd")];
    (path, tls)
        .prop_map(|(path, tls)| json!({"manifest": "bundled", "rootPath": path, "tlsTermination": tls}))
}

fn expose() -> impl Strategy<Value = Value> {
    let host = option::of(prop_oneof![Just("ml.example.com"), Just("gitops.example.com")]);
    let via = prop_oneof![Just("none"), Just("istio"), Just("ingress"), Just("gateway-api")];
    (via, host, any::<bool>()).prop_map(|(via, host, more)| {
        let mut expose = json!({"via": via});
        if let (Some(host), true) = (host, via != "none") {
            expose["host"] = json!(host);
        }
        match via {
            "gateway-api" => expose["gatewayApi"] = json!({"gateway": "edge/public"}),
            "ingress" if more => {
                expose["ingress"] = json!({"className": "nginx", "annotations": {"example.com/size": "8m"}});
            }
            _ => {}
        }
        expose
    })
}

fn environment(namespace: &'static str) -> impl Strategy<Value = Value> {
    let project = prop_oneof![Just("seldon"), Just("other")];
    let kinds = subsequence(vec!["CustomResourceDefinition", "ClusterRole"], 0..=2);
    let groups = subsequence(vec!["auditors", "engineers"], 0..=2);
    (project, any::<(bool, bool, bool)>(), kinds, groups, any::<bool>()).prop_map(
        move |(project, (automated, prune, named), kinds, groups, write)| {
            let kinds: Vec<Value> =
                kinds.iter().map(|kind| json!({"group": "example.com", "kind": kind})).collect();
            let mut environment = json!({
                "namespace": namespace,
                "project": project,
                "clusterResources": kinds,
                "syncPolicy": {"automated": automated, "prune": automated && prune},
            });
            if named {
                environment["application"] = json!(format!("app-{namespace}"));
            }
            if !groups.is_empty() {
                environment["roles"] = json!({ if write { "write" } else { "read" }: groups });
            }
            environment
        },
    )
}

fn git() -> impl Strategy<Value = Value> {
    let token = json!({"token": {"username": "bot", "token": {"env": "TOKEN"}}});
    let other = json!({"token": {"username": "other", "token": {"env": "OTHER"}}});
    let auth = prop_oneof![Just(None), Just(Some(token)), Just(Some(other))];
    let host = prop_oneof![Just("git.example"), Just("git.other.example")];
    let remote = (host, auth, any::<(bool, bool)>()).prop_map(|(host, auth, (template, insecure))| {
        let mut git = json!({"url": format!("https://{host}/acme/gitops"), "insecure": insecure});
        if let Some(auth) = auth {
            git["auth"] = auth;
            if template {
                git["credentialTemplate"] = json!(format!("https://{host}/acme"));
            }
        }
        git
    });
    prop_oneof![1 => Just(json!({"url": "file:///srv/gitops.git"})), 3 => remote]
}

fn notifications() -> impl Strategy<Value = Value> {
    let slack = json!({"slack": {"token": {"env": "SLACK"}}});
    let email = json!({"email": {"host": "smtp.example.com", "port": 587, "from": "argocd@example.com"}});
    (subsequence(vec![("slack", slack), ("email", email)], 1..=2), any::<bool>()).prop_map(
        |(services, subscribed)| {
            let first = services[0].0;
            let services: Map<String, Value> =
                services.into_iter().map(|(name, service)| (name.to_owned(), service)).collect();
            let mut notifications = json!({"services": services});
            if subscribed {
                let subscription =
                    json!({"trigger": "on-sync-failed", "service": first, "recipients": ["ml@example.com"]});
                notifications["subscriptions"] = json!([subscription]);
            }
            notifications
        },
    )
}

fn seldon() -> impl Strategy<Value = Value> {
    let author = json!({"token": {"username": "seldon", "token": {"env": "SELDON"}}});
    any::<(bool, bool)>().prop_map(move |(token, auth)| {
        let mut seldon = json!({"createNamespace": true, "valuesFile": "values.yaml"});
        if token {
            seldon["projectToken"] = json!("seldon");
        }
        if auth {
            seldon["auth"] = author.clone();
        }
        seldon
    })
}

/// Projects and Applications of the user's own.
fn applications() -> impl Strategy<Value = Value> {
    (any::<(bool, bool)>(), 1..3usize).prop_map(|((prune, chart), count)| {
        let application = |index: usize| {
            let mut application = json!({
                "name": format!("own-{index}"),
                "project": "own",
                "source": {"path": format!("apps/{index}")},
                "destination": {"namespace": "ml"},
                "syncPolicy": {"prune": prune},
            });
            if chart && index == 0 {
                application["source"] =
                    json!({"path": "chart", "helm": {"valueFiles": ["values.yaml"], "parameters": {"a.b": "c"}}});
            }
            application
        };
        let project = json!({"name": "own", "destinations": [{"namespace": "ml"}]});
        json!({"projects": [project], "applications": (0..count).map(application).collect::<Vec<_>>()})
    })
}

/// Any configuration that the reader takes.
pub(crate) fn config() -> impl Strategy<Value = Value> {
    let environments = subsequence(vec!["dev", "prod", "staging"], 0..=3)
        .prop_flat_map(|namespaces| namespaces.into_iter().map(environment).collect::<Vec<_>>());
    let more = (
        option::of(applications()),
        option::of(prop_oneof![
            Just(json!({})),
            Just(json!({"folder": "ml", "prometheus": "http://p:9090"}))
        ]),
        option::of(prop_oneof![Just(json!({})), Just(json!({"kinds": ["argoproj.io/Application"]}))]),
        option::of(notifications()),
        option::of(seldon()),
        any::<bool>(),
    );
    (argocd(), expose(), git(), environments, more).prop_map(|(argocd, expose, git, environments, more)| {
        let (applications, models, health_checks, notifications, seldon, logging) = more;
        let is_remote = git["url"] != "file:///srv/gitops.git";
        let has_environments = !environments.is_empty();
        let token = environments.iter().any(|environment| environment["project"] == "seldon");
        let mut config =
            json!({"argocd": argocd, "git": git, "expose": expose, "environments": environments});
        if let Some(Value::Object(applications)) = applications {
            config.as_object_mut().expect("a map").extend(applications);
        }
        let seldon = seldon.map(|mut seldon| {
            let known = seldon.as_object_mut().expect("a map");
            known.retain(|key, _| (token || key != "projectToken") && (is_remote || key != "auth"));
            seldon
        });
        let sections = [
            ("models", models.filter(|_| has_environments)),
            ("healthChecks", health_checks),
            ("notifications", notifications),
            ("seldon", seldon),
            ("logging", logging.then(|| json!({}))),
        ];
        for (key, section) in sections {
            if let Some(section) = section {
                config[key] = section;
            }
        }
        config
    })
}

/// What plans are made from, by a configuration that was drawn.
pub(crate) fn inputs(drawn: &Value) -> Inputs {
    let source = Source { name: "drawn".into(), text: drawn.to_string() };
    let config: Config = match config::load(Some(&source), &|_| None, &[]) {
        Ok(loaded) => loaded.config,
        Err(errors) => panic!("{errors}\n{drawn:#}"),
    };
    let objects = bundled::objects(&config.argocd.namespace);
    let install = install::prepare(objects, &config.argocd, true).expect("the built-in manifest fits");
    let remote = config.git.is_remote();
    Inputs {
        install: Some(install),
        admin_password: Some(SecretRef::Env("ARGOCDINITIALPASS".into())),
        known_hosts: if remote { "git.example ssh-ed25519 AAAA\n".into() } else { String::new() },
        ca_certificate: remote.then(|| CERTIFICATE.to_owned()),
        config,
        ..Inputs::default()
    }
}
