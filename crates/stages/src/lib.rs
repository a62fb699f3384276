//! The ordered list of stages, and the plan of each.
//!
//! Everything here is pure: a plan is a function of the configuration, the manifest of Argo CD and what was
//! observed. No clock, no network, no files. See [`stage::ALL`] for the list.

pub mod diff;
pub mod inputs;
pub mod observed;
pub mod plan;
pub mod select;
pub mod stage;
pub mod teardown;

pub use inputs::Inputs;
pub use observed::Observed;
pub use plan::{Action, Apply, Plan, PlanError, PutWebhook};
pub use select::Stages;
pub use stage::{ALL, Stage};
