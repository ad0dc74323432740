//! What a Secret keeps: a certificate, the authorities that are trusted, and the keys of those that sign.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;

use super::authority::Authority;
use super::key::Key;
use super::pair::Pair;
use super::trust::{self, Bundle, Ca};

/// The certificate that is served.
pub const CERT: &str = "tls.crt";
/// Its key.
pub const KEY: &str = "tls.key";
/// Every authority that is trusted now.
pub const CA: &str = "ca.crt";
/// The key of the one that signs.
pub const CA_KEY: &str = "ca.key";
/// The key of the one that will sign, while it is made known.
pub const NEXT_CA_KEY: &str = "next-ca.key";

/// What somebody asks for by an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Another certificate: `leaf`.
    Leaf,
    /// Another authority, and a certificate of it: `ca`.
    Ca,
}

impl Request {
    /// Reads the annotation's value.
    pub fn read(text: &str) -> Option<Request> {
        match text.trim() {
            "leaf" => Some(Request::Leaf),
            "ca" => Some(Request::Ca),
            _ => None,
        }
    }
}

/// A certificate as it is kept.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Its chain, PEM.
    pub cert: String,
    /// Its key.
    pub key: Key,
    /// Both, ready to be served.
    pub pair: Pair,
}

/// What a Secret keeps, read as far as it can be.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The authorities that are trusted.
    pub bundle: Vec<Ca>,
    /// Until when an authority is needed that signs no more, by fingerprint: the end of the last
    /// certificate that it signed. One without a note is kept until its own end.
    pub until: BTreeMap<String, SystemTime>,
    /// The authority that signs: its certificate and its key.
    pub signing: Option<Signer>,
    /// The authority that is being made known.
    pub next: Option<Signer>,
    /// The certificate to serve.
    pub leaf: Option<Leaf>,
    /// Why there is no certificate to serve.
    pub leaf_fault: Option<String>,
    /// What is asked for.
    pub request: Option<Request>,
    /// Whether authorities may be missing in `bundle` that are trusted.
    pub is_damaged: bool,
}

/// An authority with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Its certificate.
    pub ca: Ca,
    /// Its key.
    pub key: Key,
}

impl Signer {
    /// Makes it sign.
    pub fn authority(&self) -> Option<Authority> {
        Authority::stored(std::slice::from_ref(&self.ca), self.key.pem())
    }
}

impl Stored {
    /// What there is where there is no Secret.
    pub fn absent() -> Stored {
        Stored { is_damaged: true, ..Stored::default() }
    }

    /// Reads a Secret's data: `name` is the Secret's, for what is said of it.
    pub fn read(name: &str, data: &BTreeMap<String, Vec<u8>>, trusted: Option<&str>, request: Option<Request>) -> Stored {
        let value = |key: &str| data.get(key).map_or(&[][..], Vec::as_slice);
        let mut bundle = Bundle::read(value(CA));
        bundle.cas.retain(Ca::is_intact);
        // What is not exactly as it was written may have lost more than can be seen.
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
        stored.until = read_until(trusted, &bundle.cas);
        (stored.bundle, stored.request) = (bundle.cas, request);
        stored
    }

    /// Writes a Secret's data. What other keys hold is nobody's business here.
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

    /// Writes which authorities are trusted, and until when those are needed that sign no more, for an
    /// annotation: `fingerprint` or `fingerprint=time`.
    pub fn written_trust(&self) -> String {
        let note = |ca: &Ca| match self.until.get(&ca.fingerprint).and_then(|until| Timestamp::try_from(*until).ok()) {
            Some(until) => format!("{}={until}", ca.fingerprint),
            None => ca.fingerprint.clone(),
        };
        self.bundle.iter().map(note).collect::<Vec<_>>().join(",")
    }

    /// Until when an authority is needed, if it signs no more.
    pub fn needed_until(&self, ca: &Ca) -> SystemTime {
        self.until.get(&ca.fingerprint).map_or(ca.not_after, |until| (*until).min(ca.not_after))
    }

    /// Whether an authority signs, or will.
    pub fn signs(&self, ca: &Ca) -> bool {
        [&self.signing, &self.next].into_iter().flatten().any(|signer| signer.ca == *ca)
    }
}

fn leaf(name: &str, cert: &[u8], key: &[u8]) -> Result<Leaf, String> {
    let at = |key: &str| format!("{name}: {key}");
    let (cert_at, key_at) = (at(CERT), at(KEY));
    let pair = Pair::parse((Path::new(&cert_at), cert), (Path::new(&key_at), key)).map_err(|error| error.to_string())?;
    let text =
        |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| format!("the Secret \"{name}\" holds something else than text"));
    Ok(Leaf { cert: text(cert)?, key: Key::new(text(key)?), pair })
}

/// The fingerprints that a note lists.
fn listed(text: &str) -> BTreeSet<&str> {
    text.split(',').filter(|note| !note.is_empty()).map(|note| note.split_once('=').map_or(note, |(fingerprint, _)| fingerprint)).collect()
}

fn fingerprints(cas: &[Ca]) -> BTreeSet<&str> {
    cas.iter().map(|ca| ca.fingerprint.as_str()).collect()
}

fn read_until(text: &str, bundle: &[Ca]) -> BTreeMap<String, SystemTime> {
    let note = |note: &str| {
        let (fingerprint, until) = note.split_once('=')?;
        let until = until.parse::<Timestamp>().ok()?;
        Some((fingerprint.to_owned(), SystemTime::from(until)))
    };
    let known = |fingerprint: &str| bundle.iter().any(|ca| ca.fingerprint == fingerprint);
    text.split(',').filter_map(note).filter(|(fingerprint, _)| known(fingerprint)).collect()
}
