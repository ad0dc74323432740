//! Errors in the files and names that TLS is set up from.

use std::path::PathBuf;

use crate::certificates::pair::PairError;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or its key.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The CA of the clients.
    #[error("the client CA \"{}\" {reason}", path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// What is wrong. The message follows the name of the file.
        reason: String,
    },
    /// A certificate that the server cannot issue itself.
    #[error("cannot issue a certificate for {names}: {reason}", names = names.join(", "))]
    Issue {
        /// The names of the certificate.
        names: Vec<String>,
        /// What is wrong.
        reason: String,
    },
    /// The folder of self-issued certificates.
    #[error("cannot use the folder \"{}\" for self-issued certificates: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An error of the TLS library.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// The result of checking a file for changes.
#[derive(Debug)]
pub(crate) enum Polled<T> {
    /// The content is the active one.
    Same,
    /// The content changed and is usable.
    New(T),
    /// The content changed and is not usable.
    Rejected(TlsError),
}
