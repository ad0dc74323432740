//! Certificates that the server issues to itself: a CA that is valid for a year, and a certificate that is valid for 30
//! days and renewed after 20.
//!
//! A folder holds `ca.crt` for clients, and `tls.crt` and `tls.key` for the next start. The key of the CA is in memory
//! only: a reader of the folder can impersonate this server until the certificate expires, but cannot issue certificates
//! for other names. A renewal after a restart therefore needs a new CA. `ca.crt` then has both CAs, and clients must
//! reload it before the old certificate expires.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::{Polled, TlsError};
use super::{files, folder};
use crate::certificates::authority::{Authority, IssueError, Issued};
use crate::certificates::pair::Pair;
use crate::certificates::trust::{Bundle, pem, verify};
use crate::certificates::{canonical, when};

/// How long a CA is valid.
const CA_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long a certificate is valid.
const LEAF_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The maximum number of CAs of earlier runs in `ca.crt`.
const KEPT: usize = 3;
/// The names that every certificate has.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Issues certificates for one server.
#[derive(Debug)]
pub(crate) struct SelfIssued {
    dir: Option<PathBuf>,
    names: Vec<String>,
    /// `None` if the certificate was read from the folder.
    authority: Option<Authority>,
    renew_at: SystemTime,
}

impl SelfIssued {
    /// Reads a certificate from the folder, or issues one.
    ///
    /// # Errors
    /// No certificate can have one of the names, or the folder cannot be written.
    pub(super) fn open(dir: Option<PathBuf>, names: &[String], now: SystemTime) -> Result<(SelfIssued, Pair), TlsError> {
        let own = OWN_NAMES.iter().map(|name| (*name).to_owned());
        let names: Vec<String> =
            own.chain(names.iter().cloned()).map(|name| canonical(&name)).collect::<BTreeSet<_>>().into_iter().collect();
        let mut issued = SelfIssued { dir, names, authority: None, renew_at: now };
        let _lock = issued.lock()?;
        let found = issued.reuse(now);
        let pair = if let Some(pair) = found { pair } else { issued.issue(now)? };
        issued.renew_at = pair.renewal();
        Ok((issued, pair))
    }

    pub(super) fn announce(&self, pair: &Pair) {
        let (names, until) = (pair.names.join(", "), when(pair.not_after));
        if let Some(dir) = &self.dir {
            let which = if self.authority.is_some() { "a new" } else { "the existing" };
            let ca = dir.join("ca.crt");
            tracing::info!(names, until, ca = %ca.display(), "serving {which} self-issued certificate");
        } else {
            tracing::warn!(names, until, "serving a self-issued certificate whose CA is in memory only: clients cannot verify it");
        }
    }

    /// Returns the file with the certificate; `None` if it is in memory only.
    pub(super) fn cert_file(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join("tls.crt"))
    }

    /// Renews the certificate when two thirds of its lifetime have passed.
    pub(super) fn poll(&mut self, now: SystemTime) -> Polled<Pair> {
        if now < self.renew_at {
            return Polled::Same;
        }
        let issued = self.lock().and_then(|_lock| self.issue(now));
        match issued {
            Ok(pair) => {
                self.renew_at = pair.renewal();
                Polled::New(pair)
            }
            Err(error) => Polled::Rejected(error),
        }
    }

    /// Returns the certificate in the folder, if this server would issue the same one.
    fn reuse(&self, now: SystemTime) -> Option<Pair> {
        let dir = self.dir.as_deref()?;
        let (cert, key) = (dir.join("tls.crt"), dir.join("tls.key"));
        let pair = Pair::parse((&cert, &files::read(&cert).ok()?), (&key, &files::read(&key).ok()?)).ok()?;
        let names: BTreeSet<&String> = pair.names.iter().collect();
        let is_young = now >= pair.not_before && now < pair.renewal();
        let is_ours = names == self.names.iter().collect() && is_signed_by(&pair, &files::read(&dir.join("ca.crt")).ok()?, now);
        (is_young && is_ours).then_some(pair)
    }

    /// Issues a certificate. Creates a new CA if the current one would expire first.
    fn issue(&mut self, now: SystemTime) -> Result<Pair, TlsError> {
        let wrong = |error: IssueError| TlsError::Issue { names: self.names.clone(), reason: error.to_string() };
        let authority = match self.authority.take().filter(|authority| authority.ca.not_after >= now + LEAF_LIFE) {
            Some(authority) => authority,
            None => Authority::new(now, CA_LIFE).map_err(wrong)?,
        };
        let authority = self.authority.insert(authority);
        let issued = authority.issue(&self.names, now, LEAF_LIFE).map_err(wrong)?;
        if let Some(dir) = &self.dir {
            store(dir, authority, &issued, now).map_err(|error| unusable(dir, &error))?;
        }
        Ok(issued.pair)
    }

    /// Locks the folder for this process; creates the folder if it does not exist.
    fn lock(&self) -> Result<Option<File>, TlsError> {
        let Some(dir) = &self.dir else { return Ok(None) };
        folder::lock(dir).map(Some).map_err(|error| unusable(dir, &error))
    }
}

fn unusable(dir: &Path, error: &io::Error) -> TlsError {
    TlsError::Folder { path: dir.to_owned(), reason: error.to_string() }
}

fn is_signed_by(pair: &Pair, ca: &[u8], now: SystemTime) -> bool {
    verify(pair, &Bundle::read(ca).cas, Some("localhost"), now).is_ok()
}

/// Writes the folder. The bundle also contains the CAs of earlier runs, so that their certificates stay trusted.
fn store(dir: &Path, authority: &Authority, issued: &Issued, now: SystemTime) -> io::Result<()> {
    let path = dir.join("ca.crt");
    let before = files::read(&path).map(|pem| Bundle::read(&pem).cas).unwrap_or_default();
    let mut bundle = vec![authority.ca.clone()];
    bundle.extend(before.into_iter().filter(|earlier| *earlier != authority.ca && now < earlier.not_after).take(KEPT));
    folder::write(dir, None, Some(&pem(&bundle)), issued)
}
