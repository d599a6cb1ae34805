//! A receiver that is unplugged and comes back, again and again: no descriptor stays behind. One test, because it counts all descriptors
//! of the process.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::pty::openpty;
use tgm_core::{Instance, Port};
use tgm_gnss::fanout::{Service, ServiceConfig, WritePolicy};
use tgm_gnss::setup::Plan;
use tgm_gnss::{GnssSource, OpenError, ReadError, Setup};
use tgm_time::{Nanos, Time};

fn plug(link: &Path) -> (File, File) {
    let pair = openpty(None, None).unwrap();
    let _ = fs::remove_file(link);
    symlink(nix::unistd::ttyname(&pair.slave).unwrap(), link).unwrap();
    (File::from(pair.master), File::from(pair.slave))
}

#[test]
fn nothing_stays_open() {
    let folder = std::env::temp_dir().join(format!("tgm-replug-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let link = folder.join("receiver");
    let spec = format!("pty:{}", link.display()).parse().unwrap();
    let mut gnss = GnssSource::new(Setup {
        spec,
        own: true,
        instance: Instance(0),
        port: Port(0),
    })
    .unwrap();
    let config = ServiceConfig {
        plan: Some(Plan::default()),
        ptys: vec![folder.join("reader")],
        write: WritePolicy::All,
        ..ServiceConfig::default()
    };
    let (tap, mut service) = Service::new(config).unwrap();
    gnss.set_tap(tap, true);
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let mut now = Time::ZERO;
    for _ in 0..100 {
        let ends = plug(&link);
        now = now + Nanos::from_secs(10);
        assert!(gnss.service(now, |_| {}).opened);
        service.turn(now, |_| {});
        assert_eq!(open(), before + 4, "both ends, ours, and the one to write to");
        drop(ends);
        assert_eq!(gnss.service(now, |_| {}).lost, Some(ReadError::Gone));
        service.turn(now, |_| {});
        assert_eq!(open(), before);
        now = now + Nanos::from_secs(10);
        assert_eq!(gnss.service(now, |_| {}).failed, Some(OpenError::NoDevice));
    }
    drop((gnss, service));
    fs::remove_dir_all(folder).unwrap();
}
