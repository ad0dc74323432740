//! `netpol certs issue`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::anyhow;

use crate::certificates::authority::Authority;
use crate::certificates::canonical;
use crate::certificates::pem::{KeyFault, private_key};
use crate::certificates::trust::Bundle;
use crate::certificates::when;
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::output::{NAME, Streams};
use crate::cli::parse::lifetime;
use crate::server::tls::{self, folder};

/// The names that every certificate has.
const DEFAULT_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The arguments of `certs issue`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The certificate is signed by the CA in the folder. If the folder has no CA,
a new one is created. Key files have mode 0600. Do not use this in
production: ca.key can sign certificates for any name. Use
`serve --tls-secret` there, which manages its certificate itself.

Examples:
  netpol certs issue --dir ./tls --tls-name guard.example
  netpol serve --tls-cert ./tls/tls.crt --tls-key ./tls/tls.key
  netpol render registration --url https://guard.example:8443 --ca ./tls/ca.crt")]
pub(super) struct Args {
    /// Folder for ca.crt, ca.key, tls.crt and tls.key; it is created if it does not exist.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// DNS name or IP address for the certificate, in addition to localhost and its addresses (repeatable).
    #[arg(long = "tls-name", value_name = "NAME", value_delimiter = ',')]
    names: Vec<String>,

    /// Lifetime of a new CA.
    #[arg(long, value_name = "DURATION", default_value = "365d", value_parser = lifetime)]
    ca_lifetime: Duration,

    /// Lifetime of the certificate.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = lifetime)]
    leaf_lifetime: Duration,
}

/// Issues a certificate.
///
/// # Errors
/// Returns an error if the folder cannot be written, if its CA cannot be used, or if a name is not valid.
pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let now = SystemTime::now();
    let dir = args.dir.as_path();
    // Without the lock, two processes could leave the certificate of one with the CA of the other.
    let _lock = folder::lock(dir).map_err(|error| Failure::input(anyhow!("cannot use the folder \"{}\": {error}", dir.display())))?;
    let existing = existing_authority(dir)?;
    let is_new = existing.is_none();
    let authority = match existing {
        Some(authority) if authority.ca.is_valid(now) => authority,
        Some(authority) => {
            let (until, dir) = (when(authority.ca.not_after), dir.display());
            return Err(Failure::input(anyhow!(
                "the CA in \"{dir}\" is not valid at this time (it expires at {until}): remove ca.crt and ca.key to create a new one"
            )));
        }
        None => Authority::new(now, args.ca_lifetime).map_err(Failure::internal)?,
    };
    let mut names: Vec<String> =
        DEFAULT_NAMES.iter().map(|name| (*name).to_owned()).chain(args.names.iter().map(|name| canonical(name))).collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let issued = authority
        .issue(&names, now, args.leaf_lifetime)
        .map_err(|error| Failure::input(anyhow!("cannot issue a certificate for {}: {error}", names.join(", "))))?;
    let (ca_key, ca) = (is_new.then_some(&authority.key), is_new.then(|| authority.ca.pem()));
    folder::write(dir, ca_key, ca.as_deref(), &issued).map_err(Failure::input)?;
    let issuer = if is_new { "a new CA" } else { "the existing CA" };
    writeln!(streams.out, "{NAME}{}{NAME:#}", dir.join("tls.crt").display())?;
    writeln!(streams.out, "  for {}", names.join(", "))?;
    writeln!(streams.out, "  until {}, signed by {issuer} (until {})", when(issued.pair.not_after), when(authority.ca.not_after))?;
    Ok(Status::Clean)
}

/// Returns the CA in the folder, if it has one.
fn existing_authority(dir: &Path) -> Result<Option<Authority>, Failure> {
    let (cert, key) = (dir.join("ca.crt"), dir.join("ca.key"));
    if !cert.exists() && !key.exists() {
        return Ok(None);
    }
    let read = |path: &Path| tls::read(path).map_err(|reason| Failure::input(anyhow!("\"{}\" {reason}", path.display())));
    let (cert, key_pem) = (read(&cert)?, read(&key)?);
    if let Err(fault @ KeyFault::Encrypted) = private_key(&key_pem) {
        return Err(Failure::input(anyhow!("the key \"{}\" {}", key.display(), fault.reason(&key))));
    }
    let authority = std::str::from_utf8(&key_pem).ok().and_then(|key| Authority::stored(&Bundle::read(&cert).cas, key));
    let wrong = || anyhow!("ca.crt and ca.key in \"{}\" are not a CA and its key: remove them to create a new CA", dir.display());
    authority.map(Some).ok_or_else(|| Failure::input(wrong()))
}
