//! The configuration: `gitops.yaml`, its types, and how values from elsewhere are laid over it.
//!
//! Values come from flags, environment variables, the file and defaults, in this order of precedence. Every
//! mistake is reported at once, with the place that it was made at.

mod application_sets;
mod applications;
mod check;
mod combinations;
mod credentials;
mod environments;
mod error;
mod kind;
mod load;
mod models;
pub(crate) mod node;
mod notifications;
mod origin;
mod overlay;
mod path;
mod pattern;
mod quickstart;
mod schema;
mod template;
mod types;
mod url;
mod variables;
mod webhooks;
mod words;

pub(crate) use applications::refusals;
pub use error::{ConfigError, ConfigErrors};
pub use load::{Loaded, Source, load};
pub use origin::{BadOverride, Origin, Override};
pub use quickstart::quickstart;
pub use schema::schema;
pub use template::template;
pub use types::*;
pub use url::{BadUrl, Transport};
pub use words::did_you_mean;
