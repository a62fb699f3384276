//! Why a text is no private key that can be used. Nothing of the text is ever repeated.

/// Why a private key can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing there.
    #[error(
        "it is empty\n  put the private key there: the file without .pub of the two that ssh-keygen writes"
    )]
    Empty,
    /// The public half.
    #[error(
        "it is a public key, which is what the Git host gets\n  the private key belongs here: the file of the same \
         name without .pub"
    )]
    PublicKey,
    /// A certificate.
    #[error("it is a certificate\n  the private key that it was made for belongs here")]
    Certificate,
    /// PuTTY's own format.
    #[error(
        "it is a key of PuTTY (.ppk), which neither OpenSSH nor Argo CD reads\n  convert it: puttygen key.ppk -O \
         private-openssh -o key"
    )]
    Putty,
    /// Keys of servers.
    #[error("it is a line of a known_hosts file, the key of a server\n  the private key belongs here")]
    KnownHosts,
    /// Something encrypted with age, or a key of age.
    #[error(
        "it is a text or key of age\n  give the SSH key itself: decrypt it first, for example with `command:`"
    )]
    Age,
    /// Something of PGP.
    #[error(
        "it is a text or key of PGP\n  give the SSH key itself: decrypt it first, for example with `command:`"
    )]
    Pgp,
    /// A path instead of what is there.
    #[error(
        "it is the path of a file, not its content\n  to have the file read, write `file:` in the configuration"
    )]
    Path,
    /// Anything else.
    #[error(
        "it is no private key\n  one begins with `-----BEGIN OPENSSH PRIVATE KEY-----` or another PRIVATE KEY line; \
         make one: ssh-keygen -t ed25519"
    )]
    NotAKey,
    /// A passphrase is needed.
    #[error(
        "it is protected by a passphrase and none was given\n  name the passphrase beside the key in the \
         configuration, or take it away: ssh-keygen -p -f <key>"
    )]
    PassphraseNeeded,
    /// The passphrase is another one.
    #[error("the passphrase does not open it\n  try by hand: ssh-keygen -y -f <key>")]
    WrongPassphrase,
    /// It ends early, or something in it is wrong.
    #[error(
        "it is damaged: {0}\n  copy it again, whole, with its BEGIN and END lines; to test it: ssh-keygen -y -f <key>"
    )]
    Damaged(&'static str),
    /// A cipher that isn't known here.
    #[error(
        "it is encrypted in a way that is not supported\n  protect it anew with ssh-keygen -p -f <key>, or with \
         openssl pkcs8 -topk8 -v2 aes-256-cbc -in <key>"
    )]
    Cipher,
    /// The passphrase would take too long to try.
    #[error(
        "its passphrase is hardened with more rounds than are sensible ({0})\n  ssh-keygen -p -a 100 -f <key>"
    )]
    Rounds(u32),
    /// RSA with too few bits.
    #[error(
        "it is an RSA key of {0} bits, and Git hosts refuse fewer than 2048\n  make a new one: ssh-keygen -t ed25519"
    )]
    ShortRsa(usize),
    /// DSA.
    #[error("it is a DSA key, which Git hosts and OpenSSH refuse\n  make a new one: ssh-keygen -t ed25519")]
    Dsa,
    /// Half of it is in a hardware token.
    #[error(
        "it needs a hardware token to sign (FIDO), and in the cluster is none\n  make another one: ssh-keygen -t \
         ed25519"
    )]
    HardwareToken,
    /// No key for SSH.
    #[error("it is of a kind that SSH does not use here ({0})\n  make a new one: ssh-keygen -t ed25519")]
    Algorithm(&'static str),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers to make a key of\n  is /dev/urandom there?")]
    NoRandom,
}
