//! Files that only their owner may use: makes them, reads small ones that may hold a secret, and tells who else may use them. A pipe, which might
//! block for ever, is refused, as is anything else that is no regular file. Knows nothing of what is in them.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

/// A file that was read.
#[derive(Debug)]
pub struct PrivateFile {
    /// All that is in it.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Its permission bits, if it isn't private.
    pub open_to_others: Option<u32>,
}

/// Reads a file of at most `most` bytes. Symbolic links are followed, since orchestrators mount secrets as links; the permissions are
/// those of the opened file.
///
/// A longer file is an error of the kind [`ErrorKind::FileTooLarge`].
pub fn read(path: &Path, most: u64) -> io::Result<PrivateFile> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    // A buffer that never grows leaves no copies of the secret behind.
    let room = metadata.len().min(most) + 2;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or_default()));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
    }
    let mode = metadata.mode() & 0o7777;
    let is_private = is_private(mode, metadata.uid(), || only_root_writes_beside(path));
    Ok(PrivateFile { bytes, open_to_others: (!is_private).then_some(mode) })
}

/// Makes a file that isn't there yet, for its owner alone.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes what is missing of the directory in which `path` lies, for its owner alone, and returns it.
pub fn create_directory_of(path: &Path) -> io::Result<&Path> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    Ok(directory)
}

fn open(path: &Path) -> io::Result<File> {
    // Before opening: a socket can't be opened, and opening a device may have an effect.
    require_regular(&fs::metadata(path)?)?;
    // After opening too, since the file may have been replaced in between. NONBLOCK opens a pipe at once.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    require_regular(&file.metadata()?)?;
    Ok(file)
}

fn require_regular(found: &Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

/// A file is private when only its owner may use it. Orchestrators mount secrets as files of root, so a group may read a file of root,
/// and all users may read it in a directory that only root can write.
fn is_private(mode: u32, owner: u32, only_root_writes_beside: impl FnOnce() -> bool) -> bool {
    let nobody_has = |bits| mode & bits == 0;
    let is_roots = owner == 0;
    nobody_has(0o077) || (is_roots && nobody_has(0o037)) || (is_roots && nobody_has(0o022) && only_root_writes_beside())
}

/// Whether only root can write the file's directory, after following links.
fn only_root_writes_beside(path: &Path) -> bool {
    let directory = || fs::metadata(fs::canonicalize(path).ok()?.parent()?).ok();
    directory().is_some_and(|directory| directory.uid() == 0 && !others_can_write(&directory))
}

/// Whether anybody but the owner can write it.
pub fn others_can_write(found: &Metadata) -> bool {
    found.mode() & 0o022 != 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use rustix::process::getuid;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn others_may_read_what_is_roots_where_only_root_writes() {
        for (mode, of_others, of_root, of_root_alone) in [
            (0o400, true, true, true),
            (0o600, true, true, true),
            (0o700, true, true, true),
            (0o440, false, true, true),
            (0o640, false, true, true),
            (0o444, false, false, true),
            (0o644, false, false, true),
            (0o604, false, false, true),
            (0o555, false, false, true),
            (0o650, false, false, true),
            (0o660, false, false, false),
            (0o664, false, false, false),
            (0o646, false, false, false),
            (0o602, false, false, false),
            (0o666, false, false, false),
        ] {
            let judged = [(65532, true), (0, false), (0, true)].map(|(owner, alone)| is_private(mode, owner, || alone));
            assert_eq!(judged, [of_others, of_root, of_root_alone], "{mode:o}");
        }
    }

    /// As Kubernetes mounts a secret: `secret -> ..data/secret`, `..data -> ..2026_11_30`.
    #[test]
    fn the_directory_that_counts_is_the_one_that_links_lead_to() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("real"), home.path().join("secret"));
        fs::create_dir(&real).unwrap();
        fs::write(real.join("secret"), "x").unwrap();
        symlink("real", home.path().join("data")).unwrap();
        symlink("data/secret", &link).unwrap();
        set_mode(home.path(), 0o777);
        set_mode(&real.join("secret"), 0o444);
        let is_root = getuid().is_root();
        for (mode, is_roots) in [(0o755, is_root), (0o700, is_root), (0o775, false), (0o757, false), (0o1777, false)] {
            set_mode(&real, mode);
            let open_to_others = read(&link, 1).unwrap().open_to_others;
            assert_eq!(open_to_others, (!is_roots).then_some(0o444), "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let (pipe, socket) = (home.path().join("pipe"), home.path().join("socket"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        symlink(&pipe, home.path().join("link")).unwrap();
        for (path, what) in [
            (&pipe, "a pipe"),
            (&home.path().join("link"), "a pipe"),
            (&socket, "a socket"),
            (&home.path().to_owned(), "a directory"),
            (&"/dev/zero".into(), "a device"),
        ] {
            let error = read(path, 1).unwrap_err().to_string();
            assert_eq!(error, format!("it is {what}, not a regular file"));
        }
        assert_eq!(read(&home.path().join("none"), 1).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_read_whole_up_to_the_limit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "12345").unwrap();
        assert_eq!(*read(file.path(), 5).unwrap().bytes, b"12345");
        assert_eq!(read(file.path(), 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
