//! Makes, names and keeps files that hold a user's text: for the response log, for stores and for whoever writes one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

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
    Ok(file)
}

/// The path of a file beside this one, with an ending more.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
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
