//! The configuration: `gitops.yaml`, its types, and how values from elsewhere are laid over it.

mod types;

pub use types::*;
