//! Reads again what could not be read: is it a well-formed review after all, and whose? Then it gets
//! an answer, not just a status code.

use serde::de::{DeserializeSeed, MapAccess};

use super::faults;
use super::fields::{Fields, Map, Trail};
use crate::verdict::facts::Text;

/// Answers the uid of a body that is a well-formed review, but for what its objects say and for
/// strings that are no UTF-8.
///
/// # Errors
/// What else it is, as a sentence.
pub(super) fn uid(body: &[u8]) -> Result<Text<'_>, String> {
    let mut envelope = Envelope::default();
    let trail = Trail::default();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let result = Map { fields: &mut envelope, trail: &trail }.deserialize(&mut deserializer).and_then(|_| deserializer.end());
    result.map_err(|error| faults::unreadable(&error, &trail))?;
    faults::unspoken(&envelope.api_version, &envelope.kind, envelope.has_request, &envelope.uid).map_or(Ok(envelope.uid), Err)
}

#[derive(Default)]
struct Envelope<'a> {
    api_version: Text<'a>,
    kind: Text<'a>,
    has_request: bool,
    uid: Text<'a>,
}

impl<'a> Fields<'a> for Envelope<'a> {
    const NAMES: &'static [&'static str] = &["kind", "apiVersion", "request"];

    fn read<A: MapAccess<'a>>(&mut self, name: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        match name {
            "kind" => self.kind = map.next_value()?,
            "apiVersion" => self.api_version = map.next_value()?,
            _ => self.has_request = map.next_value_seed(Map { fields: &mut Uid(&mut self.uid), trail })?,
        }
        Ok(())
    }
}

struct Uid<'r, 'a>(&'r mut Text<'a>);

impl<'a> Fields<'a> for Uid<'_, 'a> {
    const NAMES: &'static [&'static str] = &["uid"];

    fn read<A: MapAccess<'a>>(&mut self, _: &'static str, map: &mut A, _: &Trail) -> Result<(), A::Error> {
        *self.0 = map.next_value()?;
        Ok(())
    }
}
