//! Secrets whose values are known only to whoever applies them: here they are named, not held.

use serde::Serialize;

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
    BcryptOf(SecretRef),
    /// The time of the change, RFC 3339 in UTC.
    Now,
    /// A secret as it is.
    Secret(SecretRef),
    /// A private key as it is, ending with a line break.
    Key(SecretRef),
    /// A private key without its passphrase: Argo CD knows none.
    #[serde(rename_all = "camelCase")]
    UnencryptedKey {
        /// The key.
        private_key: SecretRef,
        /// Its passphrase, where it has one.
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
