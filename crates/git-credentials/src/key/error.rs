//! Why a text is no private key that can be used. Nothing of the text is ever repeated.

/// Why a private key can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing there.
    #[error("it is empty\n  put the private key there, the file without .pub that ssh-keygen wrote")]
    Empty,
}
