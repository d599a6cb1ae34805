//! What is said of devices that went and were found again.

use tgm_node::finder::{Device, Finder, FinderThread, Found};
use tracing::{info, warn};

use crate::exit::Fatal;

/// Starts to look; `None`: there is nothing that could be looked for.
pub fn start(finder: Option<Finder>) -> Result<Option<FinderThread>, Fatal> {
    let Some(finder) = finder.filter(Finder::follows) else {
        return Ok(None);
    };
    let thread = finder.start(tell());
    let thread = thread.map_err(|error| Fatal::Runtime(format!("starting the finder: {error}")))?;
    Ok(Some(thread))
}

/// Says it once: it is asked again after each opening.
fn tell() -> impl FnMut(Found) {
    let mut told: Vec<Found> = Vec::new();
    move |found| {
        let same = |one: &&mut Found| one.interface == found.interface && one.device == found.device;
        let before = told.iter_mut().find(same);
        if before.as_deref() == Some(&found) {
            return;
        }
        let Found {
            interface,
            device,
            number,
            refused,
        } = &found;
        let name = match device {
            Device::Phc { .. } => "ptp",
            Device::Gnss => "gnss",
        };
        info!(interface, "looked for: it is /dev/{name}{number} now");
        if let Some(why) = refused {
            warn!(interface, why, "external timestamps were not granted");
        }
        match before {
            Some(before) => *before = found,
            None => told.push(found),
        }
    }
}
