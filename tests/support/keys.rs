//! Keys made for a test, by OpenSSH itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::skipped;

/// A new ed25519 key in the folder, with a passphrase that no command line sees; `None` where there is no
/// `ssh-keygen`.
///
/// # Panics
///
/// Where `ssh-keygen` fails, or is missing although this is a CI run.
pub fn encrypted_key(folder: &Path, passphrase: &str) -> Option<PathBuf> {
    let (key, askpass) = (folder.join("key"), folder.join("askpass"));
    std::fs::write(&askpass, "#!/bin/sh\nprintf '%s\\n' \"$PHRASE\"\n").expect("the folder is ours");
    let made = run(Command::new("chmod").arg("+x").arg(&askpass))
        && run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-f"]).arg(&key).args(["-N", ""]));
    if !made {
        assert!(std::env::var_os("CI").is_none(), "ssh-keygen is missing");
        skipped("keys with a passphrase: there is no ssh-keygen");
        return None;
    }
    let encrypted = run(Command::new("ssh-keygen")
        .args(["-q", "-p", "-f"])
        .arg(&key)
        .env("SSH_ASKPASS", &askpass)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("PHRASE", passphrase));
    assert!(encrypted, "the key gets its passphrase");
    std::fs::remove_file(&askpass).expect("it is there");
    Some(key)
}

fn run(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
