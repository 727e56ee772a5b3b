//! The file that holds the master secrets: made once, readable by its owner only. Knows of files, not of what the
//! secrets are for.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{MasterSecretError, MasterSecrets};
use crate::domain::PlainSecret;
use crate::private_file;

/// More than anybody's secrets; a bound for the path of something else given by mistake.
const MAX_BYTES: u64 = 64 * 1024;

const COMMENT: &str = "\
# The master secret of tokend. Without it no refresh token is accepted and no signing key can be read: back it up, apart
# from the database. One secret a line; the first one is used, the others still verify.
";

/// Why the file can't be used. Every message names it.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// There is no such file.
    #[error("there is no master secret file {}", .0.display())]
    Missing(PathBuf),
    /// Others than its owner may read or write it.
    #[error("others may use the master secret file {} (mode {mode:04o}): chmod 600 it", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It isn't a small text.
    #[error("{} is not a master secret file: a text of at most {MAX_BYTES} bytes, one secret a line", .0.display())]
    NotSecrets(PathBuf),
    /// What it says can't be the master secrets.
    #[error("the master secret file {}: {source}", path.display())]
    Secrets {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: MasterSecretError,
    },
    /// The operating system refuses.
    #[error("the master secret file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

/// Reads the master secrets.
pub fn load(path: &Path) -> Result<MasterSecrets, SecretFileError> {
    let bytes = read(path)?;
    let text = str::from_utf8(&bytes).map_err(|_| SecretFileError::NotSecrets(path.to_owned()))?;
    MasterSecrets::parse(text).map_err(|source| SecretFileError::Secrets { path: path.to_owned(), source })
}

/// Makes the file with one fresh secret if there is none, and tells whether it did. It appears complete or not at all:
/// of several processes that start at once, one makes it and all read the same secret.
pub fn create(path: &Path) -> Result<bool, SecretFileError> {
    link_new(path).map_err(|source| SecretFileError::Io { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let file = private_file::read(path, MAX_BYTES).map_err(|source| match source.kind() {
        ErrorKind::NotFound => SecretFileError::Missing(path.to_owned()),
        ErrorKind::FileTooLarge => SecretFileError::NotSecrets(path.to_owned()),
        _ => SecretFileError::Io { path: path.to_owned(), source },
    })?;
    match file.open_to_others {
        Some(mode) => Err(SecretFileError::OpenToOthers { path: path.to_owned(), mode }),
        None => Ok(file.bytes),
    }
}

/// Writes a neighbour and links it to `path`, which fails if `path` exists, as a rename would not.
fn link_new(path: &Path) -> io::Result<bool> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    let directory = private_file::create_directory_of(path)?;
    let neighbour = directory.join(format!(".master-secret-{:032x}", u128::from_ne_bytes(crate::random::bytes())));
    let linked = write_new(&neighbour).and_then(|()| fs::hard_link(&neighbour, path));
    let removed = fs::remove_file(&neighbour);
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        other => other?,
    }
    removed?;
    // Only this makes the name survive a power cut; a database sealed with a secret that is gone would be lost.
    File::open(directory)?.sync_all()?;
    Ok(true)
}

fn write_new(path: &Path) -> io::Result<()> {
    let mut file = private_file::create_new(path)?;
    file.write_all(COMMENT.as_bytes())?;
    file.write_all(PlainSecret::generate().reveal().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs::DirBuilder;
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    const SECRET: &str = "correct horse battery staple, and 3 more words";

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn write(path: &Path, mode: u32, content: &[u8]) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn tag_key(path: &Path) -> [u8; 32] {
        load(path).unwrap().refresh_keys("https://id.example.com").0.tag_key
    }

    #[test]
    fn a_new_file_is_for_its_owner_only_and_so_is_its_directory() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data/deeper/secret");
        assert!(create(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
        load(&path).unwrap();
    }

    #[test]
    fn an_existing_file_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secret");
        create(&path).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(!create(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn processes_that_start_at_once_read_one_secret() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data/secret");
        let start = Barrier::new(8);
        let (made, keys): (Vec<bool>, Vec<[u8; 32]>) = thread::scope(|scope| {
            let racer = || {
                start.wait();
                (create(&path).unwrap(), tag_key(&path))
            };
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(racer)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).unzip()
        });
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_may_use_is_refused_and_the_message_says_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secret");
        // Otherwise it is root's alone where root runs the tests.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        for refused in [0o604, 0o620, 0o601, 0o644, 0o666, 0o777] {
            write(&path, refused, SECRET.as_bytes());
            let error = load(&path).unwrap_err();
            assert!(matches!(error, SecretFileError::OpenToOthers { mode, .. } if mode == refused), "{refused:o}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
            assert!(error.to_string().contains("secret (mode 0"), "{error}");
        }
        for accepted in [0o600, 0o400, 0o700] {
            write(&path, accepted, SECRET.as_bytes());
            load(&path).unwrap();
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_link_is_judged_by_what_it_points_to() {
        let home = tempfile::tempdir().unwrap();
        let (file, link) = (home.path().join("file"), home.path().join("link"));
        write(&file, 0o600, SECRET.as_bytes());
        symlink(&file, &link).unwrap();
        load(&link).unwrap();
        assert!(!create(&link).unwrap());
        write(&file, 0o664, SECRET.as_bytes());
        assert!(matches!(load(&link), Err(SecretFileError::OpenToOthers { .. })));
        fs::remove_file(&file).unwrap();
        assert!(!create(&link).unwrap(), "a dangling link is not written through");
        assert!(matches!(load(&link), Err(SecretFileError::Missing(_))));
    }

    #[test]
    fn what_is_no_secret_file_is_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secret");
        assert!(matches!(load(&path), Err(SecretFileError::Missing(_))));
        write(&path, 0o600, b"");
        assert!(matches!(load(&path), Err(SecretFileError::Secrets { source: MasterSecretError::Missing, .. })));
        write(&path, 0o600, &[0xff; 40]);
        assert!(matches!(load(&path), Err(SecretFileError::NotSecrets(_))));
        write(&path, 0o600, "a".repeat(64 * 1024 + 1).as_bytes());
        let error = load(&path).unwrap_err();
        assert!(matches!(error, SecretFileError::NotSecrets(_)));
        assert!(error.to_string().contains(&path.display().to_string()));
        let directory = home.path().join("directory");
        DirBuilder::new().mode(0o700).create(&directory).unwrap();
        assert!(matches!(load(&directory), Err(SecretFileError::Io { .. })));
    }
}
