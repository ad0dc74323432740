use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::registry::{Activity, Class, Id, Registry, Sizes, Slot};

const SIZES: Sizes = Sizes { silent: 3, handshakes: 2, established: 3 };

fn registry() -> Registry<()> {
    Registry::new(SIZES)
}

/// A registry with a clock that advances one second per step.
struct Stepped {
    registry: Registry<()>,
    now: Instant,
}

impl Stepped {
    fn new() -> Stepped {
        Stepped { registry: registry(), now: Instant::now() }
    }

    fn step(&mut self) -> Instant {
        self.now += Duration::from_secs(1);
        self.now
    }

    fn admit(&mut self) -> (Id, Option<Id>) {
        let now = self.step();
        self.registry.admit((), now)
    }

    /// A connection with a slot; asserts that one is free.
    fn established(&mut self) -> Id {
        let (id, _) = self.admit();
        self.registry.start_handshake(id);
        assert_eq!(self.establish(id), Slot::Taken);
        id
    }

    fn establish(&mut self, id: Id) -> Slot {
        let now = self.step();
        self.registry.establish(id, now)
    }

    fn review(&mut self, id: Id) {
        self.registry.begin(id);
        self.registry.prove(id);
        let now = self.step();
        self.registry.end(id, now);
    }

    /// A connection that completed its handshake and found no slot.
    fn displaces(&mut self) -> Option<Id> {
        let (id, _) = self.admit();
        self.registry.start_handshake(id);
        match self.establish(id) {
            Slot::Full { displaced } => displaced,
            Slot::Taken => panic!("a slot was free"),
        }
    }
}

#[test]
fn a_silent_connection_displaces_the_oldest_silent_one_and_no_other() {
    let mut all = Stepped::new();
    let answered = all.established();
    let handshaking = all.admit().0;
    assert_eq!(all.registry.start_handshake(handshaking), None);
    let silent: Vec<Id> = (0..3).map(|_| all.admit().0).collect();
    for oldest in silent {
        assert_eq!(all.admit().1, Some(oldest));
    }
    assert!(all.registry.signal(answered).is_some() && all.registry.signal(handshaking).is_some());
}

#[test]
fn a_handshake_displaces_the_oldest_handshake() {
    let mut all = Stepped::new();
    let [first, second, third] = [(); 3].map(|()| all.admit().0);
    assert_eq!(all.registry.start_handshake(second), None);
    assert_eq!(all.registry.start_handshake(first), None);
    assert_eq!(all.registry.start_handshake(third), Some(first), "by the time of the accept");
    assert_eq!(all.registry.start_handshake(third), None, "a handshake starts once");
}

#[test]
fn unproven_connections_are_displaced_before_proven_ones() {
    let mut all = Stepped::new();
    let [first, second, third] = [(); 3].map(|()| all.established());
    all.review(first);
    all.review(third);
    assert_eq!(all.displaces(), Some(second));
    all.registry.remove(second);
    all.established();
}

#[test]
fn where_all_are_proven_the_longest_idle_one_is_displaced() {
    let mut all = Stepped::new();
    let [first, second, third] = [(); 3].map(|()| all.established());
    for id in [third, first, second] {
        all.review(id);
    }
    assert_eq!(all.displaces(), Some(third));
    assert_eq!(all.displaces(), Some(first), "each connection that waits displaces one");
}

#[test]
fn a_busy_connection_is_never_displaced() {
    let mut all = Stepped::new();
    let busy = [(); 3].map(|()| all.established());
    for id in busy {
        all.registry.begin(id);
    }
    let (waiting, _) = all.admit();
    all.registry.start_handshake(waiting);
    assert_eq!(all.establish(waiting), Slot::Full { displaced: None });
    let now = all.step();
    assert!(all.registry.end(busy[1], now), "the connection that waits must try again");
    assert_eq!(all.establish(waiting), Slot::Full { displaced: Some(busy[1]) });
    assert_eq!(all.establish(waiting), Slot::Full { displaced: None }, "one is enough");
    assert!(all.registry.remove(busy[1]));
    assert_eq!(all.establish(waiting), Slot::Taken);
    assert!(!all.registry.remove(busy[0]), "no connection waits");
}

#[test]
fn activity_says_what_a_connection_did() {
    let mut all = Stepped::new();
    let id = all.established();
    assert_eq!(all.registry.activity(id), Activity::default());
    all.registry.begin(id);
    assert_eq!(all.registry.activity(id), Activity { is_busy: true, has_sent: true, is_proven: false });
    all.review(id);
    let now = all.step();
    all.registry.end(id, now);
    assert_eq!(all.registry.activity(id), Activity { is_busy: false, has_sent: true, is_proven: true });
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Admit,
    StartHandshake(usize),
    Establish(usize),
    Begin(usize),
    End(usize),
    Prove(usize),
    Remove(usize),
    Expire(u64),
    Relieve,
}

fn change() -> impl Strategy<Value = Change> {
    let one = 0..12_usize;
    prop_oneof![
        4 => Just(Change::Admit),
        3 => one.clone().prop_map(Change::StartHandshake),
        4 => one.clone().prop_map(Change::Establish),
        2 => one.clone().prop_map(Change::Begin),
        2 => one.clone().prop_map(Change::End),
        2 => one.clone().prop_map(Change::Prove),
        2 => one.prop_map(Change::Remove),
        1 => (1..30_u64).prop_map(Change::Expire),
        1 => Just(Change::Relieve),
    ]
}

/// A connection of the naive model, which checks all connections each time.
#[derive(Debug, Clone)]
struct Naive {
    id: Id,
    class: Class,
    since: Instant,
    requests: u32,
    leaves: bool,
}

#[derive(Debug, Default)]
struct Model(Vec<Naive>);

impl Model {
    fn staying(&self, classes: &[Class]) -> usize {
        self.0.iter().filter(|one| classes.contains(&one.class) && !one.leaves).count()
    }

    fn leaving(&self) -> usize {
        self.0.iter().filter(|one| one.class >= Class::Unproven && one.leaves).count()
    }

    fn displace(&mut self, classes: &[Class], newcomer: Option<Id>) -> Option<Id> {
        let candidates =
            self.0.iter_mut().filter(|one| classes.contains(&one.class) && one.requests == 0 && !one.leaves && Some(one.id) != newcomer);
        let first = candidates.min_by_key(|one| (one.class, one.since, one.id))?;
        first.leaves = true;
        Some(first.id)
    }

    fn establish(&mut self, at: usize, now: Instant) -> Slot {
        let one = self.0[at].clone();
        if one.leaves {
            return Slot::Full { displaced: None };
        }
        if one.class >= Class::Unproven {
            return Slot::Taken;
        }
        if self.staying(&ESTABLISHED) + self.leaving() < SIZES.established {
            (self.0[at].class, self.0[at].since) = (Class::Unproven, now);
            return Slot::Taken;
        }
        self.0[at].class = Class::Queued;
        let is_short = self.leaving() < self.staying(&[Class::Queued]);
        Slot::Full { displaced: if is_short { self.displace(&ESTABLISHED, None) } else { None } }
    }
}

const ESTABLISHED: [Class; 2] = [Class::Unproven, Class::Proven];
const HANDSHAKES: [Class; 2] = [Class::Handshaking, Class::Queued];
const ALL: [Class; 5] = [Class::Silent, Class::Handshaking, Class::Queued, Class::Unproven, Class::Proven];

fn compare(changes: &[Change]) {
    let (handshake, idle) = (Duration::from_secs(5), Duration::from_secs(20));
    let mut registry = registry();
    let mut model = Model::default();
    let mut now = Instant::now();
    for change in changes {
        now += Duration::from_secs(1);
        let at = |index: usize| index.checked_rem(model.0.len());
        match *change {
            Change::Admit => {
                let (id, displaced) = registry.admit((), now);
                model.0.push(Naive { id, class: Class::Silent, since: now, requests: 0, leaves: false });
                let is_over = model.staying(&[Class::Silent]) > SIZES.silent;
                assert_eq!(displaced, if is_over { model.displace(&[Class::Silent], Some(id)) } else { None });
            }
            Change::StartHandshake(index) => {
                let Some(at) = at(index) else { continue };
                let id = model.0[at].id;
                let displaced = registry.start_handshake(id);
                let starts = model.0[at].class == Class::Silent && !model.0[at].leaves;
                if starts {
                    model.0[at].class = Class::Handshaking;
                }
                let is_over = starts && model.staying(&HANDSHAKES) > SIZES.handshakes;
                assert_eq!(displaced, if is_over { model.displace(&HANDSHAKES, Some(id)) } else { None });
            }
            Change::Establish(index) => {
                let Some(at) = at(index).filter(|at| model.0[*at].class >= Class::Handshaking) else { continue };
                assert_eq!(registry.establish(model.0[at].id, now), model.establish(at, now));
            }
            Change::Begin(index) => {
                let Some(at) = at(index).filter(|at| model.0[*at].class >= Class::Unproven) else { continue };
                registry.begin(model.0[at].id);
                model.0[at].requests += 1;
            }
            Change::End(index) => {
                let Some(at) = at(index).filter(|at| model.0[*at].requests > 0) else { continue };
                let is_awaited = registry.end(model.0[at].id, now);
                model.0[at].requests -= 1;
                if model.0[at].requests == 0 && !model.0[at].leaves {
                    model.0[at].since = now;
                }
                assert_eq!(is_awaited, model.staying(&[Class::Queued]) > 0);
            }
            Change::Prove(index) => {
                let Some(at) = at(index) else { continue };
                registry.prove(model.0[at].id);
                if model.0[at].class == Class::Unproven {
                    model.0[at].class = Class::Proven;
                }
            }
            Change::Remove(index) => {
                let Some(at) = at(index) else { continue };
                let removed = model.0.swap_remove(at);
                assert_eq!(registry.remove(removed.id), model.staying(&[Class::Queued]) > 0);
            }
            Change::Expire(seconds) => {
                now += Duration::from_secs(seconds);
                let mut late = registry.expire(now, handshake, idle);
                late.sort_unstable();
                let mut expected = Vec::new();
                for one in &mut model.0 {
                    let limit = if one.class < Class::Unproven { handshake } else { idle };
                    if one.requests == 0 && !one.leaves && now - one.since >= limit {
                        one.leaves = true;
                        expected.push(one.id);
                    }
                }
                expected.sort_unstable();
                assert_eq!(late, expected);
            }
            Change::Relieve => assert_eq!(registry.relieve(), model.displace(&ALL, None)),
        }
        assert_eq!(registry.len(), model.0.len());
        assert_eq!(registry.queued(), model.staying(&[Class::Queued]));
        assert!(model.staying(&ESTABLISHED) + model.leaving() <= SIZES.established);
        assert!(model.staying(&[Class::Silent]) <= SIZES.silent && model.staying(&HANDSHAKES) <= SIZES.handshakes);
    }
}

proptest! {
    #[test]
    fn the_registry_decides_as_a_naive_model_does(changes in prop::collection::vec(change(), 0..200)) {
        compare(&changes);
    }
}
