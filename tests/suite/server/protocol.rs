//! Requests and responses.

use std::collections::BTreeSet;
use std::sync::Arc;

use netpol::admission;
use netpol::audit::Level;
use netpol::canon::Canons;
use netpol::server::ManagedCertificate;
use netpol::server::tls::CertificateFrom;
use netpol::verdict::{Guard, Settings, Stage};

use crate::support::client::{self, Client, Reply, request};
use crate::support::root;
use crate::support::server::{Server, Setup};

fn recording(case: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/reviews").join(case)).unwrap()
}

fn refusal(server: &Server, message: &str) -> Reply {
    let mut client = server.client();
    client.send(message.as_bytes()).unwrap();
    let reply = client.reply();
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"), "{reply:?}");
    assert!(reply.text().len() > 20, "a sentence: {:?}", reply.text());
    reply
}

#[test]
fn every_recording_is_answered_over_tls_as_without_a_server() {
    let server = Setup::new().start();
    let settings = Settings::default();
    let guard = Guard::new(Arc::new(Canons::load(&["abcdesktop".to_owned()], &settings.namespaces).unwrap()), Arc::new(settings));
    let mut client = server.client();
    let mut cases = 0;
    for entry in std::fs::read_dir(root().join("tests/reviews")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (stage, endpoint) = match name.split('.').nth(1) {
            Some("mutate") => (Stage::Mutate, "/mutate?timeout=5s"),
            Some("validate") => (Stage::Validate, "/validate?timeout=5s"),
            _ => continue,
        };
        let body = std::fs::read(&path).unwrap();
        let reply = client.post(endpoint, &body);
        assert_eq!((reply.status, &reply.body), (200, &admission::answer(&guard, stage, &body, Level::Denied).body), "{name}");
        cases += 1;
    }
    assert!(cases > 40, "{cases} recordings");
    assert_eq!(server.metric("netpol_connections_closed_total{cause=\"done\"}"), 0);
}

#[test]
fn a_response_has_no_needless_header() {
    let server = Setup::new().start();
    let mut client = server.client();
    for _ in 0..3 {
        let reply = client.post("/validate", &recording("pod-create-desktop.validate.json"));
        let names: Vec<&str> = reply.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "content-length"]);
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[test]
fn a_body_that_is_no_review_gets_a_sentence() {
    let server = Setup::new().start();
    let good = String::from_utf8(recording("pod-create-desktop.validate.json")).unwrap();
    let other_version = good.replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
    for body in [
        "",
        "not JSON",
        "[]",
        &good[..good.len() / 2],
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\"}",
        &other_version,
    ] {
        let reply = refusal(&server, &String::from_utf8(request("/validate", body.as_bytes())).unwrap());
        assert_eq!(reply.status, 400, "{body:?}");
        assert!(!reply.closes(), "the body was read, so the connection stays open");
    }
    assert_eq!(server.metric("netpol_refusals_total{cause=\"not_a_review\"}"), 6);
}

#[test]
fn only_uncompressed_json_is_accepted() {
    let server = Setup::new().start();
    let with = |headers: &str| refusal(&server, &format!("POST /validate HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 2\r\n\r\n{{}}"));
    assert_eq!(with("").status, 400);
    assert_eq!(with("Content-Type: text/plain\r\n").status, 400);
    assert_eq!(with("Content-Type: application/json\r\nContent-Encoding: gzip\r\n").status, 415);
    assert_eq!(server.metric("netpol_refusals_total{cause=\"content_type\"}"), 2);
    assert_eq!(server.metric("netpol_refusals_total{cause=\"content_encoding\"}"), 1);
    let mut client = server.client();
    let body = recording("pod-create-desktop.validate.json");
    let request =
        String::from_utf8(request("/validate", &body)).unwrap().replace("application/json\r\n", "application/json; charset=utf-8\r\n");
    client.send(request.as_bytes()).unwrap();
    assert_eq!(client.reply().status, 200);
}

#[test]
fn an_unknown_path_and_a_wrong_method_are_told_apart() {
    let server = Setup::new().start();
    for path in ["/", "/mutate/", "/mutate/x", "/MUTATE", "/readyz", "/%6dutate"] {
        assert_eq!(refusal(&server, &format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).status, 404, "{path}");
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let reply = refusal(&server, &format!("{method} /mutate HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(server.metric("netpol_refusals_total{cause=\"path\"}"), 6);
    assert_eq!(server.metric("netpol_refusals_total{cause=\"method\"}"), 4);
}

/// hyper reads such a message as a chunked one, and ends the connection after it.
#[test]
fn a_message_with_content_length_and_transfer_encoding_is_the_last_of_its_connection() {
    let server = Setup::new().start();
    let smuggled = "POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "transfer-encoding:\tchunked\r\nX-Other: 1\r\ncontent-length:0\r\n",
    ] {
        let message = format!("POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n0\r\n\r\n{smuggled}");
        let mut client = server.client();
        client.send(message.as_bytes()).unwrap();
        let reply = client.reply();
        assert_eq!(reply.status, 400, "{headers:?}");
        assert!(reply.closes(), "{headers:?}");
        client.closed_after();
    }
    assert_eq!(server.metric("netpol_refusals_total{cause=\"not_a_review\"}"), 3);
    assert_eq!(server.metric("netpol_refusals_total{cause=\"content_type\"}"), 0, "the smuggled request is not read");
}

#[test]
fn two_lengths_that_differ_are_refused() {
    let server = Setup::new().start();
    let mut client = server.client();
    client.send(b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}").unwrap();
    assert_eq!(client.reply().status, 400);
    client.closed_after();
    server.until_metric("netpol_connections_closed_total{cause=\"malformed\"}", 1);
}

#[test]
fn a_chunked_body_is_read() {
    let server = Setup::new().start();
    let body = recording("pod-create-desktop.validate.json");
    let mut message =
        b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(1000) {
        message.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        message.extend_from_slice(chunk);
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"0\r\n\r\n");
    let mut client = server.client();
    client.send(&message).unwrap();
    let reply = client.reply();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, client.post("/validate", &body).body);
}

#[test]
fn a_client_can_wait_for_100_continue() {
    let server = Setup::new().start();
    let body = recording("pod-create-desktop.validate.json");
    let mut client = server.client();
    let head = |length: usize| {
        format!(
            "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    client.send(head(body.len()).as_bytes()).unwrap();
    assert_eq!(client.reply().status, 100);
    client.send(&body).unwrap();
    assert_eq!(client.reply().status, 200);
    client.send(head(21 << 20).as_bytes()).unwrap();
    assert_eq!(client.reply().status, 413);
}

#[test]
fn requests_can_be_pipelined() {
    let server = Setup::new().start();
    let mut client = server.client();
    let one = request("/validate", &recording("pod-create-desktop.validate.json"));
    client.send(&one.repeat(20)).unwrap();
    for _ in 0..20 {
        assert_eq!(client.reply().status, 200);
    }
}

#[test]
fn a_client_without_alpn_is_answered_over_http1() {
    let server = Setup::new().start();
    let mut client = Client::connect(server.listen, client::config(server.roots(), &[])).unwrap();
    assert_eq!(client.post("/validate", &recording("pod-create-desktop.validate.json")).status, 200);
}

#[test]
fn http2_is_served_to_clients_that_ask_for_it() {
    let server = Setup::new().start();
    let client = Client::connect(server.listen, client::config(server.roots(), &[b"h2", b"http/1.1"])).unwrap();
    assert_eq!(client.stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    let body = recording("pod-create-ungranted.validate.json");
    let over_http1 = server.client().post("/validate", &body);
    let replies = super::http2::exchange(
        server.listen,
        server.roots(),
        &[("/validate", body.clone()), ("/mutate", body), ("/elsewhere", Vec::new())],
    );
    assert_eq!(replies.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 200, 404]);
    assert_eq!(replies[0].1, over_http1.body);
}

#[test]
fn the_admin_port_has_its_endpoints() {
    let server = Setup::new().start();
    assert_eq!((server.admin("/livez").status, server.admin("/livez").text()), (200, "alive\n".to_owned()));
    let ready = server.admin("/readyz");
    assert_eq!(ready.status, 200);
    assert!(ready.text().starts_with("ready\n- the certificate is valid until "), "{}", ready.text());
    assert!(ready.text().contains("- the canon is abcdesktop ("), "{}", ready.text());
    assert_eq!(server.admin("/mutate").status, 404);
    let metrics = server.admin("/metrics");
    assert_eq!(metrics.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(metrics.text().ends_with("# EOF\n"));
}

#[test]
fn a_decision_is_counted_and_audited() {
    let server = Setup::new().start();
    server.client().post("/validate", &recording("pod-create-ungranted.validate.json"));
    let labels = "stage=\"validate\",resource=\"pods\",operation=\"CREATE\",verdict=\"denied\",rule=\"ungranted-label\"";
    assert_eq!(server.metric(&format!("netpol_decisions_total{{{labels}}}")), 1);
    assert_eq!(server.metric("netpol_review_duration_seconds_count{stage=\"validate\"}"), 1);
    let lines = server.audit_lines(1);
    assert_eq!((&lines[0]["rule"], &lines[0]["clientVerified"]), (&"ungranted-label".into(), &false.into()));
    let text = server.admin("/metrics").text();
    for secret in ["thief", "abcdesktop\"", "admin\""] {
        assert!(!text.contains(secret), "{secret} is in the metrics");
    }
}

#[test]
fn the_page_about_serving_names_every_metric() {
    let server = Setup::new().start();
    let page = std::fs::read_to_string(root().join("docs/serving.md")).unwrap();
    let named: BTreeSet<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `netpol_"))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`'))
        .filter(|name| name.starts_with("netpol_"))
        .collect();
    server.client().post("/validate", &recording("pod-create-desktop.validate.json"));
    // A server with a managed certificate has more metrics.
    let mut waiting = Setup::new();
    let certificate = ManagedCertificate::new("netpol certs show".to_owned());
    waiting.config.tls.certificate = CertificateFrom::Managed(certificate.clone());
    let waiting = waiting.start();
    certificate.show_counters(["sign"], ["forbidden"]);
    let unready = waiting.admin("/readyz");
    assert!(unready.status == 503 && unready.text().contains("the server has no certificate yet"), "{}", unready.text());
    let text = server.admin("/metrics").text() + &waiting.admin("/metrics").text();
    let suffix = |kind: &str| match kind {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    };
    let found: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, kind)| format!("{name}{}", suffix(kind)))
        .collect();
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), named);
}
