//! The port that an argument names.

use std::str::FromStr;

use crate::analysis::PortSet;

/// A port, as an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// The port as a set.
    pub(crate) set: PortSet,
    /// `TCP`, `UDP` or `SCTP`.
    pub(crate) protocol: String,
    pub(crate) number: u16,
}

impl FromStr for Port {
    type Err = String;

    /// Parses `443` or `53/UDP`.
    fn from_str(text: &str) -> Result<Port, String> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "TCP"));
        let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        let protocol = protocol.to_ascii_uppercase();
        let number = number.parse().ok().filter(|_| is_number);
        let port = number.and_then(|number| Some(Port { set: PortSet::one(&protocol, number)?, protocol, number }));
        port.ok_or_else(|| "write a port number from 1 to 65535, with /UDP or /SCTP if it is not TCP".to_owned())
    }
}
