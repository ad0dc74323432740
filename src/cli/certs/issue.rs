//! `netpol certs issue`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::anyhow;

use crate::certificates::authority::Authority;
use crate::certificates::canonical;
use crate::certificates::trust::Bundle;
use crate::certificates::when;
use crate::cli::exit::{Ended, Failure, Outcome};
use crate::cli::kept::lifetime;
use crate::cli::output::{NAME, Streams};
use crate::server::tls::{self, folder};

/// The names that a certificate for development has in any case.
const OWN: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
A CA that is in the folder already signs again; without one it is made. Keys have mode 0600. Whoever reads
ca.key can make certificates for any name: keep it out of production, where `serve --tls-secret` looks after
all of this.

Examples:
  netpol certs issue --dir ./tls --tls-name guard.example
  netpol serve --tls-cert ./tls/tls.crt --tls-key ./tls/tls.key
  netpol render registration --url https://guard.example:8443 --ca ./tls/ca.crt")]
pub(super) struct Args {
    /// The folder for ca.crt, ca.key, tls.crt and tls.key; it is made where there is none.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// A name or address of the certificate, besides localhost and its addresses (repeatable).
    #[arg(long = "tls-name", value_name = "NAME", value_delimiter = ',')]
    names: Vec<String>,

    /// How long a CA is valid that is made.
    #[arg(long, value_name = "DURATION", default_value = "365d", value_parser = lifetime)]
    ca_lifetime: Duration,

    /// How long the certificate is valid.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = lifetime)]
    leaf_lifetime: Duration,
}

/// Runs it.
///
/// # Errors
/// A folder that cannot be written; a CA in it that cannot be used; a name that no certificate can have.
pub(super) fn run(args: &Args, streams: &mut Streams) -> Ended {
    let now = SystemTime::now();
    let dir = args.dir.as_path();
    // Two of these at once would leave a certificate of one's CA beside the other's.
    let _lock = folder::lock(dir).map_err(|error| Failure::input(anyhow!("the folder \"{}\" cannot be used: {error}", dir.display())))?;
    let found = found(dir)?;
    let is_new = found.is_none();
    let authority = match found {
        Some(authority) if authority.ca.is_valid(now) => authority,
        Some(authority) => {
            let (until, dir) = (when(authority.ca.not_after), dir.display());
            return Err(Failure::input(anyhow!(
                "the CA in \"{dir}\" is not valid now (until {until}): remove ca.crt and ca.key, and another is made"
            )));
        }
        None => Authority::new(now, args.ca_lifetime).map_err(Failure::ours)?,
    };
    let mut names: Vec<String> = OWN.iter().map(|name| (*name).to_owned()).chain(args.names.iter().map(|name| canonical(name))).collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let issued = authority
        .issue(&names, now, args.leaf_lifetime)
        .map_err(|error| Failure::input(anyhow!("no certificate can have one of the names {}: {error}", names.join(", "))))?;
    let (ca_key, ca) = (is_new.then_some(&authority.key), is_new.then(|| authority.ca.pem()));
    folder::write(dir, ca_key, ca.as_deref(), &issued).map_err(Failure::input)?;
    let whose = if is_new { "a new CA" } else { "the CA that was there" };
    writeln!(streams.out, "{NAME}{}{NAME:#}", dir.join("tls.crt").display())?;
    writeln!(streams.out, "  for {}", names.join(", "))?;
    writeln!(streams.out, "  until {}, signed by {whose} (until {})", when(issued.pair.not_after), when(authority.ca.not_after))?;
    Ok(Outcome::Clean)
}

/// The CA that is in the folder.
fn found(dir: &Path) -> Result<Option<Authority>, Failure> {
    let (cert, key) = (dir.join("ca.crt"), dir.join("ca.key"));
    if !cert.exists() && !key.exists() {
        return Ok(None);
    }
    let read = |path: &Path| tls::read(path).map_err(|reason| Failure::input(anyhow!("\"{}\" {reason}", path.display())));
    let (cert, key) = (read(&cert)?, read(&key)?);
    let authority = std::str::from_utf8(&key).ok().and_then(|key| Authority::stored(&Bundle::read(&cert).cas, key));
    let wrong = || anyhow!("ca.crt and ca.key in \"{}\" are not a CA with its key: remove them, and another is made", dir.display());
    authority.map(Some).ok_or_else(|| Failure::input(wrong()))
}
