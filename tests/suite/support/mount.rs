//! A folder like a Secret or a ConfigMap that the kubelet mounts: `tls.crt` is a link to `..data/tls.crt`, and
//! `..data` is a link to the folder of one version. A rename replaces the link.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub(crate) struct Mount {
    dir: PathBuf,
    version: u32,
}

impl Mount {
    /// Creates the folder with its first version.
    pub(crate) fn new(dir: &Path, files: &[(&str, &str)]) -> Mount {
        fs::create_dir_all(dir).unwrap();
        let mut mount = Mount { dir: dir.to_owned(), version: 0 };
        mount.swap(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), dir.join(name)).unwrap();
        }
        mount
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Replaces the version atomically.
    pub(crate) fn swap(&mut self, files: &[(&str, &str)]) {
        let before = format!("..version-{}", self.version);
        self.version += 1;
        let now = format!("..version-{}", self.version);
        fs::create_dir(self.dir.join(&now)).unwrap();
        for (name, content) in files {
            fs::write(self.dir.join(&now).join(name), content).unwrap();
        }
        symlink(&now, self.dir.join("..data_tmp")).unwrap();
        fs::rename(self.dir.join("..data_tmp"), self.dir.join("..data")).unwrap();
        let _ = fs::remove_dir_all(self.dir.join(before));
    }
}
