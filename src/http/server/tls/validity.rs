//! When a certificate ends. The TLS library asks that of other people's certificates, and never of its own.

use std::time::UNIX_EPOCH;

use crate::clock::UnixTime;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// `[0] EXPLICIT Version`, which version 1 leaves out.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a certificate in DER, RFC 5280 §4.1. `None` of anything else.
pub(super) fn not_after(certificate: &[u8]) -> Option<UnixTime> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (to_be_signed, _) = expect(SEQUENCE, certificate)?;
    let rest = expect(VERSION, to_be_signed).map_or(to_be_signed, |(_, rest)| rest);
    let (_serial_number, rest) = expect(INTEGER, rest)?;
    let (_signature, rest) = expect(SEQUENCE, rest)?;
    let (_issuer, rest) = expect(SEQUENCE, rest)?;
    let (validity, _) = expect(SEQUENCE, rest)?;
    let (_, _not_before, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    moment(tag, std::str::from_utf8(time).ok()?)
}

/// The content of the element that `input` begins with, if it has this tag, and what follows it.
fn expect(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(input)?;
    (found == tag).then_some((content, rest))
}

/// The first element: its tag, its content, and what follows it. Lengths of up to three bytes are enough for any certificate.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = input.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// RFC 5280 §4.1.2.5: always in UTC and with seconds. Years of two digits are those from 1950 to 2049.
fn moment(tag: u8, text: &str) -> Option<UnixTime> {
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            (format!("{}{year}", if year >= "50" { "19" } else { "20" }), rest)
        }
        GENERALIZED_TIME => digits.split_at_checked(4).map(|(year, rest)| (year.to_owned(), rest))?,
        _ => return None,
    };
    let [month, day, hour, minute, second] = rest.as_bytes().as_chunks::<2>().0 else { return None };
    let pair = |[tens, ones]: &[u8; 2]| format!("{}{}", char::from(*tens), char::from(*ones));
    let [month, day, hour, minute, second] = [month, day, hour, minute, second].map(pair);
    let time = humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    (rest.len() == 10).then(|| UnixTime::try_from(since.as_secs()).ok())?
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 3, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_ways_of_writing_it() {
        // Until 2049 a year has two digits, and four from then on.
        for (year, expected) in [(2027, 1_803_859_200), (2049, 2_498_169_600), (2050, 2_529_705_600)] {
            assert_eq!(not_after(&certificate(year)), Some(expected), "{year}");
        }
    }

    #[test]
    fn what_is_cut_or_damaged_has_no_end_and_does_no_harm() {
        let whole = certificate(2027);
        for length in 0..whole.len() {
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 0xff;
            let _ = not_after(&damaged);
        }
    }

    #[test]
    fn a_time_is_written_in_one_way_only() {
        assert_eq!(moment(UTC_TIME, "700101000001Z"), Some(1));
        assert_eq!(moment(GENERALIZED_TIME, "19700101000001Z"), Some(1));
        for (tag, text) in [
            (UTC_TIME, "700101000001"),
            (UTC_TIME, "7001010000Z"),
            (UTC_TIME, "70010100000100Z"),
            (UTC_TIME, "701301000001Z"),
            (UTC_TIME, "70010100000\u{e9}Z"),
            (UTC_TIME, "500101000000Z"),
            (GENERALIZED_TIME, "19700101000001.5Z"),
            (INTEGER, "700101000001Z"),
        ] {
            assert_eq!(moment(tag, text), None, "{text}");
        }
    }
}
