//! Argo CD: its versions, its manifests and how they are made fit for a cluster.

pub mod bundled;
pub mod version;
