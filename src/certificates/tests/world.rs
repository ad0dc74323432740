//! Several replicas in a world where everything happens in between: crashes, pauses, two leaders at once,
//! clocks that jump, a Secret that is deleted, garbled or replaced.
//!
//! A replica's every call is one action of the world, so whatever can be interleaved is. Two things hold
//! after each of them: whoever serves what every bundle trusts goes on doing so until time itself ends it;
//! and no authority has signed that is not in every bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::certificates::pair::Pair;
use crate::certificates::plan::{Step, View, Wanted, plan, same};
use crate::certificates::serving::{Seen, is_to_be_served, is_trusted};
use crate::certificates::steps::take;
use crate::certificates::stored::{CA, CA_KEY, CERT, KEY, NEXT_CA_KEY, Request, Stored};
use crate::certificates::trust::{Bundle, Ca, pem, verify};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn wanted() -> Wanted {
    Wanted { names: vec!["netpol.system.svc".to_owned()], ca_life: DAY * 365, leaf_life: DAY * 30 }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end
    }
}

#[derive(Clone)]
struct Object {
    version: u64,
    is_ours: bool,
    data: BTreeMap<String, Vec<u8>>,
    until: String,
    request: Option<Request>,
}

#[derive(Clone)]
struct Config {
    version: u64,
    hooks: Vec<Vec<u8>>,
}

impl Config {
    fn bundles(&self) -> Vec<Vec<Ca>> {
        self.hooks.iter().map(|pem| Bundle::read(pem).cas).collect()
    }
}

/// Each bundle of some configurations once: checking one twice only takes time.
fn distinct(configs: &[Config]) -> Vec<Vec<Ca>> {
    let texts: BTreeSet<&Vec<u8>> = configs.iter().flat_map(|config| &config.hooks).collect();
    texts.into_iter().map(|pem| Bundle::read(pem).cas).collect()
}

/// Where a replica is between two calls.
enum Phase {
    Idle,
    Configs(Vec<Config>),
    /// The Secret is damaged, so the configurations are read again.
    Damaged(Option<u64>, Box<Stored>),
    Sight(Vec<Config>, Option<u64>, Box<Stored>),
    /// About to write the Secret.
    Write(Option<u64>, Box<Stored>),
    /// About to publish to these.
    Publish(Vec<Config>, Vec<Ca>),
}

struct Replica {
    served: Option<Pair>,
    was_trusted: bool,
    seen: Seen,
    leads: bool,
    phase: Phase,
}

struct World {
    dice: Dice,
    now: SystemTime,
    mono: Duration,
    next_version: u64,
    secret: Option<Object>,
    configs: Vec<Config>,
    replicas: Vec<Replica>,
    steps: BTreeMap<Step, usize>,
    events: BTreeMap<&'static str, usize>,
    /// Whether anything has happened that could break trust.
    is_news: bool,
    /// What led here, for messages.
    history: Vec<String>,
}

fn replica() -> Replica {
    Replica { served: None, was_trusted: false, seen: Seen::default(), leads: false, phase: Phase::Idle }
}

/// What happened last.
fn recently(history: &[String]) -> String {
    history.iter().skip(history.len().saturating_sub(40)).map(String::as_str).collect::<Vec<_>>().join("\n")
}

impl World {
    fn new(seed: u64) -> World {
        let config = |hooks: usize| Config { version: 1, hooks: vec![Vec::new(); hooks] };
        World {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            now: SystemTime::UNIX_EPOCH + DAY * 20_000,
            mono: Duration::ZERO,
            next_version: 2,
            secret: None,
            configs: vec![config(2), config(3)],
            replicas: (0..3).map(|_| replica()).collect(),
            steps: BTreeMap::new(),
            events: BTreeMap::new(),
            is_news: false,
            history: Vec::new(),
        }
    }

    fn version(&mut self) -> u64 {
        self.next_version += 1;
        self.next_version
    }

    fn published(&self) -> Vec<Vec<Ca>> {
        distinct(&self.configs)
    }

    fn stored(&self) -> Stored {
        self.secret
            .as_ref()
            .map_or_else(Stored::absent, |object| Stored::read("ns/name", &object.data, Some(&object.until), object.request))
    }

    /// One call of one replica.
    fn advance(&mut self, index: usize) {
        let phase = std::mem::replace(&mut self.replicas[index].phase, Phase::Idle);
        let next = match phase {
            Phase::Idle => Phase::Configs(self.configs.clone()),
            Phase::Configs(configs) => match &self.secret {
                Some(object) if !object.is_ours => Phase::Idle,
                secret => {
                    let (version, stored) = (secret.as_ref().map(|object| object.version), Box::new(self.stored()));
                    if stored.is_damaged { Phase::Damaged(version, stored) } else { Phase::Sight(configs, version, stored) }
                }
            },
            Phase::Damaged(version, stored) => Phase::Sight(self.configs.clone(), version, stored),
            Phase::Sight(configs, version, stored) => self.decide(index, configs, version, &stored),
            Phase::Write(version, stored) => {
                self.write(version, &stored);
                Phase::Idle
            }
            Phase::Publish(mut stale, bundle) => {
                if let Some(read) = stale.pop() {
                    self.publish(&read, &bundle);
                }
                if stale.is_empty() { Phase::Idle } else { Phase::Publish(stale, bundle) }
            }
        };
        self.replicas[index].phase = next;
    }

    fn decide(&mut self, index: usize, configs: Vec<Config>, version: Option<u64>, stored: &Stored) -> Phase {
        let (now, mono) = (self.now, self.mono);
        let published = distinct(&configs);
        let replica = &mut self.replicas[index];
        replica.seen.look(&stored.bundle, &published, mono);
        if let Some(leaf) = &stored.leaf
            && is_to_be_served(&leaf.pair, replica.served.as_ref(), &published, now)
        {
            replica.served = Some(leaf.pair.clone());
            self.is_news = true;
            self.history.push(format!("{index} serves what {:?} signed", stored.signing.as_ref().map(|signer| &signer.ca)));
        }
        if !replica.leads {
            return Phase::Idle;
        }
        let serving = replica.served.as_ref().is_some_and(|pair| is_trusted(pair, &published, now));
        let view = View { stored, published: &published, seen_for: replica.seen.seen_for(mono), serving, now };
        let step = plan(&wanted(), &view);
        *self.steps.entry(step).or_default() += 1;
        if step != Step::Rest {
            self.history.push(format!(
                "{index} decides on {step:?} by {version:?}: {:?} signs of {:?}",
                stored.signing.as_ref().map(|signer| &signer.ca),
                stored.bundle
            ));
        }
        match step {
            Step::Wait | Step::Rest => Phase::Idle,
            Step::Publish => {
                let stale = configs.into_iter().filter(|config| !config.bundles().iter().all(|bundle| same(bundle, &stored.bundle)));
                Phase::Publish(stale.collect(), stored.bundle.clone())
            }
            step => Phase::Write(version, Box::new(take(step, &wanted(), &view).unwrap().unwrap())),
        }
    }

    fn write(&mut self, read: Option<u64>, stored: &Stored) {
        if self.secret.as_ref().map(|object| object.version) != read {
            return;
        }
        let before = self.stored().leaf.map(|leaf| leaf.cert);
        if stored.leaf.as_ref().is_some_and(|leaf| Some(&leaf.cert) != before.as_ref()) {
            let signer = &stored.signing.as_ref().unwrap().ca;
            assert!(self.published().iter().all(|bundle| bundle.contains(signer)), "a CA has signed that is not in every bundle");
        }
        let data = stored.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
        let version = self.version();
        self.history.push(format!(
            "secret {version} after {read:?}: {:?} signs of {:?}",
            stored.signing.as_ref().map(|signer| &signer.ca),
            stored.bundle
        ));
        self.secret = Some(Object { version, is_ours: true, data, until: stored.written_trust(), request: stored.request });
    }

    fn publish(&mut self, read: &Config, bundle: &[Ca]) {
        let version = self.version();
        if let Some(config) = self.configs.iter_mut().find(|config| config.version == read.version) {
            config.version = version;
            self.is_news = true;
            self.history.push(format!("configuration {version} after {}: {bundle:?}", read.version));
            config.hooks.fill(pem(bundle).into_bytes());
        }
    }

    /// Something that nobody planned.
    fn happen(&mut self) {
        let any = self.dice.below(self.replicas.len());
        let event = match self.dice.below(12) {
            0 => {
                self.replicas[any] = replica();
                "a replica crashes"
            }
            1..=3 => {
                self.replicas[any].leads = !self.replicas[any].leads;
                "the lease changes hands, or two hold it"
            }
            4 => {
                self.secret = None;
                "the secret is deleted"
            }
            5 => self.garble(),
            6 => {
                let version = self.version();
                let stranger = Object { version, is_ours: false, data: BTreeMap::new(), until: String::new(), request: None };
                self.secret = if self.secret.as_ref().is_some_and(|object| object.is_ours) { Some(stranger) } else { None };
                "somebody else's secret comes or goes"
            }
            7 | 8 => {
                let version = self.version();
                let request = if self.dice.below(2) == 0 { Request::Leaf } else { Request::Ca };
                if let Some(object) = self.secret.as_mut().filter(|object| object.is_ours) {
                    (object.version, object.request) = (version, Some(request));
                }
                "somebody asks for a renewal"
            }
            9 | 10 => {
                self.now += DAY * u32::try_from(self.dice.below(40)).unwrap();
                "the clock jumps ahead"
            }
            _ => {
                self.now -= DAY * u32::try_from(self.dice.below(12)).unwrap();
                "the clock jumps back"
            }
        };
        *self.events.entry(event).or_default() += 1;
        self.is_news = true;
        self.history.push(format!("{event}: {:?}", self.secret.as_ref().map(|object| (object.version, object.is_ours))));
    }

    fn garble(&mut self) -> &'static str {
        let (version, key, how) = (self.version(), self.dice.below(5), self.dice.below(3));
        let at = self.dice.below(600);
        if let Some(object) = self.secret.as_mut().filter(|object| object.is_ours) {
            object.version = version;
            let key = [CERT, KEY, CA, CA_KEY, NEXT_CA_KEY][key];
            match (how, object.data.get_mut(key)) {
                (0, _) => drop(object.data.remove(key)),
                (1, Some(value)) => value.truncate(value.len() / 2),
                (_, Some(value)) => {
                    if let Some(byte) = value.get_mut(at) {
                        *byte = byte.wrapping_add(1);
                    }
                }
                (_, None) => drop(object.data.insert(key.to_owned(), b"nonsense".to_vec())),
            }
        }
        "the secret is garbled"
    }

    /// Whoever is trusted stays so, unless time ends it.
    fn check(&mut self, what: &str) {
        if !std::mem::take(&mut self.is_news) {
            return;
        }
        let (published, now) = (self.published(), self.now);
        for (index, replica) in self.replicas.iter_mut().enumerate() {
            let Some(pair) = &replica.served else { continue };
            let is_trusted_now = is_trusted(pair, &published, now);
            let is_timely = pair.not_before <= now && now < pair.not_after;
            assert!(
                is_trusted_now || !replica.was_trusted || !is_timely,
                "after {what}, replica {index} serves what is not trusted any more: {:?}\n{}",
                published.iter().map(|bundle| verify(pair, bundle, None, now)).collect::<Vec<_>>(),
                recently(&self.history)
            );
            replica.was_trusted = is_trusted_now;
        }
    }

    fn tick(&mut self) {
        self.now += Duration::from_secs(1);
        self.mono += Duration::from_secs(1);
    }

    fn chaos(&mut self, actions: usize) {
        for _ in 0..actions {
            self.tick();
            if self.dice.below(22) == 0 {
                self.happen();
                self.check("an event");
            } else {
                // Some replicas are slow: they stand still between two calls while much happens.
                let index = self.dice.below(7).min(self.replicas.len() - 1);
                self.advance(index);
                self.check("a call");
            }
        }
    }

    /// Leaves one leader alone with its work.
    fn settle(&mut self) {
        if self.secret.as_ref().is_some_and(|object| !object.is_ours) {
            self.secret = None;
        }
        for index in 0..self.replicas.len() {
            self.replicas[index].leads = index == 0;
        }
        for _ in 0..120 {
            for index in 0..self.replicas.len() {
                self.tick();
                self.advance(index);
                self.check("a call while all is calm");
            }
        }
        let (stored, published) = (self.stored(), self.published());
        let leaf = stored.leaf.as_ref().expect("there is a certificate");
        assert!(
            stored.request.is_none() && !stored.is_damaged && stored.next.is_none() && stored.leaf_fault.is_none(),
            "{stored:?}\n{}",
            recently(&self.history)
        );
        assert!(published.iter().all(|bundle| same(bundle, &stored.bundle)));
        for replica in &self.replicas {
            let serves_it = replica.served.as_ref().is_some_and(|served| served.key.cert == leaf.pair.key.cert);
            assert!(serves_it, "{}", recently(&self.history));
            assert!(replica.was_trusted);
        }
        let view = View { stored: &stored, published: &published, seen_for: DAY, serving: true, now: self.now };
        assert_eq!(plan(&wanted(), &view), Step::Rest);
    }
}

#[test]
fn whatever_happens_nobody_who_is_trusted_stops_being_so_and_all_ends_well() {
    let (mut steps, mut events) = (BTreeMap::<Step, usize>::new(), BTreeMap::<&str, usize>::new());
    for seed in 1..=16 {
        let mut world = World::new(seed);
        for _ in 0..3 {
            world.chaos(700);
            world.settle();
        }
        for (step, count) in world.steps {
            *steps.entry(step).or_default() += count;
        }
        for (event, count) in world.events {
            *events.entry(event).or_default() += count;
        }
    }
    // A world in which nothing happens shows nothing.
    assert_eq!(steps.len(), 8, "{steps:?}");
    assert!(steps.values().all(|count| *count >= 10), "{steps:?}");
    assert!(events.len() == 8 && events.values().all(|count| *count >= 10), "{events:?}");
}
