//! Credentials of the configuration, resolved and sound.

use manifests::config::{GitAuth, SecretRef};
use secrecy::SecretString;

use crate::{GithubApp, KeyError, SshKey};

/// Credentials, resolved and sound.
pub enum Credentials {
    /// None: the repository is public.
    None,
    /// HTTPS with user and token.
    Token {
        /// User at the Git host.
        username: String,
        /// Token or password.
        token: SecretString,
    },
    /// HTTPS with a bearer token.
    Bearer {
        /// The token.
        token: SecretString,
    },
    /// HTTPS as an installation of a GitHub App.
    GithubApp(GithubApp),
    /// SSH with a private key.
    Ssh(SshKey),
}

/// Why credentials can't be used. Never says anything of their value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The secret was not looked up.
    #[error("the {0} has not been looked up")]
    Unresolved(SecretRef),
    /// The private key is not one that can be used.
    #[error("the {reference} is no private key that can be used: {source}")]
    Key {
        /// Where it came from.
        reference: SecretRef,
        /// What is wrong with it.
        source: KeyError,
    },
}

impl Credentials {
    /// Makes credentials of what the configuration says; `secret` gives the values that were looked up.
    pub fn new(
        auth: Option<&GitAuth>,
        secret: &dyn Fn(&SecretRef) -> Option<SecretString>,
    ) -> Result<Self, CredentialError> {
        let find = |reference: &SecretRef| {
            secret(reference).ok_or_else(|| CredentialError::Unresolved(reference.clone()))
        };
        Ok(match auth {
            None => Self::None,
            Some(GitAuth::Token { username, token }) => {
                Self::Token { username: username.clone(), token: find(token)? }
            }
            Some(GitAuth::Bearer { token }) => Self::Bearer { token: find(token)? },
            Some(GitAuth::GithubApp { private_key, .. }) => {
                return Err(CredentialError::Unresolved(private_key.clone()));
            }
            Some(GitAuth::Ssh { private_key, passphrase, .. }) => {
                let phrase = passphrase.as_ref().map(find).transpose()?;
                let key = SshKey::parse(&find(private_key)?, phrase.as_ref());
                Self::Ssh(
                    key.map_err(|source| CredentialError::Key { reference: private_key.clone(), source })?,
                )
            }
        })
    }
}
