//! Claims about lines, the chain and its proof.

use std::fs;

use proptest::prelude::*;

use super::super::chain::{Chain, HEAD};
use super::{entry, lines, live, log, next_line, options, prove, prove_bytes, uids};

#[test]
fn a_line_says_everything_once() {
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
fn a_log_proves_itself() {
    let report = prove_bytes(&log(5));
    assert_eq!(report.broken, []);
    assert_eq!(report.notes, []);
    assert_eq!((report.lines, report.chains[0].first, report.chains[0].last), (5, 1, 5));
}

/// The last line is vouched for by nothing yet, and its newline joins it to the line before.
#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let mut bytes = log(3);
    let guarded = bytes.len() - lines(&bytes)[2].len() - 1;
    for at in 0..guarded {
        for mask in (0..8).map(|bit| 1 << bit).chain([0xff]) {
            bytes[at] ^= mask;
            assert!(!prove_bytes(&bytes).broken.is_empty(), "byte {at} changed by {mask:#x}");
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
        // Neither the first nor the last: the oldest lines are rotated away, the youngest are not vouched for.
        all.remove(1 + at.index(all.len() - 2));
        prop_assert!(!prove_bytes(&all.concat()).broken.is_empty());
    }

    #[test]
    fn swapped_lines_are_found(count in 2_u32..8, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let bytes = log(count);
        let mut all = lines(&bytes);
        let (one, other) = (one.index(all.len()), other.index(all.len()));
        prop_assume!(one != other);
        all.swap(one, other);
        prop_assert!(!prove_bytes(&all.concat()).broken.is_empty());
    }

    #[test]
    fn a_repeated_line_is_found(count in 1_u32..8, from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let bytes = log(count);
        let mut all = lines(&bytes);
        let line = all[from.index(all.len())];
        all.insert(to.index(all.len() + 1), line);
        prop_assert!(!prove_bytes(&all.concat()).broken.is_empty());
    }

    #[test]
    fn an_inserted_line_is_found(count in 1_u32..8, to in any::<prop::sample::Index>(), text in "[ -~]{1,80}") {
        prop_assume!(!HEAD.starts_with(text.as_bytes()));
        let bytes = log(count);
        let mut all = lines(&bytes);
        let line = format!("{text}\n");
        all.insert(to.index(all.len() + 1), line.as_bytes());
        prop_assert!(!prove_bytes(&all.concat()).broken.is_empty());
    }

    /// Wherever a crash cuts a log off, the next life continues its chain.
    #[test]
    fn a_log_cut_anywhere_goes_on(cut in 0.0..1.0_f64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let bytes = log(3);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = (cut * bytes.len() as f64) as usize;
        fs::write(&path, &bytes[..cut]).unwrap();
        live(options(&path), uids(10..12));
        let report = prove(&[&path]);
        prop_assert_eq!(&report.broken, &[]);
        prop_assert!(report.notes.len() <= 1);
        // A line that lacks only its newline is whole.
        let whole = bytes[..cut].split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"}") && serde_json::from_slice::<serde_json::Value>(line).is_ok());
        prop_assert_eq!(report.lines, whole.count() + 2);
    }
}

#[test]
fn the_changed_line_is_named() {
    let text = String::from_utf8(log(4)).unwrap();
    let report = prove_bytes(text.replacen("uid-1", "uid-9", 1).as_bytes());
    assert_eq!(report.broken.len(), 1);
    assert_eq!((report.broken[0].file.as_str(), report.broken[0].line), ("audit.log", 2));

    // Its link to the line before is broken too, yet it is one line that was changed.
    let second = lines(text.as_bytes())[1];
    let forged = String::from_utf8(second.to_vec()).unwrap().replace("\"previous\":\"", "\"previous\":\"f");
    let report = prove_bytes(text.replace(std::str::from_utf8(second).unwrap(), &forged).as_bytes());
    assert_eq!(report.broken.len(), 1);
    assert_eq!(report.broken[0].line, 2);
}

#[test]
fn a_line_cut_short_between_others_is_named() {
    let bytes = log(4);
    let mut all = lines(&bytes);
    let piece = [&all[1][..100], b"\n"].concat();
    all[1] = &piece;
    let report = prove_bytes(&all.concat());
    assert_eq!(report.broken.len(), 1);
    assert_eq!(report.broken[0].line, 2);
    assert_eq!(report.notes, []);
}

#[test]
fn a_torn_last_line_is_passed_over_with_a_word() {
    let mut bytes = log(3);
    bytes.truncate(bytes.len() - 20);
    let report = prove_bytes(&bytes);
    assert_eq!(report.broken, []);
    assert_eq!(report.notes.len(), 1);
    assert_eq!((report.notes[0].line, report.lines), (3, 2));
    assert!(report.notes[0].message.contains("torn"), "{}", report.notes[0].message);
}
