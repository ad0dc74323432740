//! A private key that shows itself to nobody by accident.

use std::fmt;

/// A private key as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Takes a key's PEM.
    pub fn new(pem: String) -> Key {
        Key(pem)
    }

    /// The PEM, for where it is kept.
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
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", Key::new("secret".to_owned())), "Key(…)");
    }
}
