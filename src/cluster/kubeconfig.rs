//! Finds the cluster as kubectl does: in the kubeconfig files, otherwise from the service account of the pod.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use kube::Config;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, Kubeconfig, KubeconfigError};

use super::proxy::{self, Proxy};
use super::sentence::with_sources;
use crate::certificates::pem::certificates;

/// How to reach the cluster.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) config: Config,
    pub(super) proxy: Option<Proxy>,
}

/// The kubeconfig and the context that a user chose.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// The kubeconfig file, instead of those of `KUBECONFIG`.
    pub kubeconfig: Option<PathBuf>,
    /// The context, instead of the current one.
    pub context: Option<String>,
}

/// Finds the cluster; `variable` returns an environment variable.
///
/// # Errors
/// There is no cluster, or its configuration is invalid. The error is a sentence.
pub(super) fn find(chosen: &Chosen, variable: impl Fn(&str) -> Option<OsString>) -> Result<Found, String> {
    let is_pod = variable("KUBERNETES_SERVICE_HOST").is_some();
    let paths = match &chosen.kubeconfig {
        Some(path) => vec![path.clone()],
        None => paths(variable("KUBECONFIG").as_deref(), env::home_dir(), is_pod),
    };
    let kubeconfig = read(&paths)?;
    if kubeconfig.is_none()
        && let Some(path) = &chosen.kubeconfig
    {
        return Err(format!("the kubeconfig \"{}\" does not exist", path.display()));
    }
    let Some(kubeconfig) = kubeconfig.filter(|kubeconfig| {
        chosen.kubeconfig.is_some() || chosen.context.is_some() || !kubeconfig.contexts.is_empty() || !kubeconfig.clusters.is_empty()
    }) else {
        // In a pod, the API server is reached without a proxy.
        let config = Config::incluster().map_err(|error| {
            let paths: Vec<String> = paths.iter().map(|path| format!("\"{}\"", path.display())).collect();
            format!(
                "no cluster is configured: there is no kubeconfig with a cluster at {} (set KUBECONFIG), and this is not a pod of a cluster: {}",
                if paths.is_empty() { "~/.kube/config".to_owned() } else { paths.join(" or ") },
                with_sources(&error)
            )
        })?;
        return Ok(Found { config, proxy: None });
    };
    let (cluster, user) = selected(&kubeconfig, chosen.context.as_ref())?;
    let mut config = configure(cluster, user)?;
    config.apply_debug_overrides();
    let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
    let proxy = proxy::choose(&config.cluster_url, cluster.proxy_url.as_deref(), text)?;
    config.proxy_url = proxy.as_ref().map(|proxy| proxy.url.clone());
    Ok(Found { config, proxy })
}

/// Returns the kubeconfig files: those of `KUBECONFIG`, or else `~/.kube/config`.
fn paths(variable: Option<&OsStr>, home: Option<PathBuf>, is_pod: bool) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = variable.into_iter().flat_map(env::split_paths).filter(|path| !path.as_os_str().is_empty()).collect();
    if !listed.is_empty() {
        return listed;
    }
    let default = home.map(|home| home.join(".kube").join("config"));
    // The user of a pod may have the home folder of another user, which it cannot read.
    default.filter(|path| !is_pod || path.exists()).into_iter().collect()
}

/// Reads and merges files; the first one that sets a value wins. Skips files that do not exist; `None` if none does.
///
/// # Errors
/// A file cannot be read or is no kubeconfig.
fn read(paths: &[PathBuf]) -> Result<Option<Kubeconfig>, String> {
    let mut merged: Option<Kubeconfig> = None;
    for path in paths {
        let wrong = |error: &KubeconfigError| format!("the kubeconfig \"{}\" cannot be used: {}", path.display(), with_sources(error));
        let mut next = match Kubeconfig::read_from(path) {
            Ok(next) => next,
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(KubeconfigError::ReadConfig(error, _)) => {
                return Err(format!("the kubeconfig \"{}\" cannot be read: {error}", path.display()));
            }
            Err(error) => return Err(wrong(&error)),
        };
        // `kubectl config` writes an empty context.
        next.current_context = next.current_context.filter(|name| !name.is_empty());
        merged = Some(match merged {
            None => next,
            Some(before) => before.merge(next).map_err(|error| wrong(&error))?,
        });
    }
    Ok(merged)
}

/// Returns the cluster and the user of the chosen or current context. A user that does not exist has no credentials.
fn selected<'k>(kubeconfig: &'k Kubeconfig, context: Option<&String>) -> Result<(&'k Cluster, AuthInfo), String> {
    let Some(name) = context.or(kubeconfig.current_context.as_ref()) else {
        return Err("the kubeconfig has no current context: run kubectl config use-context NAME".to_owned());
    };
    let found = kubeconfig.contexts.iter().find(|context| context.name == *name).and_then(|context| context.context.as_ref());
    let found = found.ok_or_else(|| match context {
        Some(_) => format!("the kubeconfig has no context \"{name}\": kubectl config get-contexts lists them"),
        None => format!("the kubeconfig has no context \"{name}\", which is its current context"),
    });
    let context = found?;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster).and_then(|cluster| cluster.cluster.as_ref());
    let cluster =
        cluster.ok_or_else(|| format!("the kubeconfig has no cluster \"{}\", which the context \"{name}\" names", context.cluster))?;
    let user = kubeconfig.auth_infos.iter().find(|user| Some(&user.name) == context.user.as_ref());
    Ok((cluster, user.and_then(|user| user.auth_info.clone()).unwrap_or_default()))
}

fn configure(cluster: &Cluster, mut user: AuthInfo) -> Result<Config, String> {
    let server = cluster.server.as_deref().unwrap_or_default();
    let url = server.parse::<Uri>().ok().filter(|url| url.scheme().is_some() && url.host().is_some());
    let url = url.ok_or_else(|| format!("the server \"{server}\" of the kubeconfig is not a URL such as https://api.example:6443"))?;
    if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        exec.cluster = Some(ExecAuthCluster::try_from(cluster).map_err(|error| with_sources(&error))?);
    }
    let mut config = Config::new(url);
    config.root_cert = authorities(cluster)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name.clone().filter(|name| !name.is_empty());
    config.auth_info = user;
    Ok(config)
}

/// Returns the CAs that the kubeconfig trusts, as DER; `None` if it names none.
fn authorities(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, String> {
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let (what, pem) = if let Some(data) = given(&cluster.certificate_authority_data) {
        let what = "certificate-authority-data of the kubeconfig".to_owned();
        let data: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let pem = STANDARD.decode(data).map_err(|error| format!("{what} is not base64: {error}"))?;
        (what, pem)
    } else if let Some(path) = given(&cluster.certificate_authority) {
        let what = format!("the certificate-authority \"{path}\" of the kubeconfig");
        let pem = std::fs::read(Path::new(&path)).map_err(|error| format!("{what} cannot be read: {error}"))?;
        (what, pem)
    } else {
        return Ok(None);
    };
    let authorities = certificates(&pem).map_err(|reason| format!("{what} {reason}"))?;
    Ok(Some(authorities.iter().map(|authority| authority.to_vec()).collect()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::certificates::pem::write_certificate;

    /// A kubeconfig with one context `name`, whose cluster has `more` fields.
    fn kubeconfig(name: &str, current: &str, more: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {current}\n\
             clusters: [{{name: {name}, cluster: {{server: 'https://{name}.example:6443'{more}}}}}]\n\
             contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}}}}}]\nusers: [{{name: {name}, user: {{token: {name}}}}}]\n"
        )
    }

    struct Files(tempfile::TempDir);

    impl Files {
        fn new(files: &[(&str, &str)]) -> Files {
            let dir = tempfile::tempdir().unwrap();
            for (name, content) in files {
                fs::write(dir.path().join(name), content).unwrap();
            }
            Files(dir)
        }

        /// Finds the cluster with these files in `KUBECONFIG`, and other variables.
        fn find(&self, names: &[&str], variables: &[(&str, &str)]) -> Result<Found, String> {
            let list = env::join_paths(names.iter().map(|name| self.0.path().join(name))).unwrap();
            find(&Chosen::default(), |name| match name {
                "KUBECONFIG" => Some(list.clone()),
                _ => variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).into()),
            })
            .map_err(|error| error.replace(&format!("{}/", self.0.path().display()), ""))
        }

        fn server(&self, names: &[&str]) -> String {
            self.find(names, &[]).unwrap().config.cluster_url.to_string()
        }
    }

    #[test]
    fn missing_files_of_a_list_are_skipped_and_the_first_file_wins() {
        let files = Files::new(&[
            ("one", &kubeconfig("one", "''", "")),
            ("two", &kubeconfig("two", "two", "")),
            ("three", &kubeconfig("three", "three", "")),
            ("empty", ""),
        ]);
        assert_eq!(files.server(&["nowhere", "two", "not/there", "three"]), "https://two.example:6443/");
        assert_eq!(files.server(&["one", "three"]), "https://three.example:6443/", "an empty current-context is none");
        assert_eq!(files.server(&["empty", "two"]), "https://two.example:6443/");
        let two = PathBuf::from("two");
        assert_eq!(paths(Some(OsStr::new("")), Some("/h".into()), false), [PathBuf::from("/h/.kube/config")]);
        // Below a file: the error is not that the file does not exist.
        assert_eq!(paths(None, Some("/dev/null".into()), true), [] as [PathBuf; 0]);
        assert_eq!(paths(Some(OsStr::new(":two:")), Some("/h".into()), true), [two]);
    }

    #[test]
    fn without_any_file_the_error_names_all_of_them() {
        let files = Files::new(&[]);
        let error = files.find(&["one", "two"], &[]).unwrap_err();
        assert!(
            error.starts_with(
                "no cluster is configured: there is no kubeconfig with a cluster at \"one\" or \"two\" (set KUBECONFIG), and "
            ),
            "{error}"
        );
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said() {
        let files = Files::new(&[
            ("damaged", "clusters: 7\n"),
            ("without", &kubeconfig("a", "''", "")),
            ("other", &kubeconfig("a", "b", "")),
            ("dangling", "current-context: a\nclusters: []\ncontexts: [{name: a, context: {cluster: c}}]\n"),
            (
                "plain",
                "current-context: a\nclusters: [{name: a, cluster: {server: 'localhost:80'}}]\ncontexts: [{name: a, context: {cluster: a}}]\n",
            ),
            ("base", &kubeconfig("a", "a", ", certificate-authority-data: '*'")),
            ("ca", &kubeconfig("a", "a", ", certificate-authority: ca.crt")),
        ]);
        for (name, words) in [
            ("damaged", "the kubeconfig \"damaged\" cannot be used: "),
            (".", "cannot be read: "),
            ("without", "has no current context: run kubectl config use-context NAME"),
            ("other", "has no context \"b\", which is its current context"),
            ("dangling", "has no cluster \"c\", which the context \"a\" names"),
            ("plain", "the server \"localhost:80\" of the kubeconfig is not a URL"),
            ("base", "certificate-authority-data of the kubeconfig is not base64"),
            ("ca", "the certificate-authority \"ca.crt\" of the kubeconfig cannot be read: "),
        ] {
            let error = files.find(&[name], &[]).unwrap_err();
            assert!(error.contains(words), "{name}: {error}");
        }
    }

    #[test]
    fn a_cluster_is_configured_with_its_cas_its_user_and_its_proxy() {
        let pem = write_certificate(b"der");
        let more = format!(
            ", certificate-authority-data: {}, insecure-skip-tls-verify: true, tls-server-name: n, proxy-url: 'socks5://own'",
            STANDARD.encode(&pem)
        );
        let more_file = ", certificate-authority: ca.crt, certificate-authority-data: ''";
        let files = Files::new(&[("data", &kubeconfig("a", "a", &more)), ("file", &kubeconfig("a", "a", more_file)), ("ca.crt", &pem)]);
        let Found { config, proxy } = files.find(&["data"], &[("HTTPS_PROXY", "http://env:1"), ("NO_PROXY", ",broken entry,*")]).unwrap();
        assert_eq!((config.root_cert.unwrap(), config.tls_server_name.as_deref()), (vec![b"der".to_vec()], Some("n")));
        assert!(config.accept_invalid_certs && config.auth_info.token.is_some());
        assert_eq!(config.proxy_url.unwrap().to_string(), "socks5://own:1080/");
        assert_eq!(proxy.unwrap().source, "proxy-url of the kubeconfig");
        let Found { config, .. } = files.find(&["file"], &[("HTTPS_PROXY", "http://env:1"), ("NO_PROXY", ".example,")]).unwrap();
        assert_eq!((config.root_cert.unwrap(), config.proxy_url), (vec![b"der".to_vec()], None));
        let Found { config, .. } = files.find(&["file"], &[("https_proxy", "env:1")]).unwrap();
        assert_eq!(config.proxy_url.unwrap().to_string(), "http://env:1/");
    }
}
