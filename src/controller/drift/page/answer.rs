//! Which requests are answered, and the headers of a response.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use bytes::Bytes;

use crate::report::CONTENT_POLICY;
use crate::server::pages::{Asked, Page, TEXT};

/// A form of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
}

impl Form {
    fn content_type(self) -> &'static str {
        match self {
            Form::Html => "text/html; charset=utf-8",
            Form::Json => "application/json",
        }
    }
}

/// The policy of the page itself, and no page may embed it, which only a header can say.
static POLICY: LazyLock<String> = LazyLock::new(|| format!("{}; frame-ancestors 'none'", *CONTENT_POLICY));

/// Returns the form that a request asks for, or the response that refuses it.
pub(super) fn asked(request: Asked<'_>) -> Result<Form, Page> {
    // A page of another site can make a browser resolve its name to this address, and would then read the page as its own.
    if !is_local(request.host) {
        return Err(text(421, "the Host header must be 127.0.0.1, localhost or [::1]: open http://localhost:PORT/report\n"));
    }
    match request.path {
        "/report" => Ok(Form::Html),
        "/report.json" => Ok(Form::Json),
        _ => Err(text(404, "unknown path: use /report or /report.json\n")),
    }
}

/// Returns whether a Host header names this machine, with any port.
fn is_local(host: &str) -> bool {
    let (is_here, port) = if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        (address.parse() == Ok(Ipv6Addr::LOCALHOST), port)
    } else {
        let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
        (name.eq_ignore_ascii_case("localhost") || name == Ipv4Addr::LOCALHOST.to_string(), port)
    };
    let is_port = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok();
    is_here && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Returns the page in a form.
pub(super) fn response(form: Form, body: Bytes) -> Page {
    with_headers(Page { status: 200, content_type: form.content_type(), headers: Vec::new(), body })
}

/// Returns a response for a page that does not exist at the moment.
pub(super) fn unavailable(sentence: &'static str) -> Page {
    text(503, sentence)
}

fn text(status: u16, sentence: &'static str) -> Page {
    with_headers(Page { status, content_type: TEXT, headers: Vec::new(), body: Bytes::from_static(sentence.as_bytes()) })
}

fn with_headers(page: Page) -> Page {
    let headers = vec![
        ("content-security-policy", POLICY.as_str()),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    Page { headers, ..page }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_a_host() {
        for host in ["127.0.0.1", "127.0.0.1:8081", "localhost", "LocalHost:1", "[::1]", "[::1]:65535"] {
            assert_eq!(asked(Asked { path: "/report", host }), Ok(Form::Html), "{host}");
            assert_eq!(asked(Asked { path: "/report.json", host }), Ok(Form::Json), "{host}");
        }
        for host in [
            "",
            ":8081",
            "evil.example",
            "evil.example:8081",
            "localhost.evil.example",
            "localhost.",
            "127.0.0.1.nip.io:8081",
            "127.0.0.1:8081:1",
            "127.0.0.1:x",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "127.0.0.1:+80",
            "127.1",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:",
            "user@localhost",
            "localhost/report",
            " localhost",
            "0.0.0.0:8081",
        ] {
            assert_eq!(asked(Asked { path: "/report", host }).err().map(|page| page.status), Some(421), "{host}");
        }
    }

    #[test]
    fn every_response_has_the_headers() {
        let unknown = asked(Asked { path: "/metrics", host: "localhost" }).unwrap_err();
        assert_eq!(unknown.status, 404);
        let page = response(Form::Html, Bytes::from_static(b"<!DOCTYPE html>"));
        for page in [page, unknown, unavailable("wait\n")] {
            let header = |name: &str| page.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| *value).unwrap();
            assert_eq!((header("cache-control"), header("x-content-type-options")), ("no-store", "nosniff"));
            assert_eq!(header("referrer-policy"), "no-referrer");
            assert!(header("content-security-policy").starts_with("default-src 'none'; style-src 'sha256-"));
        }
    }
}
