//! From a reference to the secret itself, which never leaves [`SecretString`] here.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use manifests::config::SecretRef;
use secrecy::SecretString;
use zeroize::{Zeroize as _, Zeroizing};

/// Rights of group and others.
const OTHERS: u32 = 0o077;
/// What only files of private keys hold.
const MARKS: [&[u8]; 2] = [b"PRIVATE KEY-----", b"PuTTY-User-Key-File-"];

/// Why a secret can't be had. Never says anything of its value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The variable is unset.
    #[error("environment variable {0} is not set\n  set it, or name another reference in the configuration")]
    Unset(String),
    /// The file can't be read.
    #[error("secret file {}: {source}\n  check the path and who may read it: ls -l {}", .path.display(), .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The command failed.
    #[error("the command `{program}` gave no secret: {why}\n  run it by hand to see what it says")]
    Command {
        /// Its program, without arguments.
        program: String,
        /// Why.
        why: String,
    },
    /// There is nothing, or only blanks.
    #[error("the {0} holds nothing but blanks")]
    Blank(SecretRef),
    /// The value is no text.
    #[error("the {0} is not UTF-8 text")]
    NotText(SecretRef),
    /// A secret is to be typed where there is no terminal.
    #[error(
        "there is no terminal to ask {0:?} on\n  name another reference in the configuration: env, file or command"
    )]
    NoTerminal(String),
    /// The terminal can't be read.
    #[error(
        "the terminal can't be read: {0}\n  name another reference in the configuration: env, file or command"
    )]
    Terminal(std::io::Error),
    /// The user stopped it instead of answering.
    #[error("{0:?} was not answered\n  run it again, or name another reference in the configuration")]
    Unanswered(String),
    /// A private key that others may read.
    #[error("the private key {} may be read by others (mode {mode:04o})\n  chmod 600 {}", .path.display(), .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// The value of a secret, less one line break at its end. Of a command that answers as `git credential fill` does, it
/// is the password.
pub fn resolve(reference: &SecretRef) -> Result<SecretString, SecretError> {
    let bytes = match reference {
        SecretRef::Env(name) => {
            let value = std::env::var_os(name).ok_or_else(|| SecretError::Unset(name.clone()))?;
            std::os::unix::ffi::OsStringExt::into_vec(value)
        }
        SecretRef::File(path) => {
            std::fs::read(path).map_err(|source| SecretError::File { path: path.clone(), source })?
        }
        SecretRef::Command(words) => output(words)?,
        SecretRef::Prompt(question) => crate::prompt::ask(question)?,
    };
    let mut text = String::from_utf8(bytes).map_err(|_| SecretError::NotText(reference.clone()))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if matches!(reference, SecretRef::Command(_))
        && let Some(password) = of_helper(&text).map(str::to_owned)
    {
        text.zeroize();
        text = password;
    }
    if text.trim().is_empty() {
        return Err(SecretError::Blank(reference.clone()));
    }
    Ok(SecretString::from(text))
}

/// Refuses the file of a private key that others than its owner may read, as OpenSSH does. Other references, other
/// content, and what is no regular file (a pipe) pass.
///
/// # Errors
/// [`SecretError::Open`], or why the file can't be read.
pub fn check_key_file(reference: &SecretRef) -> Result<(), SecretError> {
    let SecretRef::File(path) = reference else { return Ok(()) };
    let failed = |source| SecretError::File { path: path.clone(), source };
    let metadata = path.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if !metadata.is_file() || mode & OTHERS == 0 {
        return Ok(());
    }
    let content = Zeroizing::new(std::fs::read(path).map_err(failed)?);
    let is_key = |mark: &&[u8]| content.windows(mark.len()).any(|part| part == *mark);
    match MARKS.iter().any(is_key) {
        true => Err(SecretError::Open { path: path.clone(), mode }),
        false => Ok(()),
    }
}

/// The password among lines `key=value`, as credential helpers print them; `None` where there is any other line, which
/// no secret of its own form (a token, a key) is without.
///
/// <https://git-scm.com/docs/git-credential#IOFMT>
fn of_helper(text: &str) -> Option<&str> {
    let is_key = |key: &str| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || b"_[]".contains(&byte))
    };
    let mut password = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').filter(|(key, _)| is_key(key))?;
        if key == "password" {
            password = Some(value);
        }
    }
    password
}

fn output(words: &[String]) -> Result<Vec<u8>, SecretError> {
    let error =
        |why: String| SecretError::Command { program: words.first().cloned().unwrap_or_default(), why };
    let (program, arguments) = words.split_first().ok_or_else(|| error("it is empty".into()))?;
    // Its standard error goes to the user as it is: it may ask for something there.
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| error(source.to_string()))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(error(output.status.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "two words\r\n\n").unwrap();
        let reference = SecretRef::File(path.clone());
        assert_eq!(resolve(&reference).unwrap().expose_secret(), "two words\r\n");
        std::fs::write(&path, " \n").unwrap();
        assert!(resolve(&reference).unwrap_err().to_string().contains("nothing but blanks"));
    }

    #[test]
    fn a_command_may_give_it_and_its_arguments_are_never_shown() {
        let echo = |words: &[&str]| SecretRef::Command(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(resolve(&echo(&["echo", "hush"])).unwrap().expose_secret(), "hush");
        let error = resolve(&echo(&["sh", "-c", "exit 3 # hush"])).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn of_a_credential_helper_it_is_the_password() {
        let said = |text: &str| SecretRef::Command(["printf", "%s", text].map(str::to_owned).into());
        for (text, secret) in [
            ("protocol=https\nhost=github.com\nusername=bob\npassword=hush=47\n", "hush=47"),
            ("capability[]=authtype\r\npassword=hush\r\npassword_expiry_utc=17\r\n\r\n", "hush"),
            // Secrets of their own form.
            ("aGFsbG8=", "aGFsbG8="),
            ("username=bob\nhost=x", "username=bob\nhost=x"),
            ("password=hush\nand more", "password=hush\nand more"),
        ] {
            assert_eq!(resolve(&said(text)).unwrap().expose_secret(), secret, "{text}");
        }
        let error = resolve(&said("username=bob\npassword=\n")).unwrap_err();
        assert!(matches!(error, SecretError::Blank(_)), "{error}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "password=hush").unwrap();
        assert_eq!(resolve(&SecretRef::File(path)).unwrap().expose_secret(), "password=hush");
    }

    #[test]
    fn the_file_of_a_key_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let reference = SecretRef::File(path.clone());
        std::fs::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\nhush").unwrap();
        for (mode, refused) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o644, true)] {
            set(mode);
            assert_eq!(check_key_file(&reference).is_err(), refused, "{mode:o}");
        }
        let error = check_key_file(&reference).unwrap_err().to_string();
        assert!(
            error.contains("0644") && error.contains(&format!("chmod 600 {}", path.display())),
            "{error}"
        );
        std::fs::write(&path, "a token").unwrap();
        assert!(check_key_file(&reference).is_ok());
        assert!(check_key_file(&SecretRef::File("/dev/null".into())).is_ok());
        assert!(check_key_file(&SecretRef::Env("HOME".into())).is_ok());
        assert!(check_key_file(&SecretRef::File("/nonexistent".into())).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        let unset = SecretRef::Env("GITOPS_SETUP_TEST_UNSET".into());
        assert!(resolve(&unset).unwrap_err().to_string().contains("GITOPS_SETUP_TEST_UNSET is not set"));
        let file = SecretRef::File("/nonexistent/secret".into());
        assert!(resolve(&file).unwrap_err().to_string().contains("/nonexistent/secret"));
    }
}
