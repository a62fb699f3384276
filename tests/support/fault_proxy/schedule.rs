//! Which request is disturbed how: a function of a seed and of what is asked, so that it can be repeated although
//! requests come in any order.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use http::Method;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is asked later.
    Slow(Duration),
    /// The connection is cut, and the server never asked.
    ResetBefore,
    /// The server has done it, and the connection is cut before the answer.
    ResetAfter,
    /// The connection is cut in the middle of the answer.
    Cut,
    /// The answer ends, as if it were whole, in the middle.
    Truncated,
    /// The answer comes in eight parts, with this time before each.
    Drip(Duration),
    /// 429, with or without `Retry-After`.
    Busy(Option<Duration>),
    /// An error of the server, which has not done it.
    Error(u16),
    /// An error of the server, which has done it nevertheless.
    ErrorAfter(u16),
    /// 409: somebody else was faster. The server has not done it.
    Conflict,
    /// 403: no right to.
    Forbidden,
    /// 422: refused for good.
    Invalid,
    /// 410 as the first event of a watch.
    Gone,
    /// A watch ends after this time.
    WatchEnds(Duration),
}

/// A request as far as schedules look at it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// How often it came before.
    pub times: usize,
    /// How many requests of any kind came before.
    pub number: usize,
}

impl Seen {
    fn is_watch(&self) -> bool {
        self.path.contains("watch=true")
    }
}

/// What is disturbed.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// By chance.
    Drawn(Drawn),
    /// Every request, the first time that it comes; of a watch, its beginning.
    First(Fault),
}

/// What is disturbed by chance: the same for the same seed.
#[derive(Clone, Debug)]
pub struct Drawn {
    seed: u64,
    /// Of 1000 requests, so many are disturbed.
    share: u64,
    /// Kinds of faults, by their numbers.
    kinds: Vec<u64>,
    /// Requests between these numbers are all cut: the server is away.
    away: std::ops::Range<usize>,
    /// A write that never succeeds.
    stubborn: Option<(u64, Fault)>,
}

/// How often the same request is disturbed at most, so that it succeeds within the client's patience.
const MOST: usize = 4;
const KINDS: u64 = 10;
/// The longest that a fault adds to one request.
const LONGEST: Duration = Duration::from_millis(150);

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl Schedule {
    /// What happens to a request.
    pub fn fault(&self, seen: &Seen) -> Option<Fault> {
        match self {
            Self::Drawn(drawn) => drawn.fault(seen),
            Self::First(_) if seen.times > 0 => None,
            Self::First(_) if seen.is_watch() => Some(Fault::Gone),
            Self::First(fault) => Some(*fault),
        }
    }
}

impl Drawn {
    /// By a seed.
    pub fn new(seed: u64) -> Self {
        let pick = |what: &str, below: u64| hash((seed, what)) % below;
        let kinds = match pick("kinds", 3) {
            0 => (0..KINDS).collect(),
            1 => vec![pick("first", KINDS)],
            _ => vec![pick("first", KINDS), pick("second", KINDS), pick("third", KINDS)],
        };
        let begin = pick("begin", 120) as usize;
        let length = if pick("away", 4) == 0 { pick("length", 12) as usize } else { 0 };
        let refusals = [Fault::Forbidden, Fault::Invalid, Fault::Conflict];
        let stubborn = (pick("stubborn", 8) == 0)
            .then(|| (pick("which", 8), refusals[pick("refusal", refusals.len() as u64) as usize]));
        Self {
            seed,
            share: [20, 60, 120, 250][pick("share", 4) as usize],
            kinds,
            away: begin..begin + length,
            stubborn,
        }
    }

    fn fault(&self, seen: &Seen) -> Option<Fault> {
        let is_write = seen.method != Method::GET;
        // What is asked without the query, in which times may stand.
        let place = seen.path.split('?').next().unwrap_or_default();
        if let Some((which, fault)) = self.stubborn.filter(|_| is_write)
            && hash((self.seed, place, "stubborn")) % 8 == which
        {
            return Some(fault);
        }
        if self.away.contains(&seen.number) {
            return Some(Fault::ResetBefore);
        }
        let drawn = hash((self.seed, seen.method.as_str(), place, seen.times));
        if seen.times >= MOST || drawn % 1000 >= self.share {
            return None;
        }
        let kind = self.kinds[(drawn >> 10) as usize % self.kinds.len()];
        let amount = (drawn >> 32) % 1000;
        let time = LONGEST * u32::try_from(amount).unwrap_or_default() / 1000;
        if seen.is_watch() {
            return Some(match kind % 5 {
                0 => Fault::Gone,
                1 => Fault::WatchEnds(time),
                2 => Fault::Error(500),
                3 => Fault::ResetBefore,
                _ => Fault::Slow(time),
            });
        }
        Some(match kind {
            0 => Fault::Slow(time),
            1 => Fault::ResetBefore,
            2 => Fault::ResetAfter,
            3 => Fault::Cut,
            4 => Fault::Truncated,
            5 => Fault::Drip(time / 8),
            6 => Fault::Busy(match amount {
                ..900 => [None, Some(Duration::ZERO)][amount as usize % 2],
                _ => Some(Duration::from_secs(1)),
            }),
            7 => Fault::Error([500, 502, 503, 504][amount as usize % 4]),
            8 => Fault::ErrorAfter([500, 504][amount as usize % 2]),
            _ if is_write => Fault::Conflict,
            _ => Fault::Slow(time),
        })
    }
}
