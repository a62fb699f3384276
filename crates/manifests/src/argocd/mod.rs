//! Argo CD: its versions, its manifests and how they are made fit for a cluster.

pub mod advisories;
pub mod application;
pub(crate) mod application_set;
pub mod bundled;
pub mod install;
pub mod names;
pub mod project;
pub mod release;
pub mod settings;
pub mod version;
