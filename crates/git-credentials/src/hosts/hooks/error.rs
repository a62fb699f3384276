//! Why something could not be done about the webhooks of a repository.

use std::fmt;

use manifests::config::GitProvider;

use crate::hosts::call::Again;
use crate::hosts::error::{quoted, when};
use crate::hosts::{Host, HostError};
use crate::http::{Answer, Broken};
use crate::remote::Category;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Reading the webhooks.
    Read,
    /// Adding one.
    Add,
    /// Changing one.
    Change,
    /// Removing one.
    Remove,
}

/// Why something could not be done about the webhooks of a repository. Never says anything of a secret.
#[derive(Debug)]
pub struct HookError {
    /// What was being done.
    pub doing: Doing,
    /// The repository.
    pub repository: String,
    /// The API.
    pub api: String,
    /// Why it could not.
    pub cause: HookCause,
}

/// Why something could not be done about a webhook.
#[derive(Debug)]
#[non_exhaustive]
pub enum HookCause {
    /// There is no answer, or none that makes sense.
    Broken(Broken),
    /// 401; at Azure DevOps also a page to sign in.
    Unauthorized {
        /// The host's own words.
        said: String,
        /// What it takes.
        needed: &'static str,
    },
    /// 403.
    Forbidden {
        /// The host's own words.
        said: String,
        /// What it takes.
        needed: &'static str,
        /// The scopes that the token has, where the host tells: GitHub.
        scopes: Option<String>,
    },
    /// 404: there is no such repository, or the token may not see its webhooks.
    NotFound {
        /// The host's own words.
        said: String,
        /// What it takes.
        needed: &'static str,
        /// The scopes that the token has, where the host tells: GitHub.
        scopes: Option<String>,
    },
    /// 301, 302, 307 or 308: the repository has another name now.
    Moved,
    /// 400, 409 or 422.
    Invalid {
        /// HTTP status.
        status: u16,
        /// The host's own words.
        said: String,
    },
    /// 429, or what means the same.
    RateLimited {
        /// Seconds that the host asks to wait.
        retry_after: Option<u64>,
        /// The host's own words.
        said: String,
    },
    /// 5xx.
    Server {
        /// HTTP status.
        status: u16,
        /// The host's own words.
        said: String,
    },
    /// Any other answer.
    Unexpected {
        /// HTTP status.
        status: u16,
        /// The host's own words.
        said: String,
    },
    /// A hook of this kind of host can't be told not to verify certificates.
    AlwaysVerifies {
        /// Who can.
        who: &'static str,
    },
}

impl HookError {
    pub(super) fn of(host: &Host, doing: Doing, cause: HookCause) -> Box<Self> {
        let repository = format!("{}/{}", host.owner, host.name);
        Box::new(Self { doing, repository, api: host.api.clone(), cause })
    }

    /// What an answer means that isn't the wanted one.
    pub(super) fn answered(host: &Host, doing: Doing, answer: &Answer, needed: &'static str) -> Box<Self> {
        let said = answer.words();
        let scopes = || answer.header("x-oauth-scopes").map(str::to_owned);
        // Where a token isn't accepted, Azure DevOps answers with a page to sign in: 203, or 302 to it.
        let sign_in = host.kind == GitProvider::AzureDevops && [203, 302].contains(&answer.status);
        let cause = match answer.status {
            _ if answer.is_rate_limit() => HookCause::RateLimited { retry_after: answer.wait(), said },
            401 => HookCause::Unauthorized { said, needed },
            _ if sign_in => HookCause::Unauthorized { said: String::new(), needed },
            301 | 302 | 307 | 308 => HookCause::Moved,
            403 => HookCause::Forbidden { said, needed, scopes: scopes() },
            404 => HookCause::NotFound { said, needed, scopes: scopes() },
            status @ (400 | 409 | 422) => HookCause::Invalid { status, said },
            503 if answer.retry_after().is_some() => {
                HookCause::RateLimited { retry_after: answer.retry_after(), said }
            }
            status @ 500.. => HookCause::Server { status, said },
            status => HookCause::Unexpected { status, said },
        };
        Self::of(host, doing, cause)
    }

    /// An error of a single request, as one of the webhooks.
    pub(super) fn from_request(host: &Host, doing: Doing, error: HostError) -> HostError {
        match error {
            HostError::Broken { source, .. } => Self::of(host, doing, HookCause::Broken(source)).into(),
            error => error,
        }
    }

    /// Which of the documented exit codes it belongs to.
    pub(in crate::hosts) fn category(&self) -> Category {
        match &self.cause {
            HookCause::Broken(source) => Category::of_broken(source),
            HookCause::AlwaysVerifies { .. } => Category::Missing,
            _ => Category::Refused,
        }
    }

    /// Whether it may be gone after a while. A hook that is said to be there already was added by somebody else
    /// after the list was read.
    pub(in crate::hosts) fn again(&self) -> Again {
        match &self.cause {
            HookCause::RateLimited { retry_after, .. } => Again::After(*retry_after),
            HookCause::Server { .. } => Again::Soon,
            HookCause::Broken(Broken::NoConnection(_) | Broken::TimedOut) => Again::Soon,
            HookCause::Invalid { said, .. }
                if self.doing == Doing::Add && said.contains("already exists") =>
            {
                Again::Now
            }
            _ => Again::Never,
        }
    }

    fn next(&self) -> String {
        match &self.cause {
            HookCause::Broken(_) => format!("see it by hand: curl -v {}", self.api),
            HookCause::Unauthorized { needed, .. } => {
                format!("it is wrong, expired or revoked: make a new one with {needed}")
            }
            HookCause::Forbidden { needed, scopes, .. } => {
                format!("it needs {needed}{}", has(scopes.as_deref()))
            }
            HookCause::NotFound { needed, scopes, .. } => {
                let has = has(scopes.as_deref());
                format!("check the path of `git.url`, and that the token has {needed}{has}")
            }
            HookCause::Moved => "correct `git.url`: the repository has another name now".to_owned(),
            HookCause::Invalid { .. } => {
                "correct what the host names; the address of a webhook has to be one that the host can reach"
                    .to_owned()
            }
            HookCause::RateLimited { retry_after, .. } => {
                format!("run the same command again {}", when(*retry_after))
            }
            HookCause::Server { .. } => {
                "the fault is on its side: look at its status page or logs, then run the same command again"
                    .to_owned()
            }
            HookCause::Unexpected { .. } => format!("is the API there? see it by hand: curl -v {}", self.api),
            HookCause::AlwaysVerifies { who } => {
                format!("have them verified, with a certificate that the host trusts; {who}")
            }
        }
    }
}

impl std::error::Error for HookError {}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, api, .. } = self;
        match self.doing {
            Doing::Read => write!(f, "the webhooks of {repository} can't be read: ")?,
            Doing::Add => write!(f, "{repository} gets no webhook: ")?,
            Doing::Change => write!(f, "a webhook of {repository} can't be changed: ")?,
            Doing::Remove => write!(f, "a webhook of {repository} can't be removed: ")?,
        }
        match &self.cause {
            HookCause::Broken(source) => write!(f, "{api} can't be used: {source}")?,
            HookCause::Unauthorized { said, .. } => {
                write!(f, "{api} does not accept the token{}", quoted(said))?
            }
            HookCause::Forbidden { said, .. } => {
                write!(f, "{api} accepts the token, but not for webhooks{}", quoted(said))?;
            }
            HookCause::NotFound { said, .. } => {
                write!(
                    f,
                    "{api} knows no such repository, or the token may not see its webhooks{}",
                    quoted(said)
                )?;
            }
            HookCause::Moved => write!(f, "{api} sends elsewhere")?,
            HookCause::Invalid { status, said } => write!(f, "{api} refuses it ({status}){}", quoted(said))?,
            HookCause::RateLimited { said, .. } => {
                write!(f, "{api} answers that it was asked too often{}", quoted(said))?;
            }
            HookCause::Server { status, said } => write!(f, "{api} failed ({status}){}", quoted(said))?,
            HookCause::Unexpected { status, said } => {
                write!(f, "{api} gave an answer that is not expected ({status}){}", quoted(said))?;
            }
            HookCause::AlwaysVerifies { .. } => {
                f.write_str("this host decides for all webhooks at once whether certificates are verified")?;
            }
        }
        write!(f, "\n  {}", self.next())
    }
}

fn has(scopes: Option<&str>) -> String {
    match scopes {
        None => String::new(),
        Some("") => "; it has no scope at all".to_owned(),
        Some(scopes) => format!("; it has {scopes}"),
    }
}
