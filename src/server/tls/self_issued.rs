//! Certificates that the server issues to itself: a CA for a year, and under it one for thirty days that
//! is renewed when two thirds of them have passed.
//!
//! A folder keeps `ca.crt`, for clients; `tls.crt` and `tls.key`, for the next start. The CA's key is kept
//! nowhere but in memory: whoever reads the folder can pass for this server until the certificate expires,
//! but cannot make certificates for other names. So renewing after a restart needs a new CA: `ca.crt`
//! then has both, and a client that reads it again before the old certificate is gone notices nothing.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::pair::{Pair, certificates, when};
use super::source::Polled;
use super::{TlsError, files};

/// How long a CA is valid.
const CA_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long a certificate is valid.
const LEAF_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How far back validity begins: clocks differ.
const BACKDATED: Duration = Duration::from_secs(300);
/// How many CAs of earlier runs `ca.crt` keeps.
const KEPT: usize = 3;
/// The names that every certificate has.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What issues certificates.
#[derive(Debug)]
pub(crate) struct SelfIssued {
    dir: Option<PathBuf>,
    names: Vec<String>,
    /// None where the certificate was found in the folder.
    authority: Option<Authority>,
    renew_at: SystemTime,
}

#[derive(Debug)]
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    not_after: SystemTime,
}

struct Issued {
    cert: String,
    key: String,
    pair: Pair,
}

impl SelfIssued {
    /// Gets a certificate out of the folder, or issues one.
    ///
    /// # Errors
    /// A name that no certificate can have; a folder that cannot be written.
    pub(super) fn open(dir: Option<PathBuf>, names: &[String], now: SystemTime) -> Result<(SelfIssued, Pair), TlsError> {
        let own = OWN_NAMES.iter().map(|name| (*name).to_owned());
        let names: Vec<String> = own.chain(names.iter().cloned()).map(canonical).collect::<BTreeSet<_>>().into_iter().collect();
        let mut issued = SelfIssued { dir, names, authority: None, renew_at: now };
        let _lock = issued.lock()?;
        let found = issued.reuse(now);
        let pair = if let Some(pair) = found { pair } else { issued.issue(now)? };
        issued.renew_at = renewal(&pair);
        Ok((issued, pair))
    }

    pub(super) fn announce(&self, pair: &Pair) {
        let (names, until) = (pair.names.join(", "), when(pair.not_after));
        if let Some(dir) = &self.dir {
            let when = if self.authority.is_some() { "now" } else { "earlier" };
            let ca = dir.join("ca.crt");
            tracing::info!(names, until, ca = %ca.display(), "serving with a certificate that netpol issued to itself {when}");
        } else {
            tracing::warn!(
                names,
                until,
                "serving with a certificate that netpol issued to itself and keeps in memory: no client can check it"
            );
        }
    }

    /// Renews the certificate when it is time.
    pub(super) fn poll(&mut self, now: SystemTime) -> Polled<Pair> {
        if now < self.renew_at {
            return Polled::Same;
        }
        let issued = self.lock().and_then(|_lock| self.issue(now));
        match issued {
            Ok(pair) => {
                self.renew_at = renewal(&pair);
                Polled::New(pair)
            }
            Err(error) => Polled::Refused(error),
        }
    }

    /// Answers the certificate in the folder, if it is one that this server would issue.
    fn reuse(&self, now: SystemTime) -> Option<Pair> {
        let dir = self.dir.as_deref()?;
        let (cert, key) = (dir.join("tls.crt"), dir.join("tls.key"));
        let pair = Pair::parse((&cert, &files::read(&cert).ok()?), (&key, &files::read(&key).ok()?)).ok()?;
        let names: BTreeSet<&String> = pair.names.iter().collect();
        let is_young = now >= pair.not_before && now < renewal(&pair);
        let is_ours = names == self.names.iter().collect() && is_signed_by(&pair, &files::read(&dir.join("ca.crt")).ok()?, now);
        (is_young && is_ours).then_some(pair)
    }

    /// Issues a certificate, under a new CA where there is none that outlives it.
    fn issue(&mut self, now: SystemTime) -> Result<Pair, TlsError> {
        let wrong = |error: rcgen::Error| TlsError::Issue { names: self.names.clone(), reason: error.to_string() };
        let authority = match self.authority.take().filter(|authority| authority.not_after >= now + LEAF_LIFE) {
            Some(authority) => authority,
            None => Authority::new(now).map_err(wrong)?,
        };
        let authority = self.authority.insert(authority);
        let issued = authority.issue(&self.names, now).map_err(wrong)?;
        if let Some(dir) = &self.dir {
            store(dir, authority, &issued, now).map_err(|error| folder(dir, &error))?;
        }
        Ok(issued.pair)
    }

    /// Keeps other processes out of the folder; it makes the folder where there is none.
    fn lock(&self) -> Result<Option<File>, TlsError> {
        let Some(dir) = &self.dir else { return Ok(None) };
        let lock = || {
            fs::create_dir_all(dir)?;
            let handle = File::open(dir)?;
            handle.lock()?;
            Ok(handle)
        };
        lock().map(Some).map_err(|error| folder(dir, &error))
    }
}

fn folder(dir: &Path, error: &io::Error) -> TlsError {
    TlsError::Folder { path: dir.to_owned(), reason: error.to_string() }
}

/// Writes a name as a certificate's reader does.
fn canonical(name: String) -> String {
    name.parse::<IpAddr>().map_or(name, |address| address.to_string())
}

/// When two thirds of a certificate's life have passed.
fn renewal(pair: &Pair) -> SystemTime {
    let life = pair.not_after.duration_since(pair.not_before).unwrap_or_default();
    pair.not_before + life / 3 * 2
}

fn is_signed_by(pair: &Pair, ca: &[u8], now: SystemTime) -> bool {
    let check = || -> Option<()> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(ca).ok()?);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), super::provider()).build().ok()?;
        let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).ok()?);
        let (leaf, chain) = pair.key.cert.split_first()?;
        verifier.verify_server_cert(leaf, chain, &ServerName::try_from("localhost").ok()?, &[], now).ok()?;
        Some(())
    };
    check().is_some()
}

impl Authority {
    fn new(now: SystemTime) -> Result<Authority, rcgen::Error> {
        let not_after = now + CA_LIFE;
        let mut params = CertificateParams::new(Vec::new())?;
        params.not_before = (now - BACKDATED).into();
        params.not_after = not_after.into();
        // The date tells the CAs of two runs apart, which a file may have side by side.
        params.distinguished_name = named(&format!("netpol self-issued CA of {}", when(now)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Authority { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?, not_after })
    }

    fn issue(&self, names: &[String], now: SystemTime) -> Result<Issued, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + LEAF_LIFE).into();
        params.distinguished_name = named("netpol");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?.pem();
        let key = key.serialize_pem();
        let paths = (Path::new("tls.crt"), Path::new("tls.key"));
        let pair =
            Pair::parse((paths.0, cert.as_bytes()), (paths.1, key.as_bytes())).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
        Ok(Issued { cert, key, pair })
    }
}

fn named(name: &str) -> rcgen::DistinguishedName {
    let mut distinguished = rcgen::DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Writes the three files, the clients' one first: they must know the CA before they meet it.
fn store(dir: &Path, authority: &Authority, issued: &Issued, now: SystemTime) -> io::Result<()> {
    let path = dir.join("ca.crt");
    let before = files::read(&path).ok().and_then(|pem| certificates(&pem).ok()).unwrap_or_default();
    let mut bundle = authority.issuer.pem();
    for earlier in before.iter().filter(|earlier| *earlier != authority.issuer.der() && is_valid(earlier, now)).take(KEPT) {
        bundle.push_str(&pem(earlier));
    }
    replace(&path, bundle.as_bytes(), 0o644)?;
    replace(&dir.join("tls.key"), issued.key.as_bytes(), 0o600)?;
    replace(&dir.join("tls.crt"), issued.cert.as_bytes(), 0o644)
}

fn is_valid(certificate: &CertificateDer<'_>, now: SystemTime) -> bool {
    let now = i64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
    X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| parsed.validity().not_after.timestamp() > now)
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Puts a file in the place of another, whole or not at all.
fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // One that was left behind, or put there for us to write through.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)
}
