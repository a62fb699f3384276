//! Which kinds live in no namespace.

use std::collections::BTreeMap;

use manifests::kinds;

use crate::item::Item;

/// What definitions in the files say, over the table.
#[derive(Default)]
pub(crate) struct Scopes(BTreeMap<(String, String), bool>);

impl Scopes {
    pub(crate) fn of<'a>(items: impl Iterator<Item = &'a Item<'a>>) -> Self {
        let definitions =
            items.filter(|item| item.is("apiextensions.k8s.io", "CustomResourceDefinition")).map(|item| {
                let kind = (item.text("/spec/group").to_owned(), item.text("/spec/names/kind").to_owned());
                (kind, item.text("/spec/scope") == "Cluster")
            });
        Self(definitions.collect())
    }

    /// Whether an object is in no namespace. Of a kind that is not known, its name and the object itself tell.
    pub(crate) fn is_cluster_scoped(&self, item: &Item<'_>) -> bool {
        let (group, kind) = (item.group(), item.kind());
        if let Some(known) = self.0.get(&(group.to_owned(), kind.to_owned())) {
            return *known;
        }
        if let Some(known) = kinds::is_cluster_scoped(group, kind) {
            return known;
        }
        let named_so = kind.strip_prefix("Cluster").is_some_and(|rest| !rest.is_empty());
        named_so && item.text("/metadata/namespace").is_empty()
    }
}
