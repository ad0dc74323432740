//! The commands of `docs/runbook.md` on a release with the default names: each incident is caused, then the commands of its section
//! are run as they are pasted, and the incident is over.
//!
//! | file | content |
//! |---|---|
//! | `book` | reads the commands, and knows which of them have run |
//! | `on_call` | runs them in a shell |
//! | `incidents` | the incidents |

mod book;
mod incidents;
mod on_call;
