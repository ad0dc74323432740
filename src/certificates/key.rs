//! A private key that cannot be printed by accident.

use std::fmt;

/// A private key as PEM. Its `Debug` output hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Creates a key from its PEM.
    pub fn new(pem: String) -> Key {
        Key(pem)
    }

    /// Returns the PEM, for writing it to a file or a Secret.
    pub fn pem(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_key() {
        assert_eq!(format!("{:?}", Key::new("secret".to_owned())), "Key(…)");
    }
}
