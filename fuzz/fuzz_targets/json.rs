//! `serde_json` accepts every text that `json_skim` accepts and reads the same values, and `json_skim` accepts every
//! text without white space whose depth is within its limits.

#![no_main]

use json_skim::{Raw, Reader};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let is_skipped = read::<IgnoredAny>(Reader::new(text)).is_some();
    let value = read::<Value>(Reader::new(text));
    if is_skipped {
        assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "accepted text that is not JSON");
    }
    if let Some(value) = value {
        assert!(is_skipped || !text.starts_with(['{', '[']) || depth(&value) > 60, "read a value that it cannot skip");
        assert_eq!(serde_json::from_str::<Value>(text).ok(), Some(value), "reads another value");
    }
    if let Some(raw) = read::<Raw<'_>>(Reader::new(text)) {
        assert!(is_skipped, "a raw value that cannot be skipped");
        assert!(read::<IgnoredAny>(Reader::of_raw(raw)).is_some(), "does not find the end of a valid value");
        assert_eq!(read::<Value>(Reader::of_raw(raw)), read::<Value>(Reader::new(raw.text())), "reads a raw value differently");
    }
    if let Ok(value) = serde_json::from_str::<Value>(text)
        && depth(&value) < 60
    {
        // `serde_json` writes no white space.
        let compact = value.to_string();
        if compact.starts_with(['{', '[']) {
            assert!(read::<IgnoredAny>(Reader::new(&compact)).is_some(), "does not skip valid JSON");
            // Writing a number may lose its last digit.
            assert_eq!(read::<Value>(Reader::new(&compact)), serde_json::from_str(&compact).ok(), "does not read valid JSON");
        }
    }
});

fn read<'t, T: Deserialize<'t>>(mut reader: Reader<'t>) -> Option<T> {
    let value = T::deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
