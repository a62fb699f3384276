//! Services: their settings, in which `$key` stands for the value under this key of the Secret.

use serde_json::{Value, json};

use crate::config::{NotificationService, SecretRef};

/// Key and settings of a service in the ConfigMap.
pub(super) fn settings(name: &str, service: &NotificationService) -> (String, Value) {
    let (kind, settings) = match service {
        NotificationService::Slack { username, icon, .. } => {
            let mut settings = json!({ "token": reference(&token(name)) });
            for (key, value) in [("username", username), ("icon", icon)] {
                if let Some(value) = value {
                    settings[key] = value.as_str().into();
                }
            }
            ("slack", settings)
        }
        // `service.pagerduty` opens incidents in the name of a user, by a token that may do all that the user may.
        NotificationService::Pagerduty { integration_keys } => {
            let keys = integration_keys.keys().map(|key| (key.clone(), reference(&integration(name, key))));
            ("pagerdutyv2", json!({ "serviceKeys": Value::Object(keys.collect()) }))
        }
        NotificationService::Webhook { url, basic_auth, .. } => {
            let url = url.as_deref().map_or_else(|| reference(&address(name)), Value::from);
            let mut settings = json!({ "url": url, "headers": headers(name, service) });
            if let Some(login) = basic_auth {
                settings["basicAuth"] =
                    json!({ "username": login.username, "password": reference(&password(name)) });
            }
            ("webhook", settings)
        }
        NotificationService::Email { host, port, auth, from } => {
            let mut settings = json!({ "host": host, "port": port, "from": from });
            if let Some(login) = auth {
                settings["username"] = login.username.as_str().into();
                settings["password"] = reference(&password(name));
            }
            ("email", settings)
        }
    };
    let key = if name == kind { format!("service.{kind}") } else { format!("service.{kind}.{name}") };
    (key, settings)
}

fn headers(name: &str, service: &NotificationService) -> Vec<Value> {
    let NotificationService::Webhook { headers, .. } = service else { return Vec::new() };
    let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    let json_body = (!headers.iter().any(|header| is_type(&header.name)))
        .then(|| json!({ "name": "Content-Type", "value": "application/json" }));
    let own = headers.iter().map(|entry| {
        let secret = entry.value_from.as_ref().map(|_| format!("${}", header(name, &entry.name)));
        json!({ "name": entry.name, "value": format!("{}{}", entry.value, secret.unwrap_or_default()) })
    });
    json_body.into_iter().chain(own).collect()
}

/// What a service keeps in the Secret, by key.
pub(crate) fn secrets<'a>(name: &str, service: &'a NotificationService) -> Vec<(String, &'a SecretRef)> {
    match service {
        NotificationService::Slack { token: secret, .. } => vec![(token(name), secret)],
        NotificationService::Pagerduty { integration_keys } => {
            integration_keys.iter().map(|(key, secret)| (integration(name, key), secret)).collect()
        }
        NotificationService::Webhook { url_from, headers, basic_auth, .. } => {
            let url = url_from.iter().map(|secret| (address(name), secret));
            let login = basic_auth.iter().map(|login| (password(name), &login.password));
            let headers = headers
                .iter()
                .filter_map(|entry| Some((header(name, &entry.name), entry.value_from.as_ref()?)));
            url.chain(login).chain(headers).collect()
        }
        NotificationService::Email { auth, .. } => {
            auth.iter().map(|login| (password(name), &login.password)).collect()
        }
    }
}

fn reference(key: &str) -> Value {
    format!("${key}").into()
}

fn token(service: &str) -> String {
    format!("{service}-token")
}

fn password(service: &str) -> String {
    format!("{service}-password")
}

fn address(service: &str) -> String {
    format!("{service}-url")
}

fn integration(service: &str, key: &str) -> String {
    format!("{service}-key-{key}")
}

fn header(service: &str, name: &str) -> String {
    format!("{service}-header-{}", name.to_ascii_lowercase())
}
