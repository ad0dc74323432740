//! IP blocks as sets of addresses (rules 24, 38, 39). IPv4 and IPv6 are separate and never mix.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ranges::RangeSet;
use crate::documents::fault::{FaultKind, Faults, Path};
use crate::documents::node::Node;

/// The two address families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// Returns every address of the family.
    pub(crate) fn every_address(self) -> RangeSet<u128> {
        match self {
            Family::V4 => RangeSet::new([(0, u128::from(u32::MAX))]),
            Family::V6 => RangeSet::new([(0, u128::MAX)]),
        }
    }

    /// Returns the text of one address.
    pub(crate) fn text(self, address: u128) -> String {
        match self {
            Family::V4 => u32::try_from(address).map(Ipv4Addr::from).map(|address| address.to_string()).unwrap_or_default(),
            Family::V6 => Ipv6Addr::from(address).to_string(),
        }
    }

    /// Returns the number of bits of an address.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Family::V4 => 32,
            Family::V6 => 128,
        }
    }
}

/// A peer's `ipBlock`, as a set of addresses of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) family: Family,
    pub(crate) addresses: RangeSet<u128>,
}

impl Block {
    /// Parses an `ipBlock`: its CIDR without each `except`.
    pub(crate) fn parse<'n>(node: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<Block> {
        let block = faults.map(node, field, &["cidr", "except"])?;
        let cidr_field = field.key("cidr");
        let Some(text) = faults.string(block, "cidr", field) else {
            if block.get("cidr").is_none() {
                faults.add(&cidr_field, FaultKind::Invalid, "is missing; write a CIDR such as 10.0.0.0/8");
            }
            return None;
        };
        let cidr = Cidr::parse(text, &cidr_field, faults);
        let list = field.key("except");
        let mut excluded = Vec::new();
        for (index, node) in faults.list(block, "except", field).iter().enumerate() {
            let field = list.index(index);
            let Some(text) = node.as_str() else {
                faults.wrong_type(node, &field, "a string");
                continue;
            };
            let (Some(except), Some(cidr)) = (Cidr::parse(text, &field, faults), &cidr) else { continue };
            if except.family != cidr.family || except.prefix <= cidr.prefix || !(cidr.first <= except.first && except.last <= cidr.last) {
                faults.add(&field, FaultKind::Invalid, "must be a smaller CIDR inside the CIDR of the block");
            }
            excluded.push((except.first, except.last));
        }
        let cidr = cidr?;
        let whole = RangeSet::new([(cidr.first, cidr.last)]);
        // The number of excepts in the document bounds the work.
        let addresses = whole.less(&RangeSet::new(excluded));
        Some(Block { family: cidr.family, addresses })
    }
}

/// A CIDR: a range of addresses.
pub(crate) struct Cidr {
    pub(crate) family: Family,
    prefix: u32,
    pub(crate) first: u128,
    pub(crate) last: u128,
}

impl Cidr {
    /// Parses a CIDR that has the same meaning for every parser. Host bits may be set (2a.6).
    pub(crate) fn parse(text: &str, field: &Path<'_>, faults: &mut Faults) -> Option<Cidr> {
        let Some((address, prefix)) = text.split_once('/') else {
            faults.add(field, FaultKind::Invalid, "must be a CIDR such as 10.0.0.0/8");
            return None;
        };
        // The standard library rejects zone names, leading zeros and everything else that only some parsers accept.
        let address: IpAddr = match address.parse() {
            Ok(address) => address,
            Err(_) if has_leading_zeros(address) => {
                faults.add(field, FaultKind::Ambiguous, "has leading zeros, which some parsers read as octal; remove them");
                return None;
            }
            Err(_) => {
                faults.add(field, FaultKind::Invalid, "does not start with an IPv4 or IPv6 address");
                return None;
            }
        };
        let (family, number) = match address {
            IpAddr::V4(address) => (Family::V4, u128::from(u32::from(address))),
            IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
                faults.add(
                    field,
                    FaultKind::Ambiguous,
                    "is an IPv4-mapped IPv6 CIDR, which some parsers read as IPv4; write the IPv4 CIDR",
                );
                return None;
            }
            IpAddr::V6(address) => (Family::V6, u128::from(address)),
        };
        if prefix.len() > 1 && prefix.starts_with('0') && prefix.bytes().all(|digit| digit.is_ascii_digit()) {
            faults.add(field, FaultKind::Ambiguous, "has leading zeros in the prefix length; remove them");
            return None;
        }
        let length = prefix.bytes().all(|digit| digit.is_ascii_digit()).then(|| prefix.parse::<u32>().ok()).flatten();
        let Some(length) = length.filter(|length| *length <= family.bits()) else {
            faults.add(field, FaultKind::Invalid, format!("must have a prefix length from 0 to {}", family.bits()));
            return None;
        };
        let host = u128::MAX.checked_shr(128 - (family.bits() - length)).unwrap_or(0);
        Some(Cidr { family, prefix: length, first: number & !host, last: number | host })
    }
}

fn has_leading_zeros(address: &str) -> bool {
    let parts: Vec<&str> = address.split('.').collect();
    parts.len() == 4
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit()))
        && parts.iter().any(|part| part.len() > 1 && part.starts_with('0'))
}
