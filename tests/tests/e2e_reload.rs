//! A running tgmd is given another configuration: over its control socket, and by SIGHUP.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::pty::Receiver;
use common::{Folder, Tgmd, program, run, until};
use nix::sys::signal::{Signal, kill};

fn config(folder: &Folder, limit: &str, interface: &str) -> String {
    format!(
        "[[instance]]\nname = \"a\"\noffset_limit_ns = {limit}\n[[instance.card]]\ninterface = \"{interface}\"\nphc = \"none\"\n\
         dpll = \"none\"\ngnss = \"pty:{}\"\n",
        folder.path("receiver").display()
    )
}

fn reload(tgmd: &Tgmd) -> (Option<i32>, String) {
    let mut tgmctl = program("tgmctl");
    let name = format!("run/control-{}.sock", tgmd.listen.port());
    tgmctl.args(["reload", "--socket"]).arg(tgmd.folder.path(&name));
    let (code, out, _) = run(tgmctl);
    (code, out)
}

#[test]
fn a_reload_changes_limits_and_refuses_the_rest_with_the_reason() {
    let folder = Folder::new();
    let _receiver = Receiver::plug_in(&folder.path("receiver"));
    let file = folder.write("tgmd.toml", &config(&folder, "100", "gnss-test0"));
    let mut tgmd = Tgmd::start(folder, &["--config", file.to_str().unwrap()]);
    let write = |tgmd: &Tgmd, limit: &str, interface: &str| {
        tgmd.folder.write("tgmd.toml", &config(&tgmd.folder, limit, interface));
    };
    let events = tgmd.status()["last_event"].clone();
    assert_eq!(reload(&tgmd), (Some(0), "ok: nothing has changed\n".into()));
    write(&tgmd, "40", "gnss-test0");
    assert_eq!(
        reload(&tgmd),
        (Some(0), "ok: limits or programs of instance `a`\n".into())
    );
    write(&tgmd, "forty", "gnss-test0");
    let (code, told) = reload(&tgmd);
    assert_eq!(code, Some(1));
    assert!(told.starts_with("refused: ") && told.contains("line 3"), "{told}");
    write(&tgmd, "40", "gnss-test1");
    let (code, told) = reload(&tgmd);
    assert_eq!(
        (code, told.as_str()),
        (Some(1), "refused: restart tgmd to change the cards of instance `a`\n")
    );
    write(&tgmd, "50", "gnss-test0");
    kill(tgmd.node_pid(), Signal::SIGHUP).unwrap();
    until("the reload", || {
        tgmd.log()
            .contains("reloaded what=\"limits or programs of instance `a`\"")
    });
    write(&tgmd, "-1", "gnss-test0");
    kill(tgmd.node_pid(), Signal::SIGHUP).unwrap();
    until("the refusal", || tgmd.log().contains("the old configuration stays"));
    assert!(tgmd.node_lives());
    assert_eq!(tgmd.status()["last_event"], events, "the count of events goes on");
    assert_eq!(tgmd.terminate().code(), Some(0));
}

#[test]
fn a_simulation_has_nothing_to_reload() {
    let tgmd = Tgmd::start(Folder::new(), &["--simulate"]);
    let (code, told) = reload(&tgmd);
    assert_eq!(code, Some(1));
    assert!(told.contains("without a configuration"), "{told}");
}
