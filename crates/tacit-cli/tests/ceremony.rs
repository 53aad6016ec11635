//! Ceremonies end to end: by files, and over sockets with a server that is killed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const TACIT: &str = env!("CARGO_BIN_EXE_tacit");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Scene(tempfile::TempDir);

impl Scene {
    fn tacit(&self, arguments: &str) -> Output {
        let mut command = Command::new(TACIT);
        command.args(arguments.split(' ')).current_dir(self.0.path()).stdin(Stdio::null());
        command.output().unwrap()
    }

    fn succeed(&self, arguments: &str) -> String {
        let output = self.tacit(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tacit {arguments}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fail(&self, arguments: &str) -> String {
        let output = self.tacit(arguments);
        assert!(!output.status.success(), "tacit {arguments}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn serve(&self, address: &str, turn: u32) -> Process {
        let arguments = format!("ceremony serve powers --listen {address} --turn {turn}");
        let mut command = Command::new(TACIT);
        command.args(arguments.split(' ')).current_dir(self.0.path());
        let process = Process(command.stderr(Stdio::null()).spawn().unwrap());
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        process
    }
}

/// The head that a contribution printed.
fn head(said: &str) -> String {
    said.split("head:").nth(1).unwrap().trim()[..64].to_owned()
}

/// A crash between the record of a beacon and the log leaves the log behind.
#[test]
fn whatever_a_crash_left_out_of_the_log_is_noted() {
    let scene = Scene(tempfile::tempdir().unwrap());
    scene.succeed("ceremony new powers --power 2");
    scene.succeed("ceremony contribute powers --name ann --key ann.key");
    let [now, then] = ["powers/log", "log"].map(|name| scene.0.path().join(name));
    let copy = |from: &Path, to: &Path| {
        let copied = Command::new("cp").arg("-r").args([from, to]).status().unwrap();
        assert!(copied.success());
    };
    copy(&now, &then);
    scene.succeed("ceremony beacon powers --source b10c --exponent 4");
    for writes in ["ceremony finalise powers --out out", "ceremony beacon powers --source b10c"] {
        std::fs::remove_dir_all(&now).unwrap();
        copy(&then, &now);
        assert!(scene.fail("ceremony verify powers").contains("transparency log"));
        scene.tacit(writes);
        scene.succeed("ceremony verify powers");
    }
    assert!(scene.0.path().join("out/powers.ptau").exists());
    // as it is published: without the log's key, of which none is made
    std::fs::remove_dir_all(scene.0.path().join("powers/state")).unwrap();
    scene.succeed("ceremony verify powers");
    scene.succeed("ceremony finalise powers --out again");
    assert!(!scene.0.path().join("powers/state/log.key").exists());
}

#[test]
fn contributors_to_keys_check_them_first() {
    let scene = Scene(tempfile::tempdir().unwrap());
    for name in ["ann", "bob"] {
        scene.succeed(&format!("ceremony new {name} --power 3"));
        scene.succeed(&format!("ceremony contribute {name} --name {name} --key {name}.key"));
        scene.succeed(&format!("ceremony finalise {name} --out {name}/out --without-beacon"));
    }
    let circuit = root().join("examples/ceremony/cubic.r1cs");
    let on = |of: &str| format!("--circuit {} --powers {of}/out/powers.ptau", circuit.display());
    let said = scene.succeed(&format!("ceremony new keys {}", on("ann")));
    assert!(said.contains("powers:   by ann, as their file says"), "{said}");
    let contribute = "ceremony contribute keys --name bob --key bob.key";
    let refused = scene.fail(&format!("{contribute} {}", on("bob")));
    assert!(refused.contains("circuit and powers"), "{refused}");
    let checked = scene.tacit(&format!("{contribute} {} --head {}", on("ann"), head(&said)));
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.success() && !told.contains("not checked"), "{told}");
    let blind = String::from_utf8(scene.tacit(contribute).stderr).unwrap();
    assert!(blind.contains("not checked: that the key is its circuit's"), "{blind}");
    assert!(blind.contains("--head"), "{blind}");
    let said = scene.succeed(&format!("ceremony verify keys {}", on("ann")));
    assert!(said.contains("verified: 2 contributions"), "{said}");
}

#[test]
fn by_files() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("timeout")
        .args(["300", "bash"])
        .arg(root().join("examples/ceremony/run.sh"))
        .arg(dir.path())
        .env("TACIT", TACIT)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("verified: 4 contributions, 5 records in the log"), "{said}");
    assert!(said.contains("verified: 3 contributions, 4 records in the log"), "{said}");
    assert!(said.contains("forged transcript refused"), "{said}");
}

#[test]
fn over_sockets_with_a_server_that_is_killed() {
    let scene = Scene(tempfile::tempdir().unwrap());
    scene.succeed("pki init");
    scene.succeed("pki issue coordinator --coordinator 127.0.0.1");
    for name in ["ann", "bob", "eve"] {
        scene.succeed(&format!("pki issue {name}"));
    }
    scene.succeed("ceremony new powers --power 3 --curve bls12-381");
    // taken and given back: the server wants a port that is free
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let of =
        |name: &str| format!("ceremony contribute --to https://{address} --pki pki --name {name}");
    let server = scene.serve(&address, 60);
    let said = scene.succeed(&of("ann"));
    assert!(said.contains("contribution 1: ann"));
    let one = scene.fail("ceremony beacon powers --source b10c");
    assert!(one.contains("no other program that writes it"), "{one}");
    drop(server);
    // what a crash may leave behind
    let left = ["ptau", "ptau.1.0.tmp"].map(|ending| format!("{}.{ending}", "0".repeat(64)));
    let left = left.map(|name| scene.0.path().join("powers").join(name));
    left.iter().for_each(|path| std::fs::write(path, b"half a file").unwrap());
    // but not what `finalise` may have put there
    let key = scene.0.path().join("powers").join("0".repeat(64));
    std::fs::write(&key, b"a key").unwrap();
    let server = scene.serve(&address, 60);
    assert!(!left.iter().any(|path| path.exists()) && key.exists());
    let wrong = format!("{} --head {}", of("bob"), "0".repeat(64));
    assert!(scene.fail(&wrong).contains("a transcript that passed"));
    let kept = format!("{} --head {}", of("bob"), head(&said));
    assert!(scene.succeed(&kept).contains("contribution 2: bob"));
    scene.succeed("pki revoke eve");
    scene.fail(&of("eve"));
    assert!(scene.fail(&of("nobody")).contains("nobody"));
    drop(server);
    scene.succeed("ceremony beacon powers --source b10c --exponent 10");
    assert!(scene.fail("ceremony beacon powers --source b10c").contains("ended"));
    let said = scene.succeed("ceremony verify powers");
    assert!(said.contains("verified: 3 contributions, 4 records in the log"), "{said}");
    let shown = scene.succeed("ceremony show powers");
    assert!(shown.contains("ann, key") && shown.contains("beacon, 2^10"), "{shown}");
    // a log that lacks a record
    let log = scene.0.path().join("powers/log");
    std::fs::remove_dir_all(&log).unwrap();
    scene.fail("ceremony verify powers");
}
