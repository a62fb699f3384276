//! What the rules find, and what they let pass.

mod documents;
mod garbage;
mod kustomizations;
mod layout;
mod notifications;
mod placeholders;
mod projects;
mod secrets;
mod sources;
mod support;
mod table;
mod waves;
mod workloads;
