//! Claims about the queue, the writer and its files.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value;

use super::super::chain::Chain;
use super::super::output::{Output, rotated};
use super::super::{Options, Sink};
use super::{WAIT, entry, lines, live, log, next_line, options, prove, prove_bytes, uids};

#[test]
fn the_chain_goes_on_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    live(options(&path), uids(0..3));
    live(Options { chain: [9; 8], ..options(&path) }, uids(3..6));
    let report = prove(&[&path]);
    assert_eq!(report.broken, []);
    assert_eq!(report.chains.len(), 1);
    assert_eq!(report.chains[0].last, 6);
}

#[test]
fn the_chain_goes_on_across_rotation_and_the_oldest_file_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let small = || Options { rotate_bytes: 3000, rotate_keep: 3, ..options(&path) };
    live(small(), uids(0..20));
    live(small(), uids(20..40));
    let files: Vec<_> = (1..=3).map(|number| rotated(&path, number)).collect();
    assert!(files.iter().all(|file| file.exists()));
    assert!(!rotated(&path, 4).exists());
    assert!(files.iter().all(|file| fs::metadata(file).unwrap().len() <= 3000));
    // In the order that a shell's wildcard gives.
    let report = prove(&[&path, &files[0], &files[1], &files[2]]);
    assert_eq!(report.broken, []);
    assert_eq!(report.chains[0].last, 40);
    assert_eq!(report.notes.len(), 1, "the beginning was rotated away: {:?}", report.notes);

    let report = prove(&[&path, &files[0], &files[2]]);
    assert_eq!(report.broken.len(), 1);
    assert_eq!((report.broken[0].file.as_str(), report.broken[0].line), ("audit.log.1", 1));
}

#[test]
fn a_restart_right_after_a_rotation_continues_the_rotated_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    live(options(&path), uids(0..2));
    fs::rename(&path, rotated(&path, 1)).unwrap();
    live(options(&path), uids(2..4));
    let report = prove(&[&rotated(&path, 1), &path]);
    assert_eq!((report.broken.len(), report.chains.len(), report.lines), (0, 1, 4));
}

#[test]
fn a_file_that_somebody_else_moves_away_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let sink = Sink::open(options(&path)).unwrap();
    sink.offer(entry("a"));
    while sink.written() < 1 {
        std::thread::yield_now();
    }
    fs::rename(&path, folder.path().join("moved")).unwrap();
    sink.offer(entry("b"));
    assert!(sink.close(WAIT));
    let report = prove(&[&path, &folder.path().join("moved")]);
    assert_eq!((report.broken.len(), report.lines), (0, 2));
}

#[test]
fn chains_of_two_servers_in_one_stream_are_told_apart() {
    let mut merged = Vec::new();
    let mut chains = [Chain::new([1; 8]), Chain::new([2; 8])];
    for uid in uids(0..6) {
        for chain in &mut chains {
            merged.extend(next_line(chain, &entry(&uid), 0));
        }
    }
    let report = prove_bytes(&merged);
    assert_eq!((report.broken.len(), report.chains.len(), report.lines), (0, 2, 12));
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let sink = Sink::open(options(&path)).unwrap();
    let error = Sink::open(options(&path)).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    assert!(sink.close(WAIT));
}

#[test]
fn a_folder_that_is_missing_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Sink::open(options(&folder.path().join("missing/audit.log"))).is_err());
    assert!(Sink::open(options(folder.path())).is_err());
}

/// What a scripted output does with one call of `write`.
enum Act {
    Take(usize),
    Fail(ErrorKind),
}

/// An output that follows a script, then takes everything.
#[derive(Clone)]
struct Scripted {
    acts: Arc<Mutex<VecDeque<Act>>>,
    written: Arc<Mutex<Vec<u8>>>,
    owes: bool,
}

impl Scripted {
    fn new(acts: impl IntoIterator<Item = Act>) -> Scripted {
        Scripted { acts: Arc::new(Mutex::new(acts.into_iter().collect())), written: Arc::default(), owes: false }
    }
}

impl Output for Scripted {
    fn ready(&mut self, _length: usize) -> io::Result<usize> {
        Ok(usize::MAX)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match self.acts.lock().unwrap().pop_front() {
            Some(Act::Fail(kind)) => return Err(kind.into()),
            Some(Act::Take(count)) => count.min(bytes.len()),
            None => bytes.len(),
        };
        self.written.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn owes_newline(&self) -> bool {
        self.owes
    }
    fn owe_newline(&mut self, owes: bool) {
        self.owes = owes;
    }
}

fn scripted(acts: impl IntoIterator<Item = Act>, count: u32) -> Vec<u8> {
    let output = Scripted::new(acts);
    let chain = Chain::new([1; 8]);
    let sink = Sink::start(Box::new(output.clone()), chain, 100, 1 << 20, Duration::from_millis(1)).unwrap();
    for uid in uids(0..count) {
        sink.offer(entry(&uid));
    }
    while sink.written() < u64::from(count) {
        std::thread::yield_now();
    }
    assert!(!sink.failing());
    assert!(sink.close(WAIT));
    let written = output.written.lock().unwrap();
    written.clone()
}

#[test]
fn short_and_interrupted_writes_make_whole_lines() {
    let acts = [Act::Take(1), Act::Fail(ErrorKind::Interrupted), Act::Take(10), Act::Fail(ErrorKind::WouldBlock), Act::Take(100)];
    assert_eq!(scripted(acts, 3), log(3));
}

#[test]
fn a_line_that_failed_half_way_comes_again_on_a_line_of_its_own() {
    let written = scripted([Act::Take(70), Act::Fail(ErrorKind::StorageFull), Act::Take(0), Act::Fail(ErrorKind::StorageFull)], 2);
    let report = prove_bytes(&written);
    assert_eq!((report.broken.len(), report.notes.len(), report.lines), (0, 1, 2));
}

#[test]
fn a_line_that_lacks_only_its_newline_does_not_come_twice() {
    let length = lines(&log(1))[0].len() - 1;
    let written = scripted([Act::Take(length), Act::Fail(ErrorKind::StorageFull)], 2);
    assert_eq!(written, log(2));
}

#[test]
fn a_queue_that_is_full_drops_and_the_next_line_says_how_many() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let sink = Sink::open(Options { queue_entries: 4, ..options(&path) }).unwrap();
    let start = Instant::now();
    for uid in uids(0..1000) {
        sink.offer(entry(&uid));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "nobody reads the FIFO, and nobody waits for it");
    assert!((994..=996).contains(&sink.dropped()), "{}", sink.dropped());
    assert!(!sink.close(Duration::from_millis(1)), "the writer still waits for a reader");

    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    assert!(sink.close(WAIT));
    let text = reader.join().unwrap();
    let report = prove_bytes(&text);
    assert_eq!(report.broken, []);
    assert!(report.lines >= 4);
    assert!(report.dropped > 900, "{report:?}");
}

#[test]
fn a_reader_that_comes_back_gets_the_lines_that_follow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let sink = Sink::open(options(&path)).unwrap();
    let read = || {
        let mut bytes = vec![0; 65536];
        let count = OpenOptions::new().read(true).open(&path).unwrap().read(&mut bytes).unwrap();
        bytes.truncate(count);
        bytes
    };
    sink.offer(entry("first"));
    assert!(prove_bytes(&read()).lines >= 1);
    // A reader that opens while the writer notices that the last one left sees the end of the file at once.
    let later = loop {
        sink.offer(entry("later"));
        let bytes = read();
        if !bytes.is_empty() {
            break bytes;
        }
    };
    assert!(String::from_utf8(later).unwrap().contains(r#""uid":"later""#));
}

#[test]
fn a_full_disk_is_counted_and_delays_nobody() {
    let sink = Sink::open(Options { queue_entries: 2, ..options(Path::new("/dev/full")) }).unwrap();
    let start = Instant::now();
    for uid in uids(0..500) {
        sink.offer(entry(&uid));
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    while !sink.failing() {
        std::thread::yield_now();
    }
    assert!(sink.close(WAIT), "the writer gives up when it is told to end");
    assert_eq!((sink.written(), sink.dropped()), (0, 500));
}

#[test]
fn an_entry_larger_than_the_queue_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open(Options { queue_bytes: 4096, ..options(&folder.path().join("audit.log")) }).unwrap();
    let mut large = entry("large");
    large.record.messages.push("x".repeat(5000));
    sink.offer(large);
    sink.offer(entry("small"));
    assert!(sink.close(WAIT));
    assert_eq!((sink.written(), sink.dropped(), sink.queued()), (1, 1, 0));
}

#[test]
fn a_closed_sink_takes_nothing_and_counts_it() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open(options(&folder.path().join("audit.log"))).unwrap();
    assert!(sink.close(WAIT));
    sink.offer(entry("late"));
    assert_eq!(sink.dropped(), 1);
    assert!(sink.close(WAIT));
}

#[test]
fn foreign_text_at_the_end_of_a_file_is_left_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    live(options(&path), uids(0..2));
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"what is this\n").unwrap();
    live(options(&path), uids(2..4));
    let report = prove(&[&path]);
    assert_eq!(report.broken.len(), 1);
    assert_eq!((report.broken[0].line, report.chains.len()), (3, 1));
}

/// An output that waits until it is let go: meanwhile entries gather to one batch.
struct Held {
    gate: Arc<Mutex<()>>,
    output: Scripted,
}

impl Output for Held {
    fn ready(&mut self, length: usize) -> io::Result<usize> {
        drop(self.gate.lock().unwrap());
        self.output.ready(length)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }
    fn owes_newline(&self) -> bool {
        self.output.owes_newline()
    }
    fn owe_newline(&mut self, owes: bool) {
        self.output.owe_newline(owes);
    }
}

/// Writes entries that gathered; answers what was written, and how often.
fn gathered(output: &Scripted, count: u32) -> Vec<u8> {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let held = Held { gate: Arc::clone(&gate), output: output.clone() };
    let sink = Sink::start(Box::new(held), Chain::new([1; 8]), 100, 1 << 20, Duration::from_millis(1)).unwrap();
    for uid in uids(0..count) {
        sink.offer(entry(&uid));
    }
    drop(closed);
    while sink.written() < u64::from(count) {
        std::thread::yield_now();
    }
    assert!(sink.close(WAIT));
    assert_eq!((sink.queued(), sink.dropped(), sink.failing()), (0, 0, false));
    output.written.lock().unwrap().clone()
}

#[test]
fn lines_that_gathered_are_written_at_once() {
    let calls = 5;
    let output = Scripted::new((0..calls).map(|_| Act::Take(usize::MAX)));
    assert_eq!(gathered(&output, 50), log(50));
    // The first may be written alone, if the writer was quick to take it.
    assert!(output.acts.lock().unwrap().len() >= 3, "fifty lines in two calls");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_batch_that_fails_anywhere_goes_on_behind_its_last_whole_line(
        acts in prop::collection::vec(prop_oneof![(0_usize..2000).prop_map(Some), Just(None)], 0..12),
        count in 1_u32..8,
    ) {
        let act = |act: Option<usize>| act.map_or(Act::Fail(ErrorKind::StorageFull), Act::Take);
        let written = gathered(&Scripted::new(acts.into_iter().map(act)), count);
        let report = prove_bytes(&written);
        prop_assert_eq!(report.broken, []);
        prop_assert_eq!((report.lines, report.dropped, report.chains.len()), (count as usize, 0, 1));
        // Less the pieces, every line is there, in order. The last may lack its newline: nothing came behind it.
        let is_whole = |line: &&[u8]| serde_json::from_slice::<Value>(line).is_ok();
        let whole: Vec<&[u8]> = written.split(|byte| *byte == b'\n').filter(is_whole).collect();
        let log = log(count);
        prop_assert_eq!(whole, lines(&log).into_iter().map(<[u8]>::trim_ascii_end).collect::<Vec<_>>());
    }
}

#[test]
fn drops_are_said_by_the_line_behind_those_that_were_held() {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let output = Scripted::new([]);
    let held = Held { gate: Arc::clone(&gate), output: output.clone() };
    let sink = Sink::start(Box::new(held), Chain::new([1; 8]), 3, 1 << 20, Duration::from_millis(1)).unwrap();
    for uid in uids(0..10) {
        sink.offer(entry(&uid));
    }
    assert_eq!((sink.queued(), sink.dropped()), (4, 6), "one is in hand, three wait");
    drop(closed);
    assert!(sink.close(WAIT));
    let written = output.written.lock().unwrap();
    let report = prove_bytes(&written);
    assert_eq!((report.broken.len(), report.lines, report.dropped), (0, 4, 6));
}
