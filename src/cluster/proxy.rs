//! The proxy through which a command reaches the API server, chosen as kubectl does.
//!
//! `proxy-url` of the kubeconfig is always used. Otherwise, `HTTPS_PROXY` (for a plain `http` server, `HTTP_PROXY`) is used unless
//! `NO_PROXY` lists the server. kube's own choice is not used: it compares `NO_PROXY` with the address of the proxy, and rejects
//! lists that Go reads.

use std::net::IpAddr;

use hyper::Uri;

/// A proxy, and where it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) url: Uri,
    /// `proxy-url of the kubeconfig`, or the name of an environment variable.
    pub(super) source: &'static str,
}

/// Names the proxy in messages, without its user and password.
impl std::fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the proxy {}", self.url.host().unwrap_or_default())?;
        if let Some(port) = self.url.port_u16() {
            write!(formatter, ":{port}")?;
        }
        write!(formatter, " ({})", self.source)
    }
}

/// Chooses the proxy for a server; `variable` returns an environment variable.
///
/// # Errors
/// The proxy is not a URL with a scheme that is supported. The error is a sentence; it does not contain the URL, which can contain a
/// password.
pub(super) fn choose(server: &Uri, proxy_url: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, String> {
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value)))
    };
    if let Some(url) = proxy_url.filter(|url| !url.is_empty()) {
        return Proxy::parse("proxy-url of the kubeconfig", url).map(Some);
    }
    let names = if server.scheme_str() == Some("http") { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
    let Some((name, url)) = first(names) else { return Ok(None) };
    let exceptions = first(["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default();
    if is_direct(server, &exceptions) {
        return Ok(None);
    }
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    Proxy::parse(name, &url).map(Some)
}

impl Proxy {
    fn parse(source: &'static str, text: &str) -> Result<Proxy, String> {
        let wrong = || format!("{source} must be a URL that starts with http://, https:// or socks5://");
        // Both resolve names at the proxy.
        let text = text.replacen("socks5h://", "socks5://", 1);
        let url: Uri = text.trim().parse().map_err(|_| wrong())?;
        match (url.scheme_str(), url.host(), url.port_u16()) {
            (Some("http" | "https"), Some(_), _) | (Some("socks5"), Some(_), Some(_)) => Ok(Proxy { url, source }),
            (Some("socks5"), Some(host), None) => {
                format!("socks5://{host}:1080").parse().map(|url| Proxy { url, source }).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }
}

/// Returns whether a server is reached without the proxy of the environment: it is this machine, or the list names it. These are
/// the rules of Go's `golang.org/x/net/http/httpproxy`; entries that have no meaning are ignored.
fn is_direct(server: &Uri, exceptions: &str) -> bool {
    let Some(host) = server.host() else { return false };
    let host = unbracketed(host).to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let address = host.parse::<IpAddr>().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    exceptions.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| covers(&entry, &host, address, port))
}

/// Returns whether an entry of the list covers a host: `*`, a CIDR, an address or a domain, the last two with an optional port.
fn covers(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, prefix)) = cidr(entry) {
        return address.is_some_and(|address| contains(network, prefix, address));
    }
    let (name, only) = split_port(entry);
    if only.is_some_and(|only| only != port) {
        return false;
    }
    match (unbracketed(name).parse::<IpAddr>(), address) {
        (Ok(exception), address) => address == Some(exception),
        (Err(_), Some(_)) => false,
        (Err(_), None) => {
            let domain = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
            match domain.strip_prefix('.') {
                Some(_) => host.ends_with(domain),
                None => !domain.is_empty() && (host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))),
            }
        }
    }
}

/// Splits off a port. An IPv6 address has one only after brackets.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn cidr(entry: &str) -> Option<(IpAddr, u32)> {
    let (network, prefix) = entry.split_once('/')?;
    let (network, prefix): (IpAddr, u32) = (network.parse().ok()?, prefix.parse().ok()?);
    (prefix <= if network.is_ipv4() { 32 } else { 128 }).then_some((network, prefix))
}

fn contains(network: IpAddr, prefix: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.checked_shr(32 - prefix).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.checked_shr(128 - prefix).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(server: &str, proxy_url: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let variable = |name: &str| variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned());
        choose(&server.parse().unwrap(), proxy_url, variable).map(|proxy| proxy.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn the_proxy_of_the_kubeconfig_wins_over_the_environment() {
        let variables = [("HTTPS_PROXY", "http://env:1"), ("NO_PROXY", "*")];
        let of = |server: &str| chosen(server, Some("http://user:secret@own:2"), &variables).unwrap();
        assert_eq!(of("https://api.example:6443").unwrap(), "the proxy own:2 (proxy-url of the kubeconfig)");
        assert_eq!(of("https://localhost:6443").unwrap(), "the proxy own:2 (proxy-url of the kubeconfig)");
    }

    #[test]
    fn the_environment_is_read_as_go_reads_it() {
        let api = "https://api.example";
        for (server, variables, proxy) in [
            (api, &[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:2")][..], Some("the proxy a:1 (HTTPS_PROXY)")),
            (api, &[("HTTPS_PROXY", ""), ("https_proxy", "http://b:2")], Some("the proxy b:2 (https_proxy)")),
            (api, &[("HTTPS_PROXY", "a:1")], Some("the proxy a:1 (HTTPS_PROXY)")),
            (api, &[("HTTPS_PROXY", "socks5h://a")], Some("the proxy a:1080 (HTTPS_PROXY)")),
            (api, &[("HTTP_PROXY", "http://a:1")], None),
            ("http://api.example", &[("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://b:2")], Some("the proxy a:1 (HTTP_PROXY)")),
            ("https://localhost:1", &[("HTTPS_PROXY", "http://a:1")], None),
            ("https://[::1]:1", &[("HTTPS_PROXY", "http://a:1")], None),
            (api, &[], None),
        ] {
            assert_eq!(chosen(server, None, variables), Ok(proxy.map(str::to_owned)), "{variables:?}");
        }
    }

    #[test]
    fn a_server_in_the_list_needs_no_proxy() {
        let is_direct = |server: &str, list: &str| {
            chosen(&format!("https://{server}"), None, &[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", list)]).unwrap().is_none()
        };
        for (server, list) in [
            ("10.1.2.3:6443", "127.0.0.1,10.0.0.0/8,.svc"),
            ("10.1.2.3:6443", "10.1.2.3,"),
            ("10.1.2.3:6443", " 10.1.2.3:6443 "),
            ("10.1.2.3", "0.0.0.0/0"),
            ("[fd00::5]:6443", "fd00::/8"),
            ("[fd00::5]:6443", "fd00::5"),
            ("[fd00::5]:6443", "[fd00::5]:6443"),
            ("api.example:6443", "*"),
            ("api.example:6443", "API.example"),
            ("api.example", "api.example:443"),
            ("a.b.example", "example"),
            ("a.b.example", ".b.example"),
            ("a.b.example", "*.b.example"),
        ] {
            assert!(is_direct(server, list), "{server} {list}");
        }
        for (server, list) in [
            ("11.1.2.3:6443", "10.0.0.0/8"),
            ("10.1.2.3:6443", "10.1.2.3:443"),
            ("10.1.2.3", "fd00::/8,::/0,10.1.2.0/33,10.1.2,/,:,"),
            ("[fd00::5]:6443", "fd00::6,[fd00::5]:443"),
            ("api.example:6443", "api.example:443"),
            ("myexample", "example"),
            ("b.example", ".b.example"),
            ("b.example", "*.b.example,*example"),
            ("api.example", ""),
        ] {
            assert!(!is_direct(server, list), "{server} {list}");
        }
    }

    #[test]
    fn an_error_names_the_source_and_not_the_url() {
        for url in ["ftp://user:secret@a:1", "http://", "http://user:secret@a b", "://secret"] {
            let error = chosen("https://api.example", None, &[("HTTPS_PROXY", url)]).unwrap_err();
            assert_eq!(error, "HTTPS_PROXY must be a URL that starts with http://, https:// or socks5://", "{url}");
        }
        let error = chosen("https://api.example", Some("a:1"), &[]).unwrap_err();
        assert!(error.starts_with("proxy-url of the kubeconfig must be a URL"), "{error}");
    }
}
