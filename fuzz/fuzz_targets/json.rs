//! What the quick reader of JSON takes, `serde_json` takes, and reads the same; what is written without
//! white space and not too deep it takes.

#![no_main]

use json_skim::Reader;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let passed_over = read::<IgnoredAny>(text).is_some();
    let value = read::<Value>(text);
    if passed_over {
        assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "took what is no JSON");
    }
    if let Some(value) = value {
        assert!(passed_over || !text.starts_with(['{', '[']) || depth(&value) > 60, "read what it cannot pass over");
        assert_eq!(serde_json::from_str::<Value>(text).ok(), Some(value), "reads another value");
    }
    if let Ok(value) = serde_json::from_str::<Value>(text)
        && depth(&value) < 60
    {
        // Written by the library, there is no white space in it.
        let compact = value.to_string();
        if compact.starts_with(['{', '[']) {
            assert!(read::<IgnoredAny>(&compact).is_some(), "passed over too little");
            // A number may lose its last digit when it is written.
            assert_eq!(read::<Value>(&compact), serde_json::from_str(&compact).ok(), "took too little");
        }
    }
});

fn read<'t, T: Deserialize<'t>>(text: &'t str) -> Option<T> {
    let mut reader = Reader::new(text);
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
