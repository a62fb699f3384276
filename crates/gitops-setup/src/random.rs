//! Random numbers of the system.

use crate::failure::Failure;

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::Precondition(format!("no random numbers from the system: {error}")))?;
    Ok(bytes)
}
