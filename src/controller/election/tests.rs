//! The decision about the Lease: for one candidate, and for several candidates with their own clocks.

use std::time::Duration;

use super::lease::{Action, Memory, Observed, decide};
use super::timing::Timing;

const TIMING: Timing = Timing { lease: Duration::from_secs(15), renew_deadline: Duration::from_secs(10), retry: Duration::from_secs(2) };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn observed<'l>(version: &'l str, holder: &'l str) -> Observed<'l> {
    Observed { version, holder: Some(holder) }
}

#[test]
fn default_timing_is_that_of_kubernetes_components() {
    assert_eq!(Timing::default(), TIMING);
}

#[test]
fn a_lease_without_a_holder_is_taken_at_once() {
    for holder in [None, Some("")] {
        let (_, action) = decide(&Memory::default(), &Observed { version: "1", holder }, "me", at(0), &TIMING);
        assert_eq!(action, Action::Take);
    }
}

#[test]
fn a_lease_is_taken_after_fifteen_seconds_without_a_change_by_the_own_clock() {
    let (memory, action) = decide(&Memory::default(), &observed("1", "other"), "me", at(100), &TIMING);
    assert_eq!(action, Action::Wait, "this process has just read it for the first time");
    let (memory, action) = decide(&memory, &observed("1", "other"), "me", at(114), &TIMING);
    assert_eq!(action, Action::Wait);
    let (memory, action) = decide(&memory, &observed("2", "other"), "me", at(115), &TIMING);
    assert_eq!(action, Action::Wait, "the holder renewed it");
    let (memory, action) = decide(&memory, &observed("2", "other"), "me", at(129), &TIMING);
    assert_eq!(action, Action::Wait);
    let (_, action) = decide(&memory, &observed("2", "other"), "me", at(130), &TIMING);
    assert_eq!(action, Action::Take);
}

#[test]
fn a_leader_stops_ten_seconds_after_its_last_renewal() {
    let memory = Memory::written("1", at(50));
    assert!(memory.leads(at(50), &TIMING) && memory.leads(at(59), &TIMING) && !memory.leads(at(60), &TIMING));
    assert_eq!(memory.deadline(&TIMING), Some(at(60)));
    let (memory, action) = decide(&memory, &observed("1", "me"), "me", at(52), &TIMING);
    assert_eq!(action, Action::Renew);
    assert!(memory.leads(at(59), &TIMING), "reading the lease does not renew it");
    assert!(!memory.leads(at(60), &TIMING));
    let (memory, action) = decide(&memory, &observed("1", "me"), "me", at(70), &TIMING);
    assert_eq!(action, Action::Renew, "it is still the holder, so a renewal is enough");
    assert!(!memory.leads(at(70), &TIMING), "it leads only after the renewal");
}

#[test]
fn a_leader_stops_when_another_process_holds_the_lease() {
    let (memory, action) = decide(&Memory::written("1", at(50)), &observed("2", "other"), "me", at(51), &TIMING);
    assert_eq!(action, Action::Wait);
    assert!(!memory.leads(at(51), &TIMING));
}

#[test]
fn a_leader_stops_when_it_releases_the_lease() {
    assert!(!Memory::written("1", at(50)).lost().leads(at(50), &TIMING));
}

#[test]
fn a_clock_that_goes_backwards_does_not_expire_a_lease() {
    let (memory, _) = decide(&Memory::default(), &observed("1", "other"), "me", at(100), &TIMING);
    assert_eq!(decide(&memory, &observed("1", "other"), "me", at(1), &TIMING).1, Action::Wait);
}

/// A candidate with a clock that starts at any time.
struct Candidate {
    name: &'static str,
    memory: Memory,
    now: Duration,
    /// A decision that is not carried out yet: the version that was read, the action, and when it was decided.
    pending: Option<(u64, Action, Duration)>,
}

/// A pseudorandom number generator with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// Three candidates read, decide and write a shared Lease in any order. Responses get lost, and candidates pause or are killed. At
/// no time do two candidates lead by their own clocks, and most of the time one leads.
#[test]
fn two_candidates_never_lead_at_once_and_a_lost_leader_is_replaced() {
    let (mut terms, mut idle) = (0, 0);
    for seed in 1..=60 {
        let mut random = Random(seed * 0x9e37_79b9 + 1);
        let (mut version, mut holder) = (1u64, String::new());
        let start = |name, offset| Candidate { name, memory: Memory::default(), now: at(offset), pending: None };
        let mut all = [start("a", 5), start("b", 1000), start("c", 77)];
        let mut last = "";
        for _ in 0..4000 {
            // All clocks advance at the same rate.
            for candidate in &mut all {
                candidate.now += Duration::from_millis(300);
            }
            // A number without a candidate is a pause: the clocks continue.
            let index = usize::try_from(random.below(5)).unwrap();
            if let Some(candidate) = all.get_mut(index) {
                match candidate.pending.take() {
                    None => {
                        let text = version.to_string();
                        let observed = Observed { version: &text, holder: Some(&holder) };
                        let (memory, action) = decide(&candidate.memory, &observed, candidate.name, candidate.now, &TIMING);
                        candidate.memory = memory;
                        candidate.pending = (action != Action::Wait).then_some((version, action, candidate.now));
                    }
                    Some((read, _, sent)) if read == version => {
                        version += 1;
                        holder = candidate.name.to_owned();
                        // If the response is lost, the candidate holds the Lease without knowing it.
                        if random.below(8) > 0 {
                            candidate.memory = Memory::written(&version.to_string(), sent);
                        }
                    }
                    // A conflict: the next read tells who holds the Lease.
                    Some(_) => {}
                }
            }
            if random.below(200) == 0 {
                let victim = usize::try_from(random.below(3)).unwrap();
                let fresh = all[victim].now;
                // A new process with another identity replaces it.
                all[victim] = Candidate { name: ["d", "e", "f"][victim], memory: Memory::default(), now: fresh, pending: None };
            }
            let leaders: Vec<&str> = all.iter().filter(|one| one.memory.leads(one.now, &TIMING)).map(|one| one.name).collect();
            assert!(leaders.len() <= 1, "{leaders:?} lead at once (seed {seed})");
            match leaders.first() {
                Some(leader) if *leader != last => (terms, last) = (terms + 1, leader),
                Some(_) => {}
                None => idle += 1,
            }
        }
    }
    assert!(terms > 100, "too few changes of the leader: {terms}");
    assert!(idle < 60 * 4000 / 2, "too often without a leader: {idle}");
}
