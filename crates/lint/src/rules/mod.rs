//! The rules: one file each, one line in the list.

mod duplicate_object;
mod gpu_without_limit;
mod image_without_tag;
mod invalid_kustomization;
mod missing_destination;
mod missing_file;
mod missing_project;
mod missing_repo;
mod missing_source;
mod namespace_differs;
mod not_yaml;
mod plain_secret;
mod project_allows_everything;
mod project_refuses_kind;
mod undefined_analysis_template;
mod undefined_service;
mod undefined_template;
mod undefined_trigger;
mod unresolved_placeholder;
mod version_in_selector;
mod wave_order;

use crate::Context;
use crate::finding::Finding;

/// One rule.
pub struct Rule {
    /// Its name in findings and in comments that allow them.
    pub id: &'static str,
    /// What it finds, in a few words.
    pub summary: &'static str,
    /// What comes of the defect, and what to do about it.
    pub help: &'static str,
    pub(crate) check: fn(&Context<'_>) -> Vec<Finding>,
}

/// Every rule, by name.
pub const RULES: &[Rule] = &[
    duplicate_object::RULE,
    gpu_without_limit::RULE,
    image_without_tag::RULE,
    invalid_kustomization::RULE,
    missing_destination::RULE,
    missing_file::RULE,
    missing_project::RULE,
    missing_repo::RULE,
    missing_source::RULE,
    namespace_differs::RULE,
    not_yaml::RULE,
    plain_secret::RULE,
    project_allows_everything::RULE,
    project_refuses_kind::RULE,
    undefined_analysis_template::RULE,
    undefined_service::RULE,
    undefined_template::RULE,
    undefined_trigger::RULE,
    unresolved_placeholder::RULE,
    version_in_selector::RULE,
    wave_order::RULE,
];
