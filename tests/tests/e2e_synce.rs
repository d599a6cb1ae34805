//! tgmd tells synce4l the quality level of its external source; synce4l is a stub that answers as it does.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::pty::Receiver;
use common::{Folder, Tgmd, until};
use tgm_core::synce::QualityLevel;
use tgm_linuxptp::synce4l::set_command;

/// EEC1: Free-Run's in option 1.
const EEC1: QualityLevel = QualityLevel {
    ssm: 0xb,
    extended: 0xff,
};

/// Answers SETs by repeating them, `count` times, and then listens no more; the commands.
fn synce4l(socket: &Path, count: usize) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    let told = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let keeps = told.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().take(count).flatten() {
            let mut command = vec![0; 256];
            let length = client.read(&mut command).unwrap();
            command.truncate(length);
            client.write_all(&command).unwrap();
            keeps.lock().unwrap().push(command);
        }
    });
    told
}

#[test]
fn func_tgm014_r2_free_run_is_told_at_the_start_to_a_new_synce4l_and_at_the_end() {
    let folder = Folder::new();
    let _receiver = Receiver::plug_in(&folder.path("receiver"));
    let socket = folder.path("synce4l");
    let text = format!(
        "[[instance]]\n[instance.synce]\nsocket = \"{}\"\n\
         [[instance.card]]\ninterface = \"gnss-test0\"\nphc = \"none\"\ndpll = \"none\"\ngnss = \"pty:{}\"\n",
        socket.display(),
        folder.path("receiver").display()
    );
    let file = folder.write("tgmd.toml", &text);
    let mut tgmd = Tgmd::start(folder, &["--config", file.to_str().unwrap()]);
    until("its absence is told", || {
        tgmd.log().contains("synce4l does not listen there")
    });
    let expected = set_command("synce1", "GNSS", EEC1).unwrap();
    let first = synce4l(&socket, 1);
    until("the level", || !first.lock().unwrap().is_empty());
    assert_eq!(first.lock().unwrap()[0], expected);
    until("the log", || tgmd.log().contains("SyncE quality level set"));
    // It starts anew, and knows nothing.
    let second = synce4l(&socket, 1_000);
    until("the level again", || !second.lock().unwrap().is_empty());
    assert_eq!(second.lock().unwrap()[0], expected);
    let before = second.lock().unwrap().len();
    assert_eq!(tgmd.terminate().code(), Some(0));
    assert!(second.lock().unwrap().len() > before, "told once more at the end");
}
