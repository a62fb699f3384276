//! The stages, in a pure world: nothing but values goes in and comes out.

mod filled;
mod list;
mod plans;
mod projects;
mod published;
mod support;
