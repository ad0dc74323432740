//! Writes a folder with a certificate: `ca.crt`, `tls.crt`, `tls.key` and, for `netpol certs issue`, `ca.key`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::files::replace;
use crate::certificates::authority::Issued;
use crate::certificates::key::Key;
use crate::certificates::stored::{CA, CA_KEY, CERT, KEY};

/// Creates a folder if it does not exist, and locks it against other processes until the returned file is dropped.
///
/// # Errors
/// The folder cannot be created, opened or locked.
pub fn lock(dir: &Path) -> io::Result<File> {
    fs::create_dir_all(dir)?;
    let handle = File::open(dir)?;
    handle.lock()?;
    Ok(handle)
}

/// Writes the files of a folder, keys with mode 0600. `ca` is the bundle as PEM. It is written before the certificate, so that
/// clients that read the folder know the CA first.
///
/// # Errors
/// A file cannot be written. The message names the file.
pub fn write(dir: &Path, ca_key: Option<&Key>, ca: Option<&str>, issued: &Issued) -> io::Result<()> {
    let files = [
        (CA_KEY, ca_key.map(Key::pem), 0o600),
        (CA, ca, 0o644),
        (KEY, Some(issued.key.pem()), 0o600),
        (CERT, Some(issued.cert.as_str()), 0o644),
    ];
    for (name, content, mode) in files {
        let Some(content) = content else { continue };
        let path = dir.join(name);
        replace(&path, content.as_bytes(), mode)
            .map_err(|error| io::Error::new(error.kind(), format!("\"{}\" cannot be written: {error}", path.display())))?;
    }
    Ok(())
}
