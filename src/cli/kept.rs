//! The flags about a certificate that is kept in a Secret, for `serve`.

use std::time::Duration;

use anyhow::anyhow;

use super::exit::Failure;
use crate::certificates::plan::Wanted;
use crate::controller::Options;
use crate::controller::Timing;
use crate::documents::names::is_dns_subdomain;
use crate::server::deadline;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The shortest life of a certificate: below it clocks that differ and one missed look would matter.
const SHORTEST: Duration = Duration::from_secs(600);
/// The longest: past it dates run out.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// How often Secret and registrations are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// The flags.
#[derive(Debug, clap::Args)]
pub struct KeptArgs {
    /// The Secret in which the server keeps a certificate that it issues and renews itself.
    #[arg(long, value_name = "NS/NAME", env = "NETPOL_TLS_SECRET", value_parser = object, requires = "tls_names")]
    tls_secret: Option<ObjectName>,

    /// The webhook configurations of this name get the CA of that certificate (repeatable).
    #[arg(
        long = "registration",
        value_name = "NAME",
        env = "NETPOL_REGISTRATION",
        value_delimiter = ',',
        value_parser = name,
        requires = "tls_secret"
    )]
    registrations: Vec<String>,

    /// How long its CA is valid; renewed after two thirds.
    #[arg(long, value_name = "DURATION", env = "NETPOL_CA_LIFETIME", default_value = "365d", value_parser = lifetime)]
    ca_lifetime: Duration,

    /// How long the certificate itself is valid; renewed after two thirds.
    #[arg(long, value_name = "DURATION", env = "NETPOL_LEAF_LIFETIME", default_value = "30d", value_parser = lifetime)]
    leaf_lifetime: Duration,
}

/// The name of an object in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl KeptArgs {
    /// Whether a Secret is named.
    pub fn is_given(&self) -> bool {
        self.tls_secret.is_some()
    }

    /// What the controller is told; none where no Secret is named.
    ///
    /// # Errors
    /// Lifetimes that contradict each other.
    pub fn options(&self, names: &[String]) -> Result<Option<Options>, Failure> {
        let Some(secret) = &self.tls_secret else { return Ok(None) };
        if self.ca_lifetime < self.leaf_lifetime {
            return Err(Failure::input(anyhow!(
                "a CA cannot end before the certificates that it signs: --ca-lifetime must be at least --leaf-lifetime"
            )));
        }
        Ok(Some(Options {
            namespace: secret.namespace.clone(),
            name: secret.name.clone(),
            webhook_configurations: self.registrations.clone(),
            wanted: Wanted { names: names.to_vec(), ca_life: self.ca_lifetime, leaf_life: self.leaf_lifetime },
            identity: identity()?,
            interval: EVERY,
            timing: Timing::default(),
        }))
    }
}

/// A name that no other process has: two of one name would both lead.
fn identity() -> Result<String, Failure> {
    let mut random = [0; 4];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::ours(anyhow!("the system gives no random numbers")))?;
    let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname")).unwrap_or_default();
    let host = host.trim();
    Ok(format!("{}_{:08x}", if host.is_empty() { "netpol" } else { host }, u32::from_be_bytes(random)))
}

/// Reads the name of an object with its namespace.
///
/// # Errors
/// It is none.
pub fn object(text: &str) -> Result<ObjectName, String> {
    let wrong = || "a Secret is named by its namespace and its name: netpol-system/netpol-tls".to_owned();
    let (namespace, object) = text.split_once('/').ok_or_else(wrong)?;
    Ok(ObjectName { namespace: name(namespace).map_err(|_| wrong())?, name: name(object).map_err(|_| wrong())? })
}

/// Reads the name of an object.
///
/// # Errors
/// It is none.
pub fn name(text: &str) -> Result<String, String> {
    is_dns_subdomain(text).then(|| text.to_owned()).ok_or_else(|| {
        "a name is at most 253 lower-case letters, digits, dashes and dots, and starts and ends each part with no dash".to_owned()
    })
}

/// Reads a duration: `10s`, `1m30s`, `12h`.
///
/// # Errors
/// It is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    deadline::parse(text).ok_or_else(|| "a duration is a number with a unit: 10s, 500ms, 1m30s".to_owned())
}

/// Reads how long a certificate is to be valid: days, or a duration.
///
/// # Errors
/// It is none, or shorter or longer than makes sense.
pub fn lifetime(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()).and_then(|days| DAY.checked_mul(days));
    let life = days.or_else(|| deadline::parse(text)).ok_or("a lifetime is a number with a unit: 365d, 12h, 90m")?;
    if (SHORTEST..=LONGEST).contains(&life) { Ok(life) } else { Err("a lifetime is between 10m and 36500d".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_namespace_and_a_name() {
        let named = |namespace: &str, name: &str| Ok(ObjectName { namespace: namespace.to_owned(), name: name.to_owned() });
        assert_eq!(object("netpol-system/netpol-tls"), named("netpol-system", "netpol-tls"));
        for wrong in ["netpol-tls", "a/b/c", "/b", "a/", "A/b", "a/b?x=y", "a/-b", "a/..", ""] {
            assert!(object(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_lifetime_may_be_given_in_days() {
        assert_eq!(lifetime("30d"), Ok(DAY * 30));
        assert_eq!(lifetime("12h"), Ok(DAY / 2));
        for wrong in ["9m", "40000d", "1", "d", "-1d", "1.5d", ""] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
