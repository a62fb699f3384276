//! The Lease as an object: who holds it, since when, and for how long.

use std::time::Duration;

use jiff::Timestamp;
use manifests::{MANAGER, Object};
use serde_json::{Value, json};

use super::{DURATION, reference};

/// Annotation: which process it is, of all processes of all machines.
const PROCESS: &str = "gitops-setup/process";
/// Characters of a name that are shown.
const SHOWN: usize = 120;

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// For people: user, host, process, command.
    pub name: String,
    /// Which process it is; no other ever has the same.
    pub process: String,
}

impl Holder {
    /// Whether a Lease is held by this very process.
    pub(super) fn has(&self, live: &Object) -> bool {
        live.annotation(PROCESS) == Some(&self.process)
    }
}

/// A Lease of ours, new or in place of another's.
pub(super) fn taken(holder: &Holder, before: Option<&Object>, time: &str) -> Object {
    let transitions = before.and_then(|before| before.get("/spec/leaseTransitions")?.as_i64());
    let mut lease = before.cloned().unwrap_or_else(|| Object::new(&reference()));
    lease =
        lease.with_label("app.kubernetes.io/managed-by", MANAGER).with_annotation(PROCESS, &holder.process);
    lease.with(
        "spec",
        json!({
            "holderIdentity": holder.name,
            "leaseDurationSeconds": DURATION.as_secs(),
            "acquireTime": time,
            "renewTime": time,
            "leaseTransitions": before.map_or(0, |_| transitions.unwrap_or_default().saturating_add(1)),
        }),
    )
}

/// The same Lease with another sign of life.
pub(super) fn renewed(live: &Object, time: &str) -> Object {
    let mut lease = live.clone();
    if let Some(Value::Object(spec)) = lease.get_mut("/spec") {
        spec.insert("renewTime".into(), time.into());
    }
    lease
}

/// Whether nobody has it.
pub(super) fn is_free(live: &Object) -> bool {
    live.text("/spec/holderIdentity").is_empty()
}

/// The process that has it, where that is said.
pub(super) fn process(live: &Object) -> &str {
    live.annotation(PROCESS).unwrap_or_default()
}

/// How long it stays its holder's without a sign of life.
pub(super) fn duration(live: &Object) -> Duration {
    let seconds = live.get("/spec/leaseDurationSeconds").and_then(Value::as_u64);
    seconds.map_or(DURATION, Duration::from_secs)
}

/// Who has it and since when, for people. Others may write anything there, also what moves a terminal's cursor.
pub(super) fn held_by(live: &Object) -> String {
    let plain = |pointer| {
        let text = live.text(pointer).chars().take(SHOWN);
        text.map(|c| if c.is_control() { '?' } else { c }).collect::<String>()
    };
    let (holder, since) = (plain("/spec/holderIdentity"), plain("/spec/acquireTime"));
    let since: Option<Timestamp> = since.parse().ok();
    match since {
        Some(since) => format!("{holder}, since {}", since.strftime("%Y-%m-%d %H:%M:%S UTC")),
        None => holder,
    }
}

/// A time as Leases have it.
pub(super) fn time(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str) -> Holder {
        Holder { name: name.into(), process: format!("process of {name}") }
    }

    #[test]
    fn a_lease_says_who_has_it_and_since_when() {
        let time = time("2026-11-21T15:33:00Z".parse().unwrap());
        assert_eq!(time, "2026-11-21T15:33:00.000000Z");
        let lease = taken(&holder("ann@laptop"), None, &time);
        assert_eq!(held_by(&lease), "ann@laptop, since 2026-11-21 15:33:00 UTC");
        assert_eq!((duration(&lease), is_free(&lease)), (DURATION, false));
        let next = taken(&holder("bob@desk"), Some(&lease), &time);
        assert_eq!(next.get("/spec/leaseTransitions"), Some(&json!(1)));
        assert!(holder("bob@desk").has(&next) && !holder("ann@laptop").has(&next));
    }

    #[test]
    fn a_holder_of_others_making_moves_no_cursor() {
        let spec =
            json!({ "holderIdentity": "\u{1b}[2Jx\n", "acquireTime": "soon", "leaseDurationSeconds": -1 });
        let lease = Object::new(&reference()).with("spec", spec);
        assert_eq!(held_by(&lease), "?[2Jx?");
        assert_eq!(duration(&lease), DURATION);
        assert!(is_free(&Object::new(&reference())));
    }
}
