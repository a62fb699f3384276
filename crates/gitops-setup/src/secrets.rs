//! Which secrets of the configuration are not there, all at once and by the keys that name them.

use manifests::config::SecretRef;
use serde_json::Value;
use stages::Stage;
use stages::stage::Fact;

use crate::failure::Failure;
use crate::session::Session;

/// The keys below which the secrets of a fact stand.
fn places(fact: Fact) -> &'static [&'static str] {
    match fact {
        Fact::Password => &["argocd.adminPassword"],
        Fact::Credentials => &["git.auth", "git.repository.clientCertificate", "seldon.auth"],
        Fact::Tokens => &["notifications.services"],
        Fact::Webhooks => &["webhooks.auth"],
        _ => &[],
    }
}

/// Refuses where a variable is not set or a file is not there that one of the stages takes a secret from. What a
/// command or an answer gives is only known later.
pub(crate) fn check(session: &Session, stages: &[&Stage]) -> Result<(), Failure> {
    let config = serde_json::to_value(&session.config).map_err(|error| Failure::Bug(error.to_string()))?;
    let facts = stages.iter().flat_map(|stage| stage.facts).copied();
    // Without a network, no Git host is asked for its webhooks.
    let facts = facts.filter(|fact| *fact != Fact::Webhooks || !session.tools.offline);
    let mut places: Vec<&str> = facts.flat_map(places).copied().collect();
    places.sort_unstable();
    places.dedup();
    let mut missing = Vec::new();
    for place in places {
        let pointer = format!("/{}", place.replace('.', "/"));
        if let Some(value) = config.pointer(&pointer) {
            collect(value, place, &mut missing);
        }
    }
    match missing.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::Precondition(format!("{one}\n  {WAY_OUT}"))),
        all => {
            let lines = all.join("\n  ");
            Err(Failure::Precondition(format!("{} secrets are missing\n  {lines}\n  {WAY_OUT}", all.len())))
        }
    }
}

const WAY_OUT: &str = "set it, or name another reference in the configuration";

fn collect(value: &Value, path: &str, missing: &mut Vec<String>) {
    if let Ok(reference) = serde_json::from_value::<SecretRef>(value.clone()) {
        missing.extend(why_not(&reference).map(|why| format!("{path}: {why}")));
        return;
    }
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(value, &format!("{path}.{key}"), missing))
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{index}]"), missing);
            }
        }
        _ => {}
    }
}

fn why_not(reference: &SecretRef) -> Option<String> {
    match reference {
        SecretRef::Env(name) if std::env::var_os(name).is_none() => Some(format!("{reference} is not set")),
        SecretRef::File(path) => {
            let error = path.metadata().err()?;
            Some(format!("secret {reference}: {error}"))
        }
        _ => None,
    }
}
