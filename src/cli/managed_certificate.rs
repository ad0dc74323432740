//! The flags of the managed certificate: the certificate that the servers issue, store in a Secret and
//! rotate.

use std::time::Duration;

use anyhow::anyhow;

use super::exit::Failure;
use super::judge_args::JudgeArgs;
use super::parse::{ObjectName, lifetime, object_name, secret};
use crate::certificates::plan::Wanted;
use crate::controller::Options;
use crate::controller::Timing;
use crate::documents::text::quoted;

/// The interval between two checks of the Secret and the webhook configurations.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The flags of the managed certificate.
#[derive(Debug, clap::Args)]
pub struct ManagedCertificateArgs {
    /// Secret in which the servers store a certificate that they issue and rotate.
    ///
    /// The certificate has the names of --tls-name. The webhook port opens when the Secret contains a certificate.
    #[arg(long, value_name = "NS/NAME", env = "NETPOL_TLS_SECRET", value_parser = secret, requires = "tls_names")]
    tls_secret: Option<ObjectName>,

    /// Name of the webhook configurations whose caBundle netpol keeps up to date with the CA in --tls-secret
    /// (repeatable).
    #[arg(
        long = "registration",
        value_name = "NAME",
        env = "NETPOL_REGISTRATION",
        value_delimiter = ',',
        value_parser = object_name,
        requires = "tls_secret"
    )]
    registrations: Vec<String>,

    /// Lifetime of the CA in --tls-secret; the CA is renewed after two thirds of it.
    #[arg(long, value_name = "DURATION", env = "NETPOL_CA_LIFETIME", default_value = "365d", value_parser = lifetime)]
    ca_lifetime: Duration,

    /// Lifetime of the certificate in --tls-secret; the certificate is renewed after two thirds of it.
    #[arg(long, value_name = "DURATION", env = "NETPOL_LEAF_LIFETIME", default_value = "30d", value_parser = lifetime)]
    leaf_lifetime: Duration,
}

impl ManagedCertificateArgs {
    /// Returns whether `--tls-secret` is set.
    pub fn is_given(&self) -> bool {
        self.tls_secret.is_some()
    }

    /// Returns the shell command that shows the certificate, and whether API servers accept it.
    pub fn show_command(&self, judge: &JudgeArgs) -> String {
        let secret = self.tls_secret.iter().map(|secret| format!(" --tls-secret {}/{}", secret.namespace, secret.name));
        let registrations = self.registrations.iter().map(|name| format!(" --registration {name}"));
        let mut flags = String::new();
        if !self.registrations.is_empty() {
            flags.extend(judge.registered_flags().iter().map(|flag| format!(" {}", quoted(flag))));
        }
        format!("netpol certs show{}{flags}", secret.chain(registrations).collect::<String>())
    }

    /// Returns the options of the controller for a certificate with these names, or `None` if `--tls-secret` is
    /// not set.
    ///
    /// # Errors
    /// Returns an error if the CA would expire before its certificates.
    pub fn options(&self, names: &[String]) -> Result<Option<Options>, Failure> {
        let Some(secret) = &self.tls_secret else { return Ok(None) };
        if self.ca_lifetime < self.leaf_lifetime {
            return Err(Failure::input(anyhow!(
                "--ca-lifetime must be at least as long as --leaf-lifetime: a CA must not expire before the certificates that it signs"
            )));
        }
        Ok(Some(Options {
            namespace: secret.namespace.clone(),
            name: secret.name.clone(),
            webhook_configurations: self.registrations.clone(),
            wanted: Wanted { names: names.to_vec(), ca_life: self.ca_lifetime, leaf_life: self.leaf_lifetime },
            identity: identity()?,
            interval: CHECK_INTERVAL,
            timing: Timing::default(),
        }))
    }
}

/// Returns a name for this process in the leader election. The random part distinguishes two processes on
/// one host: with the same name, both would lead.
fn identity() -> Result<String, Failure> {
    let mut random = [0; 4];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::internal(anyhow!("cannot get random numbers from the system")))?;
    let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname")).unwrap_or_default();
    let host = host.trim();
    Ok(format!("{}_{:08x}", if host.is_empty() { "netpol" } else { host }, u32::from_be_bytes(random)))
}
