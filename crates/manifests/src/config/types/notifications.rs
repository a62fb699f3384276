//! Notifications: who is told what about Applications.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, SecretRef};

/// Notifications of Argo CD (2.3 and later): services that carry messages, what they say and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Notifications {
    /// Address of Argo CD that messages link to; by default `webhooks.argocdUrl`, or `expose.host` where it is known
    /// to be reached by TLS; else messages have no links. Without a path, that is `argocd.rootPath`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub argocd_url: Option<String>,
    /// Services that carry messages, by the names that subscriptions call them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, NotificationService>,
    /// Triggers, by name, besides on-deployed, on-sync-failed and on-health-degraded, or in place of these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers: BTreeMap<String, Vec<TriggerCondition>>,
    /// Templates in Argo CD's own form (YAML), by name, besides app-deployed, app-sync-failed and
    /// app-health-degraded, or in place of these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, String>,
    /// Who is told about every Application, or about those with certain labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<GlobalSubscription>,
}

/// What carries messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum NotificationService {
    /// A Slack app; recipients are channels.
    #[serde(rename_all = "camelCase")]
    Slack {
        /// OAuth token of the bot.
        token: SecretRef,
        /// Name that messages appear under; by default the app's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1))]
        username: Option<String>,
        /// Picture of messages: an emoji such as `:rocket:` or an address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1))]
        icon: Option<String>,
    },
    /// PagerDuty by its Events API v2 (Argo CD 2.8 and later); recipients are the names of integration keys.
    #[serde(rename_all = "camelCase")]
    Pagerduty {
        /// Integration keys of PagerDuty's services, by the names that subscriptions call them.
        integration_keys: BTreeMap<String, SecretRef>,
    },
    /// An HTTP endpoint that takes JSON; it has no recipients.
    #[serde(rename_all = "camelCase")]
    Webhook {
        /// Where messages are sent, where that is no secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1))]
        url: Option<String>,
        /// Where messages are sent, where the address itself lets whoever knows it send.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url_from: Option<SecretRef>,
        /// Headers of the request, besides `Content-Type`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<NotificationHeader>,
        /// User and password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        basic_auth: Option<NotificationLogin>,
    },
    /// A mail server; recipients are addresses.
    #[serde(rename_all = "camelCase")]
    Email {
        /// Host name of the mail server.
        #[schemars(length(min = 1))]
        host: String,
        /// Its port.
        #[schemars(range(min = 1))]
        port: u16,
        /// User and password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auth: Option<NotificationLogin>,
        /// Sender's address.
        #[schemars(length(min = 1))]
        from: String,
    },
}

/// A header of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NotificationHeader {
    /// Name.
    #[schemars(extend("pattern" = HEADER_NAME))]
    pub name: String,
    /// Value that is no secret; with `valueFrom`, what stands before the secret, such as `Bearer` and a space.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Value that is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<SecretRef>,
}

/// User and password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NotificationLogin {
    /// User.
    #[schemars(length(min = 1))]
    pub username: String,
    /// Password.
    pub password: SecretRef,
}

/// When a trigger sends what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TriggerCondition {
    /// What it is for, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Expression that says when it sends, such as `app.status.health.status == 'Degraded'`.
    #[schemars(length(min = 1))]
    pub when: String,
    /// Names of the templates that are sent.
    #[schemars(length(min = 1))]
    pub send: Vec<String>,
    /// Expression whose value is told of only once, such as a revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub once_per: Option<String>,
}

/// Tells somebody when something happens to an Application: the annotation
/// `notifications.argoproj.io/subscribe.<trigger>.<service>` on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Subscription {
    /// Name of the trigger, such as `on-sync-failed`.
    #[schemars(extend("pattern" = NOTIFICATION_NAME))]
    pub trigger: String,
    /// Name of the service that carries the message, such as `slack`.
    #[schemars(extend("pattern" = NOTIFICATION_NAME))]
    pub service: String,
    /// Channels, addresses or names of integration keys, as the service has them; none for a webhook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
}

/// Tells somebody when something happens to any Application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GlobalSubscription {
    /// Name of the trigger, such as `on-sync-failed`.
    #[schemars(extend("pattern" = NOTIFICATION_NAME))]
    pub trigger: String,
    /// Name of the service that carries the message, such as `slack`.
    #[schemars(extend("pattern" = NOTIFICATION_NAME))]
    pub service: String,
    /// Channels, addresses or names of integration keys, as the service has them; none for a webhook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// Labels that an Application must have; by default all are told about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl GlobalSubscription {
    /// The same for one Application.
    pub fn subscription(&self) -> Subscription {
        Subscription {
            trigger: self.trigger.clone(),
            service: self.service.clone(),
            recipients: self.recipients.clone(),
        }
    }
}

impl Config {
    /// The address of Argo CD that messages link to, with its root path, as far as the configuration tells.
    pub fn notifications_url(&self) -> Option<String> {
        let given = self.notifications.as_ref()?.argocd_url.clone();
        let given = given.or_else(|| self.webhooks.as_ref()?.argocd_url.clone());
        let url = given.or_else(|| {
            let certificate = self.expose.ingress.as_ref().and_then(|ingress| ingress.tls_secret.as_ref());
            let secure =
                certificate.is_some() || self.argocd.tls_termination == super::TlsTermination::Argocd;
            let host = self.expose.host.as_ref().filter(|_| secure && self.expose.via != super::Via::None)?;
            Some(format!("https://{host}"))
        })?;
        Some(crate::webhooks::argocd_address(self, &url))
    }
}

/// Names of triggers, templates and services: part of a key and of an annotation.
pub const NOTIFICATION_NAME: &str = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
/// Name of an HTTP header, as far as anyone uses them.
pub const HEADER_NAME: &str = r"^[A-Za-z0-9-]{1,64}$";
