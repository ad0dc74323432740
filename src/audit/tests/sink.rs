//! Tests of the queue, the writer and its files.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value;

use super::super::chain::Chain;
use super::super::output::{Output, rotated};
use super::super::{Options, Sink};
use super::{WAIT, entry, lines, log, next_line, options, run_once, uids, verify_bytes, verify_files};

#[test]
fn the_chain_continues_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    run_once(options(&path), uids(0..3));
    run_once(Options { chain: [9; 8], ..options(&path) }, uids(3..6));
    let result = verify_files(&[&path]);
    assert_eq!(result.broken, []);
    assert_eq!(result.chains.len(), 1);
    assert_eq!(result.chains[0].last, 6);
}

#[test]
fn the_chain_continues_across_rotation_and_the_oldest_file_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let small = || Options { rotate_bytes: 3000, rotate_keep: 3, ..options(&path) };
    run_once(small(), uids(0..20));
    run_once(small(), uids(20..40));
    let files: Vec<_> = (1..=3).map(|number| rotated(&path, number)).collect();
    assert!(files.iter().all(|file| file.exists()));
    assert!(!rotated(&path, 4).exists());
    assert!(files.iter().all(|file| fs::metadata(file).unwrap().len() <= 3000));
    // In the order of a shell's wildcard.
    let result = verify_files(&[&path, &files[0], &files[1], &files[2]]);
    assert_eq!(result.broken, []);
    assert_eq!(result.chains[0].last, 40);
    assert_eq!(result.notes.len(), 1, "rotation removed the first lines: {:?}", result.notes);

    let result = verify_files(&[&path, &files[0], &files[2]]);
    assert_eq!(result.broken.len(), 1);
    assert_eq!((result.broken[0].file.as_str(), result.broken[0].line), ("audit.log.1", 1));
}

#[test]
fn a_restart_right_after_a_rotation_continues_the_rotated_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    run_once(options(&path), uids(0..2));
    fs::rename(&path, rotated(&path, 1)).unwrap();
    run_once(options(&path), uids(2..4));
    let result = verify_files(&[&rotated(&path, 1), &path]);
    assert_eq!((result.broken.len(), result.chains.len(), result.lines), (0, 1, 4));
}

#[test]
fn a_file_that_another_process_moves_is_replaced() {
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
    let result = verify_files(&[&path, &folder.path().join("moved")]);
    assert_eq!((result.broken.len(), result.lines), (0, 2));
}

#[test]
fn chains_of_two_servers_in_one_stream_are_separated() {
    let mut merged = Vec::new();
    let mut chains = [Chain::new([1; 8]), Chain::new([2; 8])];
    for uid in uids(0..6) {
        for chain in &mut chains {
            merged.extend(next_line(chain, &entry(&uid), 0));
        }
    }
    let result = verify_bytes(&merged);
    assert_eq!((result.broken.len(), result.chains.len(), result.lines), (0, 2, 12));
}

#[test]
fn a_second_writer_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let sink = Sink::open(options(&path)).unwrap();
    let error = Sink::open(options(&path)).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    assert!(sink.close(WAIT));
}

#[test]
fn a_missing_folder_is_an_error_at_start() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Sink::open(options(&folder.path().join("missing/audit.log"))).is_err());
    assert!(Sink::open(options(folder.path())).is_err());
}

/// Returns the bytes of memory that the queue counts.
fn queued_bytes(sink: &Sink) -> usize {
    sink.counters.queued_bytes.load(Relaxed)
}

/// The result of one call of `write`.
enum Act {
    Take(usize),
    Fail(ErrorKind),
}

/// An output that follows a script, then accepts everything.
#[derive(Clone)]
struct Scripted {
    acts: Arc<Mutex<VecDeque<Act>>>,
    written: Arc<Mutex<Vec<u8>>>,
    is_mid_line: bool,
}

impl Scripted {
    fn new(acts: impl IntoIterator<Item = Act>) -> Scripted {
        Scripted { acts: Arc::new(Mutex::new(acts.into_iter().collect())), written: Arc::default(), is_mid_line: false }
    }
}

impl Output for Scripted {
    fn prepare(&mut self, _length: usize) -> io::Result<usize> {
        Ok(usize::MAX)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match self.acts.lock().unwrap().pop_front() {
            Some(Act::Fail(kind)) => return Err(kind.into()),
            Some(Act::Take(count)) => count.min(bytes.len()),
            None => bytes.len(),
        };
        self.written.lock().unwrap().extend_from_slice(&bytes[..count]);
        if count > 0 {
            self.is_mid_line = bytes[count - 1] != b'\n';
        }
        Ok(count)
    }
    fn is_mid_line(&self) -> bool {
        self.is_mid_line
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
fn short_and_interrupted_writes_make_complete_lines() {
    let acts = [Act::Take(1), Act::Fail(ErrorKind::Interrupted), Act::Take(10), Act::Fail(ErrorKind::WouldBlock), Act::Take(100)];
    assert_eq!(scripted(acts, 3), log(3));
}

#[test]
fn a_torn_line_is_written_again_after_a_newline() {
    let written = scripted([Act::Take(70), Act::Fail(ErrorKind::StorageFull), Act::Take(0), Act::Fail(ErrorKind::StorageFull)], 2);
    let result = verify_bytes(&written);
    assert_eq!((result.broken.len(), result.notes.len(), result.lines), (0, 1, 2));
}

#[test]
fn a_line_that_lacks_only_its_newline_is_not_repeated() {
    let length = lines(&log(1))[0].len() - 1;
    let written = scripted([Act::Take(length), Act::Fail(ErrorKind::StorageFull)], 2);
    assert_eq!(written, log(2));
}

#[test]
fn a_full_queue_drops_entries_and_the_next_line_reports_the_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let sink = Sink::open(Options { queue_entries: 4, ..options(&path) }).unwrap();
    let start = Instant::now();
    for uid in uids(0..1000) {
        sink.offer(entry(&uid));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "offering an entry does not wait for a reader of the FIFO");
    assert!((994..=996).contains(&sink.dropped()), "{}", sink.dropped());
    assert!(!sink.close(Duration::from_millis(1)), "the writer still waits for a reader");

    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    assert!(sink.close(WAIT));
    let text = reader.join().unwrap();
    let result = verify_bytes(&text);
    assert_eq!(result.broken, []);
    assert!(result.lines >= 4);
    assert!(result.dropped > 900, "{result:?}");
}

#[test]
fn a_new_reader_of_a_fifo_gets_the_next_lines() {
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
    assert!(verify_bytes(&read()).lines >= 1);
    // A reader that opens the FIFO before the writer closes it reads nothing.
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
fn a_full_disk_is_counted_and_does_not_delay_the_server() {
    let sink = Sink::open(Options { queue_entries: 2, ..options(Path::new("/dev/full")) }).unwrap();
    let start = Instant::now();
    for uid in uids(0..500) {
        sink.offer(entry(&uid));
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    while !sink.failing() {
        std::thread::yield_now();
    }
    assert!(sink.close(WAIT), "the writer stops when the sink is closed");
    assert_eq!((sink.written(), sink.dropped()), (0, 500));
}

#[test]
fn closing_drops_what_a_full_disk_does_not_take() {
    let sink = Sink::open(options(Path::new("/dev/full"))).unwrap();
    for uid in uids(0..5000) {
        sink.offer(entry(&uid));
    }
    assert!(sink.close(Duration::from_secs(5)), "entries are not tried one by one");
    assert_eq!((sink.written(), sink.dropped(), queued_bytes(&sink)), (0, 5000, 0));
}

#[test]
fn an_entry_larger_than_the_queue_is_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open(Options { queue_bytes: 4096, ..options(&folder.path().join("audit.log")) }).unwrap();
    let mut large = entry("large");
    large.record.messages.push("x".repeat(5000));
    sink.offer(large);
    sink.offer(entry("small"));
    assert!(sink.close(WAIT));
    assert_eq!((sink.written(), sink.dropped(), queued_bytes(&sink)), (1, 1, 0));
}

#[test]
fn entries_of_many_threads_form_one_chain_and_none_is_lost_uncounted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let sink = Sink::open(Options { queue_entries: 64, ..options(&path) }).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| uids(0..500).for_each(|uid| sink.offer(entry(&uid))));
        }
    });
    assert!(sink.close(WAIT));
    let result = verify_files(&[&path]);
    assert_eq!((result.broken.len(), result.chains.len(), result.lines as u64), (0, 1, sink.written()));
    assert_eq!((sink.written() + sink.dropped(), queued_bytes(&sink)), (2000, 0));
}

#[test]
fn a_closed_sink_drops_and_counts_entries() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open(options(&folder.path().join("audit.log"))).unwrap();
    assert!(sink.close(WAIT));
    sink.offer(entry("late"));
    assert_eq!(sink.dropped(), 1);
    assert!(sink.close(WAIT));
}

#[test]
fn foreign_text_at_the_end_of_a_file_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    run_once(options(&path), uids(0..2));
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"what is this\n").unwrap();
    run_once(options(&path), uids(2..4));
    let result = verify_files(&[&path]);
    assert_eq!((result.other, result.lines, result.broken.len(), result.chains.len()), (1, 4, 0, 1));
}

/// An output that waits for a lock, so that entries gather in the queue.
struct Held {
    /// Whether the writer waits, with one entry that left the queue.
    is_waiting: Arc<AtomicBool>,
    gate: Arc<Mutex<()>>,
    output: Scripted,
}

impl Output for Held {
    fn prepare(&mut self, length: usize) -> io::Result<usize> {
        self.is_waiting.store(true, Relaxed);
        drop(self.gate.lock().unwrap());
        self.output.prepare(length)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }
    fn is_mid_line(&self) -> bool {
        self.output.is_mid_line()
    }
}

/// Writes entries that gathered in the queue and returns the bytes written.
fn gathered(output: &Scripted, count: u32) -> Vec<u8> {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let held = Held { is_waiting: Arc::default(), gate: Arc::clone(&gate), output: output.clone() };
    let sink = Sink::start(Box::new(held), Chain::new([1; 8]), 100, 1 << 20, Duration::from_millis(1)).unwrap();
    for uid in uids(0..count) {
        sink.offer(entry(&uid));
    }
    drop(closed);
    while sink.written() < u64::from(count) {
        std::thread::yield_now();
    }
    assert!(sink.close(WAIT));
    assert_eq!((queued_bytes(&sink), sink.dropped(), sink.failing()), (0, 0, false));
    output.written.lock().unwrap().clone()
}

#[test]
fn gathered_lines_are_written_at_once() {
    let calls = 5;
    let output = Scripted::new((0..calls).map(|_| Act::Take(usize::MAX)));
    assert_eq!(gathered(&output, 50), log(50));
    // The writer may have taken the first entry before the others arrived.
    assert!(output.acts.lock().unwrap().len() >= 3, "fifty lines in two calls");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_write_that_fails_anywhere_continues_after_its_last_complete_line(
        acts in prop::collection::vec(prop_oneof![(0_usize..2000).prop_map(Some), Just(None)], 0..12),
        count in 1_u32..8,
    ) {
        let act = |act: Option<usize>| act.map_or(Act::Fail(ErrorKind::StorageFull), Act::Take);
        let written = gathered(&Scripted::new(acts.into_iter().map(act)), count);
        let result = verify_bytes(&written);
        prop_assert_eq!(result.broken, []);
        prop_assert_eq!((result.lines, result.dropped, result.chains.len()), (count as usize, 0, 1));
        // Without the torn lines, every line is there, in order. The last may lack its newline.
        let is_complete = |line: &&[u8]| serde_json::from_slice::<Value>(line).is_ok();
        let complete: Vec<&[u8]> = written.split(|byte| *byte == b'\n').filter(is_complete).collect();
        let log = log(count);
        prop_assert_eq!(complete, lines(&log).into_iter().map(<[u8]>::trim_ascii_end).collect::<Vec<_>>());
    }
}

#[test]
fn the_next_line_reports_drops() {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let output = Scripted::new([]);
    let is_waiting = Arc::new(AtomicBool::new(false));
    let held = Held { is_waiting: Arc::clone(&is_waiting), gate: Arc::clone(&gate), output: output.clone() };
    let sink = Sink::start(Box::new(held), Chain::new([1; 8]), 3, 1 << 20, Duration::from_millis(1)).unwrap();
    sink.offer(entry("uid-0"));
    while !is_waiting.load(Relaxed) {
        std::thread::yield_now();
    }
    for uid in uids(1..10) {
        sink.offer(entry(&uid));
    }
    assert_eq!(sink.dropped(), 6, "the writer has one entry, the queue has three");
    assert!(sink.failing(), "no line reports the drops yet");
    drop(closed);
    assert!(sink.close(WAIT));
    let written = output.written.lock().unwrap();
    let result = verify_bytes(&written);
    assert_eq!((result.broken.len(), result.lines, result.dropped), (0, 4, 6));
}
