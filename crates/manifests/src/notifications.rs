//! Notifications as Argo CD's controller reads them: a ConfigMap with services, triggers and templates, a Secret with
//! their tokens, and annotations on Applications. The controller watches both objects (`pkg/api/factory.go` in the
//! source of argoproj/notifications-engine), so nothing has to be restarted.

mod messages;
mod services;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::argocd::names;
use crate::config::{Config, GlobalSubscription, Notifications, Subscription, TriggerCondition};
use crate::fill::{Fill, FilledSecret};
use crate::object::Object;
use crate::yaml;

pub(crate) use services::secrets;

/// What the annotation of a subscription begins with.
const SUBSCRIBE: &str = "notifications.argoproj.io/subscribe.";

/// The conditions of all triggers, by name: the built-in ones and those of the configuration.
pub(crate) fn triggers(notifications: &Notifications) -> BTreeMap<String, Vec<TriggerCondition>> {
    let mut triggers = messages::triggers();
    triggers.extend(notifications.triggers.clone());
    triggers
}

/// The names of all templates: the built-in ones and those of the configuration.
pub(crate) fn template_names(notifications: &Notifications) -> BTreeSet<String> {
    messages::names().map(str::to_owned).chain(notifications.templates.keys().cloned()).collect()
}

/// The keys of Argo CD's ConfigMap that are ours; `None` where no notifications are configured.
pub fn config_map(config: &Config) -> Option<Object> {
    let notifications = config.notifications.as_ref()?;
    let mut data = Map::new();
    if let Some(url) = config.notifications_url() {
        data.insert("context".into(), yaml::to_string(&json!({ "argocdUrl": url })).into());
    }
    for (name, service) in &notifications.services {
        let (key, settings) = services::settings(name, service);
        data.insert(key, yaml::to_string(&settings).into());
    }
    for (name, template) in messages::templates(notifications) {
        data.insert(format!("template.{name}"), yaml::to_string(&template).into());
    }
    for (name, template) in &notifications.templates {
        data.insert(format!("template.{name}"), template.as_str().into());
    }
    for (name, conditions) in triggers(notifications) {
        data.insert(format!("trigger.{name}"), yaml::to_string(&conditions).into());
    }
    if !notifications.subscriptions.is_empty() {
        let subscriptions: Vec<Value> = notifications.subscriptions.iter().map(global).collect();
        data.insert("subscriptions".into(), yaml::to_string(&subscriptions).into());
    }
    Some(Object::new(&names::notifications(&config.argocd.namespace)).with("data", data))
}

/// The keys of Argo CD's Secret that the ConfigMap names; `None` where no notifications are configured.
pub fn secret(config: &Config) -> Option<FilledSecret> {
    let services = &config.notifications.as_ref()?.services;
    let fill = services.iter().flat_map(|(name, service)| secrets(name, service));
    Some(FilledSecret {
        object: Object::new(&names::notifications_secret(&config.argocd.namespace)),
        fill: fill.map(|(key, secret)| (key, Fill::Secret(secret.clone()))).collect(),
    })
}

/// The annotations by which an Application's subscriptions are known, by name. Several to the same trigger and
/// service are one.
pub fn annotations(subscriptions: &[Subscription]) -> BTreeMap<String, String> {
    let mut recipients: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for subscription in subscriptions {
        let known = recipients.entry(annotation(subscription)).or_default();
        for recipient in &subscription.recipients {
            if !known.contains(&recipient.as_str()) {
                known.push(recipient);
            }
        }
    }
    recipients.into_iter().map(|(name, recipients)| (name, recipients.join(";"))).collect()
}

/// Name of the annotation of a subscription.
pub(crate) fn annotation(subscription: &Subscription) -> String {
    format!("{SUBSCRIBE}{}.{}", subscription.trigger, subscription.service)
}

/// A subscription to all Applications, as the controller has it: `service:recipient`.
fn global(subscription: &GlobalSubscription) -> Value {
    let GlobalSubscription { trigger, service, recipients, labels } = subscription;
    let mut entry = json!({ "triggers": [trigger] });
    entry["recipients"] = match recipients.as_slice() {
        [] => json!([service]),
        recipients => recipients.iter().map(|recipient| format!("{service}:{recipient}")).collect(),
    };
    if !labels.is_empty() {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        entry["selector"] = labels.join(",").into();
    }
    entry
}
