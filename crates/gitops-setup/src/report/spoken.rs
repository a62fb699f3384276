//! Commands of ours as whoever reads them types them.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

/// How a command is written in every text of ours.
const IN_A_REPOSITORY: &str = "cargo xtask";
/// The program of those who installed it.
const INSTALLED: &str = "gitops-setup";

/// What stands in front of a command: the program's own name where it was installed, else `cargo xtask`.
pub(crate) fn program() -> &'static str {
    static PROGRAM: OnceLock<&str> = OnceLock::new();
    PROGRAM.get_or_init(|| called(std::env::args_os().next().as_deref()))
}

fn called(by: Option<&OsStr>) -> &'static str {
    let stem = by.and_then(|path| Path::new(path).file_stem());
    // The binary of a repository's own xtask may have any other name.
    if stem.is_some_and(|stem| stem == INSTALLED) { INSTALLED } else { IN_A_REPOSITORY }
}

/// The text with our commands as they are typed here. To be asked before lines are broken.
pub(crate) fn spoken(text: &str) -> Cow<'_, str> {
    as_of(program(), text)
}

fn as_of<'a>(program: &str, text: &'a str) -> Cow<'a, str> {
    match program == IN_A_REPOSITORY || !text.contains(IN_A_REPOSITORY) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.replace(IN_A_REPOSITORY, program)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_installed_it_is_told_its_own_name() {
        for (by, program) in [
            ("/home/me/.cargo/bin/gitops-setup", INSTALLED),
            ("gitops-setup", INSTALLED),
            ("target/debug/xtask", IN_A_REPOSITORY),
            ("target/debug/dev", IN_A_REPOSITORY),
        ] {
            assert_eq!(called(Some(OsStr::new(by))), program, "{by}");
        }
        assert_eq!(called(None), IN_A_REPOSITORY);
        let text = "make it: cargo xtask cluster up";
        assert_eq!(as_of(INSTALLED, text), "make it: gitops-setup cluster up");
        assert_eq!(as_of(IN_A_REPOSITORY, text), text);
    }
}
