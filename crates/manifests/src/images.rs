//! The images that objects run.

use crate::Object;

/// Lists of containers in a workload, as JSON pointers.
pub(crate) const CONTAINERS: [&str; 2] =
    ["/spec/template/spec/containers", "/spec/template/spec/initContainers"];

/// Images of a workload's containers, as it names them.
pub fn images(object: &Object) -> impl Iterator<Item = &str> {
    let containers = CONTAINERS.iter().flat_map(|pointer| object.list(pointer));
    containers.filter_map(|container| container["image"].as_str())
}
