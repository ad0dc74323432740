//! Finds the uid of a review whose envelope cannot be read, so that the answer is a review and not only a status code.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::protocol;
use super::read::Fault;
use crate::documents::text::truncated;
use crate::verdict::facts::Text;

/// The maximum length of a uid in bytes, if the review is not read. A uid of an API server has 36.
const MAX_UID: usize = 64;

/// Returns the uid of a well-formed review. The values of other fields may be wrong, and strings may be invalid UTF-8.
///
/// # Errors
/// A sentence for the client: the body is not a review.
pub(super) fn find(body: &[u8]) -> Result<Text<'_>, String> {
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let result = Level::Envelope(&mut found).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = result {
        return Err(format!("the request body is not an AdmissionReview: {}", Fault::new(found.place, &error)));
    }
    let (kind, api_version) = (found.kind.unwrap_or_default(), found.api_version.unwrap_or_default());
    let uid = found.request.then(|| found.uid.unwrap_or_default());
    protocol::check(&kind, &api_version, uid.as_deref())?;
    Ok(uid.unwrap_or_default())
}

/// Returns the uid that the start of a body states, at most 64 bytes. An API server writes it before the objects.
///
/// The rest of the body is not known: whether it is a review at all, and whether it states another uid.
pub fn stated(start: &[u8]) -> Option<String> {
    let mut found = Found::default();
    // The start of a body ends in the middle of a value.
    let _ = Level::Envelope(&mut found).deserialize(&mut serde_json::Deserializer::from_slice(start));
    found.uid.filter(|uid| !uid.is_empty()).map(|uid| truncated(&uid, MAX_UID).to_owned())
}

/// The fields that an answer needs.
#[derive(Default)]
struct Found<'de> {
    kind: Option<Text<'de>>,
    api_version: Option<Text<'de>>,
    request: bool,
    uid: Option<Text<'de>>,
    /// The field that is read now.
    place: &'static str,
}

impl Found<'_> {
    /// Notes the field that is read next.
    fn enter<E: Error>(&mut self, place: &'static str, is_duplicate: bool) -> Result<(), E> {
        self.place = place;
        if is_duplicate { Err(E::custom("duplicate key")) } else { Ok(()) }
    }
}

/// A map of a review. A derived struct cannot be used: it rejects a key that is invalid UTF-8.
enum Level<'f, 'de> {
    Envelope(&'f mut Found<'de>),
    Request(&'f mut Found<'de>),
}

impl<'de> DeserializeSeed<'de> for Level<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KnownKey)? {
            match (&mut self, key) {
                (Level::Envelope(found), Key::Kind) => {
                    found.enter("kind", found.kind.is_some())?;
                    found.kind = map.next_value()?;
                }
                (Level::Envelope(found), Key::ApiVersion) => {
                    found.enter("apiVersion", found.api_version.is_some())?;
                    found.api_version = map.next_value()?;
                }
                (Level::Envelope(found), Key::Request) => {
                    found.enter("request", found.request)?;
                    found.request = true;
                    map.next_value_seed(Level::Request(found))?;
                }
                (Level::Request(found), Key::Uid) => {
                    found.enter("request.uid", found.uid.is_some())?;
                    found.uid = map.next_value()?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            let (Level::Envelope(found) | Level::Request(found)) = &mut self;
            found.place = "";
        }
        Ok(())
    }
}

enum Key {
    Kind,
    ApiVersion,
    Request,
    Uid,
    Other,
}

/// Reads a key as bytes.
struct KnownKey;

impl<'de> DeserializeSeed<'de> for KnownKey {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for KnownKey {
    type Value = Key;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Key, E> {
        Ok(match key {
            b"kind" => Key::Kind,
            b"apiVersion" => Key::ApiVersion,
            b"request" => Key::Request,
            b"uid" => Key::Uid,
            _ => Key::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_body_states_its_uid() {
        let whole = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"a-b","kind":{"group":"","version":"v1"},"object":{}}}"#;
        let end_of_uid = whole.find("a-b").unwrap() + "a-b\"".len();
        for length in 0..=whole.len() {
            let expected = (length >= end_of_uid).then(|| "a-b".to_owned());
            assert_eq!(stated(&whole.as_bytes()[..length]), expected, "{}", &whole[..length]);
        }
        for other in ["", "[]", "7", "nonsense", r#"{"request":7}"#, r#"{"request":{"uid":7}}"#, r#"{"request":{"uid":""}}"#] {
            assert_eq!(stated(other.as_bytes()), None, "{other}");
        }
        let long = format!(r#"{{"request":{{"uid":"{}"}}}}"#, "x".repeat(1000));
        assert_eq!(stated(long.as_bytes()).map(|uid| uid.len()), Some(MAX_UID));
    }
}
