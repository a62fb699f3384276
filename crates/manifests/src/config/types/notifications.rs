//! Notifications: who is told what about Applications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Channels, addresses or routing keys, as the service has them; none for a webhook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
}

/// Names of triggers, templates and services: part of a key and of an annotation.
pub const NOTIFICATION_NAME: &str = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
