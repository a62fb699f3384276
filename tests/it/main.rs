//! Tests against real servers, one file a subject.

mod quickstart;

/// The command line under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_gitops-setup-under-test");
