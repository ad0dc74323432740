//! The canon and the flags that verdicts depend on.

use std::sync::Arc;

use super::settings::Settings;
use crate::canon::Canon;

/// The canon and the settings of all verdicts. A reload replaces it as a whole.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The canonical spec.
    pub canon: Arc<Canon>,
    /// The flags that a verdict depends on.
    pub settings: Arc<Settings>,
}
