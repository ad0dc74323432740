//! Reports of operators of this and similar tools: one test for each folder of the shared reports, with the result
//! that the report expects. The inputs are written here; where the folder exists, its own files are read too.
//!
//! - `reading`: how files are read. `answers`: what commands say of what they read, and of a server.

mod answers;
mod reading;

use std::fs;
use std::path::Path;

use crate::support::command::{Ran, netpol};
use crate::support::shared;

const POLICY: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: memcached-permits, namespace: abcdesktop}
spec:
  podSelector: {matchLabels: {netpol/memcached: 'true'}}
  policyTypes: [Egress]
  egress:
  - to:
    - podSelector: {matchLabels: {run: memcached-od}}
    ports: [{protocol: TCP, port: 11211}]
";

const THIEF: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: thief, labels: {app: thief, netpol/mongodb: 'true'}}\nspec: {containers: []}\n";

/// Runs a command on files with these names and contents.
fn run(args: &[&str], files: &[(&str, &[u8])]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<String> = files.iter().map(|(name, _)| folder.path().join(name).to_str().unwrap().to_owned()).collect();
    for (path, (_, content)) in paths.iter().zip(files) {
        fs::write(path, content).unwrap();
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut ran = netpol(&[args, &paths].concat());
    for output in [&mut ran.out, &mut ran.err] {
        *output = output.replace(&format!("{}/", folder.path().display()), "");
    }
    ran
}

/// Runs a command on files of a report's folder, if it exists.
fn on_report(folder: &str, args: &[&str], files: &[&str]) -> Option<Ran> {
    let folder = shared(&format!("reports/{folder}"))?;
    let path = |file: &&str| Path::new(&folder).join(file).to_str().unwrap().to_owned();
    let paths: Vec<String> = files.iter().map(path).collect();
    Some(netpol(&args.iter().copied().chain(paths.iter().map(String::as_str)).collect::<Vec<_>>()))
}
