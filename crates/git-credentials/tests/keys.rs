//! Private keys of every form, against what `ssh-keygen` and `openssl` say of them.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as tests")]

mod tools;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use git_credentials::{KeyError, SshKey};
use secrecy::{ExposeSecret as _, SecretString};
use tools::{arg, have, run, run_with};

const PHRASE: &str = "two words: ünd more";

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn read(path: &Path) -> SecretString {
    secret(&std::fs::read_to_string(path).unwrap())
}

fn parse(text: &str) -> Result<SshKey, KeyError> {
    SshKey::parse(&secret(text), None)
}

/// Makes a key with `ssh-keygen`.
fn keygen(dir: &Path, name: &str, args: &[&str], passphrase: &str) -> PathBuf {
    let path = dir.join(name);
    let fixed = ["-q", "-C", "someone@example.com", "-N", passphrase, "-f", arg(&path)];
    run("ssh-keygen", &[&fixed, args].concat()).unwrap();
    path
}

/// Runs `openssl`, with the passphrase in the variable PHRASE.
fn openssl(args: &[&str]) {
    run_with("openssl", args, &[("PHRASE", PHRASE)]).unwrap();
}

/// The public half of a key that `ssh-keygen` can open, without comment.
fn public(path: &Path, passphrase: &str) -> Result<String, String> {
    let line = run("ssh-keygen", &["-y", "-P", passphrase, "-f", arg(path)])?;
    Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// What must hold of every key that we read; gives the public half.
fn check(path: &Path, passphrase: Option<&str>) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    let key = SshKey::parse(&read(path), passphrase.map(secret).as_ref());
    let key = key.unwrap_or_else(|error| panic!("{name}: {error}"));
    if passphrase.is_some() {
        assert_eq!(SshKey::parse(&read(path), None).unwrap_err(), KeyError::PassphraseNeeded, "{name}");
        let wrong = SshKey::parse(&read(path), Some(&secret("another")));
        assert_eq!(wrong.unwrap_err(), KeyError::WrongPassphrase, "{name}");
    }
    let open = path.with_extension("open");
    std::fs::write(&open, key.unencrypted().expose_secret()).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ours: Vec<&str> = key.public().unwrap().split(' ').collect();
    assert_eq!(public(&open, "").unwrap(), ours[..2].join(" "), "{name}: what Argo CD would get");
    assert_eq!(key.algorithm(), ours[0], "{name}");

    let file = path.with_extension("ours.pub");
    std::fs::write(&file, key.public().unwrap()).unwrap();
    let listed = run("ssh-keygen", &["-lf", arg(&file)]).unwrap();
    assert_eq!(listed.split(' ').nth(1).unwrap(), key.fingerprint().unwrap(), "{name}");

    let again = SshKey::parse(key.unencrypted(), None).unwrap();
    assert!(again.unencrypted().expose_secret() == key.unencrypted().expose_secret(), "{name}: not settled");
    assert_eq!(again.fingerprint(), key.fingerprint(), "{name}");
    ours[..2].join(" ")
}

const KINDS: &[(&str, &[&str])] = &[
    ("ed25519", &["-t", "ed25519"]),
    ("ecdsa-256", &["-t", "ecdsa", "-b", "256"]),
    ("ecdsa-384", &["-t", "ecdsa", "-b", "384"]),
    ("ecdsa-521", &["-t", "ecdsa", "-b", "521"]),
    ("rsa", &["-t", "rsa", "-b", "2048"]),
];

#[test]
fn keys_of_openssh() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (kind, args) in KINDS {
        for (protection, passphrase) in [("plain", None), ("phrase", Some(PHRASE))] {
            let args = [args, ["-a", "2"].as_slice()].concat();
            let path =
                keygen(dir.path(), &format!("{kind}-{protection}"), &args, passphrase.unwrap_or_default());
            let ours = check(&path, passphrase);
            assert_eq!(ours, public(&path, passphrase.unwrap_or_default()).unwrap(), "{kind} {protection}");
            let with_comment = SshKey::parse(&read(&path), passphrase.map(secret).as_ref()).unwrap();
            let published = std::fs::read_to_string(path.with_extension("pub")).unwrap();
            assert_eq!(with_comment.public().unwrap(), published.trim_end(), "{kind} {protection}");
        }
    }
}

/// One P-521 key in four has a number that is a byte shorter.
#[test]
fn numbers_that_begin_with_zeros() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for number in 0..16 {
        let path = keygen(dir.path(), &number.to_string(), &["-t", "ecdsa", "-b", "521"], "");
        assert_eq!(check(&path, None), public(&path, "").unwrap());
    }
}

#[test]
fn every_cipher_of_openssh() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for cipher in
        ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr"]
    {
        let path = keygen(dir.path(), cipher, &["-t", "ed25519", "-a", "2", "-Z", cipher], PHRASE);
        assert_eq!(check(&path, Some(PHRASE)), public(&path, PHRASE).unwrap(), "{cipher}");
    }
    // Only who asks for them gets these; the advice makes a key of the default cipher out of it.
    for cipher in ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
        let path = keygen(dir.path(), cipher, &["-t", "ed25519", "-a", "2", "-Z", cipher], PHRASE);
        let error = SshKey::parse(&read(&path), Some(&secret(PHRASE))).unwrap_err();
        assert_eq!(error, KeyError::Cipher, "{cipher}");
        assert!(error.to_string().contains("ssh-keygen -p -f <key>"), "{error}");
        run("ssh-keygen", &["-q", "-p", "-P", PHRASE, "-N", PHRASE, "-f", arg(&path)]).unwrap();
        check(&path, Some(PHRASE));
    }
}

#[test]
fn pem_of_openssh() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (kind, args) in KINDS.iter().filter(|(kind, _)| *kind != "ed25519") {
        for form in ["PEM", "PKCS8"] {
            for passphrase in [None, Some(PHRASE)] {
                let name = format!("{kind}-{form}-{}", passphrase.is_some());
                let path = keygen(
                    dir.path(),
                    &name,
                    &[args, ["-m", form].as_slice()].concat(),
                    passphrase.unwrap_or(""),
                );
                assert_eq!(
                    check(&path, passphrase),
                    public(&path, passphrase.unwrap_or("")).unwrap(),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn pem_of_openssl() {
    if !have(&["ssh-keygen", "openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (kind, args) in [
        ("rsa", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"].as_slice()),
        ("p256", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("p521", &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        ("ed25519", &["ED25519"]),
    ] {
        let plain = dir.path().join(kind);
        openssl(&[["genpkey", "-out", arg(&plain), "-algorithm"].as_slice(), args].concat());
        let ours = check(&plain, None);
        for protection in [
            ["-v2", "aes-128-cbc"].as_slice(),
            &["-v2", "aes-192-cbc"],
            &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512", "-iter", "1000"],
            &["-v2", "des3", "-v2prf", "hmacWithSHA1"],
        ] {
            let path = dir.path().join(format!("{kind}{}", protection.concat()));
            let fixed = ["pkcs8", "-topk8", "-in", arg(&plain), "-out", arg(&path), "-passout", "env:PHRASE"];
            openssl(&[&fixed, protection].concat());
            assert_eq!(check(&path, Some(PHRASE)), ours, "{kind} {protection:?}");
        }
        for cipher in ["-aes128", "-aes192", "-aes256", "-des3"].iter().filter(|_| kind != "ed25519") {
            let path = dir.path().join(format!("{kind}-old{cipher}"));
            let program = if kind == "rsa" { ["rsa", "-traditional"].as_slice() } else { &["ec"] };
            let fixed = ["-in", arg(&plain), "-out", arg(&path), "-passout", "env:PHRASE", cipher];
            openssl(&[program, &fixed].concat());
            assert!(read(&path).expose_secret().contains("Proc-Type: 4,ENCRYPTED"), "{kind} {cipher}");
            assert_eq!(check(&path, Some(PHRASE)), ours, "{kind} {cipher}");
        }
    }
}

#[test]
fn ec_keys_with_what_openssl_adds_or_leaves_out() {
    if !have(&["ssh-keygen", "openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("parameters");
    openssl(&["ecparam", "-name", "secp384r1", "-genkey", "-out", arg(&path)]);
    assert!(read(&path).expose_secret().starts_with("-----BEGIN EC PARAMETERS"));
    assert_eq!(check(&path, None), public(&path, "").unwrap());

    let bare = dir.path().join("bare");
    openssl(&["ec", "-in", arg(&path), "-no_public", "-out", arg(&bare)]);
    let key = SshKey::parse(&read(&bare), None).unwrap();
    assert_eq!((key.public(), key.fingerprint()), (None, None));
    std::fs::write(&bare, key.unencrypted().expose_secret()).unwrap();
    assert_eq!(public(&bare, "").unwrap(), public(&path, "").unwrap());
}

#[test]
fn new_keys_are_what_they_say() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let key = SshKey::generate("gitops@example.com\nssh-rsa AAAA").unwrap();
    let path = dir.path().join("new");
    std::fs::write(&path, key.unencrypted().expose_secret()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let line = run("ssh-keygen", &["-y", "-f", arg(&path)]).unwrap();
    assert_eq!(key.public().unwrap(), line.trim_end());
    assert_eq!(key.public().unwrap().lines().count(), 1);
    check(&path, None);
    assert_ne!(key.public(), SshKey::generate("").unwrap().public());
}

#[test]
fn what_git_hosts_refuse_is_refused() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for form in [[].as_slice(), &["-m", "PEM"], &["-m", "PKCS8"]] {
        let name = format!("short{}", form.concat());
        let path = keygen(dir.path(), &name, &[["-t", "rsa", "-b", "1024"].as_slice(), form].concat(), "");
        let error = SshKey::parse(&read(&path), None).unwrap_err();
        assert_eq!(error, KeyError::ShortRsa(1024));
        assert!(error.to_string().contains("ssh-keygen -t ed25519"), "{error}");
    }
    for form in [[].as_slice(), &["-m", "PEM"]] {
        let path = dir.path().join(format!("dsa{}", form.concat()));
        // Newer versions of OpenSSH can't make one any more.
        if run("ssh-keygen", &[["-q", "-t", "dsa", "-N", "", "-f", arg(&path)].as_slice(), form].concat())
            .is_ok()
        {
            assert_eq!(SshKey::parse(&read(&path), None).unwrap_err(), KeyError::Dsa);
        }
    }
}

#[test]
fn how_a_text_was_copied_does_no_harm() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = keygen(dir.path(), "key", &["-t", "ed25519"], "");
    let old = keygen(dir.path(), "old", &["-t", "rsa", "-b", "2048", "-m", "PEM"], PHRASE);
    for path in [path, old] {
        let text = std::fs::read_to_string(&path).unwrap();
        let key = SshKey::parse(&secret(&text), Some(&secret(PHRASE))).unwrap();
        let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
        for (how, changed) in [
            ("CRLF", text.replace('\n', "\r\n")),
            ("no line break at the end", text.trim_end().to_owned()),
            ("line breaks written out", text.replace('\n', "\\n")),
            ("indented", indented),
            ("byte order mark", format!("\u{feff}{text}")),
            ("lines around it", format!("\n\n{text}\n\n")),
        ] {
            let parsed = SshKey::parse(&secret(&changed), Some(&secret(PHRASE)));
            let parsed = parsed.unwrap_or_else(|error| panic!("{how}: {error}"));
            assert!(parsed.unencrypted().expose_secret() == key.unencrypted().expose_secret(), "{how}");
            let armoured = SshKey::armoured(&secret(&changed)).unwrap();
            assert!(armoured.expose_secret() == text, "{how}: what others are given");
        }
    }
}

#[test]
fn damage_is_told() {
    if !have(&["ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (kind, args) in KINDS {
        let path = keygen(dir.path(), kind, args, "");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let without_third = [&lines[..2], &lines[3..]].concat().join("\n");
        let half = lines[..lines.len() / 2].join("\n");
        for changed in [half, without_third, text.replace("-----END", "-----BEGIN")] {
            assert!(matches!(parse(&changed), Err(KeyError::Damaged(_))), "{kind}");
        }
    }
}

/// A wrong character in the private half would show up only when the Git host refuses the signature.
#[test]
fn halves_of_two_keys_are_noticed() {
    if !have(&["ssh-keygen", "openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (kind, args) in [
        ("ed25519", ["-t", "ed25519"].as_slice()),
        ("ecdsa", &["-t", "ecdsa", "-b", "256", "-m", "PKCS8"]),
        ("rsa", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
    ] {
        let path = keygen(dir.path(), kind, args, "");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // Where the private half is: in the middle of an RSA key stands its first prime.
        let line = match kind {
            "ecdsa" => 1,
            "rsa" => lines.len() / 2,
            _ => lines.len() * 2 / 3,
        };
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let (from, to) = changed[line].split_at(50);
        let letter = if to.starts_with('B') { 'C' } else { 'B' };
        changed[line] = format!("{from}{letter}{}", &to[1..]);
        assert!(matches!(parse(&changed.join("\n")), Err(KeyError::Damaged(_))), "{kind}");
    }
}

/// GitHub gives out PKCS#1, and some tools turn it into PKCS#8: Argo CD is given the first of either.
#[test]
fn the_key_of_a_github_app_is_stored_in_one_form() {
    if !have(&["openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (made, old) = (dir.path().join("pkcs8"), dir.path().join("pkcs1"));
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", arg(&made)]);
    openssl(&["rsa", "-in", arg(&made), "-traditional", "-out", arg(&old)]);
    let text = read(&old);
    assert!(text.expose_secret().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    for path in [&made, &old] {
        let one_line = std::fs::read_to_string(path).unwrap().replace('\n', "\\n");
        let stored = parse(&one_line).unwrap().unencrypted().expose_secret().to_owned();
        assert!(stored == text.expose_secret(), "{}", path.display());
    }
}
