//! Reads, adds, changes and removes the webhooks of a repository.

use std::cell::{Cell, RefCell};

use manifests::config::GitProvider;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use ureq::http::Method;

use super::dialect::{Change, Dialect, Page, Place, dialect};
use super::error::{Doing, HookCause, HookError};
use super::url::{encoded, same};
use super::{Hook, HookChange, PutHook, SecretAtHost, Standing, WantedHook};
use crate::hosts::HostError;
use crate::hosts::call::Call;
use crate::http::{Answer, Broken};

/// More pages than this no repository has: hosts allow some dozen hooks.
const PAGES: usize = 100;

/// All webhooks of the repository.
pub(super) fn hooks(call: &Call) -> Result<Vec<Hook>, HostError> {
    call.patiently(|| Hooks::of(call)?.list())
}

/// Makes sure that the wanted webhook is there once.
pub(super) fn put(call: &Call, wanted: &WantedHook, secret: SecretAtHost) -> Result<PutHook, HostError> {
    let dialect = dialect(call.host.kind);
    if let (false, Some(who)) = (wanted.verify_tls, dialect.always_verifies()) {
        let cause = HookCause::AlwaysVerifies { who };
        return Err(HookError::of(&call.host, Doing::Add, cause).into());
    }
    // Where an answer was lost, what was sent may have been done, and is found as if it had been there.
    let sent = Cell::new(None);
    let mut put = call.patiently(|| Hooks::of(call)?.put(wanted, secret, &sent))?;
    match (sent.get(), put.change) {
        (Some(HookChange::Created), _) => put.change = HookChange::Created,
        (Some(HookChange::Updated), HookChange::Unchanged) => put.change = HookChange::Updated,
        _ => {}
    }
    Ok(put)
}

/// Removes every webhook with the address, or one of before, that sends pushes.
pub(super) fn remove(call: &Call, wanted: &WantedHook) -> Result<Vec<Hook>, HostError> {
    let gone = RefCell::new(Vec::new());
    call.patiently(|| {
        let hooks = Hooks::of(call)?;
        let push = hooks.dialect.push();
        // One that sends something else as well is somebody else's by now.
        let ours = |hook: &Hook| hook.is_of(wanted) && hook.is_alone(push);
        for hook in hooks.list()?.into_iter().filter(ours) {
            hooks.remove(&hook)?;
            gone.borrow_mut().push(hook);
        }
        Ok(())
    })?;
    Ok(gone.into_inner())
}

/// How hooks that were read compare with a wanted one.
pub(super) fn standing(kind: GitProvider, hooks: &[Hook], wanted: &WantedHook) -> Standing {
    let push = dialect(kind).push();
    let Chosen { kept, removed, left } = Chosen::of(hooks.to_vec(), wanted, push);
    let fits = removed.is_empty() && kept.as_ref().is_some_and(|kept| kept.fits(wanted, push));
    let moved = kept.as_ref().is_some_and(|kept| !same(&kept.url, &wanted.url));
    let shared = kept.as_ref().is_some_and(|kept| !kept.is_alone(push));
    Standing { hook: kept, fits, moved, shared, left: left.len() }
}

/// Hooks with the wanted address, or one of before.
struct Chosen {
    kept: Option<Hook>,
    /// For pushes alone.
    removed: Vec<Hook>,
    /// With the wanted address, and for something else as well.
    left: Vec<Hook>,
}

impl Chosen {
    fn of(hooks: Vec<Hook>, wanted: &WantedHook, push: &str) -> Self {
        let at_address = |hook: &Hook| same(&hook.url, &wanted.url);
        let there = hooks.into_iter().filter(|hook| hook.is_of(wanted));
        let (mut ours, mut left): (Vec<Hook>, Vec<Hook>) = there.partition(|hook| hook.sends(push));
        // The order of the list stands where two are alike: hosts give the oldest first, or always the same one.
        let rank =
            |hook: &Hook| (!hook.fits(wanted, push), !at_address(hook), !hook.only(push), !hook.active);
        ours.sort_by_key(rank);
        let mut ours = ours.into_iter();
        let kept = ours.next();
        let (removed, chatty): (Vec<Hook>, Vec<Hook>) = ours.partition(|hook| hook.only(push));
        left.extend(chatty);
        left.retain(at_address);
        Self { kept, removed, left }
    }
}

/// The webhooks of one repository.
struct Hooks<'a> {
    call: &'a Call,
    dialect: &'static dyn Dialect,
    place: Place,
}

impl<'a> Hooks<'a> {
    fn of(call: &'a Call) -> Result<Self, HostError> {
        let dialect = dialect(call.host.kind);
        let place = dialect.place(call);
        let place = place.map_err(|error| HookError::from_request(&call.host, Doing::Read, error))?;
        Ok(Self { call, dialect, place })
    }

    fn list(&self) -> Result<Vec<Hook>, HostError> {
        let (mut found, mut total) = (Vec::new(), 0);
        let mut query = self.dialect.first().to_owned();
        for number in 1..=PAGES {
            let mark = if query.is_empty() { "" } else { "?" };
            let path = format!("{}{mark}{query}", self.place.path);
            let (answer, body) = self.ask(Doing::Read, Method::GET, &path, None)?;
            let items = match self.dialect.list() {
                "" => body.as_array(),
                key => body.get(key).and_then(Value::as_array),
            };
            let items = items.ok_or_else(|| self.odd(Doing::Read, "there is no list of webhooks in it"))?;
            found.extend(items.iter().filter_map(|item| self.dialect.read(item, &self.place)));
            total += items.len();
            let page = Page { answer: &answer, body: &body, number, length: items.len(), total };
            match self.dialect.next(&page) {
                // A part of the list is no list: what is missing in it would be added twice.
                Some(next) if next == query => break,
                Some(next) => query = next,
                None => return Ok(found),
            }
        }
        Err(self.odd(Doing::Read, "its list of webhooks has no end"))
    }

    /// Looks what is there, then does what is missing; `sent` says what that was.
    fn put(
        &self,
        wanted: &WantedHook,
        secret: SecretAtHost,
        sent: &Cell<Option<HookChange>>,
    ) -> Result<PutHook, HostError> {
        let push = self.dialect.push();
        let Chosen { kept, removed, left } = Chosen::of(self.list()?, wanted, push);
        let Some(kept) = kept else {
            sent.set(Some(HookChange::Created));
            let hook = self.create(wanted)?;
            return Ok(PutHook { change: HookChange::Created, hook, removed, left });
        };
        // Which of several has the right secret, nobody knows.
        let known = secret == SecretAtHost::Same && removed.is_empty();
        let (change, hook) = if known && kept.fits(wanted, push) {
            (HookChange::Unchanged, kept)
        } else {
            sent.set(sent.get().or(Some(HookChange::Updated)));
            (HookChange::Updated, self.update(&kept, wanted)?)
        };
        removed.iter().try_for_each(|hook| self.remove(hook))?;
        Ok(PutHook { change, hook, removed, left })
    }

    fn create(&self, wanted: &WantedHook) -> Result<Hook, HostError> {
        let path = format!("{}{}", self.place.path, self.dialect.query());
        self.write(Doing::Add, Method::POST, &path, wanted)
    }

    fn update(&self, hook: &Hook, wanted: &WantedHook) -> Result<Hook, HostError> {
        let method = match self.dialect.change() {
            Change::Patch => Method::PATCH,
            Change::Put => Method::PUT,
            Change::Replace => {
                let new = self.create(wanted)?;
                return self.remove(hook).map(|()| new);
            }
        };
        self.write(Doing::Change, method, &self.of_hook(hook), wanted)
    }

    /// Removes a hook; that it is gone already is fine.
    fn remove(&self, hook: &Hook) -> Result<(), HostError> {
        let answer = self.send(Doing::Remove, Method::DELETE, &self.of_hook(hook), None)?;
        match answer.status {
            200..=202 | 204 | 404 => Ok(()),
            _ => Err(self.refused(Doing::Remove, &answer)),
        }
    }

    fn write(
        &self,
        doing: Doing,
        method: Method,
        path: &str,
        wanted: &WantedHook,
    ) -> Result<Hook, HostError> {
        let body = self.dialect.body(wanted, &self.place);
        let (_, body) = self.ask(doing, method, path, Some((&body, wanted)))?;
        let hook = self.dialect.read(&body, &self.place);
        hook.ok_or_else(|| self.odd(doing, "there is no webhook in it"))
    }

    fn of_hook(&self, hook: &Hook) -> String {
        format!("{}/{}{}", self.place.path, encoded(&hook.id), self.dialect.query())
    }

    /// A request that is answered with JSON.
    fn ask(
        &self,
        doing: Doing,
        method: Method,
        path: &str,
        body: Option<(&Value, &WantedHook)>,
    ) -> Result<(Answer, Value), HostError> {
        let answer = self.send(doing, method, path, body)?;
        // 203 is Azure DevOps' page to sign in.
        if !matches!(answer.status, 200..=202) {
            return Err(self.refused(doing, &answer));
        }
        match answer.json() {
            Ok(json) => Ok((answer, json)),
            Err(source) => Err(self.cause(doing, HookCause::Broken(source))),
        }
    }

    fn send(
        &self,
        doing: Doing,
        method: Method,
        path: &str,
        body: Option<(&Value, &WantedHook)>,
    ) -> Result<Answer, HostError> {
        let answer = self.call.send(method, path, body.map(|(body, _)| body));
        let mut answer = answer.map_err(|error| HookError::from_request(&self.call.host, doing, error))?;
        answer.secrets.extend(body.into_iter().flat_map(|(_, wanted)| wanted.secrets()));
        Ok(answer)
    }

    fn refused(&self, doing: Doing, answer: &Answer) -> HostError {
        HookError::answered(&self.call.host, doing, answer, self.dialect.needed()).into()
    }

    fn odd(&self, doing: Doing, what: &str) -> HostError {
        let source = Broken::Other(format!("it answered something else than expected: {what}"));
        self.cause(doing, HookCause::Broken(source))
    }

    fn cause(&self, doing: Doing, cause: HookCause) -> HostError {
        HookError::of(&self.call.host, doing, cause).into()
    }
}

impl Hook {
    /// Whether it is as wanted, as far as the host shows.
    fn fits(&self, wanted: &WantedHook, push: &str) -> bool {
        same(&self.url, &wanted.url)
            && self.active
            && self.plain
            && self.only(push)
            && self.verify_tls.is_none_or(|verified| verified == wanted.verify_tls)
            && (wanted.secret.is_none() || self.has_secret != Some(false))
    }

    /// Whether it leads to the wanted address, or to one of before.
    fn is_of(&self, wanted: &WantedHook) -> bool {
        same(&self.url, &wanted.url) || wanted.former.contains(&self.id)
    }

    /// Whether it sends pushes, maybe among other events; one for no event at all was meant for some.
    fn sends(&self, push: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|event| event == push || event == "*")
    }

    /// Whether nobody would miss anything but pushes.
    fn is_alone(&self, push: &str) -> bool {
        self.events.is_empty() || self.only(push)
    }

    /// Whether it sends pushes, and nothing else.
    fn only(&self, push: &str) -> bool {
        matches!(self.events.as_slice(), [event] if event == push)
    }
}

impl WantedHook {
    /// All that must not be repeated.
    fn secrets(&self) -> Vec<SecretString> {
        let Some(secret) = &self.secret else { return Vec::new() };
        let password = crate::signature::user_and_password(secret.expose_secret()).1;
        vec![secret.clone(), password.into()]
    }
}
