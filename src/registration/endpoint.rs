//! The address of the server and the CA bundle, as the API server needs them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use crate::documents::names::is_dns_label;
use crate::documents::values::text;

/// The default name of both configurations and of the Service.
pub const DEFAULT_NAME: &str = "abcdesktop-netpol";

/// The default namespace of the servers.
pub const DEFAULT_NAMESPACE: &str = "netpol-system";

/// The address of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Service.
    Service {
        /// The namespace of the Service.
        namespace: String,
        /// The name of the Service.
        name: String,
        /// The port of the Service.
        port: u16,
    },
    /// A URL: `https://HOST[:PORT][/PATH]`, without a trailing slash.
    Url(String),
}

/// What is wrong with an endpoint or a CA bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not `NAMESPACE/NAME[:PORT]`.
    #[error("\"{0}\" is not a Service; write NAMESPACE/NAME or NAMESPACE/NAME:PORT")]
    Service(String),
    /// Not a URL that the API server accepts.
    #[error("\"{text}\" is not a webhook URL: {reason}")]
    Url {
        /// The text that the user gave.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No certificate.
    #[error("no PEM certificate found")]
    NoCertificate,
    /// A certificate that cannot be parsed.
    #[error("a PEM certificate cannot be parsed: {0}")]
    Certificate(String),
}

impl Endpoint {
    /// Returns the Service of a default installation of the chart.
    pub fn default_service() -> Endpoint {
        Endpoint::Service { namespace: DEFAULT_NAMESPACE.to_owned(), name: DEFAULT_NAME.to_owned(), port: 443 }
    }

    /// Parses `NAMESPACE/NAME[:PORT]`. The default port is 443.
    ///
    /// # Errors
    /// The text has another form.
    pub fn service(text: &str) -> Result<Endpoint, EndpointError> {
        let read = || {
            let (namespace, rest) = text.split_once('/')?;
            let (name, port) = match rest.split_once(':') {
                Some((name, port)) => (name, u16::from_str(port).ok().filter(|port| *port > 0)?),
                None => (rest, 443),
            };
            (is_dns_label(namespace) && is_dns_label(name)).then(|| Endpoint::Service {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                port,
            })
        };
        read().ok_or_else(|| EndpointError::Service(text.to_owned()))
    }

    /// Parses a URL that the API server accepts: `https`, a host, and no query, fragment or user.
    ///
    /// # Errors
    /// The API server would reject the URL.
    pub fn url(text: &str) -> Result<Endpoint, EndpointError> {
        let fault = |reason| EndpointError::Url { text: text.to_owned(), reason };
        let rest = text.strip_prefix("https://").ok_or_else(|| fault("it must start with https://"))?;
        if rest.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(fault("it must not contain whitespace"));
        }
        if rest.contains(['?', '#', '@']) {
            return Err(fault("it must not have a query, fragment or user"));
        }
        let trimmed = rest.trim_end_matches('/');
        if trimmed.is_empty() || trimmed.starts_with(['/', ':']) {
            return Err(fault("it must have a host"));
        }
        Ok(Endpoint::Url(format!("https://{trimmed}")))
    }

    /// Returns the endpoint of a `clientConfig` that the API server returned, without the path of the stage; `None` if it has none.
    pub(super) fn of_client_config(config: &Value) -> Option<Endpoint> {
        if let Some(url) = text(config, "/url") {
            let (url, _) = url.trim_end_matches('/').rsplit_once('/')?;
            return Endpoint::url(url).ok();
        }
        let port = config.pointer("/service/port").map_or(Some(443), |port| u16::try_from(port.as_u64()?).ok())?;
        let service = |field: &str| text(config, &format!("/service/{field}")).map(str::to_owned);
        Some(Endpoint::Service { namespace: service("namespace")?, name: service("name")?, port })
    }

    /// Returns the endpoint that a name of a certificate stands for.
    pub(super) fn at_host(host: &str) -> Endpoint {
        let mut parts = host.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(namespace), Some("svc"), None) => {
                Endpoint::Service { namespace: namespace.to_owned(), name: name.to_owned(), port: 443 }
            }
            _ if host.contains(':') => Endpoint::Url(format!("https://[{host}]")),
            _ => Endpoint::Url(format!("https://{host}")),
        }
    }

    /// Returns the name that the certificate of the server must have: an IPv6 address without brackets.
    pub(super) fn host(&self) -> String {
        match self {
            Endpoint::Service { namespace, name, .. } => format!("{name}.{namespace}.svc"),
            Endpoint::Url(url) => {
                let authority = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
                let bare = authority.strip_prefix('[').and_then(|rest| rest.split(']').next());
                bare.unwrap_or_else(|| authority.split(':').next().unwrap_or_default()).to_ascii_lowercase()
            }
        }
    }

    /// Returns the `clientConfig` of a webhook with this `path` (`/mutate`, `/validate`).
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

/// A CA bundle: the certificates that the API server trusts for this endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    pem: Vec<u8>,
}

impl Authorities {
    /// Parses a bundle of PEM certificates.
    ///
    /// # Errors
    /// There is no certificate, or one cannot be parsed.
    pub fn from_pem(pem: &[u8]) -> Result<Authorities, EndpointError> {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            certificate.map_err(|error| EndpointError::Certificate(error.to_string()))?;
            count += 1;
        }
        if count == 0 { Err(EndpointError::NoCertificate) } else { Ok(Authorities { pem: pem.to_vec() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_parsed_with_and_without_a_port() {
        let expected = |port| Endpoint::Service { namespace: "guard".to_owned(), name: "netpol".to_owned(), port };
        assert_eq!(Endpoint::service("guard/netpol"), Ok(expected(443)));
        assert_eq!(Endpoint::service("guard/netpol:8443"), Ok(expected(8443)));
    }

    #[test]
    fn other_forms_of_a_service_are_errors() {
        for text in
            ["", "netpol", "/netpol", "guard/", "guard/netpol:", "guard/netpol:0", "guard/netpol:65536", "guard/a/b", "Guard/netpol"]
        {
            assert_eq!(Endpoint::service(text), Err(EndpointError::Service(text.to_owned())));
        }
    }

    #[test]
    fn a_url_keeps_its_path_without_the_trailing_slash() {
        let config = Endpoint::url("https://127.0.0.1:8443/").unwrap().client_config("/mutate", None);
        assert_eq!(config, json!({"url": "https://127.0.0.1:8443/mutate"}));
        let config = Endpoint::url("https://[::1]/netpol").unwrap().client_config("/validate", None);
        assert_eq!(config, json!({"url": "https://[::1]/netpol/validate"}));
    }

    #[test]
    fn a_url_that_the_api_server_rejects_is_an_error() {
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
    fn a_ca_bundle_must_contain_certificates() {
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
