//! Where the API server finds the guard, and whom it trusts there.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use super::{DEFAULT_NAME, DEFAULT_NAMESPACE};

/// Where the guard is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Service of the cluster.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
    },
    /// An address: `https://HOST[:PORT][/PATH]`, without a trailing slash.
    Url(String),
}

/// What is wrong with an endpoint or its authorities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not `NAMESPACE/NAME[:PORT]`.
    #[error("\"{0}\" is no service: write NAMESPACE/NAME or NAMESPACE/NAME:PORT")]
    Service(String),
    /// Not a URL that the API server takes.
    #[error("\"{text}\" is no address of a webhook: {reason}")]
    Url {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No certificate in what should hold some.
    #[error("there is no PEM certificate in it")]
    NoCertificate,
    /// A certificate that cannot be read.
    #[error("a certificate in it cannot be read: {0}")]
    Certificate(String),
}

impl Endpoint {
    /// The Service that the chart makes where it is installed as its README says.
    pub fn default_service() -> Endpoint {
        Endpoint::Service { namespace: DEFAULT_NAMESPACE.to_owned(), name: DEFAULT_NAME.to_owned(), port: 443 }
    }

    /// Reads `NAMESPACE/NAME[:PORT]`; without a port, 443.
    ///
    /// # Errors
    /// Where it is not that.
    pub fn service(text: &str) -> Result<Endpoint, EndpointError> {
        let read = || {
            let (namespace, rest) = text.split_once('/')?;
            let (name, port) = match rest.split_once(':') {
                Some((name, port)) => (name, u16::from_str(port).ok().filter(|port| *port > 0)?),
                None => (rest, 443),
            };
            (is_label(namespace) && is_label(name)).then(|| Endpoint::Service {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                port,
            })
        };
        read().ok_or_else(|| EndpointError::Service(text.to_owned()))
    }

    /// Reads an address as the API server takes it: `https`, a host, and no query, fragment or user.
    ///
    /// # Errors
    /// Where it is not that.
    pub fn url(text: &str) -> Result<Endpoint, EndpointError> {
        let fault = |reason| EndpointError::Url { text: text.to_owned(), reason };
        let rest = text.strip_prefix("https://").ok_or_else(|| fault("it must start with https://"))?;
        if rest.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(fault("it must have no blanks"));
        }
        if rest.contains(['?', '#', '@']) {
            return Err(fault("it must have no query, fragment or user"));
        }
        let trimmed = rest.trim_end_matches('/');
        if trimmed.is_empty() || trimmed.starts_with(['/', ':']) {
            return Err(fault("it must name a host"));
        }
        Ok(Endpoint::Url(format!("https://{trimmed}")))
    }

    /// The `clientConfig` of a webhook behind `path` (`/mutate`, `/validate`).
    pub(super) fn client_config(&self, path: &str, authorities: Option<&Authorities>) -> Value {
        let mut config = Map::new();
        match self {
            Endpoint::Service { namespace, name, port } => {
                config.insert("service".to_owned(), json!({"namespace": namespace, "name": name, "port": port, "path": path}))
            }
            Endpoint::Url(url) => config.insert("url".to_owned(), Value::from(format!("{url}{path}"))),
        };
        if let Some(authorities) = authorities {
            config.insert("caBundle".to_owned(), Value::from(STANDARD.encode(&authorities.pem)));
        }
        Value::Object(config)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Service { namespace, name, port } => write!(formatter, "{namespace}/{name}:{port}"),
            Endpoint::Url(url) => formatter.write_str(url),
        }
    }
}

/// The certificates that the API server trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    pem: Vec<u8>,
}

impl Authorities {
    /// Reads a bundle of PEM certificates.
    ///
    /// # Errors
    /// Where there is none in it, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Authorities, EndpointError> {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            certificate.map_err(|error| EndpointError::Certificate(error.to_string()))?;
            count += 1;
        }
        if count == 0 { Err(EndpointError::NoCertificate) } else { Ok(Authorities { pem: pem.to_vec() }) }
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_read_with_and_without_its_port() {
        let expected = |port| Endpoint::Service { namespace: "guard".to_owned(), name: "netpol".to_owned(), port };
        assert_eq!(Endpoint::service("guard/netpol"), Ok(expected(443)));
        assert_eq!(Endpoint::service("guard/netpol:8443"), Ok(expected(8443)));
    }

    #[test]
    fn what_is_no_service_is_refused() {
        for text in
            ["", "netpol", "/netpol", "guard/", "guard/netpol:", "guard/netpol:0", "guard/netpol:65536", "guard/a/b", "Guard/netpol"]
        {
            assert_eq!(Endpoint::service(text), Err(EndpointError::Service(text.to_owned())));
        }
    }

    #[test]
    fn a_url_keeps_its_path_and_loses_its_last_slash() {
        let config = Endpoint::url("https://127.0.0.1:8443/").unwrap().client_config("/mutate", None);
        assert_eq!(config, json!({"url": "https://127.0.0.1:8443/mutate"}));
        let config = Endpoint::url("https://[::1]/netpol").unwrap().client_config("/validate", None);
        assert_eq!(config, json!({"url": "https://[::1]/netpol/validate"}));
    }

    #[test]
    fn an_address_that_the_api_server_refuses_is_refused_here() {
        for text in [
            "http://host",
            "host",
            "https://",
            "https:///path",
            "https://:80",
            "https://host?a=b",
            "https://me@host",
            "https://host#x",
            "https://a b",
        ] {
            assert!(matches!(Endpoint::url(text), Err(EndpointError::Url { .. })), "{text}");
        }
    }

    #[test]
    fn authorities_are_certificates() {
        assert_eq!(Authorities::from_pem(b""), Err(EndpointError::NoCertificate));
        let broken = b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
        assert!(matches!(Authorities::from_pem(broken), Err(EndpointError::Certificate(_))));
        let pair = rcgen::generate_simple_self_signed(vec!["guard".to_owned()]).unwrap();
        let pem = pair.cert.pem();
        let authorities = Authorities::from_pem(pem.as_bytes()).unwrap();
        let config = Endpoint::default_service().client_config("/mutate", Some(&authorities));
        assert_eq!(config["caBundle"], STANDARD.encode(&pem));
        assert_eq!(config["service"]["path"], "/mutate");
    }
}
