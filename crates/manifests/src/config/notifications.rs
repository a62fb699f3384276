//! Combinations of services, triggers, templates and subscriptions that tell nobody anything.

use std::collections::BTreeMap;

use super::combinations::Clash;
use super::pattern::fits;
use super::types::{
    Config, NOTIFICATION_NAME, NotificationHeader, NotificationService, Notifications, Subscription, Variant,
};
use super::{path, webhooks, words};
use crate::{notifications, yaml};

/// Longest name of an annotation behind its slash, as Kubernetes has it.
const LONGEST_ANNOTATION: usize = 63;
/// Parts of the names of headers that hold secrets.
const SECRET_HEADERS: [&str; 6] = ["auth", "token", "key", "secret", "password", "cookie"];

/// All impossible combinations.
pub(super) fn clashes(config: &Config) -> Vec<Clash> {
    let mut clashes = Vec::new();
    for (index, environment) in config.environments.iter().enumerate() {
        let place = format!("environments[{index}].subscriptions");
        clashes.extend(subscriptions(&place, &environment.subscriptions, config));
    }
    for (index, application) in config.applications.iter().enumerate() {
        let place = format!("applications[{index}].subscriptions");
        clashes.extend(subscriptions(&place, &application.subscriptions, config));
    }
    for (index, set) in config.application_sets.iter().enumerate() {
        let place = format!("applicationSets[{index}].template.subscriptions");
        clashes.extend(subscriptions(&place, &set.template.subscriptions, config));
    }
    let Some(notifications) = &config.notifications else { return clashes };
    let version = &config.argocd.version;
    if !version.has_notifications() {
        let message = format!("notifications are a part of Argo CD since v2.3.0, and this is {version}");
        clashes.push(Clash::new(&["notifications", "argocd.version"], message));
    }
    if config.argocd.variant == Variant::Core {
        clashes.push(Clash::new(
            &["notifications", "argocd.variant"],
            "the variant `core` has no controller that sends notifications; remove `notifications` or use another \
             variant",
        ));
    }
    if notifications.argocd_url.as_deref().is_some_and(|url| !webhooks::is_url(url)) {
        let message = format!("`notifications.argocdUrl` {}", webhooks::NO_URL);
        clashes.push(Clash::new(&["notifications.argocdUrl"], message));
    }
    clashes.extend(names(notifications));
    for (name, service) in &notifications.services {
        let place = path::of_key("notifications.services", name);
        clashes.extend(self::service(&place, service, config));
    }
    clashes.extend(same_keys(notifications));
    clashes.extend(triggers(notifications));
    clashes.extend(expressions(config, notifications));
    clashes.extend(templates(notifications));
    for (index, global) in notifications.subscriptions.iter().enumerate() {
        let place = path::of_item("notifications.subscriptions", index);
        clashes.extend(subscription(&place, &global.subscription(), ':', config));
        clashes.extend(labels(&place, &global.labels));
    }
    clashes
}

/// What is wrong with the subscriptions of one Application; `place` is the path of their list.
fn subscriptions(place: &str, subscriptions: &[Subscription], config: &Config) -> Vec<Clash> {
    let items = subscriptions.iter().enumerate();
    items.flat_map(|(index, item)| subscription(&path::of_item(place, index), item, ';', config)).collect()
}

/// `separator` is what can't be in a recipient.
fn subscription(place: &str, subscription: &Subscription, separator: char, config: &Config) -> Vec<Clash> {
    // A mistake in them is reported already.
    if subscription.trigger.is_empty() || subscription.service.is_empty() {
        return Vec::new();
    }
    let Some(notifications) = &config.notifications else {
        let message = "subscriptions need `notifications`, which says what carries the messages";
        return vec![Clash::new(&[place], message)];
    };
    let mut clashes = Vec::new();
    let Subscription { trigger, service, recipients: named } = subscription;
    let triggers = notifications::triggers(notifications);
    if !triggers.contains_key(trigger) {
        clashes.push(undefined(
            &[&format!("{place}.trigger"), "notifications.triggers"],
            "trigger",
            trigger,
            triggers.keys(),
        ));
    }
    match notifications.services.get(service) {
        None => {
            let known = notifications.services.keys();
            clashes.push(undefined(
                &[&format!("{place}.service"), "notifications.services"],
                "service",
                service,
                known,
            ));
        }
        Some(found) => {
            clashes.extend(destinations(place, service, found, named));
            let sent = triggers.get(trigger).into_iter().flatten().flat_map(|condition| &condition.send);
            clashes.extend(sections(place, service, found, sent, notifications));
        }
    }
    let name = notifications::annotation(subscription);
    if name.split_once('/').is_some_and(|(_, name)| name.len() > LONGEST_ANNOTATION) {
        clashes.push(Clash::new(
            &[&format!("{place}.trigger")],
            format!(
                "the names of trigger and service are too long together: the annotation `{name}` takes \
                 {LONGEST_ANNOTATION} characters behind the slash"
            ),
        ));
    }
    clashes.extend(recipients(place, named, separator));
    clashes
}

/// The first path is that of the name, the others those under which it might be defined.
fn undefined<'a>(paths: &[&str], what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> Clash {
    let known: Vec<&String> = known.collect();
    let meant = words::did_you_mean(name, known.iter().map(|name| name.as_str()));
    let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let message = match known.as_slice() {
        [] => format!("{what} `{name}` is not defined, and no other is"),
        known => format!("{what} `{name}` is not defined; expected {}{meant}", words::list(known)),
    };
    Clash::new(paths, message)
}

/// What goes with the kind of service.
fn destinations(place: &str, name: &str, service: &NotificationService, recipients: &[String]) -> Vec<Clash> {
    let place = [&format!("{place}.recipients"), place];
    match (service, recipients) {
        (NotificationService::Webhook { .. }, []) => Vec::new(),
        (NotificationService::Webhook { .. }, _) => {
            let message = format!("`{name}` is a webhook, which has no recipients; remove them");
            vec![Clash::new(&place, message)]
        }
        (NotificationService::Pagerduty { integration_keys }, [_, ..]) => {
            let unknown = recipients.iter().filter(|recipient| !integration_keys.contains_key(*recipient));
            unknown
                .map(|recipient| {
                    undefined(&place[..1], "integration key", recipient, integration_keys.keys())
                })
                .collect()
        }
        (_, []) => {
            let message = format!("`{name}` needs recipients, such as channels or addresses");
            vec![Clash::new(&place, message)]
        }
        _ => Vec::new(),
    }
}

/// Templates of the user's that have nothing for the service. PagerDuty then gets nothing, and a webhook a GET.
fn sections<'a>(
    place: &str,
    name: &str,
    service: &NotificationService,
    sent: impl Iterator<Item = &'a String>,
    notifications: &Notifications,
) -> Vec<Clash> {
    let pointer = match service {
        NotificationService::Pagerduty { .. } => "/pagerdutyv2".to_owned(),
        NotificationService::Webhook { .. } => format!("/webhook/{name}"),
        _ => return Vec::new(),
    };
    let lacks = |template: &&String| {
        let text = notifications.templates.get(*template);
        let parsed = text.and_then(|text| yaml::parse_value(text).ok());
        parsed.is_some_and(|parsed| parsed.pointer(&pointer).is_none())
    };
    let clash = |template: &String| {
        let section = pointer.trim_start_matches('/').replace('/', ".");
        let message =
            format!("template `{template}` has no `{section}`, without which `{name}` can't carry it");
        Clash::new(&[&format!("{place}.trigger")], message)
    };
    sent.filter(lacks).map(clash).collect()
}

fn recipients(place: &str, recipients: &[String], separator: char) -> Vec<Clash> {
    let is_bad = |text: &str| text.is_empty() || text.trim() != text || text.contains(separator);
    let bad = recipients.iter().enumerate().filter(|(_, recipient)| is_bad(recipient));
    bad.map(|(index, _)| {
        let path = path::of_item(&format!("{place}.recipients"), index);
        let message =
            format!("`{path}` is empty, or has a `{separator}` or a space at an end, which no recipient has");
        Clash::new(&[&path], message)
    })
    .collect()
}

/// They become a selector, and one that can't be read ends all notifications.
fn labels(place: &str, labels: &BTreeMap<String, String>) -> Vec<Clash> {
    let part = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";
    let name = format!("^([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{part}$");
    let bad = labels
        .iter()
        .filter(|(key, value)| !fits(&name, key) || !(value.is_empty() || fits(&format!("^{part}$"), value)));
    bad.map(|(key, _)| {
        let place = format!("{place}.labels");
        Clash::new(&[&path::of_key(&place, key), &place], format!("`{place}` has a label that can't be one"))
    })
    .collect()
}

fn names(notifications: &Notifications) -> Vec<Clash> {
    let Notifications { services, triggers, templates, .. } = notifications;
    let places = |section: &str, names: Vec<&String>| -> Vec<(String, String)> {
        names.into_iter().map(|name| (format!("notifications.{section}"), name.clone())).collect()
    };
    let mut all = places("services", services.keys().collect());
    all.extend(places("triggers", triggers.keys().collect()));
    all.extend(places("templates", templates.keys().collect()));
    for (name, service) in services {
        if let NotificationService::Pagerduty { integration_keys } = service {
            let keys = integration_keys.keys().collect();
            all.extend(places(&format!("services.{name}.pagerduty.integrationKeys"), keys));
        }
    }
    all.retain(|(_, name)| !fits(NOTIFICATION_NAME, name));
    all.into_iter()
        .map(|(place, name)| {
            let message = format!("a name in `{place}` must be {}", words::pattern(NOTIFICATION_NAME));
            Clash::new(&[&path::of_key(&place, &name), &place], message)
        })
        .collect()
}

fn service(place: &str, service: &NotificationService, config: &Config) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let version = &config.argocd.version;
    match service {
        NotificationService::Pagerduty { integration_keys } => {
            if version.has_notifications() && !version.notifies_pagerduty_events() {
                let message = format!(
                    "Argo CD sends events to PagerDuty's Events API v2 since v2.8.0, and this is {version}"
                );
                clashes.push(Clash::new(&[place, "argocd.version"], message));
            }
            if integration_keys.is_empty() {
                let path = format!("{place}.pagerduty.integrationKeys");
                clashes.push(Clash::new(&[&path], format!("`{path}` must not be empty")));
            }
        }
        NotificationService::Webhook { url, url_from, headers, .. } => {
            let place = format!("{place}.webhook");
            let path = format!("{place}.url");
            if url.is_some() == url_from.is_some() {
                let message = format!("`{place}` needs `url` or `urlFrom`, and not both");
                clashes.push(Clash::new(&[&path, &place], message));
            } else if url.as_deref().is_some_and(|url| !webhooks::is_url(url)) {
                let message =
                    format!("`{path}` {}; one that holds a secret goes to `urlFrom`", webhooks::NO_URL);
                clashes.push(Clash::new(&[&path], message));
            }
            let headers = headers.iter().enumerate();
            clashes.extend(headers.filter_map(|(index, entry)| {
                header(&path::of_item(&format!("{place}.headers"), index), entry)
            }));
        }
        NotificationService::Slack { .. } | NotificationService::Email { .. } => {}
    }
    clashes
}

fn header(place: &str, header: &NotificationHeader) -> Option<Clash> {
    let name = header.name.to_ascii_lowercase();
    let message = match (header.value.is_empty(), &header.value_from) {
        (true, None) => {
            format!("header `{}` needs `value`, or `valueFrom` where it is a secret", header.name)
        }
        (false, None) if SECRET_HEADERS.iter().any(|word| name.contains(word)) => format!(
            "header `{}` holds a secret; name it by `valueFrom`, with what stands before it in `value`",
            header.name
        ),
        _ => return None,
    };
    Some(Clash::new(&[&format!("{place}.value"), place], message))
}

/// Secrets that would be stored under the same key.
fn same_keys(notifications: &Notifications) -> Vec<Clash> {
    let mut seen = BTreeMap::new();
    let mut clashes = Vec::new();
    for (name, service) in &notifications.services {
        for (key, _) in notifications::secrets(name, service) {
            if let Some(other) = seen.insert(key.clone(), name) {
                clashes.push(Clash::new(
                    &[&path::of_key("notifications.services", name)],
                    format!("a secret of `{name}` and one of `{other}` would both be stored as `{key}`; rename one"),
                ));
            }
        }
    }
    clashes
}

fn triggers(notifications: &Notifications) -> Vec<Clash> {
    let templates = notifications::template_names(notifications);
    let mut clashes = Vec::new();
    for (name, conditions) in &notifications.triggers {
        let place = path::of_key("notifications.triggers", name);
        if conditions.is_empty() {
            clashes
                .push(Clash::new(&[&place], format!("trigger `{name}` has no condition, and never sends")));
        }
        for (index, condition) in conditions.iter().enumerate() {
            let place = format!("{}.send", path::of_item(&place, index));
            let unknown = condition.send.iter().enumerate().filter(|(_, name)| !templates.contains(*name));
            clashes.extend(unknown.map(|(index, name)| {
                undefined(
                    &[&path::of_item(&place, index), "notifications.templates"],
                    "template",
                    name,
                    templates.iter(),
                )
            }));
        }
    }
    clashes
}

/// One expression that can't be read ends all notifications.
fn expressions(config: &Config, notifications: &Notifications) -> Vec<Clash> {
    let version = &config.argocd.version;
    if version.knows_optional_chaining() {
        return Vec::new();
    }
    let mut clashes = Vec::new();
    for (name, conditions) in &notifications.triggers {
        let place = path::of_key("notifications.triggers", name);
        for (index, condition) in conditions.iter().enumerate() {
            let place = path::of_item(&place, index);
            let once_per = condition.once_per.as_deref().unwrap_or_default();
            let fields = [("when", condition.when.as_str()), ("oncePer", once_per)];
            clashes.extend(fields.iter().filter(|(_, text)| text.contains("?.")).map(|(key, _)| {
                let message = format!(
                    "Argo CD reads `?.` since v2.6.0, and this is {version}; compare with `nil` instead"
                );
                Clash::new(&[&format!("{place}.{key}")], message)
            }));
        }
    }
    clashes
}

/// One template that can't be read ends all notifications.
fn templates(notifications: &Notifications) -> Vec<Clash> {
    let mut clashes = Vec::new();
    for (name, text) in &notifications.templates {
        let count = |braces| text.matches(braces).count();
        let message = match yaml::parse_value(text) {
            Err(error) => format!("template `{name}` is {error}"),
            Ok(value) if !value.is_object() => {
                format!("template `{name}` must be a mapping, such as `message: …`")
            }
            Ok(_) if count("{{") != count("}}") => {
                format!("template `{name}` has {} `{{{{` and {} `}}}}`", count("{{"), count("}}"))
            }
            Ok(_) => continue,
        };
        clashes.push(Clash::new(&[&path::of_key("notifications.templates", name)], message));
    }
    clashes
}
