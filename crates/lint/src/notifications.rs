//! What Argo CD's notifications are told to send, when and by what.

use std::collections::BTreeSet;

use manifests::yaml;
use serde_json::Value;

use crate::Context;
use crate::item::{Item, list, text};

/// ConfigMap with services, triggers and templates.
const CONFIG: &str = "argocd-notifications-cm";
/// Beginning of the annotations that subscribe: `<prefix>subscribe.<trigger>.<service>`.
const SUBSCRIBE: &str = "notifications.argoproj.io/subscribe.";
/// End of those of the time before: `<trigger>.recipients.…`.
const LEGACY: &str = ".recipients.argocd-notifications.argoproj.io";

/// All that is defined, of all ConfigMaps of that name: several stages may have a part of one.
#[derive(Default)]
pub(crate) struct Notifications<'c, 'a> {
    pub(crate) configs: Vec<&'c Item<'a>>,
    pub(crate) services: BTreeSet<String>,
    pub(crate) triggers: BTreeSet<String>,
    pub(crate) templates: BTreeSet<String>,
}

/// A mention of a trigger or a service, and where.
pub(crate) struct Mention<'c, 'a> {
    pub(crate) item: &'c Item<'a>,
    pub(crate) pointer: String,
    pub(crate) trigger: Option<String>,
    pub(crate) service: Option<String>,
}

impl<'c, 'a> Notifications<'c, 'a> {
    /// `None` where no such ConfigMap is in the files: then it is somewhere else, and nothing can be said.
    pub(crate) fn of(context: &'c Context<'a>) -> Option<Self> {
        let mut all = Self::default();
        for item in context.units.items().filter(|item| item.is("", "ConfigMap") && item.name() == CONFIG) {
            all.configs.push(item);
            for (key, _) in data(item) {
                match key.split_once('.') {
                    // `service.<type>` or `service.<type>.<name>`.
                    Some(("service", rest)) => {
                        let name = rest.split_once('.').map_or(rest, |(_, name)| name);
                        all.services.insert(name.to_owned());
                    }
                    Some(("trigger", name)) => drop(all.triggers.insert(name.to_owned())),
                    Some(("template", name)) => drop(all.templates.insert(name.to_owned())),
                    _ => {}
                }
            }
        }
        (!all.configs.is_empty()).then_some(all)
    }

    /// Every subscription: annotations, and the keys `subscriptions` and `defaultTriggers`.
    pub(crate) fn mentions(&self, context: &'c Context<'a>) -> Vec<Mention<'c, 'a>> {
        let annotated = context.units.items().flat_map(annotations);
        let configured = self.configs.iter().flat_map(|item| subscriptions(item));
        annotated.chain(configured).collect()
    }
}

/// Keys and texts of a ConfigMap.
pub(crate) fn data<'i>(item: &'i Item<'_>) -> impl Iterator<Item = (&'i str, &'i str)> {
    let map = item.get("/data").and_then(Value::as_object).into_iter().flatten();
    map.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// Names of the templates that a trigger sends.
pub(crate) fn sent(trigger: &str) -> Vec<String> {
    let entries = yaml::parse_value(trigger).unwrap_or_default();
    let entries = entries.as_array().cloned().unwrap_or_default();
    let names = entries.iter().flat_map(|entry| list(entry, "/send")).filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

fn annotations<'c, 'a>(item: &'c Item<'a>) -> Vec<Mention<'c, 'a>> {
    // Of an ApplicationSet, those of its template.
    let pointers = ["/metadata/annotations", "/spec/template/metadata/annotations"];
    let maps = pointers.iter().filter_map(|pointer| Some((pointer, item.get(pointer)?.as_object()?)));
    let keys = maps.flat_map(|(pointer, map)| map.keys().map(move |key| (pointer, key)));
    let mentions = keys.filter_map(|(pointer, key)| {
        let (trigger, service) = if let Some(rest) = key.strip_prefix(SUBSCRIBE) {
            // A service alone means the default triggers.
            match rest.split_once('.') {
                Some((trigger, service)) => {
                    (Some(trigger), Some(service.split('.').next().unwrap_or(service)))
                }
                None => (None, Some(rest)),
            }
        } else {
            (Some(key.strip_suffix(LEGACY)?), None)
        };
        let pointer = format!("{pointer}/{}", crate::walk::escaped(key));
        let owned = |name: Option<&str>| name.filter(|name| !name.contains("{{")).map(str::to_owned);
        Some(Mention { item, pointer, trigger: owned(trigger), service: owned(service) })
    });
    mentions.collect()
}

fn subscriptions<'c, 'a>(item: &'c Item<'a>) -> Vec<Mention<'c, 'a>> {
    let mut mentions = Vec::new();
    for (key, value) in data(item) {
        let pointer = format!("/data/{}", crate::walk::escaped(key));
        let mut mention = |trigger: Option<&str>, service: Option<&str>| {
            let (trigger, service) = (trigger.map(str::to_owned), service.map(str::to_owned));
            mentions.push(Mention { item, pointer: pointer.clone(), trigger, service });
        };
        let value = yaml::parse_value(value).unwrap_or_default();
        if key == "subscriptions" {
            for entry in value.as_array().into_iter().flatten() {
                let triggers = list(entry, "/triggers").iter().filter_map(Value::as_str).map(Some);
                triggers.for_each(|trigger| mention(trigger, None));
                let recipients = list(entry, "/recipients").iter().filter_map(Value::as_str);
                // `service:recipient`.
                recipients.for_each(|recipient| mention(None, recipient.split(':').next()));
            }
        } else if key == "defaultTriggers" || key.starts_with("defaultTriggers.") {
            let triggers = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            triggers.for_each(|trigger| mention(Some(trigger), key.strip_prefix("defaultTriggers.")));
        }
    }
    mentions
}

/// Names for people.
pub(crate) fn names(known: &BTreeSet<String>) -> String {
    if known.is_empty() { "none".into() } else { known.iter().cloned().collect::<Vec<_>>().join(", ") }
}

/// Whether a ConfigMap is the one of notifications.
pub(crate) fn is_config(item: &Item<'_>) -> bool {
    item.is("", "ConfigMap") && text(&item.value, "/metadata/name") == CONFIG
}
