//! What the rules find, and what they let pass.

mod documents;
mod support;
