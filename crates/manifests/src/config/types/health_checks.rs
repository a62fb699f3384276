//! Health checks for kinds that Argo CD has none for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::health;

/// Health checks for kinds that Argo CD has none for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HealthChecks {
    /// The kinds; by default all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub kinds: Option<Vec<HealthKind>>,
    /// Replaces Argo CD's own check of KServe's InferenceService, by which one that has failed for good is progressing.
    pub inference_service: bool,
}

/// A kind that this tool has a health check for, as `group/Kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("oneOf" = health::alternatives()))]
pub struct HealthKind(pub String);
