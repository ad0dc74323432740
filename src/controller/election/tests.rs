//! The Lease decision: alone, and among several that share one with clocks of their own.

use std::time::Duration;

use super::lease::{Act, Memory, Seen, Timing, decide};

const TIMING: Timing = Timing { lease: Duration::from_secs(15), renew_deadline: Duration::from_secs(10), retry: Duration::from_secs(2) };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn seen<'l>(version: &'l str, holder: &'l str) -> Seen<'l> {
    Seen { version, holder: Some(holder) }
}

#[test]
fn the_times_are_those_of_kubernetes_itself() {
    assert_eq!(Timing::default(), TIMING);
}

#[test]
fn a_lease_that_nobody_holds_is_taken_at_once() {
    for holder in [None, Some("")] {
        let (_, act) = decide(&Memory::default(), &Seen { version: "1", holder }, "me", at(0), &TIMING);
        assert_eq!(act, Act::Take);
    }
}

#[test]
fn a_lease_is_taken_only_when_it_has_not_changed_for_fifteen_seconds_of_ones_own() {
    let (memory, act) = decide(&Memory::default(), &seen("1", "other"), "me", at(100), &TIMING);
    assert_eq!(act, Act::Wait, "however old it may be: it was seen just now");
    let (memory, act) = decide(&memory, &seen("1", "other"), "me", at(114), &TIMING);
    assert_eq!(act, Act::Wait);
    let (memory, act) = decide(&memory, &seen("2", "other"), "me", at(115), &TIMING);
    assert_eq!(act, Act::Wait, "it was renewed");
    let (memory, act) = decide(&memory, &seen("2", "other"), "me", at(129), &TIMING);
    assert_eq!(act, Act::Wait);
    let (_, act) = decide(&memory, &seen("2", "other"), "me", at(130), &TIMING);
    assert_eq!(act, Act::Take);
}

#[test]
fn a_leader_renews_and_stops_ten_seconds_after_it_last_could() {
    let memory = Memory::written("1", at(50));
    assert!(memory.leads(at(50), &TIMING) && memory.leads(at(59), &TIMING) && !memory.leads(at(60), &TIMING));
    assert_eq!(memory.ends(&TIMING), Some(at(60)));
    let (memory, act) = decide(&memory, &seen("1", "me"), "me", at(52), &TIMING);
    assert_eq!(act, Act::Renew);
    assert!(memory.leads(at(59), &TIMING), "looking at it is not renewing it");
    assert!(!memory.leads(at(60), &TIMING));
    let (memory, act) = decide(&memory, &seen("1", "me"), "me", at(70), &TIMING);
    assert_eq!(act, Act::Renew, "it is still written there: renewing it is enough");
    assert!(!memory.leads(at(70), &TIMING), "but not before that has come through");
}

#[test]
fn whoever_finds_another_in_its_place_leads_no_more() {
    let (memory, act) = decide(&Memory::written("1", at(50)), &seen("2", "other"), "me", at(51), &TIMING);
    assert_eq!(act, Act::Wait);
    assert!(!memory.leads(at(51), &TIMING));
}

#[test]
fn a_conflict_is_a_loss() {
    assert!(!Memory::written("1", at(50)).lost().leads(at(50), &TIMING));
}

#[test]
fn a_clock_that_goes_backwards_leads_nobody_to_take_a_lease() {
    let (memory, _) = decide(&Memory::default(), &seen("1", "other"), "me", at(100), &TIMING);
    assert_eq!(decide(&memory, &seen("1", "other"), "me", at(1), &TIMING).1, Act::Wait);
}

/// One that takes part, with a clock that starts anywhere and stands still while it is paused.
struct Candidate {
    name: &'static str,
    memory: Memory,
    now: Duration,
    /// What it has read and not yet acted upon: the version, and what it decided.
    pending: Option<(u64, Act, Duration)>,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// Three candidates read, decide and write a shared Lease in any order, each call answered late or never,
/// one of them paused or killed at times. Never do two lead at once by their own clocks; whoever is killed
/// is followed.
#[test]
fn never_do_two_lead_and_soon_somebody_does() {
    let (mut terms, mut idle) = (0, 0);
    for seed in 1..=60 {
        let mut dice = Dice(seed * 0x9e37_79b9 + 1);
        let (mut version, mut holder) = (1u64, String::new());
        let start = |name, offset| Candidate { name, memory: Memory::default(), now: at(offset), pending: None };
        let mut all = [start("a", 5), start("b", 1000), start("c", 77)];
        let mut last = "";
        for _ in 0..4000 {
            // Time passes for everybody; clocks run alike.
            for candidate in &mut all {
                candidate.now += Duration::from_millis(300);
            }
            // Who is paused does nothing; its clock goes on.
            let index = usize::try_from(dice.below(5)).unwrap();
            if let Some(candidate) = all.get_mut(index) {
                match candidate.pending.take() {
                    None => {
                        let text = version.to_string();
                        let seen = Seen { version: &text, holder: Some(&holder) };
                        let (memory, act) = decide(&candidate.memory, &seen, candidate.name, candidate.now, &TIMING);
                        candidate.memory = memory;
                        candidate.pending = (act != Act::Wait).then_some((version, act, candidate.now));
                    }
                    Some((read, _, asked)) if read == version => {
                        version += 1;
                        holder = candidate.name.to_owned();
                        // An answer may be lost: then it holds the Lease and does not know it.
                        if dice.below(8) > 0 {
                            candidate.memory = Memory::written(&version.to_string(), asked);
                        }
                    }
                    Some(_) => candidate.memory = candidate.memory.lost(),
                }
            }
            if dice.below(200) == 0 {
                let victim = usize::try_from(dice.below(3)).unwrap();
                let fresh = all[victim].now;
                // Another process in its place, under another name.
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
    assert!(terms > 100, "somebody leads: {terms} terms");
    assert!(idle < 60 * 4000 / 2, "most of the time: {idle} moments without");
}
