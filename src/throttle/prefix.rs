//! Addresses as an attacker has them: by the block.

use std::net::IpAddr;

/// The addresses that share their first `bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    network: u128,
    bits: u8,
    is_v6: bool,
}

/// The blocks that an IPv4 address is in, from the narrowest: one address, one network, then those that stand in for it when
/// there is no room for more networks.
const V4: [u8; 5] = [32, 24, 16, 8, 0];

/// For IPv6, where a subscriber has 64 bits of addresses at the least.
const V6: [u8; 5] = [64, 56, 48, 32, 0];

/// How many levels there are.
pub(super) const LEVELS: usize = 5;

/// The blocks that an address is in, the narrowest first.
pub(super) fn widening(address: IpAddr) -> [Prefix; LEVELS] {
    let (address, length, blocks, is_v6) = match address.to_canonical() {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32, V4, false),
        IpAddr::V6(v6) => (v6.to_bits(), 128, V6, true),
    };
    blocks.map(|bits| {
        let network = address.checked_shr(u32::from(length - bits)).unwrap_or(0);
        Prefix { network, bits, is_v6 }
    })
}
