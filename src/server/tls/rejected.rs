//! Logs that clients reject the certificate of this server.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::AlertDescription;

use crate::certificates::pair::Pair;
use crate::certificates::when;

/// The minimum time between two lines of the log: an API server retries every request.
const INTERVAL: Duration = Duration::from_secs(60);

/// Handshakes in which a client rejected the certificate, and when the last one was logged.
#[derive(Debug)]
pub(super) struct Rejections {
    /// A sentence with the command that shows what is wrong.
    diagnosis: String,
    throttle: Mutex<Throttle>,
}

impl Rejections {
    pub(super) fn new(diagnosis: String) -> Rejections {
        Rejections { diagnosis, throttle: Mutex::default() }
    }

    /// Logs that a client rejected the certificate, unless that was logged less than a minute ago.
    pub(super) fn log(&self, alert: AlertDescription, served: Option<&Pair>, now: Instant) {
        let Some(handshakes) = self.throttle.lock().unwrap_or_else(PoisonError::into_inner).count(now) else { return };
        tracing::warn!(
            ?alert,
            handshakes,
            valid_until = served.map(|pair| when(pair.not_after)),
            "TLS clients reject the certificate of this server: {}. {}",
            meaning(alert),
            self.diagnosis
        );
    }
}

/// Returns whether a client that sends this alert rejects the certificate (RFC 8446, section 6.2). API servers send
/// `bad_certificate` for every reason.
pub(crate) fn is_rejection(alert: AlertDescription) -> bool {
    use AlertDescription::{BadCertificate, CertificateExpired, CertificateRevoked, CertificateUnknown, UnknownCA, UnsupportedCertificate};
    matches!(alert, BadCertificate | CertificateExpired | CertificateRevoked | CertificateUnknown | UnknownCA | UnsupportedCertificate)
}

fn meaning(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => "a client other than an API server does not trust its CA",
        AlertDescription::CertificateExpired => "it has expired or is not valid yet, or a clock is wrong",
        _ => "the caBundle of the webhook configurations does not contain its CA, it has expired, or it is not for the name of the Service",
    }
}

/// Lets one event through per interval, and counts all of them.
#[derive(Debug, Default)]
struct Throttle {
    next: Option<Instant>,
    count: u64,
}

impl Throttle {
    /// Counts an event. Returns the number of events since the last one that was let through, if this one is.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = Some(now + INTERVAL);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_counts_the_handshakes_since_the_last_one() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        let counts = [0, 1, 59, 60, 61, 500].map(|seconds| throttle.count(after(seconds)));
        assert_eq!(counts, [Some(1), None, None, Some(3), None, Some(2)]);
    }

    #[test]
    fn only_the_alert_of_api_servers_is_about_the_bundle() {
        assert!(meaning(AlertDescription::BadCertificate).contains("caBundle"));
        assert_eq!(meaning(AlertDescription::UnknownCA), "a client other than an API server does not trust its CA");
    }

    #[test]
    fn only_alerts_about_the_certificate_are_rejections() {
        // The numbers of RFC 8446: bad_certificate to certificate_unknown, and unknown_ca.
        let rejections: Vec<u8> = (0..=u8::MAX).filter(|number| is_rejection(AlertDescription::from(*number))).collect();
        assert_eq!(rejections, [42, 43, 44, 45, 46, 48]);
    }
}
