//! `netpol certs issue` and `netpol certs show`, without a cluster.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::certificates::Authority;
use crate::support::command::{Ran, command, netpol};
use crate::support::server::Setup;

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}

fn issue(dir: &Path, names: &[&str]) -> Ran {
    let mut args = vec!["certs", "issue", "--dir", dir.to_str().unwrap()];
    args.extend(names.iter().flat_map(|name| ["--tls-name", *name]));
    netpol(&args)
}

fn show(args: &[&str]) -> (i32, Value) {
    let ran = netpol(&[&["certs", "show", "--output", "json"], args].concat());
    (ran.code, serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err)))
}

#[test]
fn an_issued_certificate_is_trusted_by_its_ca_and_its_keys_are_readable_by_the_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let tls = dir.path().join("tls");
    let first = issue(&tls, &["guard.example", "10.0.0.1"]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(
        first.out.contains("for localhost, 127.0.0.1, ::1, guard.example, 10.0.0.1") && first.out.contains("a new CA"),
        "{}",
        first.out
    );
    for (name, mode) in [("ca.crt", 0o644), ("ca.key", 0o600), ("tls.crt", 0o644), ("tls.key", 0o600)] {
        assert_eq!(tls.join(name).metadata().unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    let (cert, ca) = (path(&tls, "tls.crt"), path(&tls, "ca.crt"));
    let (code, report) = show(&["--cert", &cert, "--ca", &ca]);
    assert_eq!(code, 0);
    assert_eq!(report["certificates"][0]["names"][3], "guard.example");
    assert_eq!((&report["trust"][0]["trusts"], &report["findings"]), (&Value::Bool(true), &Value::Array(Vec::new())));

    // The existing CA signs again.
    let bundle = std::fs::read(&ca).unwrap();
    let again = issue(&tls, &[]);
    assert!(again.code == 0 && again.out.contains("the existing CA"), "{}{}", again.out, again.err);
    assert_eq!(std::fs::read(&ca).unwrap(), bundle);
    assert_eq!(show(&["--cert", &cert, "--ca", &ca]).0, 0);
}

#[test]
fn a_certificate_that_cannot_be_issued_is_an_input_error() {
    let dir = tempfile::tempdir().unwrap();
    let bad = issue(&dir.path().join("a"), &["n\u{e4}me"]);
    assert!(bad.code == 2 && bad.err.contains("cannot issue a certificate for"), "{}", bad.err);
    std::fs::write(dir.path().join("ca.crt"), "nonsense").unwrap();
    std::fs::write(dir.path().join("ca.key"), "nonsense").unwrap();
    let damaged = issue(dir.path(), &[]);
    assert!(damaged.code == 2 && damaged.err.contains("are not a CA and its key"), "{}", damaged.err);
    assert_eq!(std::fs::read(dir.path().join("ca.key")).unwrap(), b"nonsense", "existing files are unchanged");
    assert!(!dir.path().join("tls.crt").exists());
    let nowhere = issue(Path::new("/proc/nowhere"), &[]);
    assert!(nowhere.code == 2 && nowhere.err.contains("/proc/nowhere"), "{}", nowhere.err);
    let short = netpol(&["certs", "issue", "--dir", path(dir.path(), "b").as_str(), "--leaf-lifetime", "1s"]);
    assert!(short.code == 2 && short.err.contains("a lifetime must be between 10m and 36500d"), "{}", short.err);
}

#[test]
fn an_untrusted_or_expired_certificate_is_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (good, late) = (ours.server("x"), ours.server_valid(-3, -1));
    let write = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        path(dir.path(), name)
    };
    let (good, late) = (write("good.crt", &good.cert), write("late.crt", &late.cert));
    let (ours, theirs) = (write("ours.crt", &ours.pem()), write("theirs.crt", &theirs.pem()));
    assert_eq!(show(&["--cert", &good, "--ca", &ours]).0, 0);
    let (code, report) = show(&["--cert", &good, "--ca", &theirs]);
    let found = report["findings"][0].as_str().unwrap();
    assert!(
        code == 1 && found.contains("theirs.crt\" does not trust") && found.contains("is not signed by any CA in the bundle"),
        "{found}"
    );
    let (code, report) = show(&["--cert", &late]);
    assert!(code == 1 && report["findings"][0].as_str().unwrap().contains("expired at"), "{report}");
    let text = netpol(&["certs", "show", "--cert", &good, "--ca", &theirs]);
    assert!(text.out.contains("not trusted by the file") && text.out.contains("issued by  ours"), "{}", text.out);
    for (args, words) in [
        (vec!["--cert", "/nowhere.crt"], "cannot be read"),
        (vec!["--cert", &write("empty.crt", "")], "contains no certificate"),
        (vec![], "required"),
        (vec!["--cert", &good, "--server-name", "x"], "--connect"),
    ] {
        let ran = netpol(&[vec!["certs", "show"], args].concat());
        assert!(ran.code == 2 && ran.err.contains(words), "{}", ran.err);
    }
}

#[test]
fn the_certificate_of_a_running_server_is_shown() {
    let server = Setup::new().start();
    let ca = path(server.dir.path(), "tls/ca.crt");
    let address = server.listen.to_string();
    let (code, report) = show(&["--connect", &address, "--ca", &ca]);
    assert_eq!((code, &report["certificates"][0]["names"][2]), (0, &Value::from("localhost")));
    let (code, report) = show(&["--connect", &address, "--ca", &ca, "--server-name", "localhost"]);
    assert_eq!(code, 0, "{report}");
    let closed = netpol(&["certs", "show", "--connect", "127.0.0.1:1"]);
    assert!(closed.code == 3 && closed.err.contains("cannot connect to 127.0.0.1:1"), "{}", closed.err);
    let plain = netpol(&["certs", "show", "--connect", &server.admin.to_string()]);
    assert_eq!(plain.code, 3, "{}", plain.err);
}

#[test]
fn a_secret_without_a_cluster_is_an_input_error() {
    let ran =
        command(&["certs", "show", "--tls-secret", "a/b"]).env("KUBECONFIG", "/nowhere").env_remove("KUBERNETES_SERVICE_HOST").output();
    let ran = ran.unwrap();
    let text = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.code() == Some(2) && text.contains("no cluster is configured"), "{text}");
}

#[test]
fn contradicting_certificate_flags_are_rejected() {
    for (args, words) in [
        (vec!["--tls-secret", "a/b"], "--tls-name"),
        (vec!["--registration", "x"], "--tls-secret"),
        (vec!["--tls-secret", "a", "--tls-name", "x"], "write NAMESPACE/NAME"),
        (vec!["--tls-secret", "a/b", "--tls-name", "x", "--self-signed-dir", "d"], "cannot be used with"),
        (vec!["--tls-secret", "a/b", "--tls-cert", "c", "--tls-key", "k"], "cannot be used with"),
        (vec!["--tls-secret", "a/b", "--tls-name", "x", "--ca-lifetime", "20d"], "must be at least as long as --leaf-lifetime"),
        (vec!["--tls-secret", "a/b", "--tls-name", "x", "--registration", "X_"], "a name must have at most 253 lowercase letters"),
    ] {
        let ran = netpol(&[vec!["serve"], args].concat());
        assert!(ran.code == 2 && ran.err.contains(words), "{words}: {}", ran.err);
    }
}
