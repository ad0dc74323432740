//! Tests of lines, the chain and its verification.

use std::fs;

use proptest::prelude::*;

use super::super::chain::{Chain, HEAD};
use super::{entry, lines, log, next_line, options, run_once, uids, verify_bytes, verify_files};

#[test]
fn a_line_has_every_field_once() {
    let line = String::from_utf8(next_line(&mut Chain::new([1; 8]), &entry("u"), 3)).unwrap();
    let expected = concat!(
        r#"{"schema":"netpol.abcdesktop.io/audit/v1","chain":"0101010101010101","sequence":1,"#,
        r#""previous":"b18ff078089b719715e6ad40459ad6d6cf3642910e499ec65f826b33a90db999","time":"2026-11-22T16:16:10.500000Z","#,
        r#""dropped":3,"uid":"u","stage":"validate","verdict":"denied","rule":"policy-drift","operation":"UPDATE","#,
        r#""kind":"NetworkPolicy.networking.k8s.io","name":"memcached-permits","namespace":"abcdesktop","user":"admin","#,
        r#""groups":["system:masters"],"dryRun":false,"messages":["a sentence"],"#,
        r#""witness":{"subject":"a pod labeled netpol/memcached=true","direction":"egress","peer":"pods run=memcached-od","#,
        r#""protocol":"TCP","port":"443"},"canon":"0a","clientVerified":true,"latencyMicroseconds":87}"#
    );
    assert_eq!(line.strip_suffix('\n'), Some(expected));
}

#[test]
fn an_unchanged_log_is_intact() {
    let result = verify_bytes(&log(5));
    assert_eq!(result.broken, []);
    assert_eq!(result.notes, []);
    assert_eq!((result.lines, result.chains[0].first, result.chains[0].last), (5, 1, 5));
}

/// Without the last line, which no other line protects yet, and the newline before it.
#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let mut bytes = log(3);
    let protected = bytes.len() - lines(&bytes)[2].len() - 1;
    for at in 0..protected {
        for mask in (0..8).map(|bit| 1 << bit).chain([0xff]) {
            bytes[at] ^= mask;
            assert!(!verify_bytes(&bytes).broken.is_empty(), "byte {at} changed by {mask:#x}");
            bytes[at] ^= mask;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_removed_line_is_found(count in 3_u32..8, at in any::<prop::sample::Index>()) {
        let bytes = log(count);
        let mut all = lines(&bytes);
        // Neither the first nor the last: rotation removes the oldest lines, and no line protects the newest.
        all.remove(1 + at.index(all.len() - 2));
        prop_assert!(!verify_bytes(&all.concat()).broken.is_empty());
    }

    #[test]
    fn swapped_lines_are_found(count in 2_u32..8, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let bytes = log(count);
        let mut all = lines(&bytes);
        let (one, other) = (one.index(all.len()), other.index(all.len()));
        prop_assume!(one != other);
        all.swap(one, other);
        prop_assert!(!verify_bytes(&all.concat()).broken.is_empty());
    }

    #[test]
    fn a_repeated_line_is_found(count in 1_u32..8, from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let bytes = log(count);
        let mut all = lines(&bytes);
        let line = all[from.index(all.len())];
        all.insert(to.index(all.len() + 1), line);
        prop_assert!(!verify_bytes(&all.concat()).broken.is_empty());
    }

    #[test]
    fn an_inserted_line_is_counted(count in 1_u32..8, to in any::<prop::sample::Index>(), text in "[ -~]{1,80}") {
        prop_assume!(!HEAD.starts_with(text.as_bytes()));
        let bytes = log(count);
        let mut all = lines(&bytes);
        let line = format!("{text}\n");
        all.insert(to.index(all.len() + 1), line.as_bytes());
        let result = verify_bytes(&all.concat());
        prop_assert_eq!((result.other, result.lines, result.broken.len()), (1, all.len() - 1, 0));
    }

    #[test]
    fn a_copy_of_a_line_with_a_change_is_reported(count in 1_u32..8, from in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in "[!-~]") {
        let bytes = log(count);
        let all = lines(&bytes);
        let original = all[from.index(all.len())];
        let mut copy = original.to_vec();
        let at = at.index(copy.len() - 1);
        prop_assume!(copy[at] != byte.as_bytes()[0]);
        copy[at] = byte.as_bytes()[0];
        let result = verify_bytes(&[&bytes[..], &copy].concat());
        // The copy may look like an incomplete line, which is a note.
        prop_assert!(!result.broken.is_empty() || !result.notes.is_empty());
    }

    /// The next process continues the chain after a crash at any byte.
    #[test]
    fn the_chain_of_a_log_cut_anywhere_continues(cut in 0.0..1.0_f64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let bytes = log(3);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = (cut * bytes.len() as f64) as usize;
        fs::write(&path, &bytes[..cut]).unwrap();
        run_once(options(&path), uids(10..12));
        let result = verify_files(&[&path]);
        prop_assert_eq!(&result.broken, &[]);
        prop_assert!(result.notes.len() <= 1);
        // A line that lacks only its newline is complete.
        let complete = bytes[..cut].split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"}") && serde_json::from_slice::<serde_json::Value>(line).is_ok());
        prop_assert_eq!(result.lines, complete.count() + 2);
    }
}

#[test]
fn the_changed_line_is_reported() {
    let text = String::from_utf8(log(4)).unwrap();
    let result = verify_bytes(text.replacen("uid-1", "uid-9", 1).as_bytes());
    assert_eq!(result.broken.len(), 1);
    assert_eq!((result.broken[0].file.as_str(), result.broken[0].line), ("audit.log", 2));

    // Both links of a line are broken, but only one line was changed.
    let second = lines(text.as_bytes())[1];
    let forged = String::from_utf8(second.to_vec()).unwrap().replace("\"previous\":\"", "\"previous\":\"f");
    let result = verify_bytes(text.replace(std::str::from_utf8(second).unwrap(), &forged).as_bytes());
    assert_eq!(result.broken.len(), 1);
    assert_eq!(result.broken[0].line, 2);
}

#[test]
fn a_truncated_line_between_others_is_reported() {
    let bytes = log(4);
    let mut all = lines(&bytes);
    let truncated = [&all[1][..100], b"\n"].concat();
    all[1] = &truncated;
    let result = verify_bytes(&all.concat());
    assert_eq!(result.broken.len(), 1);
    assert_eq!(result.broken[0].line, 2);
    assert_eq!(result.notes, []);
}

#[test]
fn a_torn_last_line_is_skipped_with_a_note() {
    let mut bytes = log(3);
    bytes.truncate(bytes.len() - 20);
    let result = verify_bytes(&bytes);
    assert_eq!(result.broken, []);
    assert_eq!(result.notes.len(), 1);
    assert_eq!((result.notes[0].line, result.lines), (3, 2));
    assert!(result.notes[0].message.contains("incomplete line"), "{}", result.notes[0].message);
}
