//! Texts that have to fit a pattern.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use regex_lite::Regex;

/// Patterns that were used, `None` where one is none. To make one takes far longer than to use it, and a
/// configuration of 500 environments uses the same one thousands of times.
static KNOWN: Mutex<BTreeMap<String, Option<Regex>>> = Mutex::new(BTreeMap::new());

/// Whether a text fits a pattern; none fits what is no pattern.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if !known.contains_key(pattern) {
        known.insert(pattern.to_owned(), Regex::new(pattern).ok());
    }
    known[pattern].as_ref().is_some_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_same_when_it_is_used_again() {
        for _ in 0..2 {
            assert!(fits("^[a-z]+$", "abc") && !fits("^[a-z]+$", "a1"));
            assert!(!fits("(", "("));
        }
    }
}
