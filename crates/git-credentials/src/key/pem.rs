//! The forms of OpenSSL: PKCS#1, SEC1 and PKCS#8, with and without passphrase.

use std::num::NonZeroU32;

use md5::{Digest as _, Md5};
use pkcs8::der::{Decode as _, Reader as _, asn1::AnyRef, asn1::OctetStringRef};
use pkcs8::pkcs5::pbes2::{self, Pbkdf2Params, Pbkdf2Prf};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfo};
use ring::pbkdf2;
use sec1::{EcParameters, EcPrivateKey};
use ssh_cipher::Cipher;
use zeroize::Zeroizing;

use super::form::Legacy;
use super::sound::{self, Curve};
use super::wire::armour;
use super::{KeyError, Parts, openssh};

const WIDTH: usize = 64;
/// OpenSSL's default is 2048, careful people take a million; a damaged number could ask for an hour.
const MAX_ROUNDS: u32 = 20_000_000;
const NOT_ASN1: KeyError = KeyError::Damaged("what it holds is not in the form that its BEGIN line says");

const RSA_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const DSA_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
const EC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
const DES_EDE3_CBC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.3.7");
const P256_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// `RSA PRIVATE KEY`.
pub(super) fn pkcs1(bytes: &[u8]) -> Result<Parts, KeyError> {
    let key = pkcs1::RsaPrivateKey::from_der(bytes).map_err(|_| NOT_ASN1)?;
    let (modulus, exponent) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
    sound::check_rsa(modulus)?;
    sound::check_rsa_pair(bytes)?;
    Ok(parts(sound::RSA, Some(sound::rsa_blob(modulus, exponent)), armour("RSA PRIVATE KEY", bytes, WIDTH)))
}

/// `EC PRIVATE KEY`.
pub(super) fn sec1(bytes: &[u8]) -> Result<Parts, KeyError> {
    let key = EcPrivateKey::from_der(bytes).map_err(|_| NOT_ASN1)?;
    let Some(EcParameters::NamedCurve(oid)) = key.parameters else {
        return Err(KeyError::Damaged("it does not say which curve it is of"));
    };
    ec(&key, oid, || armour("EC PRIVATE KEY", bytes, WIDTH))
}

/// `PRIVATE KEY`.
pub(super) fn pkcs8(bytes: &[u8]) -> Result<Parts, KeyError> {
    let info = PrivateKeyInfo::from_der(bytes).map_err(|_| NOT_ASN1)?;
    match info.algorithm.oid {
        RSA_OID => pkcs1(info.private_key),
        EC_OID => {
            let key = EcPrivateKey::from_der(info.private_key).map_err(|_| NOT_ASN1)?;
            let oid = info.algorithm.parameters_oid().map_err(|_| NOT_ASN1)?;
            ec(&key, oid, || armour("PRIVATE KEY", bytes, WIDTH))
        }
        // Older versions of OpenSSH don't read this one here, but their own form.
        ED25519_OID => {
            let seed = OctetStringRef::from_der(info.private_key).map_err(|_| NOT_ASN1)?;
            openssh::ed25519(seed.as_bytes(), "")
        }
        DSA_OID => Err(KeyError::Dsa),
        RSA_PSS_OID => Err(KeyError::Algorithm("RSA-PSS")),
        ED448_OID => Err(KeyError::Algorithm("ed448")),
        _ => Err(KeyError::Algorithm("unknown to this program")),
    }
}

fn ec(
    key: &EcPrivateKey<'_>,
    oid: ObjectIdentifier,
    text: impl FnOnce() -> Zeroizing<String>,
) -> Result<Parts, KeyError> {
    let curve = match oid {
        P256_OID => Curve::P256,
        P384_OID => Curve::P384,
        P521_OID => Curve::P521,
        _ => return Err(KeyError::Algorithm("another curve than P-256, P-384 and P-521")),
    };
    // Without its point (some tools leave it out) the key works as well; only nothing can be said of it.
    let point = key.public_key.filter(|point| curve.is_point(point));
    if let Some(point) = point {
        curve.check(key.private_key, point)?;
    }
    Ok(parts(curve.algorithm(), point.map(|point| curve.blob(point)), text()))
}

fn parts(algorithm: &'static str, public: Option<Vec<u8>>, unencrypted: Zeroizing<String>) -> Parts {
    Parts { algorithm, public, comment: String::new(), unencrypted }
}

/// Opens `ENCRYPTED PRIVATE KEY`.
pub(super) fn decrypt_pkcs8(bytes: &[u8], passphrase: Option<&str>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let outer: Result<_, pkcs8::der::Error> = AnyRef::from_der(bytes).and_then(|any| {
        any.sequence(|reader| {
            let scheme: AlgorithmIdentifierRef<'_> = reader.decode()?;
            Ok((scheme, OctetStringRef::decode(reader)?.as_bytes()))
        })
    });
    let (scheme, encrypted) = outer.map_err(|_| NOT_ASN1)?;
    let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
    if scheme.oid != pbes2::PBES2_OID {
        return Err(KeyError::Cipher);
    }
    let inner = scheme.parameters_any().and_then(|any| {
        Ok(any.sequence(|reader| {
            Ok((AlgorithmIdentifierRef::decode(reader)?, AlgorithmIdentifierRef::decode(reader)?))
        })?)
    });
    let (kdf, encryption) = inner.map_err(|_| NOT_ASN1)?;
    let cipher = match encryption.oid {
        pbes2::AES_128_CBC_OID => Cipher::Aes128Cbc,
        pbes2::AES_192_CBC_OID => Cipher::Aes192Cbc,
        pbes2::AES_256_CBC_OID => Cipher::Aes256Cbc,
        DES_EDE3_CBC_OID => Cipher::TDesCbc,
        _ => return Err(KeyError::Cipher),
    };
    let iv: OctetStringRef<'_> =
        encryption.parameters_any().and_then(|any| Ok(any.decode_as()?)).map_err(|_| NOT_ASN1)?;
    let key = derive(kdf, cipher, passphrase)?;
    cbc(cipher, &key, iv.as_bytes(), encrypted)
}

/// The key of the cipher out of the passphrase.
fn derive(
    kdf: AlgorithmIdentifierRef<'_>,
    cipher: Cipher,
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if kdf.oid != pbes2::PBKDF2_OID {
        return Err(KeyError::Cipher);
    }
    let parameters = kdf.parameters_any().map_err(|_| NOT_ASN1)?;
    let parameters = Pbkdf2Params::try_from(parameters).map_err(|_| KeyError::Cipher)?;
    let hash = match parameters.prf {
        Pbkdf2Prf::HmacWithSha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Pbkdf2Prf::HmacWithSha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Pbkdf2Prf::HmacWithSha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Pbkdf2Prf::HmacWithSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return Err(KeyError::Cipher),
    };
    let rounds = NonZeroU32::new(parameters.iteration_count).ok_or(NOT_ASN1)?;
    if rounds.get() > MAX_ROUNDS {
        return Err(KeyError::Rounds(rounds.get()));
    }
    let mut key = key_of(cipher);
    pbkdf2::derive(hash, rounds, parameters.salt, passphrase.as_bytes(), &mut key);
    Ok(key)
}

/// Opens the old encrypted form, of which the passphrase is hashed once (`EVP_BytesToKey`).
pub(super) fn decrypt_legacy(
    bytes: &[u8],
    legacy: &Legacy,
    passphrase: Option<&str>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
    let cipher = legacy.cipher.ok_or(KeyError::Cipher)?;
    let salt = legacy.iv.get(..8).ok_or(NOT_ASN1)?;
    let mut key = key_of(cipher);
    let mut last = Zeroizing::new(Vec::new());
    for part in key.chunks_mut(16) {
        let hash = Md5::new().chain_update(&*last).chain_update(passphrase).chain_update(salt).finalize();
        last = Zeroizing::new(hash.to_vec());
        part.copy_from_slice(&last[..part.len()]);
    }
    cbc(cipher, &key, &legacy.iv, bytes)
}

fn key_of(cipher: Cipher) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; cipher.key_and_iv_size().map_or(0, |(key, _)| key)])
}

/// Decrypts, and takes away what fills the last block. A wrong passphrase shows there.
fn cbc(cipher: Cipher, key: &[u8], iv: &[u8], encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let block = cipher.block_size();
    if encrypted.is_empty() || !encrypted.len().is_multiple_of(block) {
        return Err(KeyError::Damaged("its encrypted part has an odd length"));
    }
    let mut plain = Zeroizing::new(encrypted.to_vec());
    cipher.decrypt(key, iv, &mut plain, None).map_err(|_| NOT_ASN1)?;
    let fill = plain.last().map_or(0, |last| usize::from(*last));
    let start = plain.len().checked_sub(fill).filter(|_| (1..=block).contains(&fill));
    let start = start.ok_or(KeyError::WrongPassphrase)?;
    if plain[start..].iter().any(|byte| usize::from(*byte) != fill) {
        return Err(KeyError::WrongPassphrase);
    }
    plain.truncate(start);
    Ok(plain)
}
