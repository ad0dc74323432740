//! A simulated cluster with several replicas and random events: crashes, pauses, two leaders at once, clock jumps, and a Secret
//! that is deleted, damaged or replaced.
//!
//! Each API call of a replica is one action, so calls of replicas interleave in any order. Two invariants hold after each action: a
//! replica whose certificate every bundle trusts stays trusted until the certificate expires, and a CA signs only if it is in every
//! bundle.

mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::certificates::apply::apply;
use crate::certificates::introduced::Introduced;
use crate::certificates::pair::Pair;
use crate::certificates::plan::{Step, View, Wanted, plan};
use crate::certificates::serving::{PublishedSince, is_trusted, should_serve};
use crate::certificates::stored::{Renewal, Stored};
use crate::certificates::trust::{Bundle, Ca, pem, same_cas, verify};
use crate::certificates::unwritten::Unwritten;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn wanted() -> Wanted {
    Wanted { names: vec!["netpol.system.svc".to_owned()], ca_life: DAY * 365, leaf_life: DAY * 30 }
}

/// A pseudorandom number generator with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end
    }
}

#[derive(Clone)]
struct SecretObject {
    version: u64,
    is_ours: bool,
    data: BTreeMap<String, Vec<u8>>,
    trusted: String,
    renewal: Option<Renewal>,
}

#[derive(Clone)]
struct WebhookConfiguration {
    version: u64,
    hooks: Vec<Vec<u8>>,
}

impl WebhookConfiguration {
    fn bundles(&self) -> Vec<Vec<Ca>> {
        self.hooks.iter().map(|pem| Bundle::read(pem).cas).collect()
    }
}

/// Returns the bundles of all configurations without duplicates, which would only cost time.
fn distinct(configs: &[WebhookConfiguration]) -> Vec<Vec<Ca>> {
    let texts: BTreeSet<&Vec<u8>> = configs.iter().flat_map(|config| &config.hooks).collect();
    texts.into_iter().map(|pem| Bundle::read(pem).cas).collect()
}

/// What a replica does next: one API call.
enum Call {
    /// Reads the configurations.
    ReadConfigurations,
    /// Reads the Secret.
    ReadSecret(Vec<WebhookConfiguration>),
    /// Reads the Lease.
    ReadLease(Vec<WebhookConfiguration>, Option<u64>, Box<Stored>),
    /// Reads the configurations again because the Secret is damaged.
    ReadAgain(Option<u64>, Box<Stored>, Introduced),
    /// Plans the next step.
    Plan(Vec<WebhookConfiguration>, Option<u64>, Box<Stored>, Introduced),
    /// Writes the tidied lists to a Lease that still has the others, then plans.
    Tidy(Vec<WebhookConfiguration>, Option<u64>, Box<Stored>, Introduced, Introduced),
    /// Records a new CA, then writes the Secret.
    Record(Option<u64>, Box<Stored>),
    /// Writes the Secret.
    Write(Option<u64>, Box<Stored>),
    /// Publishes the bundle to these configurations.
    Publish(Vec<WebhookConfiguration>, Vec<Ca>),
}

struct Replica {
    served: Option<Pair>,
    was_trusted: bool,
    published_since: PublishedSince,
    recorded_cas: Unwritten,
    leads: bool,
    call: Call,
}

struct World {
    random: Random,
    now: SystemTime,
    monotonic: Duration,
    next_version: u64,
    secret: Option<SecretObject>,
    lease: Introduced,
    /// CAs that netpol did not introduce.
    foreign: Vec<Ca>,
    /// CAs that netpol introduced, but a replica did not know.
    unknown: Vec<Ca>,
    configs: Vec<WebhookConfiguration>,
    replicas: Vec<Replica>,
    steps: BTreeMap<Step, usize>,
    events: BTreeMap<&'static str, usize>,
    /// Whether the last action could have broken trust.
    is_changed: bool,
    /// The actions so far, for failure messages.
    history: Vec<String>,
}

fn replica() -> Replica {
    Replica {
        served: None,
        was_trusted: false,
        published_since: PublishedSince::default(),
        recorded_cas: Unwritten::default(),
        leads: false,
        call: Call::ReadConfigurations,
    }
}

/// Returns the last actions.
fn recent(history: &[String]) -> String {
    history.iter().skip(history.len().saturating_sub(40)).map(String::as_str).collect::<Vec<_>>().join("\n")
}

impl World {
    fn new(seed: u64) -> World {
        let config = |hooks: usize| WebhookConfiguration { version: 1, hooks: vec![Vec::new(); hooks] };
        World {
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            now: SystemTime::UNIX_EPOCH + DAY * 20_000,
            monotonic: Duration::ZERO,
            next_version: 2,
            secret: None,
            lease: Introduced::default(),
            foreign: Vec::new(),
            unknown: Vec::new(),
            configs: vec![config(2), config(3)],
            replicas: (0..3).map(|_| replica()).collect(),
            steps: BTreeMap::new(),
            events: BTreeMap::new(),
            is_changed: false,
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
            .map_or_else(Stored::absent, |object| Stored::read("ns/name", &object.data, Some(&object.trusted), object.renewal))
    }

    /// Runs the next call of one replica.
    fn advance(&mut self, index: usize) {
        let call = std::mem::replace(&mut self.replicas[index].call, Call::ReadConfigurations);
        let next = match call {
            Call::ReadConfigurations => Call::ReadSecret(self.configs.clone()),
            Call::ReadSecret(configs) => match &self.secret {
                Some(object) if !object.is_ours => Call::ReadConfigurations,
                secret => {
                    let (version, stored) = (secret.as_ref().map(|object| object.version), Box::new(self.stored()));
                    Call::ReadLease(configs, version, stored)
                }
            },
            Call::ReadLease(configs, version, mut stored) => {
                let introduced = self.lease.clone();
                let unknown = introduced.restrict(&mut stored, &distinct(&configs));
                self.unknown.extend(unknown.into_iter().filter(|ca| !self.foreign.contains(ca)));
                let replica = &mut self.replicas[index];
                let unwritten = replica.recorded_cas.observe(&introduced, &version.map(|version| version.to_string()).unwrap_or_default());
                match introduced.tidied(&stored, &unwritten).filter(|tidied| *tidied != introduced && replica.leads) {
                    _ if stored.is_damaged => Call::ReadAgain(version, stored, introduced),
                    Some(tidied) => Call::Tidy(configs, version, stored, introduced, tidied),
                    None => Call::Plan(configs, version, stored, introduced),
                }
            }
            Call::Tidy(configs, version, stored, introduced, tidied) => {
                if self.lease == introduced {
                    self.lease = tidied;
                }
                Call::Plan(configs, version, stored, introduced)
            }
            Call::ReadAgain(version, stored, introduced) => Call::Plan(self.configs.clone(), version, stored, introduced),
            Call::Plan(configs, version, stored, introduced) => self.plan(index, configs, version, &stored, &introduced),
            Call::Record(version, stored) => {
                self.lease.recorded = Some(self.lease.with(&stored.bundle));
                Call::Write(version, stored)
            }
            Call::Write(version, stored) => {
                self.write(version, &stored);
                Call::ReadConfigurations
            }
            Call::Publish(mut stale, bundle) => {
                if let Some(read) = stale.pop() {
                    self.publish(&read, &bundle);
                }
                if stale.is_empty() { Call::ReadConfigurations } else { Call::Publish(stale, bundle) }
            }
        };
        self.replicas[index].call = next;
    }

    fn plan(
        &mut self,
        index: usize,
        configs: Vec<WebhookConfiguration>,
        version: Option<u64>,
        stored: &Stored,
        introduced: &Introduced,
    ) -> Call {
        let (now, monotonic) = (self.now, self.monotonic);
        let published = distinct(&configs);
        let replica = &mut self.replicas[index];
        replica.published_since.observe(&stored.bundle, &published, monotonic);
        if let Some(leaf) = &stored.leaf
            && should_serve(&leaf.pair, replica.served.as_ref(), &published, now)
        {
            replica.served = Some(leaf.pair.clone());
            self.is_changed = true;
            self.history
                .push(format!("replica {index} serves a certificate signed by {:?}", stored.signing.as_ref().map(|signer| &signer.ca)));
        }
        if !replica.leads {
            return Call::ReadConfigurations;
        }
        let is_serving_trusted = replica.served.as_ref().is_some_and(|pair| is_trusted(pair, &published, now));
        let view = View {
            stored,
            published: &published,
            introduced,
            published_for: replica.published_since.duration(monotonic),
            is_serving_trusted,
            now,
        };
        let step = plan(&wanted(), &view);
        *self.steps.entry(step).or_default() += 1;
        if step != Step::Done {
            self.history.push(format!(
                "replica {index} plans {step:?} from version {version:?}: {:?} signs, bundle {:?}",
                stored.signing.as_ref().map(|signer| &signer.ca),
                stored.bundle
            ));
        }
        match step {
            Step::Wait | Step::Done => Call::ReadConfigurations,
            Step::Publish => {
                let stale = configs.into_iter().filter(|config| !config.bundles().iter().all(|bundle| same_cas(bundle, &stored.bundle)));
                Call::Publish(stale.collect(), stored.bundle.clone())
            }
            step => {
                let next = Box::new(apply(step, &wanted(), &view).unwrap().unwrap());
                if introduced.records(&next.bundle) { Call::Write(version, next) } else { Call::Record(version, next) }
            }
        }
    }

    fn write(&mut self, read: Option<u64>, stored: &Stored) {
        if self.secret.as_ref().map(|object| object.version) != read {
            return;
        }
        let before = self.stored().leaf.map(|leaf| leaf.cert);
        if stored.leaf.as_ref().is_some_and(|leaf| Some(&leaf.cert) != before.as_ref()) {
            let signer = &stored.signing.as_ref().unwrap().ca;
            assert!(self.published().iter().all(|bundle| bundle.contains(signer)), "a CA that is not in every bundle has signed");
        }
        let data = stored.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
        let version = self.version();
        self.history.push(format!(
            "Secret version {version} replaces {read:?}: {:?} signs, bundle {:?}",
            stored.signing.as_ref().map(|signer| &signer.ca),
            stored.bundle
        ));
        self.secret = Some(SecretObject { version, is_ours: true, data, trusted: stored.trust_annotation(), renewal: stored.renewal });
    }

    fn publish(&mut self, read: &WebhookConfiguration, bundle: &[Ca]) {
        let version = self.version();
        if let Some(config) = self.configs.iter_mut().find(|config| config.version == read.version) {
            config.version = version;
            self.is_changed = true;
            self.history.push(format!("configuration version {version} replaces {}: {bundle:?}", read.version));
            config.hooks.fill(pem(bundle).into_bytes());
        }
    }

    /// Checks that no foreign CA is published, and that no replica serves a certificate that one signed.
    fn check_foreign(&self) {
        let published = self.published();
        for foreign in &self.foreign {
            assert!(!published.iter().any(|bundle| bundle.contains(foreign)), "{foreign:?} is published\n{}", recent(&self.history));
        }
        for pair in self.replicas.iter().filter_map(|replica| replica.served.as_ref()) {
            let verified = verify(pair, &self.foreign, None, pair.not_before);
            assert!(verified.is_err(), "a replica serves a foreign certificate\n{}", recent(&self.history));
        }
    }

    /// Checks that every trusted replica is still trusted, or that its certificate is no longer valid.
    fn check_trust(&mut self, action: &str) {
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        self.check_foreign();
        let (published, now) = (self.published(), self.now);
        for (index, replica) in self.replicas.iter_mut().enumerate() {
            let Some(pair) = &replica.served else { continue };
            let is_trusted_now = is_trusted(pair, &published, now);
            let is_valid = pair.not_before <= now && now < pair.not_after;
            assert!(
                is_trusted_now || !replica.was_trusted || !is_valid,
                "after {action}, the certificate of replica {index} is no longer trusted: {:?}\n{}",
                published.iter().map(|bundle| verify(pair, bundle, None, now)).collect::<Vec<_>>(),
                recent(&self.history)
            );
            replica.was_trusted = is_trusted_now;
        }
    }

    fn tick(&mut self) {
        self.now += Duration::from_secs(1);
        self.monotonic += Duration::from_secs(1);
    }

    /// Runs random calls and events.
    fn run(&mut self, actions: usize) {
        for _ in 0..actions {
            self.tick();
            if self.random.below(22) == 0 {
                self.run_event();
                self.check_trust("an event");
            } else {
                // The last replica runs more often than the others, so those pause between two calls.
                let index = self.random.below(7).min(self.replicas.len() - 1);
                self.advance(index);
                self.check_trust("a call");
            }
        }
    }

    /// Runs all replicas with one leader and no events, and checks that the rotation completes.
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
                self.check_trust("a call without events");
            }
        }
        let (stored, published) = (self.stored(), self.published());
        let leaf = stored.leaf.as_ref().expect("a certificate");
        assert!(
            stored.renewal.is_none() && !stored.is_damaged && stored.next.is_none() && stored.leaf_fault.is_none(),
            "{stored:?}\n{}",
            recent(&self.history)
        );
        assert!(published.iter().all(|bundle| same_cas(bundle, &stored.bundle)));
        for replica in &self.replicas {
            let serves_leaf = replica.served.as_ref().is_some_and(|served| served.key.cert == leaf.pair.key.cert);
            assert!(serves_leaf, "{}", recent(&self.history));
            assert!(replica.was_trusted);
        }
        let view = View {
            stored: &stored,
            published: &published,
            introduced: &self.lease,
            published_for: DAY,
            is_serving_trusted: true,
            now: self.now,
        };
        assert_eq!(plan(&wanted(), &view), Step::Done);
    }
}

/// A leader records a new CA and is suspended. Another one leads and tidies the list. Then the first one writes the Secret.
#[test]
fn a_ca_that_a_suspended_leader_writes_is_known() {
    let mut world = World::new(1);
    world.settle();
    let version = world.version();
    let secret = world.secret.as_mut().unwrap();
    (secret.version, secret.renewal) = (version, Some(Renewal::Ca));
    let until = |world: &mut World, index: usize, reached: fn(&Call) -> bool| {
        for _ in 0..20 {
            world.tick();
            world.advance(index);
            if reached(&world.replicas[index].call) {
                return;
            }
        }
        panic!("replica {index} makes no progress: {}", recent(&world.history));
    };
    until(&mut world, 1, |call| matches!(call, Call::ReadConfigurations));
    until(&mut world, 0, |call| matches!(call, Call::Write(..)));
    world.replicas[1].leads = true;
    until(&mut world, 1, |call| matches!(call, Call::Plan(..)));
    world.advance(0);
    assert!(world.stored().next.is_some(), "the suspended leader has written its CA");
    world.replicas[1].leads = false;
    until(&mut world, 1, |call| matches!(call, Call::ReadConfigurations));
    until(&mut world, 1, |call| matches!(call, Call::ReadConfigurations));
    assert_eq!(world.unknown, []);
}

#[test]
fn trusted_replicas_stay_trusted_and_the_rotation_always_completes() {
    let (mut steps, mut events) = (BTreeMap::<Step, usize>::new(), BTreeMap::<&str, usize>::new());
    for seed in 1..=16 {
        let mut world = World::new(seed);
        for _ in 0..3 {
            world.run(700);
            world.settle();
        }
        for (step, count) in world.steps {
            *steps.entry(step).or_default() += count;
        }
        for (event, count) in world.events {
            *events.entry(event).or_default() += count;
        }
    }
    // Every step and every event must have happened often enough for the test to mean something.
    assert_eq!(steps.len(), 8, "{steps:?}");
    assert!(steps.values().all(|count| *count >= 10), "{steps:?}");
    assert!(events.len() == 9 && events.values().all(|count| *count >= 10), "{events:?}");
}
