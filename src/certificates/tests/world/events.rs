//! Random events of the simulated cluster.

use std::collections::BTreeMap;

use super::{DAY, SecretObject, World, replica, wanted};
use crate::certificates::authority::Authority;
use crate::certificates::stored::{CA, CA_KEY, CERT, KEY, NEXT_CA_KEY, Renewal};

impl World {
    /// Runs a random event.
    pub(super) fn run_event(&mut self) {
        let any = self.random.below(self.replicas.len());
        let event = match self.random.below(14) {
            0 => {
                self.replicas[any] = replica();
                "a replica crashes"
            }
            1..=3 => {
                self.replicas[any].leads = !self.replicas[any].leads;
                "a replica starts or stops leading; two may lead at once"
            }
            4 => {
                self.secret = None;
                "the Secret is deleted"
            }
            5 => self.damage_secret(),
            6 => {
                let version = self.version();
                let foreign = SecretObject { version, is_ours: false, data: BTreeMap::new(), trusted: String::new(), renewal: None };
                self.secret = if self.secret.as_ref().is_some_and(|object| object.is_ours) { Some(foreign) } else { None };
                "a foreign Secret is created or removed"
            }
            7 | 8 => {
                let version = self.version();
                let renewal = if self.random.below(2) == 0 { Renewal::Leaf } else { Renewal::Ca };
                if let Some(object) = self.secret.as_mut().filter(|object| object.is_ours) {
                    (object.version, object.renewal) = (version, Some(renewal));
                }
                "a user requests a renewal"
            }
            9 | 10 => {
                self.now += DAY * u32::try_from(self.random.below(40)).unwrap();
                "the clock is set forward"
            }
            11 | 12 => self.poison_secret(),
            _ => {
                self.now -= DAY * u32::try_from(self.random.below(12)).unwrap();
                "the clock is set back"
            }
        };
        *self.events.entry(event).or_default() += 1;
        self.is_changed = true;
        self.history.push(format!("{event}: {:?}", self.secret.as_ref().map(|object| (object.version, object.is_ours))));
    }

    /// Writes a well-formed CA of another client into the Secret: with its certificate, or added to the others, or only its
    /// certificate.
    fn poison_secret(&mut self) -> &'static str {
        let (version, how) = (self.version(), self.random.below(3));
        let authority = Authority::new(self.now, DAY * 365).unwrap();
        let issued = authority.issue(&wanted().names, self.now, DAY * 30).unwrap();
        if let Some(object) = self.secret.as_mut().filter(|object| object.is_ours) {
            object.version = version;
            let mut write = |key: &str, value: &str| object.data.insert(key.to_owned(), value.as_bytes().to_vec());
            if how != 1 {
                write(CERT, &issued.cert);
                write(KEY, issued.key.pem());
            }
            if how == 0 {
                write(CA, &authority.ca.pem());
                write(CA_KEY, authority.key.pem());
                object.data.remove(NEXT_CA_KEY);
                object.trusted.clone_from(&authority.ca.fingerprint);
            } else if how == 1 {
                object.data.entry(CA.to_owned()).or_default().extend(authority.ca.pem().into_bytes());
                object.trusted = format!("{},{}", object.trusted, authority.ca.fingerprint);
            }
            self.foreign.push(authority.ca);
        }
        "another client writes its CA into the Secret"
    }

    fn damage_secret(&mut self) -> &'static str {
        let (version, key, how) = (self.version(), self.random.below(5), self.random.below(3));
        let at = self.random.below(600);
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
        "the Secret is damaged"
    }
}
