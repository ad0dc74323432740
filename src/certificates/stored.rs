//! The content of the Secret: a certificate, the trusted CAs, and the keys of the CAs that sign.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;

use super::authority::Authority;
use super::key::Key;
use super::pair::Pair;
use super::trust::{self, Bundle, Ca};

/// The key of the Secret with the certificate that is served.
pub const CERT: &str = "tls.crt";
/// The private key of that certificate.
pub const KEY: &str = "tls.key";
/// The bundle of all trusted CAs.
pub const CA: &str = "ca.crt";
/// The private key of the signing CA.
pub const CA_KEY: &str = "ca.key";
/// The private key of the next CA, which is published but does not sign yet.
pub const NEXT_CA_KEY: &str = "next-ca.key";

/// The maximum number of trusted CAs that are read. A rotation needs two or three. A Secret has room for thousands, and the
/// signature of each one is checked whenever it is read. A Secret with more counts as damaged.
pub const MAX_CAS: usize = 64;

/// A renewal that a user requests with the annotation `netpol.abcdesktop.io/renew`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// `leaf`: a new certificate.
    Leaf,
    /// `ca`: a new CA, and a certificate that it signs.
    Ca,
}

impl Renewal {
    /// Parses the value of the annotation. Returns `None` if it is unknown.
    pub fn parse(text: &str) -> Option<Renewal> {
        match text.trim() {
            "leaf" => Some(Renewal::Leaf),
            "ca" => Some(Renewal::Ca),
            _ => None,
        }
    }
}

/// The stored certificate.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The certificate chain as PEM.
    pub cert: String,
    /// Its key.
    pub key: Key,
    /// Both, ready to be served.
    pub pair: Pair,
}

/// The content of the Secret. Reading skips the parts that are damaged.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The trusted CAs.
    pub bundle: Vec<Ca>,
    /// The time until which a CA that no longer signs is needed, by fingerprint: the expiry of the last certificate that it
    /// signed. A CA without an entry is needed until it expires.
    pub needed_until: BTreeMap<String, SystemTime>,
    /// The CA that signs.
    pub signing: Option<Signer>,
    /// The next CA. It is published but does not sign yet.
    pub next: Option<Signer>,
    /// The certificate to serve.
    pub leaf: Option<Leaf>,
    /// Why the stored certificate cannot be served.
    pub leaf_fault: Option<String>,
    /// The requested renewal.
    pub renewal: Option<Renewal>,
    /// Whether `bundle` may lack trusted CAs.
    pub is_damaged: bool,
}

/// A CA with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The certificate of the CA.
    pub ca: Ca,
    /// Its key.
    pub key: Key,
}

impl Signer {
    /// Returns the authority that issues certificates. Returns `None` if the key does not match.
    pub fn authority(&self) -> Option<Authority> {
        Authority::stored(std::slice::from_ref(&self.ca), self.key.pem())
    }
}

impl Stored {
    /// Returns the content of a Secret that does not exist.
    pub fn absent() -> Stored {
        Stored { is_damaged: true, ..Stored::default() }
    }

    /// Reads the data of a Secret. `name` is the name of the Secret, for messages; `trusted` is the annotation that
    /// [`Stored::trust_annotation`] writes.
    pub fn read(name: &str, data: &BTreeMap<String, Vec<u8>>, trusted: Option<&str>, renewal: Option<Renewal>) -> Stored {
        let value = |key: &str| data.get(key).map_or(&[][..], Vec::as_slice);
        let mut bundle = Bundle::read_first(value(CA), MAX_CAS);
        bundle.cas.retain(Ca::is_intact);
        // A bundle that differs from what netpol wrote may lack certificates that left no trace.
        let trusted = trusted.unwrap_or_default();
        let is_whole = trust::pem(&bundle.cas).as_bytes() == value(CA) && listed(trusted) == fingerprints(&bundle.cas);
        let is_damaged = bundle.cas.is_empty() || !is_whole;
        let mut stored = Stored { is_damaged, ..Stored::default() };
        let mut signer = |key: &str| {
            let pem = value(key);
            let found = std::str::from_utf8(pem).ok().and_then(|pem| Authority::stored(&bundle.cas, pem));
            stored.is_damaged |= found.is_none() && !pem.is_empty();
            found.map(|authority| Signer { ca: authority.ca, key: authority.key })
        };
        (stored.signing, stored.next) = (signer(CA_KEY), signer(NEXT_CA_KEY));
        let (cert, key) = (value(CERT), value(KEY));
        match leaf(name, cert, key) {
            Ok(leaf) => stored.leaf = Some(leaf),
            Err(_) if cert.is_empty() && key.is_empty() => {}
            Err(fault) => stored.leaf_fault = Some(fault),
        }
        stored.needed_until = read_needed_until(trusted, &bundle.cas);
        (stored.bundle, stored.renewal) = (bundle.cas, renewal);
        stored
    }

    /// Returns the data of the Secret. Keys that netpol does not manage are not included.
    pub fn data(&self) -> BTreeMap<&'static str, String> {
        let text = |key: Option<&Key>| key.map(|key| key.pem().to_owned()).unwrap_or_default();
        let mut data = BTreeMap::from([
            (CERT, self.leaf.as_ref().map(|leaf| leaf.cert.clone()).unwrap_or_default()),
            (KEY, text(self.leaf.as_ref().map(|leaf| &leaf.key))),
            (CA, trust::pem(&self.bundle)),
        ]);
        for (name, signer) in [(CA_KEY, &self.signing), (NEXT_CA_KEY, &self.next)] {
            if let Some(signer) = signer {
                data.insert(name, signer.key.pem().to_owned());
            }
        }
        data
    }

    /// Returns the annotation that lists the trusted CAs: `fingerprint`, or `fingerprint=time` for a CA that no longer signs and
    /// is needed until then.
    pub fn trust_annotation(&self) -> String {
        let entry = |ca: &Ca| match self.needed_until.get(&ca.fingerprint).and_then(|until| Timestamp::try_from(*until).ok()) {
            Some(until) => format!("{}={until}", ca.fingerprint),
            None => ca.fingerprint.clone(),
        };
        self.bundle.iter().map(entry).collect::<Vec<_>>().join(",")
    }

    /// Returns whether a CA is no longer needed at `now`: it does not sign, and every certificate that it signed has expired.
    pub fn is_unneeded(&self, ca: &Ca, now: SystemTime) -> bool {
        !self.is_signer(ca) && now >= self.end_of_need(ca)
    }

    fn end_of_need(&self, ca: &Ca) -> SystemTime {
        self.needed_until.get(&ca.fingerprint).map_or(ca.not_after, |until| (*until).min(ca.not_after))
    }

    /// Returns whether a CA is the signing one or the next one.
    pub fn is_signer(&self, ca: &Ca) -> bool {
        [&self.signing, &self.next].into_iter().flatten().any(|signer| signer.ca == *ca)
    }
}

fn leaf(name: &str, cert: &[u8], key: &[u8]) -> Result<Leaf, String> {
    let at = |key: &str| format!("{name}: {key}");
    let (cert_at, key_at) = (at(CERT), at(KEY));
    let pair = Pair::parse((Path::new(&cert_at), cert), (Path::new(&key_at), key)).map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| format!("the secret \"{name}\" contains a certificate or key that is not text"))
    };
    Ok(Leaf { cert: text(cert)?, key: Key::new(text(key)?), pair })
}

/// Returns the fingerprints that the annotation lists.
fn listed(text: &str) -> BTreeSet<&str> {
    text.split(',')
        .filter(|entry| !entry.is_empty())
        .map(|entry| entry.split_once('=').map_or(entry, |(fingerprint, _)| fingerprint))
        .collect()
}

fn fingerprints(cas: &[Ca]) -> BTreeSet<&str> {
    cas.iter().map(|ca| ca.fingerprint.as_str()).collect()
}

fn read_needed_until(text: &str, bundle: &[Ca]) -> BTreeMap<String, SystemTime> {
    let entry = |entry: &str| {
        let (fingerprint, until) = entry.split_once('=')?;
        let until = until.parse::<Timestamp>().ok()?;
        Some((fingerprint.to_owned(), SystemTime::from(until)))
    };
    let known = |fingerprint: &str| bundle.iter().any(|ca| ca.fingerprint == fingerprint);
    text.split(',').filter_map(entry).filter(|(fingerprint, _)| known(fingerprint)).collect()
}
