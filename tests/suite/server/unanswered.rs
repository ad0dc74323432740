//! A request that gets an error instead of a verdict has its line in the audit log, and a flood of them has few.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use netpol::audit::verify::verify;
use serde_json::{Value, json};

use super::bodies::length;
use super::tls::{is_accepted, with_certificate};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::server::{Server, Setup, until};

/// The start of a review as an API server writes it.
const START: &str = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"6bc1-77","kind":{"#;

fn head(length: usize) -> Vec<u8> {
    format!("POST /validate?timeout=400ms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
        .into_bytes()
}

/// Returns a line without the fields that every line has, and without those that differ between two runs.
fn fields(mut line: Value) -> Value {
    let fields = line.as_object_mut().unwrap();
    for name in ["schema", "chain", "sequence", "previous", "time", "latencyMicroseconds"] {
        assert!(fields.remove(name).is_some(), "{name}");
    }
    line
}

/// Sends the bytes of a request, waits for a status, and returns the last line of the log.
fn line(server: &Server, bytes: &[u8], status: u16, lines: usize) -> Value {
    let mut client = server.client();
    client.send(bytes).unwrap();
    assert_eq!(client.reply().status, status);
    fields(server.audit_lines(lines).pop().unwrap())
}

#[test]
fn each_error_has_a_line_with_what_is_known() {
    let server = Setup::limits(|limits| limits.max_body = 1 << 20).judge(length).start();
    let start = START.as_bytes();
    let post = |kind: &str, body: &[u8]| {
        let head = format!("POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let unanswered = |stage: &str, cause: &str, status: u16, message: &str| json!({"verdict": "unanswered", "stage": stage, "cause": cause, "status": status, "messages": [message], "clientVerified": false});

    let late = "the review was not completed before its deadline";
    assert_eq!(line(&server, &head(10), 503, 1), unanswered("validate", "deadline", 503, late));
    let mut with_uid = unanswered("validate", "deadline", 503, late);
    with_uid["uid"] = json!("6bc1-77");
    for (count, announced) in [(2, 4096), (3, 512 << 10)] {
        assert_eq!(line(&server, &[&head(announced), start].concat(), 503, count), with_uid, "{announced}");
    }
    let large = "the request body is larger than the limit of 1048576 bytes (--max-body)";
    assert_eq!(line(&server, &head(2 << 20), 413, 4), unanswered("validate", "too_large", 413, large));
    let found = line(&server, &post("text/plain", b"{}"), 400, 5);
    assert_eq!((&found["cause"], &found["stage"]), (&json!("content_type"), &json!("mutate")));
    // Neither is a request for a review.
    for (path, status) in [("/elsewhere", 404), ("/", 404)] {
        assert_eq!(server.client().post(path, b"{}").status, status);
    }
    assert_eq!(server.audit_lines(5).len(), 5);
    let log = fs::read(server.dir.path().join("audit.log")).unwrap();
    let report = verify([("log".to_owned(), Ok(log.as_slice()))]).unwrap();
    assert_eq!((report.lines, report.broken.len(), report.other), (5, 0, 0));
}

#[test]
fn a_body_that_is_no_review_and_a_panic_have_their_lines() {
    let server = Setup::new().start();
    assert_eq!(server.client().post("/validate", b"{}").status, 400);
    let found = fields(server.audit_lines(1).remove(0));
    assert_eq!((&found["cause"], &found["status"]), (&json!("not_a_review"), &json!(400)));

    let server = Setup::new().judge(|_, _| panic!("as it was told to")).start();
    let body = format!("{START}\"kind\":\"Pod\"}}}}}}");
    let large = format!("{START}\"kind\":\"{}\"}}}}}}", "x".repeat(300 << 10));
    for (count, body) in [(1, body), (2, large)] {
        assert_eq!(server.client().post("/validate", body.as_bytes()).status, 500);
        let found = fields(server.audit_lines(count).pop().unwrap());
        assert_eq!((&found["cause"], &found["uid"]), (&json!("fault"), &json!("6bc1-77")));
    }
}

#[test]
fn a_large_review_that_is_too_late_has_its_uid() {
    static MAY_END: AtomicBool = AtomicBool::new(false);
    let server = Setup::new()
        .judge(|stage, body| {
            assert!(until(|| MAY_END.load(Ordering::Relaxed)));
            length(stage, body)
        })
        .start();
    let body = format!("{START}\"kind\":\"{}\"}}}}}}", "x".repeat(300 << 10));
    assert_eq!(server.client().post("/validate?timeout=300ms", body.as_bytes()).status, 503);
    MAY_END.store(true, Ordering::Relaxed);
    let found = fields(server.audit_lines(1).remove(0));
    assert_eq!((&found["cause"], &found["uid"]), (&json!("deadline"), &json!("6bc1-77")));
}

#[test]
fn a_flood_of_strangers_has_few_lines() {
    let mut server = Setup::new().judge(length).start();
    let mut client = server.client();
    for _ in 0..200 {
        client.send(b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_eq!(client.reply().status, 400);
    }
    server.until_metric("netpol_refusals_total{cause=\"content_type\"}", 200);
    let count = server.audit_lines(30).len();
    // One more for each ten seconds that the machine needed.
    assert!((30..40).contains(&count), "{count}");
    let denied = fs::read(crate::support::root().join("tests/reviews/pod-create-ungranted.validate.json")).unwrap();
    assert_eq!(client.post("/validate", &denied).status, 200);
    drop(client);
    server.handle.drain();
    assert!(server.ends());
    let log = fs::read_to_string(server.dir.path().join("audit.log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let own = lines.iter().filter(|line| line.get("cause").is_some()).count();
    let omitted: u64 = lines.iter().filter_map(|line| line["omitted"].as_u64()).sum();
    assert_eq!((own as u64) + omitted, 200, "each request is counted");
    assert!(lines.iter().any(|line| line["verdict"] == "unanswered" && line.get("cause").is_none()), "{log}");
}

#[test]
fn each_error_of_a_verified_client_has_its_line() {
    let (authority, mut setup) = (Authority::new("client CA"), Setup::new().judge(length));
    let ca = setup.dir.path().join("client-ca.crt");
    fs::write(&ca, authority.pem()).unwrap();
    setup.config.tls.client_ca = Some(ca);
    let server = setup.start();
    let api_server = authority.client("kube-apiserver", &[]);
    let mut client = Client::connect(server.listen, with_certificate(&server, Some(&api_server))).unwrap();
    for _ in 0..60 {
        client.send(b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_eq!(client.reply().status, 400);
    }
    let lines = server.audit_lines(60);
    assert_eq!(lines.len(), 60);
    assert!(lines.iter().all(|line| line["clientVerified"] == true && line.get("omitted").is_none()));
    assert!(!is_accepted(&server, None), "a client without a certificate causes no line");
    assert_eq!(server.metric("netpol_audit_written_total"), 60);
}
