//! Certificates of the server and of clients, and their changes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use netpol::server::tls::{CertificateFrom, TlsMin};
use netpol::server::{Change, StartError};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::bodies::length;
use crate::support::certificates::{Authority, Leaf};
use crate::support::client::{self, Client};
use crate::support::mount::Mount;
use crate::support::server::{Server, Setup};

fn files(leaf: &Leaf) -> [(&'static str, &str); 2] {
    [("tls.crt", &leaf.cert), ("tls.key", &leaf.key)]
}

/// A server whose certificate is mounted.
fn mounted(leaf: &Leaf) -> (Setup, Mount) {
    let mut setup = Setup::new().judge(length);
    let mount = Mount::new(&setup.dir.path().join("mount"), &files(leaf));
    setup.config.tls.certificate = CertificateFrom::Files { cert: mount.path("tls.crt"), key: mount.path("tls.key") };
    (setup, mount)
}

fn trusting(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    roots
}

fn connect(server: &Server, authority: &Authority) -> Client {
    Client::connect(server.listen, client::config(trusting(authority), &[b"http/1.1"])).unwrap()
}

/// Returns whether a new connection gets the certificate `leaf`.
fn serves(server: &Server, authority: &Authority, leaf: &Leaf) -> bool {
    let client = connect(server, authority);
    client.stream.conn.peer_certificates().unwrap()[0] == CertificateDer::from_pem_slice(leaf.cert.as_bytes()).unwrap()
}

#[test]
fn a_certificate_is_swapped_twice_as_the_kubelet_does_it_and_no_connection_is_dropped() {
    let authority = Authority::new("ca");
    let leaves: Vec<Leaf> = ["one", "two", "three"].iter().map(|name| authority.server(name)).collect();
    let (setup, mut mount) = mounted(&leaves[0]);
    let server = setup.start();
    let mut open = connect(&server, &authority);
    assert_eq!(open.post("/validate", b"{}").status, 200);
    assert!(serves(&server, &authority, &leaves[0]));
    for leaf in &leaves[1..] {
        mount.swap(&files(leaf));
        assert_eq!(server.reload().certificate, Some(Change::Reloaded));
        assert!(serves(&server, &authority, leaf));
        assert_eq!(open.post("/validate", b"{}").status, 200);
    }
    assert_eq!(server.metric("netpol_reloads_total{what=\"certificate\",result=\"taken\"}"), 2);
    assert_eq!(server.metric("netpol_degraded{what=\"certificate\"}"), 0);
}

#[test]
fn a_pair_that_is_not_usable_is_rejected_and_the_last_good_one_stays() {
    let authority = Authority::new("ca");
    let (good, other, late, early) =
        (authority.server("good"), authority.server("other"), authority.server_valid(-3, -1), authority.server_valid(1, 3));
    let (setup, mut mount) = mounted(&good);
    let server = setup.start();
    let damaged = good.cert.replace("-----END", "----END");
    let half = [("tls.crt", other.cert.as_str())];
    let broken: [(&[(&str, &str)], &str); 7] = [
        (&[("tls.crt", &other.cert), ("tls.key", &good.key)], "does not match the certificate"),
        (&[("tls.crt", &late.cert), ("tls.key", &late.key)], "expired at"),
        (&[("tls.crt", &early.cert), ("tls.key", &early.key)], "is not valid before"),
        (&[("tls.crt", &damaged), ("tls.key", &good.key)], "is not valid PEM"),
        (&[("tls.crt", "nothing"), ("tls.key", &good.key)], "contains no certificate"),
        (&[("tls.crt", &good.cert), ("tls.key", "nothing")], "contains no private key"),
        (&half, "cannot be read"),
    ];
    for (index, (files, why)) in broken.into_iter().enumerate() {
        mount.swap(files);
        server.reload();
        let rejected = server.reload().certificate;
        assert!(matches!(&rejected, Some(Change::Rejected(error)) if error.contains(why)), "{rejected:?}");
        assert!(serves(&server, &authority, &good), "{why}");
        let ready = server.admin("/readyz");
        assert_eq!(ready.status, 200);
        assert!(ready.text().contains(why), "{why}: {}", ready.text());
        assert_eq!(server.metric("netpol_degraded{what=\"certificate\"}"), 1);
        assert_eq!(server.metric("netpol_reloads_total{what=\"certificate\",result=\"refused\"}"), index as u64 + 1, "counted once");
        assert!(!ready.text().contains("PRIVATE"));
    }
    mount.swap(&files(&other));
    server.reload();
    assert!(serves(&server, &authority, &other));
    assert_eq!(server.metric("netpol_degraded{what=\"certificate\"}"), 0);
    assert!(!server.admin("/readyz").text().contains("cannot be used"));
}

#[test]
fn a_chain_is_served_whole() {
    let (authority, leaf) = (Authority::new("ca"), Authority::new("ca").server("x"));
    let leaf = Leaf { cert: leaf.cert + &authority.pem(), key: leaf.key };
    let (setup, _mount) = mounted(&leaf);
    let server = setup.start();
    let refused = Client::connect(server.listen, client::config(trusting(&authority), &[]));
    assert!(refused.is_err(), "another CA signed it");
}

#[test]
fn a_client_that_refuses_the_certificate_is_counted_as_that() {
    let (setup, _mount) = mounted(&Authority::new("ours").server("x"));
    let server = setup.start();
    assert!(Client::connect(server.listen, client::config(trusting(&Authority::new("theirs")), &[])).is_err());
    server.until_metric("netpol_handshake_failures_total{cause=\"certificate_refused\"}", 1);
    assert_eq!(server.metric("netpol_handshake_failures_total{cause=\"alert\"}"), 0);
}

#[test]
fn a_server_does_not_start_with_a_pair_that_is_not_usable() {
    let authority = Authority::new("ca");
    let (good, other, late) = (authority.server("good"), authority.server("other"), authority.server_valid(-3, -1));
    let error = |files: &Leaf| {
        let (setup, _mount) = mounted(files);
        let error = setup.try_start().err().expect("it does not start");
        assert!(error.is_input(), "{error}");
        error.to_string()
    };
    let mismatched = error(&Leaf { cert: other.cert.clone(), key: good.key.clone() });
    assert!(mismatched.contains("does not match the certificate"), "{mismatched}");
    let expired = error(&late);
    assert!(expired.contains("expired at"), "{expired}");
    let unreadable = error(&Leaf { cert: good.cert.clone(), key: String::new() });
    assert!(unreadable.contains("contains no private key"), "{unreadable}");
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_served_but_not_ready() {
    let (setup, _mount) = mounted(&Authority::new("ca").server_valid(1, 3));
    let server = setup.start();
    let ready = server.admin("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("the certificate is not valid before"), "{}", ready.text());
}

#[test]
fn the_expiry_of_the_certificate_is_a_metric() {
    let (setup, _mount) = mounted(&Authority::new("ca").server("x"));
    let server = setup.start();
    let expires = server.metric("netpol_certificate_not_after_seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(expires > now + 23 * 3600 && expires < now + 25 * 3600, "{expires}");
}

#[test]
fn sessions_are_resumed() {
    let server = Setup::new().judge(length).start();
    let config = client::config(server.roots(), &[b"http/1.1"]);
    let mut first = Client::connect(server.listen, Arc::clone(&config)).unwrap();
    // The tickets come behind the handshake, with the first answer at the latest.
    assert_eq!(first.post("/validate", b"{}").status, 200);
    assert!(!first.is_resumed());
    let mut second = Client::connect(server.listen, config).unwrap();
    assert_eq!(second.post("/validate", b"{}").status, 200);
    assert!(second.is_resumed());
}

#[test]
fn with_a_client_ca_no_session_is_resumed() {
    let ours = Authority::new("ours");
    let mut setup = Setup::new().judge(length);
    let ca = setup.dir.path().join("clients.crt");
    std::fs::write(&ca, ours.pem()).unwrap();
    setup.config.tls.client_ca = Some(ca);
    let server = setup.start();
    // The client would resume a session without its certificate.
    let config = with_certificate(&server, Some(&ours.client("kube-apiserver", &[])));
    for _ in 0..3 {
        let mut client = Client::connect(server.listen, Arc::clone(&config)).unwrap();
        assert_eq!(client.post("/validate", b"{}").status, 200);
        assert!(!client.is_resumed());
    }
}

#[test]
fn an_older_tls_version_needs_a_flag() {
    let connect = |min: TlsMin| {
        let mut setup = Setup::new().judge(length);
        setup.config.tls.min = min;
        let server = setup.start();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
        let config = builder.with_root_certificates(server.roots()).with_no_client_auth();
        Client::connect(server.listen, Arc::new(config)).map(|mut client| client.post("/validate", b"{}").status)
    };
    assert!(connect(TlsMin::Tls13).is_err());
    assert_eq!(connect(TlsMin::Tls12).unwrap(), 200);
}

pub(super) fn with_certificate(server: &Server, leaf: Option<&Leaf>) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(server.roots());
    Arc::new(match leaf {
        None => builder.with_no_client_auth(),
        Some(leaf) => {
            let chain = vec![CertificateDer::from_pem_slice(leaf.cert.as_bytes()).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap()).unwrap()
        }
    })
}

/// Returns whether a client is accepted. In TLS 1.3 a client learns that it is not only after its own handshake.
pub(super) fn is_accepted(server: &Server, leaf: Option<&Leaf>) -> bool {
    let body = std::fs::read(crate::support::root().join("tests/reviews/pod-create-ungranted.validate.json")).unwrap();
    let answered = Client::connect(server.listen, with_certificate(server, leaf)).and_then(|mut client| {
        client.send(&client::request("/validate", &body))?;
        client.try_reply()
    });
    answered.is_ok_and(|reply| reply.status == 200)
}

#[test]
fn with_a_client_ca_only_its_clients_with_the_right_name_are_accepted() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let mut setup = Setup::new();
    let ca = setup.dir.path().join("clients.crt");
    std::fs::write(&ca, ours.pem()).unwrap();
    setup.config.tls.client_ca = Some(ca.clone());
    setup.config.tls.client_names = vec!["kube-apiserver".to_owned(), "api.example".to_owned()];
    let server = setup.start();
    assert!(is_accepted(&server, Some(&ours.client("kube-apiserver", &[]))));
    assert!(is_accepted(&server, Some(&ours.client("x", &["other.example", "api.example"]))));
    assert!(!is_accepted(&server, Some(&ours.client("somebody", &["other.example"]))));
    assert!(!is_accepted(&server, Some(&ours.server("kube-apiserver"))), "a server's certificate");
    assert!(!is_accepted(&server, Some(&theirs.client("kube-apiserver", &[]))));
    assert!(!is_accepted(&server, None));
    server.until_metric("netpol_handshake_failures_total{cause=\"no_client_certificate\"}", 1);
    server.until_metric("netpol_handshake_failures_total{cause=\"client_certificate\"}", 3);
    assert!(server.audit_lines(2).iter().all(|line| line["clientVerified"] == true));

    std::fs::write(&ca, theirs.pem()).unwrap();
    server.reload();
    assert!(is_accepted(&server, Some(&theirs.client("kube-apiserver", &[]))));
    assert!(!is_accepted(&server, Some(&ours.client("kube-apiserver", &[]))));
    std::fs::write(&ca, "nothing").unwrap();
    server.reload();
    assert!(is_accepted(&server, Some(&theirs.client("kube-apiserver", &[]))));
    assert_eq!(server.metric("netpol_degraded{what=\"client CA\"}"), 1);
}

#[test]
fn without_names_any_client_of_the_ca_is_accepted() {
    let ours = Authority::new("ours");
    let mut setup = Setup::new();
    let ca = setup.dir.path().join("clients.crt");
    std::fs::write(&ca, ours.pem()).unwrap();
    setup.config.tls.client_ca = Some(ca);
    let server = setup.start();
    assert!(is_accepted(&server, Some(&ours.client("anybody", &[]))));
    assert!(!is_accepted(&server, None));
}

fn self_issued(dir: &Path, names: &[&str]) -> Result<Server, StartError> {
    let mut setup = Setup::new().judge(length);
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    setup.config.tls.certificate = CertificateFrom::Itself { dir: Some(dir.to_owned()), names };
    setup.try_start()
}

fn serial(server: &Server, dir: &Path) -> CertificateDer<'static> {
    let roots = crate::support::server::roots(&dir.join("ca.crt"));
    let client = Client::connect(server.listen, client::config(roots, &[])).unwrap();
    client.stream.conn.peer_certificates().unwrap()[0].clone()
}

#[test]
fn a_self_issued_certificate_is_kept_for_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("not/there/yet");
    let first = self_issued(&dir, &[]).unwrap();
    let certificate = serial(&first, &dir);
    let mode = |name: &str| std::fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("tls.key"), 0o600);
    let mut names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["ca.crt", "tls.crt", "tls.key"]);
    drop(first);
    let again = self_issued(&dir, &[]).unwrap();
    assert_eq!(serial(&again, &dir), certificate);
}

#[test]
fn a_certificate_for_other_names_is_issued_anew_and_the_old_ca_is_still_known() {
    let dir = tempfile::tempdir().unwrap();
    let first = self_issued(dir.path(), &[]).unwrap();
    let certificate = serial(&first, dir.path());
    let second = self_issued(dir.path(), &["netpol.abcdesktop.svc", "10.0.0.1"]).unwrap();
    assert_ne!(serial(&second, dir.path()), certificate);
    assert_eq!(serial(&first, dir.path()), certificate, "ca.crt has both");
    std::fs::write(dir.path().join("tls.key"), "half written").unwrap();
    let third = self_issued(dir.path(), &["netpol.abcdesktop.svc", "10.0.0.1"]).unwrap();
    assert_ne!(serial(&third, dir.path()), serial(&second, dir.path()));
}

#[test]
fn a_name_that_no_certificate_can_have_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = self_issued(dir.path(), &["n\u{e4}me"]).err().expect("it does not start");
    assert!(error.is_input(), "{error}");
    let error = self_issued(Path::new("/proc/nowhere"), &[]).err().expect("it does not start");
    assert!(error.is_input() && error.to_string().contains("/proc/nowhere"), "{error}");
}
