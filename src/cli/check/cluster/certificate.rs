//! The certificate of the servers: whether it is valid, and trusted by the `caBundle` of every webhook.

use std::time::SystemTime;

use super::read::evaluated;
use super::sections::Report;
use crate::certificates::pem::certificates;
use crate::certificates::trust::Shown;
use crate::certificates::when;
use crate::cli::certs::inspection::{Inspection, Subject, Trust};
use crate::cli::certs::served;
use crate::cli::exit::Failure;
use crate::cli::parse::ObjectName;
use crate::cluster::Cluster;
use crate::controller::{PublicSecret, WebhookConfiguration};
use crate::documents::text::quoted;
use crate::documents::values::text;
use crate::drift::{Finding, Object, Section, Severity};

/// A certificate that has less than this part of its lifetime left should have been renewed.
const LEAST_PART: u32 = 5;

/// Where the certificate is.
enum Place {
    Secret(ObjectName),
    Server(String),
}

impl Place {
    /// Returns where a webhook says that its server is: the Secret of a chart for its Service, or the host of its URL.
    fn of(configurations: &[WebhookConfiguration]) -> Option<Place> {
        let mut contents = configurations.iter().filter_map(|configuration| configuration.content.as_ref());
        let config = contents.find_map(|content| content.pointer("/webhooks/0/clientConfig"))?;
        if let Some(url) = text(config, "/url") {
            let host = url.strip_prefix("https://")?.split('/').next()?;
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            return Some(Place::Server(if has_port { host.to_owned() } else { format!("{host}:443") }));
        }
        let service = |field: &str| text(config, &format!("/service/{field}"));
        Some(Place::Secret(ObjectName { namespace: service("namespace")?.to_owned(), name: format!("{}-tls", service("name")?) }))
    }
}

/// Verifies the certificate in the Secret `secret`, or where the webhook configurations say that it is.
///
/// # Errors
/// The API server does not respond.
pub(super) async fn run(
    cluster: &Cluster,
    secret: Option<&ObjectName>,
    name: &str,
    configurations: &[WebhookConfiguration],
    report: &mut Report,
) -> Result<(), Failure> {
    let section = Section::Certificate;
    let Some(place) = secret.cloned().map(Place::Secret).or_else(|| Place::of(configurations)) else {
        report.skip(
            section,
            format!("the webhook configurations \"{name}\" cannot be read or do not exist, so nothing says where the certificate is"),
        );
        return Ok(());
    };
    let subject = match &place {
        Place::Secret(ObjectName { namespace, name }) => {
            let from = format!("the secret \"{namespace}/{name}\"");
            match evaluated(PublicSecret::read(cluster, namespace, name).await)? {
                Err(reason) => Err(reason),
                Ok(None) => Err(format!("{from} does not exist: name the Secret of the servers with --tls-secret")),
                Ok(Some(secret)) => certificates(&secret.cert)
                    .ok()
                    .and_then(Shown::read)
                    .map(|shown| Subject { from: from.clone(), shown })
                    .ok_or_else(|| format!("{from} contains no certificate")),
            }
        }
        Place::Server(address) => served::chain(address, None).and_then(|chain| {
            let shown = Shown::read(chain).ok_or_else(|| format!("{address} does not present a certificate"))?;
            Ok(Subject { from: format!("the server {address}"), shown })
        }),
    };
    match subject {
        Err(reason) => report.skip(section, reason),
        Ok(subject) => verify(&place, name, subject, configurations, report),
    }
    Ok(())
}

fn verify(place: &Place, name: &str, subject: Subject, configurations: &[WebhookConfiguration], report: &mut Report) {
    let now = SystemTime::now();
    let trust: Vec<Trust> = configurations
        .iter()
        .flat_map(|configuration| {
            let from = configuration.to_string();
            configuration.webhooks.iter().map(move |hook| Trust { from: from.clone(), name: hook.server.clone(), cas: hook.bundle.clone() })
        })
        .collect();
    let object = match place {
        Place::Secret(ObjectName { namespace, name }) => Object::new("Secret", namespace, name),
        Place::Server(address) => Object::new("Server", "", address),
    };
    let where_it_is = match place {
        Place::Secret(ObjectName { namespace, name }) => format!("--tls-secret {}", quoted(&format!("{namespace}/{name}"))),
        Place::Server(address) => format!("--connect {}", quoted(address)),
    };
    let command = format!("netpol certs show {where_it_is} --registration {}", quoted(name));
    let own = &subject.shown.own;
    let lifetime = own.not_after.duration_since(own.not_before).unwrap_or_default();
    let left = own.not_after.duration_since(now).unwrap_or_default();
    if !left.is_zero() && left < lifetime / LEAST_PART {
        let message = format!("the certificate from {} expires at {} and was not renewed", subject.from, when(own.not_after));
        report.add(
            Finding::new(Section::Certificate, Severity::Warning, "certificate-expires", object.clone(), message).with_command(&command),
        );
    }
    let mut problems = Inspection::new(&[subject], &trust, Vec::new(), Vec::new(), now).findings;
    problems.sort();
    problems.dedup();
    for problem in problems {
        let finding = Finding::new(Section::Certificate, Severity::Error, "certificate-not-trusted", object.clone(), problem);
        report.add(finding.with_command(&command));
    }
}
