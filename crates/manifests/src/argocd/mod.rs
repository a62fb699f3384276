//! Argo CD: its versions, its manifests and how they are made fit for a cluster.

pub mod version;
