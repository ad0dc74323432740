//! Verdicts: turn the facts of a request and the canon into a decision with its reasons.
//!
//! ```text
//! request ─► wanted ─► (admission reads the facts) ─► judge ─► pods/, network_policies/, … ─► findings ─► conclude ─► verdict
//! ```
//!
//! Pure functions: no I/O and no clock. Each subject has its file or folder. The judges of subjects return
//! [`Finding`]s; only [`conclude`] turns findings into a decision, so that enforcement is softened in one place.
//! To read another field of an object: add it to the struct in `facts`, then use it in the subject's file.
//!
//! | file | content |
//! |---|---|
//! | `guard`, `settings` | the canon and the flags that verdicts depend on |
//! | `request`, `subject` | a request without its objects; which resource has which subject |
//! | `wanted` | which facts of a request its verdict reads |
//! | `facts/`, `text` | the fields of objects that verdicts read; a string of the body |
//! | `ctx`, `judge` | the context of a verdict; passes the facts to the judge of their subject |
//! | `claims`, `controllers` | who may claim an identity; the controllers that create the pods of workloads |
//! | `pods/`, `bindings`, `workloads` | the judges of pods, of bindings, and of the objects that create pods |
//! | `network_policies/`, `foreign_policies` | the judges of `NetworkPolicy` objects and of foreign policies |
//! | `attachments`, `deletion`, `break_glass` | canonical policies: their owners and finalizers, deletion, break-glass |
//! | `namespaces`, `pause` | the judge of namespaces; the annotation of a namespace that pauses repair |
//! | `annotations`, `foreign` | the annotations and the foreign policy kinds that are known |
//! | `finding`, `judgment` | what a judge found; its findings with the changes of labels |
//! | `sentence`, `words` | the sentence of a finding; parts of sentences |
//! | `restore`, `explain` | the command that restores a policy; the commands that explain what a label opens, and why a connection is denied |
//! | `conclude` | the verdict from the findings |

pub mod annotations;
mod attachments;
mod bindings;
mod break_glass;
mod claims;
mod conclude;
pub mod controllers;
mod ctx;
mod deletion;
mod explain;
pub mod facts;
mod finding;
pub mod foreign;
mod foreign_policies;
mod guard;
mod judge;
mod judgment;
mod namespaces;
mod network_policies;
mod pause;
mod pods;
pub mod request;
pub mod restore;
mod sentence;
pub mod settings;
mod subject;
mod text;
pub mod wanted;
mod words;
mod workloads;

pub use attachments::Listed;
pub use conclude::{Cause, Denial, Outcome, Verdict, conclude};
pub use finding::{Finding, Rule, Severity};
pub use guard::{Guard, Hints};
pub use judge::judge;
pub use judgment::{Edit, Judgment};
pub use request::Stage;
pub use sentence::Sentence;
pub use settings::Settings;
pub use subject::{Subject, WorkloadKind};
pub use words::EXISTING;
