//! Anchors: where chains ended at one moment, as a list whose digest an event holds. The ends of a chain are sealed, but so were its
//! earlier ends: an anchor in another chain shows when one of those was put back.

use std::fmt::Write as _;

use uuid::Uuid;

use super::Link;
use crate::clock::UnixTime;
use crate::crypto::sha256;

/// Where a chain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// Its last event.
    pub link: Link,
    /// When that happened; [`crate::clock::NEVER`] for a chain that no purge may delete whole.
    pub at: UnixTime,
}

/// The list of these ends, sorted by writer: 16 bytes of the writer, 8 of the number, 32 of the seal, 8 of the time.
pub fn list_of(ends: &[ChainEnd]) -> Vec<u8> {
    let mut sorted: Vec<_> = ends.iter().collect();
    sorted.sort_unstable_by_key(|end| end.link.writer);
    sorted.into_iter().flat_map(entry).collect()
}

fn entry(ChainEnd { link, at }: &ChainEnd) -> impl Iterator<Item = u8> {
    let numbers = (link.seq.to_be_bytes(), at.to_be_bytes());
    link.writer.into_bytes().into_iter().chain(numbers.0).chain(link.seal).chain(numbers.1)
}

/// The ends in a list; `None` if it isn't one.
pub fn ends_in(list: &[u8]) -> Option<Vec<ChainEnd>> {
    let (entries, rest) = list.as_chunks::<64>();
    rest.is_empty().then(|| entries.iter().map(read).collect()).flatten()
}

fn read(entry: &[u8; 64]) -> Option<ChainEnd> {
    let (writer, rest) = entry.split_first_chunk::<16>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (seal, rest) = rest.split_first_chunk::<32>()?;
    let (at, _) = rest.split_first_chunk::<8>()?;
    let link = Link { writer: Uuid::from_bytes(*writer), seq: i64::from_be_bytes(*seq), seal: *seal };
    Some(ChainEnd { link, at: i64::from_be_bytes(*at) })
}

/// The SHA-256 of a list, in hexadecimal.
pub fn digest_of(list: &[u8]) -> String {
    sha256(list).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(writer: u128, seq: i64) -> ChainEnd {
        let link = Link { writer: Uuid::from_u128(writer), seq, seal: [u8::try_from(seq).unwrap(); 32] };
        ChainEnd { link, at: 1_800_000_000 + seq }
    }

    #[test]
    fn a_list_is_sorted_and_read_as_it_was_written() {
        let (one, two) = (end(1, 7), end(2, 3));
        assert_eq!(list_of(&[two, one]), list_of(&[one, two]));
        assert_eq!(ends_in(&list_of(&[two, one])), Some(vec![one, two]));
        assert_eq!(ends_in(&[]), Some(vec![]));
        let list = list_of(&[one]);
        assert_eq!((ends_in(&list[1..]), ends_in(&[list.as_slice(), &[0]].concat())), (None, None));
    }

    #[test]
    fn the_digest_is_another_one_for_every_change() {
        let one = end(1, 7);
        let others = [
            end(2, 7),
            ChainEnd { at: one.at + 1, ..one },
            ChainEnd { link: Link { seq: 8, ..one.link }, ..one },
            ChainEnd { link: Link { seal: [0; 32], ..one.link }, ..one },
        ];
        for other in others {
            assert_ne!(digest_of(&list_of(&[one])), digest_of(&list_of(&[other])));
        }
        assert_eq!(digest_of(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
