//! A secret that is typed at the terminal, unseen.

use secrecy::SecretString;

use crate::SecretError;

/// Asks on the terminal.
pub(crate) fn ask(question: &str) -> Result<SecretString, SecretError> {
    Err(SecretError::NoTerminal(question.to_owned()))
}
