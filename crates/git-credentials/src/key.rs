//! SSH private keys: every form that people have them in, parsed, decrypted and in a form that Argo CD reads.

mod error;
mod form;
mod openssh;
mod pem;
mod sound;
pub(crate) mod wire;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

pub use error::KeyError;

/// A private key, sound and without passphrase.
pub struct SshKey {
    unencrypted: SecretString,
    public: Option<String>,
    fingerprint: Option<String>,
    algorithm: &'static str,
}

/// What the readers of all forms give.
struct Parts {
    algorithm: &'static str,
    /// The public half as SSH writes it.
    public: Option<Vec<u8>>,
    comment: String,
    unencrypted: Zeroizing<String>,
}

impl SshKey {
    /// Reads a private key in the form of OpenSSH or in PEM (PKCS#1, SEC1, PKCS#8 and the old encrypted form). A
    /// passphrase that the key does not have is left aside.
    ///
    /// # Errors
    /// What the text is instead, what is wrong with it, or why the passphrase does not open it.
    pub fn parse(text: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        let block = form::block(text.expose_secret())?;
        let passphrase = passphrase.map(ExposeSecret::expose_secret);
        let parts = match (block.label, &block.legacy) {
            ("OPENSSH PRIVATE KEY", None) => openssh::read(&block.bytes, passphrase),
            ("ENCRYPTED PRIVATE KEY", None) => {
                opened(pem::pkcs8(&pem::decrypt_pkcs8(&block.bytes, passphrase)?))
            }
            ("PRIVATE KEY", None) => pem::pkcs8(&block.bytes),
            ("DSA PRIVATE KEY", _) => Err(KeyError::Dsa),
            (label, None) => plain(label, &block.bytes),
            (label, Some(legacy)) => {
                opened(plain(label, &pem::decrypt_legacy(&block.bytes, legacy, passphrase)?))
            }
        };
        parts.map(Self::from)
    }

    /// The private key in a text that [`SshKey::parse`] reads, encrypted as it is, and in a form that others read too:
    /// they forgive less than we do.
    ///
    /// # Errors
    /// What the text is instead, or what is wrong with it, as far as that can be told without a passphrase.
    pub fn armoured(text: &SecretString) -> Result<SecretString, KeyError> {
        let mut armoured = form::block(text.expose_secret())?.armoured();
        Ok(SecretString::from(std::mem::take(&mut *armoured)))
    }

    /// A new ed25519 key, random from the system. The comment is what Git hosts show as its name.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn generate(comment: &str) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *seed).map_err(|_| KeyError::NoRandom)?;
        openssh::ed25519(&*seed, &unbroken(comment)).map(Self::from)
    }

    /// The private key without passphrase, in a form that OpenSSH and Go's `x/crypto/ssh` (Argo CD) read. The same key
    /// gives the same text every time.
    pub fn unencrypted(&self) -> &SecretString {
        &self.unencrypted
    }

    /// The public half, as it is registered at a Git host: `ssh-ed25519 AAAA… comment`. A few tools write ECDSA keys
    /// without it: `None`.
    pub fn public(&self) -> Option<&str> {
        self.public.as_deref()
    }

    /// `SHA256:…`, as Git hosts and `ssh-keygen -lf` show it; `None` where the public half is not known.
    pub fn fingerprint(&self) -> Option<String> {
        self.fingerprint.clone()
    }

    /// Name of the algorithm, such as `ssh-ed25519`.
    pub fn algorithm(&self) -> &str {
        self.algorithm
    }
}

/// Says which key it is, and nothing of its private half.
impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshKey({} {})", self.algorithm, self.fingerprint.as_deref().unwrap_or("?"))
    }
}

impl From<Parts> for SshKey {
    fn from(mut parts: Parts) -> Self {
        let public = parts.public.as_ref().map(|blob| {
            let line = format!("{} {} {}", parts.algorithm, STANDARD.encode(blob), unbroken(&parts.comment));
            line.trim_end().to_owned()
        });
        Self {
            unencrypted: SecretString::from(std::mem::take(&mut *parts.unencrypted)),
            public,
            fingerprint: parts.public.as_deref().map(wire::fingerprint),
            algorithm: parts.algorithm,
        }
    }
}

/// The numbers of a private key of RSA in PKCS#1, which is what signs for a GitHub App.
pub(crate) fn rsa_numbers(key: &SshKey) -> Option<Zeroizing<Vec<u8>>> {
    let block = form::block(key.unencrypted.expose_secret()).ok()?;
    (block.label == "RSA PRIVATE KEY").then_some(block.bytes)
}

fn plain(label: &str, bytes: &[u8]) -> Result<Parts, KeyError> {
    match label {
        "RSA PRIVATE KEY" => pem::pkcs1(bytes),
        "EC PRIVATE KEY" => pem::sec1(bytes),
        _ => Err(KeyError::Cipher),
    }
}

/// One wrong passphrase in about 256 seems to open a key: nothing in these forms says that it did not.
fn opened(parts: Result<Parts, KeyError>) -> Result<Parts, KeyError> {
    parts.map_err(|error| match error {
        KeyError::Damaged(_) => KeyError::WrongPassphrase,
        error => error,
    })
}

/// A comment as it stands in a line of its own: whole, unlike what an error repeats of others.
fn unbroken(comment: &str) -> String {
    comment.replace(char::is_control, " ").trim().to_owned()
}
