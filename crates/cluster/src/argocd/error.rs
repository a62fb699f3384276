//! Why Argo CD's API did not do what it was asked.

use std::io;

/// What went wrong, at which address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// No answer.
    #[error("{url} does not answer: {why}")]
    Unreachable {
        /// The address.
        url: String,
        /// What happened.
        why: String,
    },
    /// An answer without TLS that can be trusted.
    #[error("{url} can't be trusted: {failure}")]
    Tls {
        /// The address.
        url: String,
        /// What is wrong.
        failure: TlsFailure,
    },
    /// Somebody else answers, or Argo CD under another path.
    #[error("{url} does not lead to Argo CD: {why}")]
    NotArgoCd {
        /// The address.
        url: String,
        /// How it can be told.
        why: String,
    },
    /// It says that user or password are wrong. It says so as well while a user is locked out.
    #[error("{url} refuses user and password")]
    WrongPassword {
        /// The address.
        url: String,
    },
    /// It refuses for another reason.
    #[error("{url} refuses the login: {words}")]
    Refused {
        /// The address.
        url: String,
        /// Its words.
        words: String,
    },
    /// Too many logins (429).
    #[error("{url} takes no more logins for now (429){}", again(.after.as_deref()))]
    TooMany {
        /// The address.
        url: String,
        /// When to try again, as it says.
        after: Option<String>,
    },
}

fn again(after: Option<&str>) -> String {
    after.map_or(String::new(), |after| format!("; it asks to wait for {after} s"))
}

/// What is wrong with TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The certificate is from an authority that isn't trusted, such as Argo CD's own.
    #[error("its certificate is from an authority that is not trusted here")]
    UnknownAuthority,
    /// The certificate is an authority's.
    #[error("its certificate is an authority's own")]
    Authority,
    /// The certificate is past its time, or before it.
    #[error("its certificate is expired or not valid yet")]
    Expired,
    /// The certificate is another host's.
    #[error("its certificate is for another name")]
    WrongName,
    /// Whoever answers there speaks no TLS.
    #[error("it does not speak TLS there")]
    NotTls,
    /// Anything else.
    #[error("TLS failed: {0}")]
    Other(String),
}

impl ApiError {
    pub(super) fn of(url: &str, error: &ureq::Error) -> Self {
        match tls(error) {
            Some(failure) => Self::Tls { url: url.to_owned(), failure },
            None => Self::Unreachable { url: url.to_owned(), why: described(error) },
        }
    }
}

fn tls(error: &ureq::Error) -> Option<TlsFailure> {
    match error {
        ureq::Error::Rustls(error) => Some(sorted(error)),
        ureq::Error::Tls(why) => Some(TlsFailure::Other((*why).to_owned())),
        ureq::Error::Io(error) => {
            error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).map(sorted)
        }
        _ => None,
    }
}

pub(crate) fn sorted(error: &rustls::Error) -> TlsFailure {
    use rustls::CertificateError::*;
    match error {
        rustls::Error::InvalidMessage(_) => TlsFailure::NotTls,
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            UnknownIssuer | BadSignature => TlsFailure::UnknownAuthority,
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => TlsFailure::Expired,
            NotValidForName | NotValidForNameContext { .. } => TlsFailure::WrongName,
            // There is no variant for it.
            Other(other) if other.to_string().contains("CaUsedAsEndEntity") => TlsFailure::Authority,
            other => TlsFailure::Other(other.to_string()),
        },
        error => TlsFailure::Other(error.to_string()),
    }
}

fn described(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "there is no such host".into(),
        ureq::Error::Timeout(_) => "no answer in time".into(),
        ureq::Error::ConnectionFailed => "no connection".into(),
        // The standard library has no kind for it.
        ureq::Error::Io(error) if error.to_string().starts_with("failed to lookup address") => {
            "there is no such host".into()
        }
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".into(),
            io::ErrorKind::ConnectionRefused => "nobody listens there".into(),
            io::ErrorKind::UnexpectedEof => "it closed the connection without an answer".into(),
            _ => error.to_string(),
        },
        error => error.to_string(),
    }
}
