//! The files around the configuration: its schema, its template and the examples.

use manifests::argocd::version::ArgoVersion;
use manifests::config::{Config, Provider, Source, Via, load, schema, template};
use serde_json::Value;

fn loaded(name: &str, text: &str) -> Config {
    let source = Source { name: name.into(), text: text.into() };
    load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config
}

/// What is written out in full loads to the same again.
fn round_trip(name: &str, text: &str) -> Config {
    let config = loaded(name, text);
    assert_eq!(loaded("written out", &manifests::yaml::to_string(&config)), config);
    config
}

#[test]
fn the_schema_is_up_to_date() {
    let kept = include_str!("../../../gitops.schema.json");
    assert!(
        kept == schema(),
        "gitops.schema.json is out of date: run `cargo xtask schema > gitops.schema.json`"
    );
}

#[test]
fn the_schema_says_what_it_is() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(!schema.to_string().contains(r#""null""#));
}

/// So that a new type does not bring along a keyword that the checks pass over.
#[test]
fn the_schema_uses_only_what_the_checks_understand() {
    const KNOWN: &[&str] = &[
        "$schema",
        "title",
        "description",
        "default",
        "format",
        "$ref",
        "$defs",
        "type",
        "properties",
        "additionalProperties",
        "required",
        "oneOf",
        "const",
        "items",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "minItems",
    ];
    fn walk(schema: &Value) {
        let Some(map) = schema.as_object() else { return };
        for (keyword, value) in map {
            assert!(KNOWN.contains(&keyword.as_str()), "{keyword}");
            match keyword.as_str() {
                "properties" | "$defs" => value.as_object().into_iter().flatten().for_each(|(_, s)| walk(s)),
                "oneOf" => value.as_array().into_iter().flatten().for_each(walk),
                "items" | "additionalProperties" => walk(value),
                "minLength" | "minItems" => assert_eq!(value, 1),
                _ => {}
            }
        }
    }
    walk(&serde_json::from_str(&schema()).unwrap());
}

#[test]
fn the_template_is_valid_and_shows_the_defaults() {
    let config = round_trip("template", template());
    let default = Config::default();
    assert_eq!(
        (config.cluster, config.argocd, config.expose),
        (default.cluster, default.argocd, default.expose)
    );
    assert_eq!(config.environments.len(), 1);
    assert_eq!(config.environments[0].sync_policy, Default::default());
    assert_eq!(config.environments[0].project, "seldon");
}

fn properties(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for (keyword, value) in map {
                if let ("properties", Some(properties)) = (keyword.as_str(), value.as_object()) {
                    found.extend(properties.keys().cloned());
                }
                properties(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, found)),
        _ => {}
    }
}

#[test]
fn the_template_has_every_key() {
    let mut keys = Vec::new();
    properties(&serde_json::from_str(&schema()).unwrap(), &mut keys);
    assert!(keys.len() > 40, "{keys:?}");
    for key in keys {
        let has = template().lines().any(|line| {
            line.trim_start_matches([' ', '#', '-', '{'])
                .strip_prefix(&key)
                .is_some_and(|rest| rest.starts_with(':'))
        });
        assert!(has, "`{key}` is missing in the template");
    }
}

/// The line without its `#`, where it holds a key and not prose.
fn uncommented(line: &str) -> String {
    let Some((indent, rest)) = line.split_once("# ").filter(|(indent, _)| indent.trim().is_empty()) else {
        return line.to_owned();
    };
    if rest.trim_start().len() == 64 && rest.trim_start().chars().all(|c| c.is_ascii_hexdigit()) {
        // A checksum that has no room beside its key.
        return format!("{indent}{rest}");
    }
    let key = rest.trim_start_matches([' ', '-']).split_once(':');
    let key = key.filter(|(_, value)| value.is_empty() || value.starts_with(' ')).map(|(key, _)| key);
    match key {
        Some(key)
            if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "./-".contains(c)) =>
        {
            format!("{indent}{rest}")
        }
        _ => line.to_owned(),
    }
}

/// With every comment made a key, all that is wrong is what excludes each other.
#[test]
fn what_the_template_has_in_comments_is_sound() {
    let body = &template()[template().find("# Where Kubernetes").unwrap()..];
    let text: String = body.lines().map(|line| uncommented(line) + "\n").collect();
    let source = Source { name: "template".into(), text: text.clone() };
    let errors = load(Some(&source), &|_| None, &[]).unwrap_err();
    let excluding = ["is only for", "is given a second time", "both choose"];
    for error in &errors.errors {
        assert!(excluding.iter().any(|part| error.message.contains(part)), "{}\n{text}", error.message);
    }
    assert!(errors.errors.len() > 3, "{errors}");
}

#[test]
fn the_template_fits_a_terminal() {
    let long: Vec<_> = template().lines().filter(|line| line.chars().count() > 80).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn minimal() {
    let config = round_trip("minimal.yaml", include_str!("../../../fixtures/minimal.yaml"));
    assert_eq!(config.environments[0].application(), "seldon-gitops-seldon");
    assert_eq!(config.cluster.provider, Provider::Kwok);
}

#[test]
fn production() {
    let config = round_trip("production.yaml", include_str!("../../../fixtures/production.yaml"));
    assert_eq!(config.environments.len(), 3);
    assert!(config.environments.iter().all(|environment| environment.restricted()));
    assert_eq!((config.cluster.provider, config.expose.via), (Provider::Context, Via::Istio));
    assert!(config.logging.is_some() && config.seldon.is_some());
    assert!(config.webhooks.is_some() && config.notifications.is_some());
}

#[test]
fn the_ml_platform() {
    let config = round_trip("ml-platform.yaml", include_str!("../../../fixtures/ml-platform.yaml"));
    let projects: Vec<_> = config.projects.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(projects, ["ml-production", "ml-models"]);
    assert!(config.applications.len() > 2 && !config.application_sets.is_empty());
}

#[test]
fn the_guide() {
    let old = round_trip("guide-v1.6.2.yaml", include_str!("../../../fixtures/guide-v1.6.2.yaml"));
    assert_eq!(old.argocd.version.to_string(), "v1.6.2");
    assert!(!old.argocd.version.has_v1_crds());
    let new = round_trip("guide-v2.6.7.yaml", include_str!("../../../fixtures/guide-v2.6.7.yaml"));
    assert_eq!(new.argocd.version, "v2.6.7".parse::<ArgoVersion>().unwrap());
    assert_eq!(new.git.repo_url(), "https://github.com/acme/gitops");
    assert!(!new.environments[0].restricted());
    assert_eq!(new.logging.unwrap().namespace, "seldon-logs");
}
