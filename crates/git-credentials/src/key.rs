//! SSH private keys: every form that people have them in, parsed, decrypted and in a form that Argo CD reads.

mod error;

use secrecy::SecretString;

pub use error::KeyError;

/// A private key, sound and without passphrase.
pub struct SshKey {
    unencrypted: SecretString,
    public: Option<String>,
    fingerprint: Option<String>,
    algorithm: String,
}

impl SshKey {
    /// Reads a private key in OpenSSH or PEM form.
    pub fn parse(text: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        let _ = (text, passphrase);
        Err(KeyError::Empty)
    }

    /// A new ed25519 key, random from the system.
    pub fn generate(comment: &str) -> Result<Self, KeyError> {
        let _ = comment;
        Err(KeyError::Empty)
    }

    /// The private key without passphrase, in a form that OpenSSH and Go's `x/crypto/ssh` read.
    pub fn unencrypted(&self) -> &SecretString {
        &self.unencrypted
    }

    /// The public half, as it is registered at a Git host: `ssh-ed25519 AAAA… comment`.
    pub fn public(&self) -> Option<&str> {
        self.public.as_deref()
    }

    /// `SHA256:…`, as `ssh-keygen -lf` shows it.
    pub fn fingerprint(&self) -> Option<String> {
        self.fingerprint.clone()
    }

    /// Name of the algorithm, such as `ssh-ed25519`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
}
