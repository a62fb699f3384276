//! What a text is, and the block with a private key in it.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::KeyError;
use super::wire::armour;

/// Far above any key that people use; what is larger is a file of another kind.
const MAX_BYTES: usize = 64 << 10;
/// Some tools leave out what fills the last group.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A block between BEGIN and END.
pub(super) struct Block {
    /// Such as `OPENSSH PRIVATE KEY`.
    pub(super) label: &'static str,
    /// Cipher and first bytes of the old encrypted form.
    pub(super) legacy: Option<Legacy>,
    /// What the Base64 text stands for.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// The header `DEK-Info` of the old encrypted form.
pub(super) struct Legacy {
    /// The cipher as the header names it.
    name: String,
    pub(super) cipher: Option<ssh_cipher::Cipher>,
    pub(super) iv: Vec<u8>,
}

/// Blocks with a private key. Only these names get into a [`Block`], so that no part of a text is kept by accident.
const LABELS: &[&str] = &[
    "OPENSSH PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "DSA PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "PRIVATE KEY",
];

impl Block {
    /// The block as the programs that made it write it, still encrypted where it was.
    pub(super) fn armoured(&self) -> Zeroizing<String> {
        let width = if self.label == LABELS[0] { 70 } else { 64 };
        let text = armour(self.label, &self.bytes, width);
        let Some(Legacy { name, iv, .. }) = &self.legacy else { return text };
        let iv: String = iv.iter().map(|byte| format!("{byte:02X}")).collect();
        let headers = format!("-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: {name},{iv}\n\n");
        Zeroizing::new(text.replacen("-----\n", &headers, 1))
    }
}

/// Finds the private key. Line breaks of any kind, none at the end, spaces in front of lines and `\n` written out,
/// as they come about by copying and in environment variables, do no harm.
pub(super) fn block(text: &str) -> Result<Block, KeyError> {
    if text.len() > MAX_BYTES {
        return Err(KeyError::NotAKey);
    }
    let text = Zeroizing::new(text.trim_start_matches('\u{feff}').replace("\\n", "\n").replace('\r', "\n"));
    let Some((label, body)) = LABELS.iter().find_map(|label| Some((*label, begin(&text, label)?))) else {
        return Err(other(&text));
    };
    let end = body.find("-----END ").ok_or(KeyError::Damaged("its END line is missing"))?;
    if !body[end + 9..].starts_with(&format!("{label}-----")) {
        return Err(KeyError::Damaged("its END line does not fit its BEGIN line"));
    }
    let (legacy, body) = headers(&body[..end])?;
    let compact = Zeroizing::new(body.split_whitespace().collect::<String>());
    if compact.is_empty() {
        return Err(KeyError::Damaged("there is nothing between BEGIN and END"));
    }
    let bytes = BASE64.decode(&*compact).map_err(|_| {
        KeyError::Damaged(
            "between BEGIN and END is a character too many or too few, or one that doesn't belong",
        )
    })?;
    Ok(Block { label, legacy, bytes: Zeroizing::new(bytes) })
}

fn begin<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let line = format!("-----BEGIN {label}-----");
    text.find(&line).map(|at| &text[at + line.len()..])
}

/// The header lines of the old encrypted form, and what follows them.
fn headers(body: &str) -> Result<(Option<Legacy>, &str), KeyError> {
    if !body.contains(':') {
        return Ok((None, body));
    }
    let damaged = KeyError::Damaged("the lines Proc-Type and DEK-Info at its beginning are not whole");
    let mut rest = body.trim_start();
    let mut legacy = None;
    while let Some((line, after)) = rest.split_once('\n').filter(|(line, _)| line.contains(':')) {
        if let Some(info) = line.trim().strip_prefix("DEK-Info:") {
            legacy = Some(dek_info(info.trim()).ok_or(damaged.clone())?);
        }
        rest = after.trim_start();
    }
    match legacy {
        Some(legacy) => Ok((Some(legacy), rest)),
        None => Err(damaged),
    }
}

fn dek_info(info: &str) -> Option<Legacy> {
    use ssh_cipher::Cipher;
    let (name, iv) = info.split_once(',')?;
    let name = name.trim();
    let cipher = match name {
        "AES-128-CBC" => Some(Cipher::Aes128Cbc),
        "AES-192-CBC" => Some(Cipher::Aes192Cbc),
        "AES-256-CBC" => Some(Cipher::Aes256Cbc),
        "DES-EDE3-CBC" => Some(Cipher::TDesCbc),
        _ => None,
    };
    let iv = unhex(iv.trim())?;
    let fits = cipher.and_then(Cipher::key_and_iv_size).is_none_or(|(_, size)| size == iv.len());
    fits.then_some(Legacy { name: name.to_owned(), cipher, iv })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// What a text without a private key is instead.
fn other(text: &str) -> KeyError {
    let text = text.trim();
    let first = text.lines().next().unwrap_or_default();
    let has = |part: &str| text.contains(part);
    match () {
        () if text.is_empty() => KeyError::Empty,
        () if text.starts_with("PuTTY-User-Key-File-") => KeyError::Putty,
        () if has("AGE-SECRET-KEY-") || has("BEGIN AGE ") || text.starts_with("age-encryption.org/") => {
            KeyError::Age
        }
        () if has("-----BEGIN PGP ") => KeyError::Pgp,
        () if has("PUBLIC KEY-----") || has("---- BEGIN SSH2 PUBLIC KEY ----") => KeyError::PublicKey,
        () if has("-----BEGIN CERTIFICATE") || has("-cert-v01@openssh.com ") => KeyError::Certificate,
        () if has("PRIVATE KEY") => KeyError::Damaged("its BEGIN line is not whole"),
        () if is_public(first) => KeyError::PublicKey,
        () if first.split_once(' ').is_some_and(|(_, rest)| is_known_host(rest)) => KeyError::KnownHosts,
        () if text.lines().count() == 1 && (first.starts_with(['/', '~']) || first.starts_with("./")) => {
            KeyError::Path
        }
        () => KeyError::NotAKey,
    }
}

fn is_public(line: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| line.starts_with(prefix))
        && line.split_whitespace().nth(1).is_some_and(|word| word.starts_with("AAAA"))
}

/// What follows the first word, with or without a marker: `host key`, `@marker host key`.
fn is_known_host(rest: &str) -> bool {
    is_public(rest) || rest.split_once(' ').is_some_and(|(_, rest)| is_public(rest))
}
