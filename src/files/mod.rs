//! Makes, names and keeps files that hold a user's text: for the response log, for stores and for whoever writes one.
//!
//! ```text
//! disk.rs    what a log and a store do with files, so that tests can put a failing disk there (the seam)
//! system.rs  the system's files          cursor.rs  a file as a reader and a writer
//! held.rs    a file for one opening, whatever it is called
//! ```

mod cursor;
mod disk;
mod held;
mod system;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

#[doc(hidden)]
pub use cursor::Cursor;
#[doc(hidden)]
pub use disk::{Disk, DiskFile};
#[doc(hidden)]
pub use held::{Held, HoldError, doubt, hold, is_doubted, put_in_place, sole, write_again};
#[doc(hidden)]
pub use system::System;

/// Options for files with a user's text: on Unix, for the owner's eyes only.
pub fn private() -> OpenOptions {
    #[allow(unused_mut, reason = "other systems set nothing")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes the rights of others to a file away, on Unix, when it is opened: one that a copy, an unpacked archive or an earlier version
/// left readable for all. Where the system has no such rights, or somebody else owns the file, it stays as it is.
///
/// # Errors
/// The file's rights cannot be read.
pub fn narrowed(file: File) -> io::Result<File> {
    narrow(&file)?;
    Ok(file)
}

#[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "other systems have no such rights"))]
fn narrow(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut rights = file.metadata()?.permissions();
        if rights.mode() & 0o077 != 0 {
            rights.set_mode(rights.mode() & 0o700);
            // Some file systems have one mode for all files, and only an owner may change it.
            let _ = file.set_permissions(rights);
        }
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// The path of a file beside this one, with an ending more.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// The path of the file itself, behind every link that leads to it; the path as it is given when there is no file. What is put
/// in the place of a file, or beside it, goes by this path: by another one it would replace the link and leave the file.
pub fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Makes a rename or a new file in a folder survive a loss of power, where the system has a way to.
///
/// # Errors
/// The folder cannot be opened or flushed.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
