//! Secrets whose values are known only to whoever applies them: here they are named, not held.

use serde::{Serialize, Serializer};

use crate::clusters::Connection;
use crate::config::SecretRef;
use crate::object::{Object, ObjectRef};

/// A Secret, and what goes into its `data` on the way to the server.
#[derive(Clone, Debug, PartialEq)]
pub struct FilledSecret {
    /// The Secret with the values that are no secrets, under `data` in base64.
    pub object: Object,
    /// The other keys under `data`.
    pub fill: Vec<(String, Fill)>,
}

/// A value that only the interpreter of a plan knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fill {
    /// bcrypt hash (cost 10) of a secret.
    BcryptOf(#[serde(serialize_with = "shown")] SecretRef),
    /// The time of the change, RFC 3339 in UTC.
    Now,
    /// A secret as it is.
    Secret(#[serde(serialize_with = "shown")] SecretRef),
    /// A private key as it is, encrypted or not, its block written as everybody reads it.
    Key(#[serde(serialize_with = "shown")] SecretRef),
    /// A private key without its passphrase: Argo CD knows none.
    #[serde(rename_all = "camelCase")]
    UnencryptedKey {
        /// The key.
        #[serde(serialize_with = "shown")]
        private_key: SecretRef,
        /// Its passphrase, where it has one.
        #[serde(serialize_with = "shown_if_any")]
        passphrase: Option<SecretRef>,
    },
    /// 32 random bytes in hexadecimal digits, made once: what is stored stays, unless it is the admin password.
    Random,
    /// A text that is no secret.
    Text(String),
    /// The UUID that the Git host gave a webhook.
    HookUuid,
    /// A token of a project's role, signed with the key of Argo CD's server.
    ProjectToken(ProjectToken),
    /// How Argo CD reaches another cluster, with the token that is stored there.
    ClusterConfig(Connection),
}

impl Fill {
    /// The user's secrets that it takes.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::BcryptOf(reference) | Self::Secret(reference) | Self::Key(reference) => vec![reference],
            Self::UnencryptedKey { private_key, passphrase } => {
                std::iter::once(private_key).chain(passphrase).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What a token of a project's role says: all of it is also in the project, and nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectToken {
    /// Name of the AppProject.
    pub project: String,
    /// Name of the role in it.
    pub role: String,
    /// Name of the token in the role.
    pub id: String,
    /// When it was issued, in seconds since 1970.
    pub issued_at: i64,
    /// The Secret with the signing key.
    pub signed_by: ObjectRef,
}

/// As messages name it: the arguments of a command may themselves be secrets.
fn shown<S: Serializer>(reference: &SecretRef, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reference)
}

fn shown_if_any<S: Serializer>(reference: &Option<SecretRef>, serializer: S) -> Result<S::Ok, S::Error> {
    reference.as_ref().map(ToString::to_string).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_commands_are_not_shown() {
        let vault = || SecretRef::Command(["vault", "-token=planted"].map(str::to_owned).into());
        let json = |fill: Fill| serde_json::to_string(&fill).unwrap();
        assert_eq!(json(Fill::BcryptOf(vault())), r#"{"bcryptOf":"command vault"}"#);
        assert_eq!(json(Fill::Secret(vault())), r#"{"secret":"command vault"}"#);
        assert_eq!(json(Fill::Key(vault())), r#"{"key":"command vault"}"#);
        let key = |passphrase| json(Fill::UnencryptedKey { private_key: vault(), passphrase });
        let both = r#"{"unencryptedKey":{"privateKey":"command vault","passphrase":"command vault"}}"#;
        assert_eq!(key(Some(vault())), both);
        assert_eq!(key(None), both.replace(r#"passphrase":"command vault""#, r#"passphrase":null"#));
    }
}
