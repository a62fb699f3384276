//! Credentials of the configuration, resolved and sound.

use std::fmt;

use manifests::config::{GitAuth, SecretRef};
use secrecy::{ExposeSecret as _, SecretString};

use crate::github_app::AppError;
use crate::{GithubApp, KeyError, SshKey};

/// What the tokens of large Git hosts begin with.
const TOKENS: &[&str] = &["ghp_", "gho_", "ghu_", "ghs_", "github_pat_", "glpat-", "ATBB"];

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

/// Says which kind they are, and nothing of their values.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Token { username, .. } => write!(f, "Token of {username:?}"),
            Self::Bearer { .. } => f.write_str("Bearer"),
            Self::GithubApp(app) => app.fmt(f),
            Self::Ssh(key) => key.fmt(f),
        }
    }
}

/// Why credentials can't be used. Names where they come from, and never says anything of their value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The secret was not looked up.
    #[error("the {0} was not looked up before it was needed\n  please report this")]
    Unresolved(SecretRef),
    /// The private key is not one that can be used.
    #[error("the {reference} is not a private key to be used here: {source}")]
    Key {
        /// Where it came from.
        reference: SecretRef,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The GitHub App can't be used.
    #[error("the GitHub App with the private key of the {reference}: {source}")]
    App {
        /// Where its key came from.
        reference: SecretRef,
        /// What is wrong with it.
        source: AppError,
    },
    /// The token is no token.
    #[error("the {reference} holds no token: {why}\n  {next}")]
    Token {
        /// Where it came from.
        reference: SecretRef,
        /// What is wrong with it.
        why: &'static str,
        /// What to do.
        next: &'static str,
    },
    /// The user is none.
    #[error(
        "the user beside the {reference} {why}\n  set `username`: at GitHub any name, at GitLab `oauth2`, else your own"
    )]
    Username {
        /// Where the token comes from.
        reference: SecretRef,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Credentials {
    /// Makes credentials of what the configuration says; `secret` gives the values that were looked up.
    ///
    /// # Errors
    /// Where a value was not looked up, or can't be what it should be.
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
                check_username(username, token)?;
                Self::Token { username: username.clone(), token: sound(find(token)?, token)? }
            }
            Some(GitAuth::Bearer { token }) => Self::Bearer { token: sound(find(token)?, token)? },
            Some(GitAuth::GithubApp { app_id, installation_id, private_key, api_url }) => {
                let key = key(&find(private_key)?, None, private_key)?;
                let app = GithubApp::new(*app_id, *installation_id, api_url.as_deref(), &key);
                Self::GithubApp(
                    app.map_err(|source| CredentialError::App { reference: private_key.clone(), source })?,
                )
            }
            Some(GitAuth::Ssh { private_key, passphrase, .. }) => {
                let passphrase = passphrase.as_ref().map(find).transpose()?;
                Self::Ssh(key(&find(private_key)?, passphrase.as_ref(), private_key)?)
            }
        })
    }
}

fn key(
    text: &SecretString,
    passphrase: Option<&SecretString>,
    reference: &SecretRef,
) -> Result<SshKey, CredentialError> {
    SshKey::parse(text, passphrase)
        .map_err(|source| CredentialError::Key { reference: reference.clone(), source })
}

/// The token, unless it is something else, which happens by a wrong variable or file.
fn sound(token: SecretString, reference: &SecretRef) -> Result<SecretString, CredentialError> {
    let text = token.expose_secret();
    let (why, next) = match () {
        () if text.contains("PRIVATE KEY--") || text.starts_with("PuTTY-User-Key-File-") => {
            ("it is a private key", "for a key, use `ssh` and an ssh:// address")
        }
        () if text.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) => {
            ("it is an address with a user in it", "put the token alone there")
        }
        () if text.contains(char::is_whitespace) => {
            ("it has blanks or several lines", "put the token alone there, in one line")
        }
        () if text.contains(char::is_control) => {
            ("it has characters that can't be typed", "copy the token again")
        }
        () => return Ok(token),
    };
    Err(CredentialError::Token { reference: reference.clone(), why, next })
}

fn check_username(username: &str, reference: &SecretRef) -> Result<(), CredentialError> {
    let why = match () {
        () if username.trim().is_empty() => "is empty",
        // It stands in the configuration for everybody to read.
        () if TOKENS.iter().any(|prefix| username.starts_with(prefix)) => {
            "looks like a token, which belongs into a secret; that one should be revoked"
        }
        // Both would end up in a header, where a colon ends the name.
        () if username.contains(|c: char| c == ':' || c.is_control()) => "has a colon or a line break in it",
        () => return Ok(()),
    };
    Err(CredentialError::Username { reference: reference.clone(), why })
}
