//! Writes a file whole: to a temporary file beside it, which then takes its name.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

/// Replaces a file.
///
/// # Errors
/// Returns an error, and leaves the file as it is, if it cannot be written.
pub(super) fn replace(path: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        // The page has nothing that its readers must not see, and temporary files are for their owner only.
        let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok::<(), std::io::Error>(())
    };
    write().with_context(|| format!("cannot write {path}"))
}
