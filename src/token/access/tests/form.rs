//! Bytes that are cut, flipped, respelled or too many.

use super::*;

#[test]
fn every_altered_character_is_noticed() {
    for algorithm in SigningAlgorithm::ALL {
        let ring = ring(algorithm);
        let token = sign(&claims(), TokenTyp::AccessToken, signer(&ring)).unwrap();
        for i in 0..token.reveal().len() {
            for replacement in ["A", "B", "~", "."] {
                let mut altered = token.reveal().to_owned();
                altered.replace_range(i..=i, replacement);
                assert!(altered == token.reveal() || check(&altered, &ring).is_err(), "{algorithm} {i} {replacement}");
            }
        }
        for length in 0..token.reveal().len() {
            assert!(check(&token.reveal()[..length], &ring).is_err(), "{algorithm}, {length} bytes");
        }
    }
}

#[test]
fn a_token_has_one_spelling() {
    let ring = ring(SigningAlgorithm::Es256);
    let token = sign(&claims(), TokenTyp::AccessToken, signer(&ring)).unwrap();
    let token = token.reveal();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    // 64 bytes leave four loose bits in the last of 86 characters: "g" for "Q", say.
    let (rest, last) = signature.split_at(85);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for loose in alphabet.chars().filter(|c| !last.contains(*c)) {
        assert!(check(&format!("{header}.{payload}.{rest}{loose}"), &ring).is_err(), "{loose}");
    }
    for spelling in [
        format!("{token}="),
        format!("{token}=="),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}."),
        format!(".{token}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{payload}.{payload}.{signature}"),
        format!("{header}.{payload}.{rest}+"),
        token.replace('.', ".\u{0}"),
    ] {
        refused(&spelling, &ring, InvalidAccessToken::NotJws);
    }
    refused(&format!("{header}..{signature}"), &ring, InvalidAccessToken::Signature);
    refused(&format!(".{payload}.{signature}"), &ring, InvalidAccessToken::Header);
}

/// CVE-2025-30204, CVE-2025-27144.
#[test]
fn a_giant_is_refused_before_it_is_looked_at() {
    let ring = ring(SigningAlgorithm::Es256);
    refused(&".".repeat(1_000_000), &ring, InvalidAccessToken::TooLong);
    refused(&".".repeat(MAX_BYTES), &ring, InvalidAccessToken::NotJws);
    refused(&format!("{}.e30.e30", "A".repeat(64 * 1024)), &ring, InvalidAccessToken::TooLong);
    for text in ["", ".", "..", "...", "....", "a", "tkr_AAAA", "é.é.é"] {
        assert!(check(text, &ring).is_err(), "{text}");
    }
}

/// CVE-2022-21449 and its class.
#[test]
fn degenerate_signatures_are_refused() {
    for (algorithm, length) in
        [(SigningAlgorithm::Es256, 64), (SigningAlgorithm::EdDsa, 64), (SigningAlgorithm::Rs256, 256)]
    {
        let ring = ring(algorithm);
        let token = sign(&claims(), TokenTyp::AccessToken, signer(&ring)).unwrap();
        let (signed, signature) = token.reveal().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut one = vec![0; length];
        one[length - 1] = 1;
        one[length / 2 - 1] = 1;
        let swapped = [&signature[length / 2..], &signature[..length / 2]].concat();
        let longer = [&signature[..], &[0]].concat();
        let shorter = &signature[..length - 1];
        for bad in [&vec![0; length], &vec![0xff; length], &one, &swapped, &longer, &shorter.to_vec(), &Vec::new()] {
            refused(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bad)), &ring, InvalidAccessToken::Signature);
        }
        for bit in 0..length * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(flipped)), &ring, InvalidAccessToken::Signature);
        }
    }
}
