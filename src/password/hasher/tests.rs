use super::super::stored::Cost;
use super::*;

/// Small enough for a test, and unlike every foreign hash below.
const SMALL: HashParameters = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };

fn hasher() -> Hasher {
    Hasher::start(SMALL, 2, Duration::from_mins(10), 0).unwrap()
}

fn presented(text: &str) -> PlainPassword {
    PlainPassword::presented(text).unwrap()
}

/// How long a wrong answer is held back; something must have been verified.
fn hold(hasher: &Hasher) -> Duration {
    hasher.current.pace.get().unwrap().lock().unwrap().hold()
}

/// `None` for a wrong password, otherwise the new hash, if there is one.
async fn verify(hasher: &Hasher, password: &str, stored: &str) -> Option<Option<String>> {
    let stored = StoredHash::import(stored).unwrap();
    match hasher.verify(presented(password), Some(stored)).await.unwrap() {
        Verification::Wrong => None,
        Verification::Right { rehash } => Some(rehash.map(|hash| hash.as_str().to_owned())),
    }
}

#[tokio::test]
async fn a_hash_is_the_password_s_and_no_other_s() {
    let hasher = hasher();
    let hash = hasher.hash(PlainPassword::chosen("correct horse").unwrap()).await.unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", hash.as_str());
    assert_eq!(verify(&hasher, "correct horse", hash.as_str()).await, Some(None));
    assert_eq!(verify(&hasher, "correct\u{3000}horse", hash.as_str()).await, Some(None));
    for wrong in ["Correct horse", "correct horse ", "correct horse\0", "correct", "\u{378}"] {
        assert_eq!(verify(&hasher, wrong, hash.as_str()).await, None, "{wrong:?}");
    }
}

#[tokio::test]
async fn two_hashes_of_one_password_differ() {
    let hasher = hasher();
    let hash = async || hasher.hash(PlainPassword::chosen("correct horse").unwrap()).await.unwrap();
    assert_ne!(hash().await.as_str(), hash().await.as_str());
}

#[tokio::test]
async fn passwords_that_differ_in_their_last_byte_only_are_told_apart() {
    let hasher = hasher();
    for length in [8, 72, 73, 256, 1024] {
        let password = "a".repeat(length);
        let stored = hasher.hash(PlainPassword::chosen(&password).unwrap()).await.unwrap();
        assert_eq!(verify(&hasher, &password, stored.as_str()).await, Some(None));
        assert_eq!(verify(&hasher, &password[1..], stored.as_str()).await, None);
        let other = password[1..].to_owned() + "b";
        assert_eq!(verify(&hasher, &other, stored.as_str()).await, None);
    }
}

/// Each password and its hash by another implementation.
const FOREIGN: [(&str, &str, &str); 14] = [
    (
        "phc-winner-argon2, test.c",
        "password",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    ),
    (
        "phc-winner-argon2, test.c",
        "password",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
    ),
    (
        "phc-winner-argon2, test.c: no version means 16",
        "password",
        "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
    ),
    (
        "RustCrypto argon2, phc_strings.rs; 64 MiB",
        "password",
        "$argon2d$v=19$m=65536,t=2,p=1$YzI5dFpYTmhiSFFBQUFBQUFBQUFBQQ$Jxy74cswY2mq9y+u+iJcJy8EqOp4t/C7DWDzGwGB3IM",
    ),
    ("crypt_blowfish, wrapper.c", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    (
        "crypt_blowfish, wrapper.c: 72 bytes",
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
    ("libxcrypt", "x", "$2b$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO"),
    ("libxcrypt", "p\u{e4}ssw\u{f6}rd \u{fc}ber alles", "$2y$06$LkXqwOZ3Bk4NeVWH2e0BHe3uGGa.oulEKU5dWcSyHJS3ryEnbTLHS"),
    (
        "RFC 7914 §12",
        "pleaseletmein",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU\
         $cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
    ),
    (
        "Python's hashlib",
        "passwordPASSWORDpassword",
        "$pbkdf2-sha256$i=4096,l=32$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0\
         $NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+E",
    ),
    (
        "Python's hashlib",
        "p\u{e4}ssword",
        "$pbkdf2-sha512$i=1000,l=64$YSBzYWx0IG9mIHNpeHRlZQ\
         $s2+e48iKKTBgA/oGyS0I3ca/P5fOzqB1yn2mZ66SvZvr0r+dS8kJCbF8g2uNTBXcVlEhWwudATYsH2J0nk3cdA",
    ),
    (
        "Python's hashlib, without l",
        "p\u{e4}ssword",
        "$pbkdf2-sha512$i=1000$YSBzYWx0IG9mIHNpeHRlZQ\
         $s2+e48iKKTBgA/oGyS0I3ca/P5fOzqB1yn2mZ66SvZvr0r+dS8kJCbF8g2uNTBXcVlEhWwudATYsH2J0nk3cdA",
    ),
    (
        "Python's hashlib, as passlib writes it",
        "correct horse",
        "$pbkdf2-sha256$2900$AAECAwQFBgcICQoLDA0ODw$aXNbuicbJthuYwRijmduIABF07cC.DGOG8hM1mh0gM8",
    ),
    (
        "Django, tests/auth_tests/test_hashers.py",
        "l\u{e8}tmein",
        "pbkdf2_sha256$20000$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=",
    ),
];

#[tokio::test]
async fn hashes_of_other_servers_verify_and_become_current_ones() {
    let hasher = hasher();
    for (source, password, stored) in FOREIGN {
        assert_eq!(verify(&hasher, &format!("{password}!"), stored).await, None, "{source}: {stored}");
        let rehash = verify(&hasher, password, stored).await;
        let Some(Some(rehash)) = rehash else { panic!("{source}: {stored}: {rehash:?}") };
        assert!(rehash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{rehash}");
        assert_eq!(verify(&hasher, password, &rehash).await, Some(None), "{source}");
        assert_eq!(verify(&hasher, &format!("{password}!"), &rehash).await, None, "{source}");
    }
}

#[tokio::test]
async fn a_hash_with_other_parameters_becomes_a_current_one_in_either_direction() {
    let current = hasher();
    for memory_kib in [32, 65, 128] {
        let other = Hasher::start(HashParameters { memory_kib, ..SMALL }, 1, Duration::from_mins(10), 0).unwrap();
        let stored = other.hash(PlainPassword::chosen("correct horse").unwrap()).await.unwrap();
        let rehash = verify(&current, "correct horse", stored.as_str()).await.unwrap().unwrap();
        assert!(rehash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{rehash}");
        assert_eq!(verify(&current, "correct horse", &rehash).await, Some(None));
    }
}

#[tokio::test]
async fn bcrypt_takes_no_password_for_another_because_it_reads_only_the_beginning() {
    let hasher = hasher();
    let stored = "$2b$05$abcdefghijklmnopqrstuucInKr3IboNwd.uyBCOF.k5jbgnj4BlS";
    let password = "0123456789".repeat(7) + "ab";
    assert!(verify(&hasher, &password, stored).await.is_some(), "72 bytes, by libxcrypt");
    assert_eq!(verify(&hasher, &format!("{password}c"), stored).await, None, "73 bytes");
    assert_eq!(verify(&hasher, &password[..71], stored).await, None, "71 bytes");
    let stored = "$2b$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO";
    assert!(verify(&hasher, "x", stored).await.is_some());
    assert_eq!(verify(&hasher, "x\0", stored).await, None);
    assert_eq!(verify(&hasher, "x\0y", stored).await, None);
}

#[tokio::test]
async fn nobody_signs_in_without_a_hash() {
    let hasher = hasher();
    for password in ["", " ", "password", "\0"] {
        if let Ok(password) = PlainPassword::presented(password) {
            assert!(matches!(hasher.verify(password, None).await.unwrap(), Verification::Wrong));
        }
    }
}

#[tokio::test]
async fn once_a_dearer_hash_was_met_every_wrong_answer_takes_as_long_as_its_own() {
    let hasher = hasher();
    let dearer = "$2b$09$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO";
    let began = Instant::now();
    assert_eq!(verify(&hasher, "wrong", dearer).await, None);
    let hold = hold(&hasher);
    assert!(hold > Duration::ZERO);
    assert!(began.elapsed() >= hold, "the very first one already");
    let current = hasher.hash(PlainPassword::chosen("correct horse").unwrap()).await.unwrap();
    for stored in [None, Some(current)] {
        let began = Instant::now();
        assert!(matches!(hasher.verify(presented("wrong"), stored).await.unwrap(), Verification::Wrong));
        assert!(began.elapsed() >= hold);
    }
}

#[test]
fn the_hash_that_an_unknown_user_does_not_have_costs_what_a_new_one_costs() {
    let dummy = hasher().current.dummy.clone();
    assert_eq!(dummy.cost(), Cost::Argon2(SMALL));
    assert!(dummy.is_current(SMALL));
    assert_eq!(StoredHash::import(dummy.as_str()).unwrap().cost(), dummy.cost());
    assert_ne!(hasher().current.dummy.as_str(), dummy.as_str());
}

#[tokio::test]
async fn an_overloaded_hasher_is_busy_and_not_wrong() {
    let hasher = Hasher::start(SMALL, 1, Duration::ZERO, 0).unwrap();
    let stored = hasher.current.dummy.clone();
    let busy = hasher.verify(presented("correct horse"), Some(stored)).await.unwrap_err();
    assert!(busy.retry_after >= 1);
    assert!(hasher.hash(PlainPassword::chosen("correct horse").unwrap()).await.is_err());
}

#[test]
fn impossible_parameters_do_not_start() {
    let start = |memory_kib, iterations, parallelism, threads| {
        Hasher::start(HashParameters { memory_kib, iterations, parallelism }, threads, Duration::ZERO, 0)
    };
    assert!(matches!(start(64, 1, 1, 0), Err(StartError::NoThreads)));
    for (m, t, p) in [(7, 1, 1), (64, 0, 1), (64, 1, 0), (64, 1, 9), (262_145, 1, 1), (262_144, 5, 1), (64, 16_385, 1)]
    {
        assert!(matches!(start(m, t, p, 1), Err(StartError::Parameters)), "m={m},t={t},p={p}");
    }
    assert!(start(64, 1, 8, 1).is_ok());
}
