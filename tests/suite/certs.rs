//! `netpol certs issue` and `netpol certs show`, without a cluster.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use netpol::server::tls::CertificateFrom;
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
    assert!(
        ran.status.code() == Some(2) && text.contains("no cluster is configured: there is no kubeconfig with a cluster at \"/nowhere\""),
        "{text}"
    );
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

/// Starts a server that must not start, and returns its error.
fn refusal(cert: &str, key: &str) -> String {
    let ran = netpol(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    ran.err
}

/// Returns the command that an error ends with.
fn cure<'e>(error: &'e str, start: &str) -> &'e str {
    error.trim_end().split_once(start).unwrap_or_else(|| panic!("no {start} in {error}")).1
}

/// Runs a shell command in a folder.
fn shell(dir: &Path, command: &str) {
    let ran = std::process::Command::new("sh").args(["-e", "-c", command]).current_dir(dir).output().unwrap();
    assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn has_openssl() -> bool {
    let found = std::process::Command::new("openssl").arg("version").output().is_ok();
    if !found {
        // Written to the terminal: a skipped test must not look like one that ran.
        let _ = writeln!(std::io::stderr(), "there is no openssl: the commands that errors print were not run");
    }
    found
}

#[test]
fn an_old_certificate_is_refused_with_the_way_to_make_another() {
    const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBFDCBuwIUbQmOyOfUeyAtGtJmwxxoCvoCihcwCgYIKoZIzj0EAwIwDDEKMAgG
A1UEAwwBeDAgFw0yNjExMjcyMzMxMTZaGA8yMTI2MTEwMzIzMzExNlowDDEKMAgG
A1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABF0EuoXZYRdHw4tQ6NFA
nVreTMjvWSTxXPaGLmvlnxrTQiE6QWrJWFICeZ25P6igOpiUSJnlRjksbrGt1Y6H
mzowCgYIKoZIzj0EAwIDSAAwRQIgb5VLFYP+OPy8OtipwakgIqr10LRxv3Sc45oG
3BlpDUICIQCN9BgkSmCoONk17Vpv/ZGOYjSo2Uhiu4zjAkbwIKa6bQ==
-----END CERTIFICATE-----
";
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (path(dir.path(), "tls.crt"), path(dir.path(), "tls.key"));
    std::fs::write(&cert, VERSION_1).unwrap();
    std::fs::write(&key, "").unwrap();
    let error = refusal(&cert, &key);
    assert!(error.contains(&format!("the certificate \"{cert}\" is not an X.509 version 3 certificate")), "{error}");
    let (code, report) = show(&["--cert", &cert]);
    assert!(code == 1 && report["findings"].to_string().contains("is not an X.509 version 3 certificate"), "{report}");
    // The reason is one problem, not one for each CA too.
    let (code, report) = show(&["--cert", &cert, "--ca", &cert]);
    assert_eq!((code, report["findings"].as_array().unwrap().len(), &report["trust"][0]["trusts"]), (1, 1, &false.into()), "{report}");
    let text = netpol(&["certs", "show", "--cert", &cert]).out;
    assert!(text.contains("  for        no name\n"), "{text}");
    if !has_openssl() {
        return;
    }
    let key_of = |name: &str| format!("openssl ecparam -genkey -noout -name prime256v1 -out {name}.key");
    shell(dir.path(), &format!("{}; openssl req -x509 -new -key ca.key -days 9 -subj /CN=ca -out ca.crt", key_of("ca")));
    shell(dir.path(), &format!("{}; openssl req -new -key tls.key -subj /CN=x -out tls.csr", key_of("tls")));
    shell(dir.path(), &cure(&error, "with the name of the server: ").replace("NAME", "guard.example"));
    let (code, report) = show(&["--cert", &cert, "--ca", &path(dir.path(), "ca.crt")]);
    assert_eq!((code, &report["certificates"][0]["names"][0]), (0, &Value::from("guard.example")), "{report}");
}

#[test]
fn an_encrypted_key_is_refused_with_the_command_that_decrypts_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("it's here");
    std::fs::create_dir(&dir).unwrap();
    assert_eq!(issue(&dir, &[]).code, 0);
    if !has_openssl() {
        return;
    }
    let cert = path(&dir, "tls.crt");
    for (form, label) in [("pkey -aes256", "BEGIN ENCRYPTED PRIVATE KEY"), ("ec -aes256", "Proc-Type: 4,ENCRYPTED")] {
        shell(&dir, &format!("openssl {form} -in tls.key -out encrypted.key -passout pass:secret"));
        let encrypted = path(&dir, "encrypted.key");
        assert!(std::fs::read_to_string(&encrypted).unwrap().contains(label), "{form}");
        let error = refusal(&cert, &encrypted);
        assert!(error.contains(&format!("the key \"{encrypted}\" is encrypted")), "{error}");
        shell(&dir, &format!("{} -passin pass:secret", cure(&error, "decrypt it: ")));
        let decrypted = dir.join("decrypted.key");
        assert_eq!(decrypted.metadata().unwrap().permissions().mode() & 0o77, 0, "only its owner can read it");
        let mut setup = Setup::new();
        setup.config.tls.certificate = CertificateFrom::Files { cert: cert.clone().into(), key: decrypted.clone() };
        setup.start();
        std::fs::remove_file(decrypted).unwrap();
    }
    // The key of a CA too.
    shell(&dir, "openssl pkey -aes256 -in ca.key -out new.key -passout pass:secret; mv new.key ca.key");
    let ran = issue(&dir, &[]);
    assert!(ran.code == 2 && ran.err.contains("ca.key\" is encrypted") && ran.err.contains("openssl pkey -in"), "{}", ran.err);
}
