//! The harness of the tests with a real API server.
//!
//! [`plane`] is the control plane, [`guard`] the guards that are registered with it, and [`scene`] a guarded and an unguarded
//! namespace in which an [`act`] runs.

pub(crate) mod act;
pub(crate) mod api;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod cert_manager;
pub(crate) mod crds;
pub(crate) mod figures;
pub(crate) mod forwarder;
pub(crate) mod go;
pub(crate) mod guard;
pub(crate) mod kubectl;
pub(crate) mod kubelet;
pub(crate) mod load;
pub(crate) mod netpol;
pub(crate) mod pki;
pub(crate) mod plane;
pub(crate) mod reaper;
pub(crate) mod relay;
pub(crate) mod scene;
pub(crate) mod wait;
