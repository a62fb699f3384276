//! The first request of the Git protocol over HTTPS: it tells of reach, TLS, credentials and branches at once.

use secrecy::SecretString;

use super::RemoteError;
use super::refs::{BadAnswer, Refs};
use super::target::Target;
use crate::bounded::detached;
use crate::github_app::AppError;
use crate::http::{Answer, Authorization, Broken, Http};
use crate::{Credentials, GithubApp};

const READ: &str = "git-upload-pack";
const WRITE: &str = "git-receive-pack";

/// What the first request told.
pub(crate) struct Advertised {
    /// Where the repository is: the configured address, or that with `.git` behind it where the host wants it so.
    pub(crate) url: String,
    pub(crate) refs: Refs,
}

/// Who asks, by user and token; for a GitHub App, a token is fetched.
pub(crate) fn authorization(target: &Target<'_>) -> Result<Option<Authorization>, RemoteError> {
    let Credentials::GithubApp(app) = &target.remote.credentials else {
        return Ok(at_hand(&target.remote.credentials));
    };
    let http = Http::new(&target.remote.trust, target.deadline.left());
    let http = http.map_err(|broken| target.broken(broken))?;
    let token = app_token(app, &http).map_err(|source| target.app(source))?;
    Ok(Some(Authorization::Basic { username: "x-access-token".to_owned(), token }))
}

/// The same without a request, and so without a GitHub App.
pub(crate) fn at_hand(credentials: &Credentials) -> Option<Authorization> {
    match credentials {
        Credentials::None | Credentials::Ssh(_) | Credentials::GithubApp(_) => None,
        Credentials::Token { username, token } => {
            Some(Authorization::Basic { username: username.clone(), token: token.clone() })
        }
        Credentials::Bearer { token } => Some(Authorization::Bearer(token.clone())),
    }
}

/// A token of an installation.
pub(crate) fn app_token(app: &GithubApp, http: &Http) -> Result<SecretString, AppError> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    off_the_runtime(|| app.installation_token(http, now))
}

/// Runs a blocking request in place, where the runtime has other threads to go on with.
fn off_the_runtime<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Asks for the branches; `None` where git itself has to be asked.
///
/// That is for a host which shows as its own the very authority's certificate that is configured to be trusted:
/// this client's verifier takes none of those, git and Argo CD do.
pub(crate) async fn branches(
    target: &Target<'_>,
    who: Option<&Authorization>,
) -> Result<Option<Advertised>, RemoteError> {
    let mut url = target.remote.url.trim_end_matches('/').to_owned();
    let mut answer = match ask(target, &url, READ, who).await {
        Err(Broken::SelfSigned) if target.remote.trust.ca.is_some() => return Ok(None),
        answer => answer.map_err(|broken| target.broken(broken))?,
    };
    if let Some(with_git) = to_dot_git(&url, &answer) {
        url = with_git;
        answer = ask(target, &url, READ, who).await.map_err(|broken| target.broken(broken))?;
    }
    let refs = read(target, &url, answer)?;
    Ok(Some(Advertised { url, refs }))
}

/// Asks whether a push is allowed.
pub(crate) async fn writable(
    target: &Target<'_>,
    url: &str,
    who: Option<&Authorization>,
) -> Result<(), RemoteError> {
    let answer = ask(target, url, WRITE, who).await.map_err(|broken| target.broken(broken))?;
    match answer.status {
        200 => Ok(()),
        401 | 403 | 404 if !answer.is_rate_limit() => Err(target.read_only(answer.words())),
        _ => Err(refused(target, url, &answer)),
    }
}

async fn ask(
    target: &Target<'_>,
    url: &str,
    service: &str,
    who: Option<&Authorization>,
) -> Result<Answer, Broken> {
    let http = Http::new(&target.remote.trust, target.deadline.left())?;
    let (url, who) = (format!("{url}/info/refs?service={service}"), who.cloned());
    let answer = detached(target.deadline, move || http.get(&url, "*/*", who.as_ref())).await;
    // The client keeps its time itself; this is for what it can't bound, such as a name server.
    answer.unwrap_or(Err(Broken::TimedOut))
}

fn read(target: &Target<'_>, url: &str, answer: Answer) -> Result<Refs, RemoteError> {
    if answer.status != 200 {
        return Err(refused(target, url, &answer));
    }
    match Refs::advertised(&answer.body) {
        Ok(refs) => Ok(refs),
        Err(BadAnswer::Said(words)) => Err(super::classify::classify(target, &format!("remote: {words}"))),
        Err(BadAnswer::NotGit(why)) => {
            let kind = answer.header("content-type").unwrap_or("no content type");
            Err(target
                .not_git(format!("it answered {} with status 200, and {why}", crate::http::one_line(kind))))
        }
    }
}

/// What an answer other than 200 means.
fn refused(target: &Target<'_>, url: &str, answer: &Answer) -> RemoteError {
    let said = answer.words();
    if answer.is_rate_limit() {
        return target.rate_limited(answer.retry_after(), said);
    }
    match answer.status {
        301 | 302 | 303 | 307 | 308 => redirected(target, url, answer),
        401 => target.authentication(said),
        403 => target.missing_scope(said),
        404 | 410 => target.not_found(said),
        407 => target.proxy(said),
        status @ 500.. => target.server(status.to_string(), said),
        status => target.not_git(format!("it answered with status {status} {said}").trim_end().to_owned()),
    }
}

/// Where an answer sends us, if that is a repository.
fn moved_to(url: &str, answer: &Answer) -> Option<String> {
    let location = answer.header("location").filter(|_| (300..400).contains(&answer.status))?;
    let location = location.split_once('?').map_or(location, |(path, _)| path);
    let place = location.strip_suffix("/info/refs")?;
    if place.starts_with('/') {
        let end = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
        return Some(format!("{}{place}", &url[..end]));
    }
    Some(place.to_owned())
}

/// GitLab sends an address without `.git` to the same with it; that is no move.
fn to_dot_git(url: &str, answer: &Answer) -> Option<String> {
    moved_to(url, answer).filter(|place| *place == format!("{url}.git"))
}

fn redirected(target: &Target<'_>, url: &str, answer: &Answer) -> RemoteError {
    match moved_to(url, answer) {
        Some(place) => target.moved(crate::http::one_line(&place)),
        None => target.authentication("it answered with a page to sign in".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(status: u16, location: &str) -> Answer {
        let headers = [(ureq::http::header::LOCATION, location.parse().unwrap())].into_iter().collect();
        Answer { status, headers, body: Vec::new(), secrets: Vec::new() }
    }

    #[test]
    fn a_redirect_is_a_move_or_the_same_repository_or_a_page() {
        let url = "https://git.acme.com:8443/acme/gitops";
        let service = "/info/refs?service=git-upload-pack";
        let here = redirect(301, &format!("{url}.git{service}"));
        assert_eq!(to_dot_git(url, &here).as_deref(), Some("https://git.acme.com:8443/acme/gitops.git"));
        let relative = redirect(301, &format!("/acme/gitops.git{service}"));
        assert_eq!(to_dot_git(url, &relative), to_dot_git(url, &here));
        let moved = redirect(302, &format!("https://git.acme.com:8443/acme/new{service}"));
        assert_eq!(moved_to(url, &moved).as_deref(), Some("https://git.acme.com:8443/acme/new"));
        assert_eq!(to_dot_git(url, &moved), None);
        assert_eq!(moved_to(url, &redirect(302, "https://git.acme.com:8443/users/sign_in")), None);
        assert_eq!(moved_to(url, &redirect(200, &format!("/x{service}"))), None);
    }
}
