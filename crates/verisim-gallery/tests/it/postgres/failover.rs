//! A primary that is killed while it is written to: what it acknowledged is on its standby.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use verisim_gallery::GalleryError;

use super::{host_of, open_at};
use crate::engines::{server, sql};
use crate::synthetic::samples;

const N_WRITERS: usize = 3;
/// Changes of each, enough before and after the kill for it to fall among them.
const N_EACH: usize = 60;

/// A primary and a standby of this test alone, for it kills one of them.
struct Cluster {
    folder: tempfile::TempDir,
    primary: String,
    standby: String,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("verisim-failover").tempdir().unwrap();
        let data = folder.path().join("data");
        // The server may run as another user, who has to come through.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(folder.path(), open).unwrap();
        }
        let output = script("start", &data);
        let variable = |name: &str| {
            let line = output.lines().find_map(|it| it.strip_prefix(&format!("{name}=")));
            line.unwrap().to_owned()
        };
        let primary = variable("VERISIM_TEST_POSTGRES");
        let standby = variable("VERISIM_TEST_POSTGRES_STANDBY");
        Self { folder, primary, standby }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script("stop", &self.data());
    }
}

/// Runs the script that starts servers; returns what it prints.
fn script(action: &str, folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/postgres_server.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(action).arg(folder);
    command.arg("--bin").arg(env::var_os("VERISIM_TEST_POSTGRES_BIN").unwrap());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{action}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_when_the_primary_is_killed_under_writes() {
    if server().is_none() {
        return;
    }
    let cluster = Cluster::start();
    let both = format!("{},{}", host_of(&cluster.primary), host_of(&cluster.standby));
    let url = cluster.primary.replace(host_of(&cluster.primary), &both);
    let url = format!("{url}?patience=60&exact=true");
    drop(open_at(&url, None).unwrap());

    let n_acknowledged = AtomicUsize::new(0);
    let write = |writer: usize| {
        let mut gallery = open_at(&url, None).unwrap();
        let (mut acknowledged, mut n_in_doubt) = (BTreeSet::new(), 0);
        for idx in 0..N_EACH {
            let name = format!("w{writer}n{idx}");
            match gallery.enroll(&name, &samples(&name, 1)) {
                Ok(_) => {
                    acknowledged.insert(name);
                    n_acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                // The commit was under way: it may have happened or not.
                Err(GalleryError::Io { .. }) => n_in_doubt += 1,
                Err(error) => panic!("{error}"),
            }
        }
        (acknowledged, n_in_doubt)
    };
    let written = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..N_WRITERS).map(|it| scope.spawn(move || write(it))).collect();
        while n_acknowledged.load(Ordering::SeqCst) < N_WRITERS * N_EACH / 3 {
            assert!(!writers.iter().any(std::thread::ScopedJoinHandle::is_finished));
            std::thread::yield_now();
        }
        script("kill", &cluster.data());
        assert_eq!(sql(&cluster.standby, "SELECT pg_promote()"), ["t"]);
        writers.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
    });

    let acknowledged: BTreeSet<String> = written.iter().flat_map(|it| it.0.clone()).collect();
    let n_in_doubt: usize = written.iter().map(|it| it.1).sum();
    assert_eq!(acknowledged.len() + n_in_doubt, N_WRITERS * N_EACH);
    assert!(n_in_doubt <= N_WRITERS, "at most one change of each was under way");
    let gallery = open_at(&url, None).unwrap();
    let found: BTreeSet<String> =
        gallery.identities().unwrap().into_iter().map(|it| it.details.name).collect();
    let lost: Vec<&String> = acknowledged.difference(&found).collect();
    assert_eq!(lost, [""; 0], "of {} acknowledged", acknowledged.len());
    assert!(found.len() - acknowledged.len() <= n_in_doubt);
    gallery.check().unwrap();
}
