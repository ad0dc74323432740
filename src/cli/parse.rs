//! Parsers for the values of flags. Each returns an error that says what is accepted.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use crate::documents::names::{dns_label_fault, dns_subdomain_fault, label_key_fault};
use crate::server::duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The shortest lifetime of a certificate. Shorter ones would fail over clock skew or one missed renewal.
const MIN_LIFETIME: Duration = Duration::from_secs(600);
/// The longest lifetime of a certificate. X.509 dates end with the year 9999.
const MAX_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The namespace and the name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Parses the name of a namespace: a DNS label.
///
/// # Errors
/// Returns what a namespace name may contain.
pub fn namespace(text: &str) -> Result<String, String> {
    dns_label_fault(text).map_or_else(|| Ok(text.to_owned()), |fault| Err(format!("a namespace name {fault}")))
}

/// Parses the name of a user or a group. An empty name would match requests without one.
///
/// # Errors
/// Returns an error for an empty name.
pub fn user_or_group(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("the name must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// Parses the key of an annotation that attaches a pod to another network.
///
/// # Errors
/// Returns what a key may contain.
pub fn network_annotation(text: &str) -> Result<String, String> {
    label_key_fault(text).map_or_else(|| Ok(text.to_owned()), |fault| Err(format!("an annotation key {fault}")))
}

/// Parses the name of an object: a DNS subdomain.
///
/// # Errors
/// Returns what an object name may contain.
pub fn object_name(text: &str) -> Result<String, String> {
    dns_subdomain_fault(text).map_or_else(|| Ok(text.to_owned()), |fault| Err(format!("a name {fault}")))
}

/// Parses the name of a Secret with its namespace: `NAMESPACE/NAME`.
///
/// # Errors
/// Returns the expected form.
pub fn secret(text: &str) -> Result<ObjectName, String> {
    let wrong = || "write NAMESPACE/NAME, for example netpol-system/netpol-tls".to_owned();
    let (namespace, name) = text.split_once('/').ok_or_else(wrong)?;
    Ok(ObjectName { namespace: object_name(namespace).map_err(|_| wrong())?, name: object_name(name).map_err(|_| wrong())? })
}

/// Parses an address to listen on: `127.0.0.1:8443`, `[::]:0`, `localhost:8443`.
///
/// # Errors
/// Returns the expected form.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || "write an IP address or host name with a port, for example [::]:8443".to_owned();
    text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(wrong)
}

/// Parses an IP address of this machine that no other one reaches, or `localhost`, with a port.
///
/// # Errors
/// Returns the expected form.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let found = address(text).map_err(|_| "write a loopback address with a port, for example 127.0.0.1:8081".to_owned())?;
    let wrong = || {
        "others must not reach this page: write a loopback address, for example 127.0.0.1:8081. kubectl port-forward reaches it".to_owned()
    };
    found.ip().is_loopback().then_some(found).ok_or_else(wrong)
}

/// Parses a duration: `10s`, `1m30s`, `12h`.
///
/// # Errors
/// Returns the expected form.
pub fn duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "write a number with a unit, for example 10s, 500ms or 1m30s".to_owned())
}

/// Parses the lifetime of a certificate: a number of days, `365d`, or a duration, `12h`.
///
/// # Errors
/// Returns the expected form or the limits.
pub fn lifetime(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()).and_then(|days| DAY.checked_mul(days));
    let lifetime = days.or_else(|| duration::parse(text)).ok_or("write a number with a unit, for example 365d, 12h or 90m")?;
    if (MIN_LIFETIME..=MAX_LIFETIME).contains(&lifetime) {
        Ok(lifetime)
    } else {
        Err("a lifetime must be between 10m and 36500d".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_dns_label() {
        assert_eq!(namespace("desktops-2"), Ok("desktops-2".to_owned()));
        for wrong in ["", "A", "-a", "a-", "a.b", "a b", &"a".repeat(64)] {
            assert!(namespace(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_object_name_is_a_dns_subdomain() {
        assert_eq!(object_name("a.b-c"), Ok("a.b-c".to_owned()));
        for wrong in ["", "X_", "a..b", ".a", "-a", "a/b", &"a".repeat(254)] {
            assert!(object_name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_has_a_namespace_and_a_name() {
        let expected = ObjectName { namespace: "netpol-system".to_owned(), name: "netpol-tls".to_owned() };
        assert_eq!(secret("netpol-system/netpol-tls"), Ok(expected));
        for wrong in ["netpol-tls", "a/b/c", "/b", "a/", "A/b", "a/b?x=y", "a/-b", "a/..", ""] {
            assert!(secret(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_page_for_this_machine_only_has_a_loopback_address() {
        for text in ["127.0.0.1:8081", "127.9.9.9:0", "[::1]:8081", "localhost:0"] {
            assert!(loopback(text).is_ok(), "{text}");
        }
        for text in ["0.0.0.0:8081", "[::]:8081", "10.0.0.1:8081", "[::ffff:10.0.0.1]:1", "127.0.0.1", ""] {
            assert!(loopback(text).is_err_and(|error| error.contains("a loopback address")), "{text}");
        }
    }

    #[test]
    fn an_empty_group_is_an_error() {
        assert!(user_or_group("").is_err() && user_or_group(" ").is_err());
        assert_eq!(user_or_group("cn=admins,ou=groups"), Ok("cn=admins,ou=groups".to_owned()));
    }

    #[test]
    fn an_address_may_have_a_host_name() {
        assert!(address("localhost:0").is_ok_and(|address| address.ip().is_loopback()));
        assert!(address("8443").is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for wrong in ["", "soon", "10", "-1s"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_lifetime_may_have_days_and_has_limits() {
        assert_eq!(lifetime("30d"), Ok(DAY * 30));
        assert_eq!(lifetime("12h"), Ok(DAY / 2));
        for wrong in ["9m", "40000d", "1", "d", "-1d", "1.5d", ""] {
            assert!(lifetime(wrong).is_err(), "{wrong:?}");
        }
    }
}
