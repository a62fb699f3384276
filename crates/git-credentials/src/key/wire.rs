//! Numbers and strings as SSH writes them (RFC 4251), and armour around them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use zeroize::Zeroizing;

use super::KeyError;

/// Reads from the front; an early end is an error, never a panic.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next so many bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], KeyError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(KeyError::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A number of four bytes.
    pub(crate) fn number(&mut self) -> Result<u32, KeyError> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// A string: its length, and so many bytes.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], KeyError> {
        let length = self.number()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// A large positive number, without the zeros in front.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8], KeyError> {
        Ok(trimmed(self.string()?))
    }
}

/// A number without the zeros in front.
pub(crate) fn trimmed(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}

/// How many bits a number has.
pub(crate) fn bits(number: &[u8]) -> usize {
    let number = trimmed(number);
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Appends a string.
pub(crate) fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    // Everything here is a few kilobytes.
    to.extend((bytes.len() as u32).to_be_bytes());
    to.extend(bytes);
}

/// Appends a large positive number.
pub(crate) fn put_integer(to: &mut Vec<u8>, number: &[u8]) {
    let number = trimmed(number);
    let sign = number.first().is_some_and(|first| *first >= 0x80);
    to.extend((number.len() as u32 + u32::from(sign)).to_be_bytes());
    to.extend(sign.then_some(0));
    to.extend(number);
}

/// A block between BEGIN and END.
pub(crate) fn armour(label: &str, bytes: &[u8], width: usize) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / width + 80));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(width.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// `SHA256:…`, as `ssh-keygen -lf` shows it.
pub(crate) fn fingerprint(blob: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, blob);
    format!("SHA256:{}", STANDARD.encode(digest).trim_end_matches('='))
}
