//! Tests of the sink and the chain within one process.

mod chain;
mod sink;

use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use super::chain::Chain;
use super::entry::QueuedEntry;
use super::verify::{Verification, verify};
use super::{Destination, Entry, Options, Record, Sink};
use crate::policy::{Direction, Extent, Witness};
use crate::verdict::{Outcome, Rule};

const WAIT: Duration = Duration::from_secs(20);

fn entry(uid: &str) -> Entry {
    Entry {
        time: "2026-11-22T16:16:10.5Z".parse().unwrap(),
        record: Record {
            uid: uid.to_owned(),
            stage: "validate",
            verdict: Outcome::Denied,
            rule: Some(Rule::PolicyDrift),
            operation: "UPDATE",
            kind: "NetworkPolicy.networking.k8s.io".to_owned(),
            subresource: None,
            name: "memcached-permits".to_owned(),
            namespace: "abcdesktop".to_owned(),
            user: "admin".to_owned(),
            groups: vec!["system:masters".to_owned()],
            dry_run: false,
            messages: vec!["a sentence".to_owned()],
            differences: Vec::new(),
            witness: Some(Witness {
                subject: "a pod labeled netpol/memcached=true".to_owned(),
                direction: Direction::Egress,
                peer: "pods run=memcached-od".to_owned(),
                protocol: "TCP".to_owned(),
                port: Some("443".to_owned()),
                extent: Extent::Some,
                ends: Box::default(),
            }),
            canon: "0a".to_owned(),
        },
        latency: Duration::from_micros(87),
        client_verified: true,
    }
}

fn options(path: &Path) -> Options {
    Options { retry: Duration::from_millis(1), ..Options::new(Destination::File(path.to_owned()), [7; 8]) }
}

/// Writes entries through a new sink, as a process does between its start and its end.
fn run_once(options: Options, uids: impl IntoIterator<Item = String>) {
    let sink = Sink::open(options).unwrap();
    for uid in uids {
        sink.offer(entry(&uid));
    }
    assert!(sink.close(WAIT));
    assert_eq!(sink.dropped(), 0);
}

fn uids(range: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    range.map(|number| format!("uid-{number}"))
}

fn verify_files(files: &[&Path]) -> Verification {
    verify(files.iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::File::open(path).map(BufReader::new))))
        .unwrap()
}

fn verify_bytes(bytes: &[u8]) -> Verification {
    verify([("audit.log".to_owned(), Ok(bytes))]).unwrap()
}

/// Returns a log of `count` lines, as the writer makes it.
fn log(count: u32) -> Vec<u8> {
    let mut chain = Chain::new([1; 8]);
    uids(0..count).flat_map(|uid| next_line(&mut chain, &entry(&uid), 0)).collect()
}

/// Returns the next line of a chain and advances the chain.
fn next_line(chain: &mut Chain, entry: &Entry, dropped: u64) -> Vec<u8> {
    let mut line = Vec::new();
    chain.write_line(chain.position(), &QueuedEntry::new(entry).unwrap(), dropped, &mut line);
    chain.advance(chain.position().after(&line));
    line.push(b'\n');
    line
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}
