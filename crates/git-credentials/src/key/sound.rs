//! Whether a key is one that Git hosts take, and whether its two halves belong together.

use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use super::KeyError;
use super::wire::{Reader, bits, put, put_integer, trimmed};

const MIN_RSA_BITS: usize = 2048;
pub(super) const TORN: KeyError = KeyError::Damaged("its public half does not fit its private half");

/// Algorithms of keys that are known, with the names of SSH.
pub(super) const ED25519: &str = "ssh-ed25519";
pub(super) const RSA: &str = "ssh-rsa";

/// A curve of ECDSA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(super) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
        }
    }

    /// Bytes of a number on it.
    pub(super) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The public half as SSH writes it.
    pub(super) fn blob(self, point: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        put(&mut blob, self.algorithm().as_bytes());
        put(&mut blob, self.name().as_bytes());
        put(&mut blob, point);
        blob
    }

    /// A point that is written out in full.
    pub(super) fn is_point(self, point: &[u8]) -> bool {
        point.len() == 1 + 2 * self.size() && point.first() == Some(&4)
    }

    /// Whether a number and a point belong together. P-521 can't be told here.
    pub(super) fn check(self, secret: &[u8], point: &[u8]) -> Result<(), KeyError> {
        let secret = trimmed(secret);
        if secret.is_empty() || secret.len() > self.size() || !self.is_point(point) {
            return Err(TORN);
        }
        let signing = match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384 => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521 => return Ok(()),
        };
        let mut padded = Zeroizing::new(vec![0; self.size() - secret.len()]);
        padded.extend_from_slice(secret);
        EcdsaKeyPair::from_private_key_and_public_key(signing, &padded, point, &SystemRandom::new())
            .map(drop)
            .map_err(|_| TORN)
    }
}

/// The public half of an ed25519 key.
pub(super) fn ed25519_public(seed: &[u8]) -> Result<Vec<u8>, KeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed)
        .map_err(|_| KeyError::Damaged("its number has the wrong length"))?;
    Ok(pair.public_key().as_ref().to_vec())
}

/// The public half as SSH writes it.
pub(super) fn ed25519_blob(public: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put(&mut blob, ED25519.as_bytes());
    put(&mut blob, public);
    blob
}

/// The public half as SSH writes it.
pub(super) fn rsa_blob(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put(&mut blob, RSA.as_bytes());
    put_integer(&mut blob, exponent);
    put_integer(&mut blob, modulus);
    blob
}

/// Whether an RSA key is long enough.
pub(super) fn check_rsa(modulus: &[u8]) -> Result<(), KeyError> {
    match bits(modulus) {
        // Nothing is so short; the number itself is broken.
        0..512 => Err(KeyError::Damaged("its numbers are not those of an RSA key")),
        bits if bits < MIN_RSA_BITS => Err(KeyError::ShortRsa(bits)),
        _ => Ok(()),
    }
}

/// Whether the numbers of an RSA key belong together, where that can be told: not of very large ones.
pub(super) fn check_rsa_pair(pkcs1: &[u8]) -> Result<(), KeyError> {
    match rsa::KeyPair::from_der(pkcs1) {
        Err(why) if why.to_string() == "InconsistentComponents" => Err(TORN),
        _ => Ok(()),
    }
}

/// The name of the algorithm of a public half, where keys of that kind are of use.
pub(super) fn algorithm(blob: &[u8]) -> Result<&'static str, KeyError> {
    let mut reader = Reader(blob);
    let name = reader.string()?;
    let curve = Curve::ALL.into_iter().find(|curve| curve.algorithm().as_bytes() == name);
    match (name, curve) {
        (_, Some(curve)) => Ok(curve.algorithm()),
        (b"ssh-ed25519", _) => Ok(ED25519),
        (b"ssh-rsa", _) => {
            reader.integer()?;
            check_rsa(reader.integer()?).map(|()| RSA)
        }
        (b"ssh-dss", _) => Err(KeyError::Dsa),
        (b"ssh-ed448", _) => Err(KeyError::Algorithm("ed448")),
        _ if name.starts_with(b"sk-") => Err(KeyError::HardwareToken),
        _ => Err(KeyError::Algorithm("unknown to this program")),
    }
}
