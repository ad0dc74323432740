//! A folder as the kubelet mounts a Secret or a ConfigMap: `tls.crt` is a link to `..data/tls.crt`, and
//! `..data` a link to a folder of one version, swapped for another's by a rename.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub(crate) struct Mount {
    dir: PathBuf,
    version: u32,
}

impl Mount {
    /// Makes the folder with its first version.
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

    /// Puts another version in the place of this one, as one step.
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
