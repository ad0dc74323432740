//! `netpol audit verify` on logs that the sink wrote.

use std::fs;
use std::path::Path;
use std::time::Duration;

use netpol::audit::{Destination, Entry, Options, Record, Sink};
use netpol::verdict::{Outcome, Rule};
use serde_json::Value;

use crate::support::command::{command, netpol, netpol_reading};

fn record(number: usize) -> Record {
    Record {
        uid: format!("uid-{number}"),
        stage: "validate",
        verdict: Outcome::Denied,
        rule: Some(Rule::UngrantedLabel),
        operation: "CREATE",
        kind: "Pod".to_owned(),
        subresource: None,
        name: "thief".to_owned(),
        namespace: "abcdesktop".to_owned(),
        user: "admin".to_owned(),
        groups: Vec::new(),
        dry_run: false,
        messages: vec!["a sentence".to_owned()],
        differences: Vec::new(),
        witness: None,
        canon: "00".to_owned(),
    }
}

/// Writes a log of `count` lines to a path, with a restart in the middle.
fn log(path: &Path, count: usize, rotate_bytes: u64) {
    write(path, [3; 8], count, rotate_bytes);
}

fn write(path: &Path, name: [u8; 8], count: usize, rotate_bytes: u64) {
    let numbers: Vec<usize> = (0..count).collect();
    for run in numbers.chunks(count.div_ceil(2)) {
        let options = Options { rotate_bytes, ..Options::new(Destination::File(path.to_owned()), name) };
        let sink = Sink::open(options).unwrap();
        for number in run {
            let time = "2026-11-22T16:16:10Z".parse().unwrap();
            sink.offer(Entry { time, record: record(*number), latency: Duration::from_micros(90), client_verified: false });
        }
        assert!(sink.close(Duration::from_secs(20)));
    }
}

#[test]
fn a_log_with_a_rotation_and_a_restart_is_intact() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    log(&path, 6, 1500);
    let rotated = folder.path().join("audit.log.1");
    assert!(rotated.exists());
    let mut files: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()).collect();
    files.sort();
    let args: Vec<&str> = ["audit", "verify"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let ran = netpol(&args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.ends_with(&format!("intact  6 lines in {} files, 1 chain\n", files.len())), "{}", ran.out);

    let ran = netpol(&[&args[..], &["--output", "json"]].concat());
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (report["lines"].as_u64(), report["chains"][0]["last"].as_u64(), report["broken"].as_array().map(Vec::len)),
        (Some(6), Some(6), Some(0))
    );
}

#[test]
fn the_first_broken_line_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    log(&path, 5, 1 << 20);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("uid-2", "uid-7")).unwrap();
    let name = path.to_str().unwrap();
    let ran = netpol(&["audit", "verify", name]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert_eq!(
        ran.out.lines().next().unwrap(),
        format!("broken  {name}, line 3: this line or the line after it was changed after it was written")
    );
    assert_eq!(ran.out.lines().last().unwrap(), "not intact: 1 place broken in 5 lines of 1 file");
}

#[test]
fn a_torn_last_line_on_standard_input_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    log(&path, 3, 1 << 20);
    let bytes = fs::read(&path).unwrap();
    let ran = netpol_reading(&["audit", "verify", "-"], &bytes[..bytes.len() - 30]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out.lines().next().unwrap(),
        "note    standard input, line 3: skipped an incomplete line left by a crash or a full disk"
    );
    assert_eq!(ran.out.lines().last().unwrap(), "intact  2 lines in 1 file, 1 chain");
}

#[test]
fn a_file_without_audit_lines_is_the_wrong_file() {
    for (bytes, out) in [
        (&b""[..], ""),
        (b"hello\nworld\n", "skipped 2 other lines: not audit lines\n"),
        (b"\x00\xff\x17\x80", "skipped 1 other line: not audit lines\n"),
    ] {
        let ran = netpol_reading(&["audit", "verify", "-"], bytes);
        let error = "netpol: nothing to verify: no audit lines in 1 file; specify the file of --audit-log, or the output of kubectl logs\n";
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (2, out, error));
    }
    let ran = netpol_reading(&["audit", "verify", "--output", "json", "-"], b"");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, report["lines"].as_u64()), (2, Some(0)));
}

#[test]
fn a_compressed_log_is_named_with_the_command_that_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit log.gz");
    let bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    fs::write(&path, bytes).unwrap();
    let name = path.to_str().unwrap();
    for command in ["verify", "show"] {
        let ran = netpol(&["audit", command, name]);
        let error = format!("netpol: cannot read {name}: it is compressed: gunzip -c '{name}' | netpol audit {command} -\n");
        assert_eq!((ran.code, ran.out.as_str(), ran.err), (2, "", error));
        let ran = netpol_reading(&["audit", command, "-"], bytes);
        let error = format!("netpol: cannot read standard input: it is compressed: gunzip | netpol audit {command} -\n");
        assert_eq!((ran.code, ran.err), (2, error));
    }
}

#[test]
fn a_binary_file_is_not_a_log() {
    let ran = netpol(&["audit", "verify", env!("CARGO_BIN_EXE_netpol")]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("this is not an audit line, but looks like one"), "{}", ran.out);
}

#[test]
fn an_unreadable_file_is_exit_code_two() {
    for (args, words) in [
        (["/no/such/log", "-"], "cannot read /no/such/log: No such file"),
        (["/", "-"], "cannot read /: "),
        (["-", "-"], "cannot read standard input: it can be read only once"),
    ] {
        let ran = netpol(&[&["audit", "verify"], &args[..]].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    let ran = netpol(&["audit", "verify"]);
    assert_eq!(ran.code, 2);
}

#[test]
fn a_pipe_gets_no_color() {
    let output = command(&["audit", "verify", "-"]).env("TERM", "xterm-256color").output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

/// Frames a line as a tool or a container runtime does.
type Frame = fn(&str) -> Vec<String>;

const FRAMES: [(&str, Frame); 6] = [
    ("none", |line| vec![line.to_owned()]),
    ("kubectl logs --prefix", |line| vec![format!("[pod/netpol-6f5d-x2x/netpol] {line}")]),
    ("kubectl logs --timestamps", |line| vec![format!("2026-11-27T16:16:10.250000001Z {line}")]),
    ("kubectl logs --prefix --timestamps", |line| vec![format!("[pod/netpol-6f5d-x2x/netpol] 2026-11-27T16:16:10Z {line}")]),
    ("containerd", |line| {
        let (start, end) = line.split_at(line.len() / 2);
        vec![format!("2026-11-27T16:16:10.25Z stdout P {start}"), format!("2026-11-27T16:16:10.25Z stdout F {end}")]
    }),
    ("docker", |line| {
        vec![serde_json::json!({"log": format!("{line}\n"), "stream": "stdout", "time": "2026-11-27T16:16:10.25Z"}).to_string()]
    }),
];

/// Returns the lines of two servers and of their ordinary logs, mixed.
fn mixed() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let lines = |name: [u8; 8]| {
        let path = folder.path().join(name[0].to_string());
        write(&path, name, 3, 1 << 20);
        fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let ordinary = [r#"{"timestamp":"2026-11-27T16:16:10Z","level":"INFO","message":"ready"}"#, "2026-11-27T16:16:10Z  INFO netpol: ready"];
    let (one, two) = (lines([1; 8]), lines([2; 8]));
    ordinary.map(str::to_owned).into_iter().chain(one.into_iter().zip(two).flat_map(|(one, two)| [one, two])).collect()
}

fn verify(lines: &[String], frame: Frame) -> crate::support::command::Ran {
    let text: String = lines.iter().flat_map(|line| frame(line)).map(|line| line + "\n").collect();
    netpol_reading(&["audit", "verify", "-"], text.as_bytes())
}

#[test]
fn collected_logs_of_several_servers_are_intact_in_every_frame() {
    let lines = mixed();
    for (name, frame) in FRAMES {
        let ran = verify(&lines, frame);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}: {}", ran.out);
        assert!(ran.out.contains("skipped 2 other lines: not audit lines\n"), "{name}: {}", ran.out);
        let with_empty: Vec<String> = lines.iter().flat_map(|line| [String::new(), line.clone()]).collect();
        assert_eq!(verify(&with_empty, frame).out, ran.out, "{name}: empty lines have no meaning");
        assert!(ran.out.ends_with("intact  6 lines in 1 file, 2 chains\n"), "{name}: {}", ran.out);
    }
}

#[test]
fn a_changed_or_missing_line_is_found_in_every_frame() {
    let lines = mixed();
    for (name, frame) in FRAMES {
        for at in 2..lines.len() - 2 {
            let mut changed = lines.clone();
            changed[at] = changed[at].replace("\"admin\"", "\"mallory\"");
            assert_ne!(changed, lines);
            assert_eq!(verify(&changed, frame).code, 1, "{name}: line {at} is changed");
            let mut missing = lines.clone();
            missing.remove(at);
            let ran = verify(&missing, frame);
            // The first line of a chain may be in another file.
            let is_first = at < 4;
            assert_eq!(ran.code, i32::from(!is_first), "{name}: line {at} is missing: {}", ran.out);
            assert!(!is_first || ran.out.contains("the earlier lines are not in these files"), "{}", ran.out);
            let mut hidden = lines.clone();
            hidden[at].insert(0, ' ');
            assert_eq!(verify(&hidden, frame).code, 1, "{name}: line {at} looks like an audit line");
        }
    }
}
