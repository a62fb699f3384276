//! The annotated example that `cargo xtask init` writes.

/// A `gitops.yaml` with every key, its default and what it means; valid as it is.
pub fn template() -> &'static str {
    include_str!("template.yaml")
}
