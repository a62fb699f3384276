//! A GitHub App: from its private key to a token of one installation.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::SshKey;
use crate::http::{Answer, Authorization, Broken, Http};
use crate::key::rsa_numbers;

/// The API of github.com.
const API: &str = "https://api.github.com";
const ACCEPT: &str = "application/vnd.github+json";
/// A clock that is a little fast would make statements of the future, which GitHub refuses.
const BEFORE: u64 = 60;
/// GitHub allows ten minutes; one is left for clocks that differ.
const AFTER: u64 = 540;

/// An installation of a GitHub App, with its private key.
pub struct GithubApp {
    app_id: u64,
    installation_id: u64,
    api_url: Option<String>,
    private_key: SecretString,
    // Hundreds of bytes, in an enum whose other variants are small.
    pair: Box<KeyPair>,
}

/// Why a GitHub App can't be used, or gets no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// A number is missing.
    #[error(
        "a GitHub App has numbers greater than 0\n  see the settings of the App (App ID) and the address of its installation"
    )]
    Number,
    /// The address of the API is none.
    #[error(
        "the address of GitHub's API must be https://host/path without user\n  for GitHub Enterprise Server: https://<host>/api/v3"
    )]
    Api,
    /// Another kind of key.
    #[error(
        "the private key of a GitHub App is an RSA key in PEM form\n  make one in the settings of the App: Private \
         keys, Generate a private key"
    )]
    NotRsa,
    /// The key can't sign.
    #[error(
        "the private key can't sign\n  make another one in the settings of the App: Private keys, Generate a \
         private key"
    )]
    Sign,
    /// No answer.
    #[error("{api}: {source}\n  curl -sSI {api}")]
    Broken {
        /// Address of the API.
        api: String,
        /// Why.
        source: Broken,
    },
    /// 401.
    #[error(
        "{api} does not know App {app} by this key ({words})\n  compare the App ID with the App's settings, and the \
         key with its private keys there; is this machine's clock right?"
    )]
    Unknown {
        /// Address of the API.
        api: String,
        /// Number of the App.
        app: u64,
        /// The host's words.
        words: String,
    },
    /// 404.
    #[error(
        "{api} knows App {app}, but not its installation {installation} ({words})\n  the number is the last part of \
         the address of the installation's settings; was the App uninstalled?"
    )]
    NoInstallation {
        /// Address of the API.
        api: String,
        /// Number of the App.
        app: u64,
        /// Number of the installation.
        installation: u64,
        /// The host's words.
        words: String,
    },
    /// 403.
    #[error(
        "{api} refuses installation {installation} of App {app} a token ({words})\n  is the installation suspended? \
         see its settings"
    )]
    Forbidden {
        /// Address of the API.
        api: String,
        /// Number of the App.
        app: u64,
        /// Number of the installation.
        installation: u64,
        /// The host's words.
        words: String,
    },
    /// Any other answer.
    #[error("{api} gave no token but status {status} ({words})\n  try again later; see githubstatus.com")]
    Other {
        /// Address of the API.
        api: String,
        /// HTTP status.
        status: u16,
        /// The host's words.
        words: String,
    },
}

impl GithubApp {
    /// An installation, by its numbers and the App's private key.
    ///
    /// # Errors
    /// Where a number is 0, the key is not RSA, or the address is none.
    pub fn new(
        app_id: u64,
        installation_id: u64,
        api_url: Option<&str>,
        key: &SshKey,
    ) -> Result<Self, AppError> {
        if app_id == 0 || installation_id == 0 {
            return Err(AppError::Number);
        }
        let api_url = api_url.map(|url| url.trim_end_matches('/').to_owned());
        if api_url.as_deref().is_some_and(|url| !is_api(url)) {
            return Err(AppError::Api);
        }
        let numbers = rsa_numbers(key).ok_or(AppError::NotRsa)?;
        let pair = KeyPair::from_der(&numbers).map_err(|_| AppError::Sign)?;
        let (private_key, pair) = (key.unencrypted().clone(), Box::new(pair));
        Ok(Self { app_id, installation_id, api_url, private_key, pair })
    }

    /// Number of the App.
    pub fn app_id(&self) -> u64 {
        self.app_id
    }

    /// Number of its installation.
    pub fn installation_id(&self) -> u64 {
        self.installation_id
    }

    /// Address of the API of a GitHub Enterprise Server, without slash at its end; `None` for github.com.
    pub fn api_url(&self) -> Option<&str> {
        self.api_url.as_deref()
    }

    /// The private key (PKCS#1, PEM), in the form that Argo CD reads.
    pub fn private_key(&self) -> &SecretString {
        &self.private_key
    }

    /// A signed statement of who the App is (RS256), good for nine minutes from `now` (seconds since 1970).
    ///
    /// # Errors
    /// Where the key can't sign.
    pub fn jwt(&self, now: u64) -> Result<SecretString, AppError> {
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({
            "iat": now.saturating_sub(BEFORE),
            "exp": now.saturating_add(AFTER),
            "iss": self.app_id.to_string(),
        });
        let text = format!("{}.{}", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| AppError::Sign)?;
        Ok(SecretString::from(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
    }

    /// A token of the installation, good for an hour: over HTTPS the password of user `x-access-token`. `now` is in
    /// seconds since 1970.
    ///
    /// # Errors
    /// Why GitHub gives none.
    pub fn installation_token(&self, http: &Http, now: u64) -> Result<SecretString, AppError> {
        let url = format!("{}/app/installations/{}/access_tokens", self.api(), self.installation_id);
        let who = Authorization::Bearer(self.jwt(now)?);
        let answer = http.post(&url, ACCEPT, Some(&who), &json!({})).map_err(|source| self.broken(source))?;
        if answer.status != 201 {
            return Err(self.refused(&answer));
        }
        let mut value: Value = answer.json().map_err(|source| self.broken(source))?;
        match value.get_mut("token").map(Value::take) {
            Some(Value::String(token)) if !token.is_empty() => Ok(SecretString::from(token)),
            _ => Err(self.broken(Broken::Other("its answer holds no token".into()))),
        }
    }

    fn api(&self) -> &str {
        self.api_url.as_deref().unwrap_or(API)
    }

    fn broken(&self, source: Broken) -> AppError {
        AppError::Broken { api: self.api().to_owned(), source }
    }

    fn refused(&self, answer: &Answer) -> AppError {
        let (api, app, installation) = (self.api().to_owned(), self.app_id, self.installation_id);
        let words = match answer.words() {
            words if words.is_empty() => format!("status {}", answer.status),
            words => words,
        };
        match answer.status {
            401 => AppError::Unknown { api, app, words },
            404 => AppError::NoInstallation { api, app, installation, words },
            403 if !answer.is_rate_limit() => AppError::Forbidden { api, app, installation, words },
            status => AppError::Other { api, status, words },
        }
    }
}

/// Says which installation it is, and nothing of the key.
impl fmt::Debug for GithubApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GithubApp({}, installation {})", self.app_id, self.installation_id)
    }
}

/// An https address without user. Plain http is for tests on this machine alone.
fn is_api(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://127.0.0.1:"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || "@?#".contains(c))
    })
}
