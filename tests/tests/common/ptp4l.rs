//! A ptp4l as far as management messages go, on a socket of its own.

#[path = "../../../crates/linuxptp/tests/common/fake.rs"]
mod fake;

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use fake::{Fake, settings};

/// A fake ptp4l that answers until it is dropped.
pub struct Ptp4l {
    state: Arc<Mutex<Fake>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ptp4l {
    /// Announces `class` at first.
    pub fn start(path: &Path, class: u8) -> Self {
        let _ = std::fs::remove_file(path); // as ptp4l does
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut fake = Fake::new();
        fake.settings = settings(class);
        let (state, over) = (Arc::new(Mutex::new(fake)), Arc::new(AtomicBool::new(false)));
        let (shared, stop) = (state.clone(), over.clone());
        let serve = move || {
            let (mut request, mut out) = ([0; 512], [0; 512]);
            while !stop.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut request) else {
                    continue;
                };
                let mut fake = shared.lock().unwrap();
                if let (Some(answer), Some(to)) = (fake.answer(&request[..length], &mut out), from.as_pathname()) {
                    let _ = socket.send_to(answer, to); // tgmd may be gone
                }
            }
        };
        Ptp4l {
            state,
            over,
            thread: Some(std::thread::spawn(serve)),
        }
    }

    /// The class it announces.
    pub fn class(&self) -> u8 {
        self.state.lock().unwrap().settings.quality.class.0
    }

    /// How often it was asked.
    pub fn gets(&self) -> u32 {
        self.state.lock().unwrap().gets
    }

    /// Somebody else sets it.
    pub fn set(&self, class: u8) {
        self.state.lock().unwrap().settings = settings(class);
    }
}

impl Drop for Ptp4l {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}
