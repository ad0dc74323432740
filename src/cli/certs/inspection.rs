//! The result of `certs show`: certificates, CAs, and whether the CAs trust the certificates.

use std::io::{self, Write as _};
use std::time::SystemTime;

use serde::Serialize;

use crate::certificates::trust::{Ca, Shown};
use crate::certificates::when;
use crate::cli::output::{BAD, GOOD, NAME, Streams, WARN};

/// A certificate and its source.
pub(crate) struct Subject {
    pub(crate) from: String,
    pub(crate) shown: Shown,
}

/// CAs and their source.
pub(crate) struct Trust {
    pub(crate) from: String,
    /// The name that a certificate must have, if the source requires one.
    pub(crate) name: Option<String>,
    pub(crate) cas: Vec<Ca>,
}

/// The result, in the form of `--output json`.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    certificates: Vec<Certificate>,
    trust: Vec<Bundle>,
    /// Facts that are not findings.
    pub(crate) notes: Vec<String>,
    /// Problems.
    pub(crate) findings: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    from: String,
    names: Vec<String>,
    issuer: String,
    not_before: String,
    not_after: String,
    fingerprint: String,
}

#[derive(Debug, Serialize)]
struct Bundle {
    from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    cas: Vec<Authority>,
    /// Whether it trusts every certificate.
    trusts: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Authority {
    name: String,
    not_after: String,
    fingerprint: String,
}

impl Inspection {
    /// Verifies every certificate against every bundle.
    pub(crate) fn new(subjects: &[Subject], trust: &[Trust], notes: Vec<String>, mut findings: Vec<String>, now: SystemTime) -> Inspection {
        for Subject { from, shown } in subjects {
            let Ca { not_before, not_after, .. } = &shown.own;
            if now < *not_before {
                findings.push(format!("the certificate from {from} is not valid before {}", when(*not_before)));
            } else if now >= *not_after {
                findings.push(format!("the certificate from {from} expired at {}", when(*not_after)));
            }
            findings.extend(shown.fault.map(|fault| format!("the certificate from {from} {fault}")));
        }
        let mut bundles = Vec::new();
        for Trust { from, name, cas } in trust {
            let mut trusts = !subjects.is_empty();
            for subject in subjects {
                if let Err(why) = subject.shown.verify(cas, name.as_deref(), now) {
                    trusts = false;
                    if subject.shown.fault.is_some() {
                        // The reason is the fault, which is a finding already.
                        continue;
                    }
                    let required = name.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
                    findings.push(format!("{from} does not trust the certificate from {}{required}: it {why}", subject.from));
                }
            }
            bundles.push(Bundle { from: from.clone(), name: name.clone(), cas: cas.iter().map(Authority::of).collect(), trusts });
        }
        Inspection { certificates: subjects.iter().map(Certificate::of).collect(), trust: bundles, notes, findings }
    }

    /// Writes the result as text.
    pub(crate) fn write_text(&self, streams: &mut Streams) -> io::Result<()> {
        let out = &mut streams.out;
        for certificate in &self.certificates {
            writeln!(out, "{NAME}{}{NAME:#}", certificate.from)?;
            let names = if certificate.names.is_empty() { "no name".to_owned() } else { certificate.names.join(", ") };
            writeln!(out, "  for        {names}")?;
            writeln!(out, "  issued by  {}", certificate.issuer)?;
            writeln!(out, "  valid      from {} until {}", certificate.not_before, certificate.not_after)?;
        }
        for bundle in &self.trust {
            let (word, style) = if bundle.trusts { ("trusted", GOOD) } else { ("not trusted", BAD) };
            let required = bundle.name.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
            writeln!(out, "{style}{word}{style:#} by {}{required}", bundle.from)?;
            for ca in &bundle.cas {
                writeln!(out, "  {} until {}", ca.name, ca.not_after)?;
            }
        }
        for note in &self.notes {
            writeln!(out, "{WARN}note{WARN:#} {note}")?;
        }
        for finding in &self.findings {
            writeln!(out, "{BAD}problem{BAD:#} {finding}")?;
        }
        Ok(())
    }
}

impl Certificate {
    fn of(subject: &Subject) -> Certificate {
        let Shown { own, names, issuer, .. } = &subject.shown;
        Certificate {
            from: subject.from.clone(),
            names: names.clone(),
            issuer: issuer.clone(),
            not_before: when(own.not_before),
            not_after: when(own.not_after),
            fingerprint: own.fingerprint.clone(),
        }
    }
}

impl Authority {
    fn of(ca: &Ca) -> Authority {
        Authority { name: ca.name.clone(), not_after: when(ca.not_after), fingerprint: ca.fingerprint.clone() }
    }
}
