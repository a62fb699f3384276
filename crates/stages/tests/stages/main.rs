//! The stages, in a pure world: nothing but values goes in and comes out.

mod applications;
mod credentials;
mod filled;
mod hardening;
mod health_checks;
mod list;
mod moving;
mod notifications;
mod plans;
mod projects;
mod published;
mod repositories;
mod support;
mod teardown;
mod token;
mod trust;
mod webhooks;
