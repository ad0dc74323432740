use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::*;
use crate::certificates::pair::Pair;
use crate::certificates::pem::certificates;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn itself(dir: Option<&Path>) -> CertificateFrom {
    CertificateFrom::Itself { dir: dir.map(Path::to_owned), names: vec!["netpol.abcdesktop.svc".to_owned()] }
}

fn new(polled: Polled<Pair>) -> Pair {
    match polled {
        Polled::New(pair) => pair,
        other => panic!("not new: {other:?}"),
    }
}

fn open(from: &CertificateFrom, now: SystemTime) -> (Source, Pair) {
    let (source, pair) = Source::open(from, now).unwrap();
    (source, pair.unwrap())
}

fn cas(dir: &Path) -> usize {
    certificates(&std::fs::read(dir.join("ca.crt")).unwrap()).unwrap().len()
}

#[test]
fn a_self_issued_certificate_says_what_it_is_for() {
    let now = SystemTime::now();
    let (_, pair) = open(&itself(None), now);
    assert_eq!(pair.names, ["127.0.0.1", "::1", "localhost", "netpol.abcdesktop.svc"]);
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(seconds(now) - seconds(pair.not_before), 300);
    assert_eq!(seconds(pair.not_after) - seconds(now), 30 * DAY.as_secs());
    let (_, leaf) = x509_parser::parse_x509_certificate(&pair.key.cert[0]).unwrap();
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !leaf.is_ca());
}

#[test]
fn it_is_renewed_when_two_thirds_of_its_life_have_passed() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let (mut source, first) = open(&itself(Some(dir.path())), now);
    assert!(matches!(source.poll(now + DAY * 19), Polled::Same));
    let second = new(source.poll(now + DAY * 20));
    assert!(second.not_after > first.not_after);
    assert!(matches!(source.poll(now + DAY * 21), Polled::Same));
    assert_eq!(cas(dir.path()), 1, "the same CA has signed both");
    // The CA itself would expire before the certificate.
    new(source.poll(now + DAY * 340));
    assert_eq!(cas(dir.path()), 2, "clients are told of both");
    new(source.poll(now + DAY * 375));
    assert_eq!(cas(dir.path()), 1, "the first one has expired");
}

#[test]
fn what_is_found_in_the_folder_is_renewed_under_a_new_ca() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let (_, first) = open(&itself(Some(dir.path())), now);
    let (mut source, found) = open(&itself(Some(dir.path())), now + DAY * 5);
    assert_eq!(found.key.cert, first.key.cert);
    assert!(matches!(source.poll(now + DAY * 19), Polled::Same));
    let second = new(source.poll(now + DAY * 20));
    assert_ne!(second.key.cert, first.key.cert);
    assert_eq!(cas(dir.path()), 2);
    let (_, old) = open(&itself(Some(dir.path())), now + DAY * 41);
    assert_ne!(old.key.cert, second.key.cert, "too old to be taken over");
}

#[test]
fn a_folder_that_cannot_be_written_leaves_the_certificate_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let (mut source, _) = open(&itself(Some(dir.path())), now);
    // A folder with the name of the file represents every reason why renaming fails.
    std::fs::remove_file(dir.path().join("tls.crt")).unwrap();
    std::fs::create_dir_all(dir.path().join("tls.crt/in-the-way")).unwrap();
    let rejected = source.poll(now + DAY * 20);
    assert!(matches!(&rejected, Polled::Rejected(TlsError::Folder { .. })), "{rejected:?}");
    std::fs::remove_dir_all(dir.path().join("tls.crt")).unwrap();
    new(source.poll(now + DAY * 20));
}

#[test]
fn two_files_are_read_as_one_pair_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let issue = |name: &str| {
        let to = dir.path().join(name);
        Source::open(&itself(Some(&to)), now).unwrap();
        (std::fs::read(to.join("tls.crt")).unwrap(), std::fs::read(to.join("tls.key")).unwrap())
    };
    let (one, other) = (issue("one"), issue("other"));
    let path = |name: &str| -> PathBuf { dir.path().join(name) };
    let write = |(cert, key): (&[u8], &[u8])| {
        std::fs::write(path("tls.crt"), cert).unwrap();
        std::fs::write(path("tls.key"), key).unwrap();
    };
    write((&one.0, &one.1));
    let files = CertificateFrom::Files { cert: path("tls.crt"), key: path("tls.key") };
    let (mut source, _) = open(&files, now);
    // A tool that copies one file after the other leaves such a pair for a while.
    write((&other.0, &one.1));
    assert!(matches!(source.poll(now), Polled::Rejected(TlsError::Pair(PairError::Mismatch { .. }))));
    write((&other.0, &other.1));
    new(source.poll(now));
    assert!(matches!(source.poll(now), Polled::Same));
    write((&one.0, &one.1));
    assert!(matches!(source.poll(now + DAY * 31), Polled::Rejected(TlsError::Pair(PairError::Expired { .. }))));
    assert!(matches!(source.poll(now - DAY), Polled::Rejected(TlsError::Pair(PairError::TooEarly { .. }))));
    new(source.poll(now));
}
