//! The form of OpenSSH (`PROTOCOL.key` in its source).

use ssh_cipher::Cipher;
use zeroize::Zeroizing;

use super::sound::{self, Curve, TORN};
use super::wire::{Reader, armour, put};
use super::{KeyError, Parts};

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// OpenSSH's default is 16 (24 in newer ones), a few hundred are a second; a damaged number could ask for a year.
const MAX_ROUNDS: u32 = 4096;
const WIDTH: usize = 70;

/// Reads a key, and opens it where it has a passphrase.
pub(super) fn read(bytes: &[u8], passphrase: Option<&str>) -> Result<Parts, KeyError> {
    let mut reader = Reader(bytes);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(KeyError::Damaged("it does not begin as keys of OpenSSH do"));
    }
    let (cipher, kdf, options) = (reader.string()?, reader.string()?, reader.string()?);
    if reader.number()? != 1 {
        return Err(KeyError::Damaged("it says that it holds several keys"));
    }
    let public = reader.string()?;
    let algorithm = sound::algorithm(public)?;
    let mut private = Zeroizing::new(reader.string()?.to_vec());
    let encrypted = cipher != b"none";
    if encrypted {
        decrypt(&mut private, Protection { cipher, kdf, options }, passphrase)?;
    }
    let (fields, comment) = split(&private, encrypted)?;
    check(algorithm, public, &private[8..fields])?;
    Ok(write(algorithm, public, &private[..fields], comment))
}

struct Protection<'a> {
    cipher: &'a [u8],
    kdf: &'a [u8],
    options: &'a [u8],
}

fn decrypt(bytes: &mut [u8], with: Protection<'_>, passphrase: Option<&str>) -> Result<(), KeyError> {
    let cipher = std::str::from_utf8(with.cipher).ok().and_then(|name| Cipher::new(name).ok());
    // Those with a tag (GCM, ChaCha20) are never the default, and eight crates.
    let cipher =
        cipher.filter(|cipher| with.kdf == b"bcrypt" && !cipher.has_tag()).ok_or(KeyError::Cipher)?;
    let (key_size, iv_size) = cipher.key_and_iv_size().ok_or(KeyError::Cipher)?;
    let mut options = Reader(with.options);
    let (salt, rounds) = (options.string()?, options.number()?);
    let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
    if rounds > MAX_ROUNDS {
        return Err(KeyError::Rounds(rounds));
    }
    let mut key = Zeroizing::new(vec![0; key_size + iv_size]);
    bcrypt_pbkdf::bcrypt_pbkdf(passphrase, salt, rounds, &mut key)
        .map_err(|_| KeyError::Damaged("its salt is missing"))?;
    let (key, iv) = key.split_at(key_size);
    if !bytes.len().is_multiple_of(cipher.block_size()) {
        return Err(KeyError::Damaged("its encrypted part has an odd length"));
    }
    cipher.decrypt(key, iv, bytes, None).map_err(|_| KeyError::WrongPassphrase)
}

/// Where the fields of the key end, and the comment behind them.
fn split(private: &[u8], encrypted: bool) -> Result<(usize, &[u8]), KeyError> {
    let mut reader = Reader(private);
    if reader.number()? != reader.number()? {
        return Err(match encrypted {
            true => KeyError::WrongPassphrase,
            false => KeyError::Damaged("its two check numbers differ"),
        });
    }
    let strings = match reader.string()? {
        b"ssh-ed25519" => 2,
        b"ssh-rsa" => 6,
        _ => 3,
    };
    for _ in 0..strings {
        reader.string()?;
    }
    let fields = private.len() - reader.0.len();
    let comment = reader.string()?;
    let padding = (1..=u8::MAX).take(reader.0.len());
    if !padding.eq(reader.0.iter().copied()) {
        return Err(KeyError::Damaged("it does not end as keys of OpenSSH do"));
    }
    Ok((fields, comment))
}

/// Whether both halves are of one key.
fn check(algorithm: &str, public: &[u8], fields: &[u8]) -> Result<(), KeyError> {
    let mut reader = Reader(fields);
    if reader.string()? != algorithm.as_bytes() {
        return Err(TORN);
    }
    let fits = if algorithm == sound::ED25519 {
        let (point, both) = (reader.string()?, reader.string()?);
        let seed = both.get(..32).ok_or(TORN)?;
        point == sound::ed25519_public(seed)?
            && both.get(32..) == Some(point)
            && public == sound::ed25519_blob(point)
    } else if algorithm == sound::RSA {
        let (modulus, exponent) = (reader.integer()?, reader.integer()?);
        public == sound::rsa_blob(modulus, exponent)
    } else {
        let (name, point, secret) = (reader.string()?, reader.string()?, reader.integer()?);
        let curve = Curve::ALL.into_iter().find(|curve| curve.algorithm() == algorithm).ok_or(TORN)?;
        curve.check(secret, point)?;
        name == curve.name().as_bytes() && public == curve.blob(point)
    };
    if fits { Ok(()) } else { Err(TORN) }
}

/// A new ed25519 key of 32 random bytes.
pub(super) fn ed25519(seed: &[u8], comment: &str) -> Result<Parts, KeyError> {
    let public = sound::ed25519_public(seed)?;
    let blob = sound::ed25519_blob(&public);
    // OpenSSH draws the check number by chance; one that follows from the key makes the text the same every time.
    let check = &ring::digest::digest(&ring::digest::SHA256, &blob).as_ref()[..4].to_vec();
    let mut both = Zeroizing::new(seed.to_vec());
    both.extend_from_slice(&public);
    let mut fields = Zeroizing::new([check.as_slice(), check].concat());
    put(&mut fields, sound::ED25519.as_bytes());
    put(&mut fields, &public);
    put(&mut fields, &both);
    Ok(write(sound::ED25519, &blob, &fields, comment.as_bytes()))
}

/// The key without passphrase. `fields` goes from the check numbers to the comment.
fn write(algorithm: &'static str, public: &[u8], fields: &[u8], comment: &[u8]) -> Parts {
    let mut private = Zeroizing::new(fields.to_vec());
    put(&mut private, comment);
    let padding = (1..8).take(private.len().next_multiple_of(8) - private.len());
    private.extend(padding);
    let mut bytes = Zeroizing::new(MAGIC.to_vec());
    for string in [b"none".as_slice(), b"none", b""] {
        put(&mut bytes, string);
    }
    bytes.extend(1_u32.to_be_bytes());
    put(&mut bytes, public);
    put(&mut bytes, &private);
    let comment = String::from_utf8_lossy(comment).into_owned();
    let unencrypted = armour("OPENSSH PRIVATE KEY", &bytes, WIDTH);
    Parts { algorithm, public: Some(public.to_vec()), comment, unencrypted }
}
