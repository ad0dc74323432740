//! The repairs of each object. Another client may undo a repair again and again: repairs then are tried less and less often, and at
//! last suspended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::action::Target;
use super::objects::Writer;

/// The delay after the first repair. Each further delay is three times as long.
const FIRST_DELAY: Duration = Duration::from_secs(2);
/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(300);
/// How long an object must be without drift, from its last drift, until its repairs are forgotten.
const QUIET: Duration = Duration::from_secs(30 * 60);

/// How objects are repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// How often the repair of an object is tried before it is suspended.
    pub attempts: u32,
}

impl Default for Repair {
    fn default() -> Self {
        Repair { attempts: 6 }
    }
}

/// An object that can be repaired.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub target: Target,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// An object whose repairs are suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// The object.
    pub key: Key,
    /// How often its repair was tried.
    pub attempts: u32,
    /// The client that changed it last, if it is known and not netpol itself.
    pub writer: Option<Writer>,
}

/// What is known about earlier repairs. Each plan returns the memory for the next one, which assumes that all of its actions are
/// tried. A caller that does not act always passes an empty memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    repairs: BTreeMap<Key, Repairs>,
}

/// The repairs of one object. Times are durations since any fixed moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Repairs {
    attempts: u32,
    last_attempt: Duration,
    last_drift: Duration,
    /// Whether a plan since the last drift found the object without drift.
    was_right: bool,
}

/// What to do about an object that drifts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Act,
    Wait,
    Suspend { attempts: u32 },
}

impl Memory {
    /// Decides whether a drifted object is repaired at `now`, and remembers the repair.
    pub(super) fn drifted(&mut self, key: &Key, repair: Repair, now: Duration) -> Decision {
        let Some(known) = self.drifting(key, now) else {
            if repair.attempts == 0 {
                return Decision::Suspend { attempts: 0 };
            }
            self.repairs.insert(key.clone(), Repairs { attempts: 1, last_attempt: now, last_drift: now, was_right: false });
            return Decision::Act;
        };
        if known.attempts >= repair.attempts {
            return Decision::Suspend { attempts: known.attempts };
        }
        if now.saturating_sub(known.last_attempt) < delay(known.attempts) {
            return Decision::Wait;
        }
        known.attempts += 1;
        known.last_attempt = now;
        Decision::Act
    }

    /// Notes that an object drifts whose repair waits for the end of a pause: it is not tried, and earlier repairs stay known.
    pub(super) fn held(&mut self, key: &Key, now: Duration) {
        self.drifting(key, now);
    }

    /// Returns the earlier repairs of an object that drifts, unless they are forgotten.
    fn drifting(&mut self, key: &Key, now: Duration) -> Option<&mut Repairs> {
        if self.repairs.get(key).is_some_and(|known| known.was_right && is_quiet(known, now)) {
            self.repairs.remove(key);
        }
        let known = self.repairs.get_mut(key)?;
        known.last_drift = now;
        known.was_right = false;
        Some(known)
    }

    /// Notes that every object of a kind in a namespace is without drift, except `drifted`.
    pub(super) fn right(&mut self, target: &Target, namespace: &str, drifted: &BTreeSet<Key>, now: Duration) {
        self.repairs.retain(|key, known| {
            if key.target != *target || key.namespace != namespace || drifted.contains(key) {
                return true;
            }
            known.was_right = true;
            !is_quiet(known, now)
        });
    }
}

fn is_quiet(known: &Repairs, now: Duration) -> bool {
    now.saturating_sub(known.last_drift) >= QUIET
}

/// Returns how long to wait after an attempt: 2 s, 6 s, 18 s … at most 300 s.
fn delay(attempts: u32) -> Duration {
    3u32.checked_pow(attempts.saturating_sub(1))
        .and_then(|factor| FIRST_DELAY.checked_mul(factor))
        .map_or(LONGEST_DELAY, |delay| delay.min(LONGEST_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key { target: Target::NetworkPolicy, namespace: "desk".to_owned(), name: "a".to_owned() }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn repairs_of_a_fight_are_tried_less_and_less_often_and_then_suspended() {
        let mut memory = Memory::default();
        let repair = Repair { attempts: 8 };
        let mut tried = Vec::new();
        for second in 0..2000 {
            if memory.drifted(&key(), repair, seconds(second)) == Decision::Act {
                tried.push(second);
            }
        }
        assert_eq!(tried, [0, 2, 8, 26, 80, 242, 542, 842], "2 s, 6 s, 18 s, 54 s, 162 s, 300 s, 300 s");
        assert_eq!(memory.drifted(&key(), repair, seconds(2000)), Decision::Suspend { attempts: 8 });
        assert_eq!(Memory::default().drifted(&key(), Repair { attempts: 0 }, seconds(0)), Decision::Suspend { attempts: 0 });
    }

    #[test]
    fn only_thirty_minutes_without_drift_end_a_suspension() {
        let none = BTreeSet::new();
        let repair = Repair { attempts: 1 };
        let mut memory = Memory::default();
        assert_eq!(memory.drifted(&key(), repair, seconds(0)), Decision::Act);
        // An object that drifts each time that it is seen never was without drift, however rarely it is seen.
        assert_eq!(memory.drifted(&key(), repair, seconds(4000)), Decision::Suspend { attempts: 1 });
        // The time counts from the last drift, not from the last repair.
        memory.right(&Target::NetworkPolicy, "desk", &none, seconds(4000 + 1799));
        assert_eq!(memory.drifted(&key(), repair, seconds(4000 + 1799)), Decision::Suspend { attempts: 1 });
        memory.right(&Target::NetworkPolicy, "desk", &none, seconds(5000 + 1799));
        assert_eq!(memory.drifted(&key(), repair, seconds(5799 + 1800)), Decision::Act);
        // Other namespaces, other kinds and objects that drift say nothing.
        let drifted = BTreeSet::from([key()]);
        for (target, namespace, drifted) in
            [(Target::NetworkPolicy, "other", &none), (Target::Pod, "desk", &none), (Target::NetworkPolicy, "desk", &drifted)]
        {
            memory.right(&target, namespace, drifted, seconds(100_000));
            assert_eq!(memory.drifted(&key(), repair, seconds(7599)), Decision::Suspend { attempts: 1 });
        }
        memory.right(&Target::NetworkPolicy, "desk", &none, seconds(100_000));
        assert_eq!(memory, Memory::default());
    }
}
