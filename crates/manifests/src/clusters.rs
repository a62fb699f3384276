//! Clusters that Argo CD deploys to, apart from the one it runs in: the account it has there, and the Secret by which
//! it knows them.

mod account;
mod address;
mod registration;
mod stored;

pub use account::{ACCOUNT, Account, NAMESPACE};
pub use address::{Address, BadAddress, inside, same_server};
pub use registration::{BadLabel, Connection, IN_CLUSTER_NAME, Registration, label};
pub use stored::{Stored, Taken};

use serde_json::Value;

use crate::MANAGER;
use crate::object::Object;

/// The label that says who made an object.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Whether this tool made an object: its label says so, and the server's record of who applied what. A label alone
/// may have been copied along.
pub fn is_ours(object: &Object) -> bool {
    let applied = |entry: &Value| entry["manager"] == MANAGER && entry["operation"] == "Apply";
    object.label(MANAGED_BY) == Some(MANAGER) && object.list("/metadata/managedFields").iter().any(applied)
}

/// A list as Argo CD writes it into a Secret, and as it reads it.
fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
