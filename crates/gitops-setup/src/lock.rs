//! One run at a time: who we are, how long we wait for others, and giving the lock back.

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use cluster::lock::{Held, Holder, Waiting, reference};
use cluster::{Client, ClusterError, Lock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::random;
use crate::session::Session;

/// Where a session keeps the lock of its cluster.
pub(crate) struct Slot {
    /// The command, and how long it waits for others.
    command: Mutex<(&'static str, Duration)>,
    held: tokio::sync::Mutex<Option<Held>>,
    /// For whoever wants to hear of its loss.
    lock: watch::Sender<Option<Lock>>,
    /// Why there is none, although it was wanted.
    gap: OnceLock<String>,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            command: Mutex::new(("", Duration::ZERO)),
            held: tokio::sync::Mutex::default(),
            lock: watch::Sender::new(None),
            gap: OnceLock::new(),
        }
    }
}

impl Slot {
    /// Which command it is, for others who wait, and how long it waits itself.
    pub(crate) fn set(&self, command: &'static str, within: Duration) {
        *self.command.lock().expect("never poisoned") = (command, within);
    }

    /// Waits until the lock is lost; for ever where there is none.
    async fn lost(&self) -> Failure {
        let mut changes = self.lock.subscribe();
        let lock = match changes.wait_for(Option::is_some).await {
            Ok(lock) => lock.clone(),
            Err(_) => None,
        };
        match lock {
            Some(lock) => lock.lost().await.into(),
            None => std::future::pending().await,
        }
    }

    /// Makes sure that the lock is still ours, where it is held, before a write to something else than its cluster.
    pub(crate) async fn ensure(&self) -> Result<(), Failure> {
        let lock = self.lock.borrow().clone();
        match lock {
            Some(lock) => Ok(lock.ensure().await?),
            None => Ok(()),
        }
    }

    /// The same for every write to another cluster.
    pub(crate) fn guard(&self, client: &Client) {
        if let Some(lock) = &*self.lock.borrow() {
            client.locked_by(lock);
        }
    }

    /// What can't be known without the lock.
    pub(crate) fn gap(&self) -> Option<String> {
        self.gap.get().cloned()
    }
}

impl Session {
    /// Does work that may take the lock of the cluster: it ends where that is lost, and in each case the lock is given
    /// back.
    pub(crate) async fn locked<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let result = tokio::select! {
            biased;
            failure = self.lock.lost() => Err(failure),
            result = work => result,
        };
        self.unlock().await;
        result
    }

    /// Takes the lock of the cluster, before the first write to it; true where it was not held before, so that what was
    /// read is to be read again. Who may not use Leases goes on without: writes that could overwrite another run's are
    /// refused by the server in any case.
    pub(crate) async fn lock(&self, client: &Client) -> Result<bool, Failure> {
        let mut held = self.lock.held.lock().await;
        if held.is_some() || self.lock.gap.get().is_some() {
            return Ok(false);
        }
        let (command, within) = *self.lock.command.lock().expect("never poisoned");
        let told = |by: &str| {
            self.report.paragraph(&format!("waiting for another run, which changes this cluster: {by}"));
        };
        let waiting = Waiting { within, told: &told, has_ended: &has_ended };
        match client.lock(&holder(command)?, &waiting).await {
            Ok(lock) => {
                self.lock.lock.send_replace(Some(lock.lock().clone()));
                *held = Some(lock);
            }
            Err(error @ ClusterError::Forbidden { .. }) => {
                let error = error.to_string();
                let gap = format!(
                    "that no other run changes the cluster at the same time: {}",
                    error.lines().next().unwrap_or_default()
                );
                self.report.paragraph(&format!("not verified: {gap}"));
                let _only_once = self.lock.gap.set(gap);
            }
            Err(error) => return Err(error.into()),
        }
        // Kept from before the wait.
        *self.hooks.lock().await = None;
        Ok(true)
    }

    /// Gives the lock back, where it is held.
    async fn unlock(&self) {
        let Some(held) = self.lock.held.lock().await.take() else { return };
        if !held.release().await {
            self.report.paragraph(&format!(
                "{} could not be given back: the next run waits until it expires, for a minute",
                reference()
            ));
        }
    }
}

/// Who we are: for people, and for whoever can see our process.
fn holder(command: &str) -> Result<Holder, Failure> {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()));
    let system = rustix::system::uname();
    let (host, id) = (system.nodename().to_string_lossy(), std::process::id());
    let unique = u64::from_ne_bytes(random::bytes()?);
    Ok(Holder {
        name: format!("{user}@{host}, process {id}, {command}"),
        process: format!("{}/{id}/{unique:016x}", machine().unwrap_or_else(|| "?".into())),
    })
}

/// Where process ids mean the same as here: this boot of this machine, and this container.
fn machine() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let ids = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), ids.display()))
}

/// Whether a holder's process was one of this machine and is gone. Of any other nothing is known.
fn has_ended(process: &str) -> bool {
    let id = machine()
        .and_then(|here| process.strip_prefix(&here)?.strip_prefix('/')?.split('/').next()?.parse().ok());
    let id: Option<Pid> = id.and_then(Pid::from_raw);
    id.is_some_and(|id| test_kill_process(id) == Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_that_is_gone_has_ended() {
        let ours = holder("setup").unwrap().process;
        assert!(!has_ended(&ours), "{ours}");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let of_child = ours.replace(&format!("/{}/", std::process::id()), &format!("/{}/", child.id()));
        assert!(!has_ended(&of_child), "not waited for, it still has its number");
        child.wait().unwrap();
        assert_eq!(has_ended(&of_child), machine().is_some());
        assert!(!has_ended(&format!("another-machine{of_child}")));
        assert!(!has_ended("") && !has_ended("?/1/2"));
    }
}
