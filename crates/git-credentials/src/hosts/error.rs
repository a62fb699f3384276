//! Why a Git host's API did not do what was asked.

use super::HookError;
use super::call::Again;
use crate::github_app::AppError;
use crate::http::{Answer, Broken};
use crate::remote::Category;

/// Why a Git host's API did not do what was asked. Never says anything of a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The host's name doesn't tell what it runs.
    #[error(
        "what the Git host {host} runs can't be told from its name\n  name it (GitHub, GitLab, Bitbucket, Gitea, …), or do by hand there what was to be done, and run the same command again"
    )]
    Unknown {
        /// The host.
        host: String,
    },
    /// The address is no repository's of that kind of host.
    #[error(
        "{url} is not the address of a repository at {kind}: owner and name are expected as its path\n  correct `git.url`"
    )]
    Path {
        /// The address.
        url: String,
        /// What the host runs.
        kind: &'static str,
    },
    /// The credentials open repositories, not the API.
    #[error(
        "{api} takes a token, and the credentials are {what}\n  use `git.auth.token`, or do it by hand in the settings of the Git host"
    )]
    NoToken {
        /// The API.
        api: String,
        /// What they are.
        what: &'static str,
    },
    /// Repositories of such a host are created by hand.
    #[error("repositories at {kind} are not created from here\n  create it by hand at the Git host")]
    CreatesNone {
        /// What the host runs.
        kind: &'static str,
    },
    /// Something about the webhooks of a repository.
    #[error(transparent)]
    Hook(#[from] Box<HookError>),
    /// There is no token of the GitHub App.
    #[error("the GitHub App gives no token for {api}: {source}")]
    App {
        /// The API.
        api: String,
        /// Why.
        source: AppError,
    },
    /// There is no answer.
    #[error("{api} can't be used: {source}\n  see it by hand: curl -v {api}")]
    Broken {
        /// The API.
        api: String,
        /// What happened.
        source: Broken,
    },
    /// 401.
    #[error("{api} does not accept the token{}\n  it is wrong, expired or revoked: make a new one with {needed}", quoted(.said))]
    Unauthorized {
        /// The API.
        api: String,
        /// The host's own words.
        said: String,
        /// What it takes.
        needed: &'static str,
    },
    /// 403.
    #[error("{api} accepts the token, but {owner} is not the token's to create repositories for{}\n  it needs {needed}, and its user the right to create repositories there", quoted(.said))]
    Forbidden {
        /// The API.
        api: String,
        /// User, organisation, workspace or group.
        owner: String,
        /// The host's own words.
        said: String,
        /// What it takes.
        needed: &'static str,
    },
    /// 404.
    #[error("{api} knows no {owner}, or the token may not see it{}\n  check the path of `git.url`, and that the token has {needed}", quoted(.said))]
    NotFound {
        /// The API.
        api: String,
        /// User, organisation, workspace or group.
        owner: String,
        /// The host's own words.
        said: String,
        /// What it takes.
        needed: &'static str,
    },
    /// 400, 409 or 422, and not because it is there already.
    #[error("{api} refuses a repository of this name and owner ({status}){}\n  correct `git.url`, or create the repository by hand", quoted(.said))]
    Invalid {
        /// The API.
        api: String,
        /// HTTP status.
        status: u16,
        /// The host's own words.
        said: String,
    },
    /// 429, or GitHub's 403 for the same.
    #[error("{api} answers that it was asked too often{}\n  run the same command again {}", quoted(.said), when(*.retry_after))]
    RateLimited {
        /// The API.
        api: String,
        /// Seconds that the host asks to wait.
        retry_after: Option<u64>,
        /// The host's own words.
        said: String,
    },
    /// 5xx.
    #[error("{api} failed ({status}){}\n  the fault is on its side: look at its status page or logs, then run the same command again", quoted(.said))]
    Server {
        /// The API.
        api: String,
        /// HTTP status.
        status: u16,
        /// The host's own words.
        said: String,
    },
    /// Any other answer.
    #[error("{api} gave an answer that is not expected ({status}){}\n  is the API there? see it by hand: curl -v {api}", quoted(.said))]
    Unexpected {
        /// The API.
        api: String,
        /// HTTP status.
        status: u16,
        /// The host's own words.
        said: String,
    },
}

impl HostError {
    /// Which of the documented exit codes it belongs to.
    pub fn category(&self) -> Category {
        match self {
            Self::Broken { source, .. } => Category::of_broken(source),
            Self::App { source, .. } => Category::of_app(source),
            Self::Hook(error) => error.category(),
            Self::Unknown { .. } | Self::Path { .. } | Self::NoToken { .. } | Self::CreatesNone { .. } => {
                Category::Missing
            }
            _ => Category::Refused,
        }
    }

    /// Whether it may be gone after a while.
    pub(super) fn again(&self) -> Again {
        match self {
            Self::Hook(error) => error.again(),
            _ => Again::Never,
        }
    }

    /// What an answer means that isn't the wanted one.
    pub(super) fn of(answer: &Answer, api: &str, owner: &str, needed: &'static str) -> Self {
        let (api, owner, said) = (api.to_owned(), owner.to_owned(), answer.words());
        if answer.is_rate_limit() {
            return Self::RateLimited { api, retry_after: answer.wait(), said };
        }
        match answer.status {
            401 => Self::Unauthorized { api, said, needed },
            403 => Self::Forbidden { api, owner, said, needed },
            404 => Self::NotFound { api, owner, said, needed },
            status @ (400 | 409 | 422) => Self::Invalid { api, status, said },
            status @ 500.. => Self::Server { api, status, said },
            status => Self::Unexpected { api, status, said },
        }
    }
}

pub(super) fn quoted(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

pub(super) fn when(retry_after: Option<u64>) -> String {
    retry_after.map_or_else(|| "in some minutes".to_owned(), |seconds| format!("in {seconds} seconds"))
}
