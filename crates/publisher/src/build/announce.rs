//! The link to an instance's ptp4l.

use tgm_core::{Instance as Id, Port};
use tgm_linuxptp::{Link, Locations, Mode, Options};
use tgm_node::ptp4l::Ptp4lSlot;
use tgm_node::upstream::UpstreamSlot;
use tgm_time::{Mono, Time};

use crate::config::{AnnounceMode, Instance, Ptp4l, Role};
use crate::exit::Fatal;

/// Where a ptp4l listens, and where it is to answer.
pub fn locations(ptp4l: &Ptp4l, mode: Mode) -> Locations {
    let mut locations = match (&ptp4l.socket, mode) {
        (Some(path), _) => Locations::of([path]),
        (None, Mode::Verify) => {
            let mut both = Locations::read_only(); // older versions have only the other one
            both.servers.extend(Locations::read_write().servers);
            both
        }
        (None, _) => Locations::read_write(),
    };
    locations.folder.clone_from(&ptp4l.folder);
    locations
}

/// Asks the ptp4l of an instance that follows another clock about that one; `None` for a grandmaster.
pub fn upstream(id: Id, port: Port, instance: &Instance, now: Time<Mono>) -> Result<Option<UpstreamSlot>, Fatal> {
    if instance.role == Role::Grandmaster {
        return Ok(None);
    }
    let ptp4l = &instance.ptp4l;
    // Older versions have no read-only socket, and only one that may be written to grants subscriptions.
    let locations = locations(ptp4l, Mode::Own);
    let link = Link::follow(&locations, ptp4l.domain, ptp4l.transport_specific, now)
        .map_err(|error| Fatal::Config(format!("instance `{}`: {error}", instance.name)))?;
    Ok(Some(UpstreamSlot::new(id, port, link)))
}

/// Opens the link to the ptp4l of an instance, or of one of its cards; `None` if nothing is to be done about this ptp4l. Second: what is
/// wrong with it now, for people.
pub fn link(
    id: Id,
    instance: &Instance,
    ptp4l: &Ptp4l,
    recording: bool,
    now: Time<Mono>,
) -> Result<Option<(Ptp4lSlot, Option<String>)>, Fatal> {
    let mode = match ptp4l.announce {
        AnnounceMode::Off => return Ok(None),
        AnnounceMode::Own => Mode::Own,
        AnnounceMode::Verify => Mode::Verify,
    };
    if recording && mode == Mode::Own {
        return Err(Fatal::Config(format!(
            "instance `{}`: announce = \"own\" with a recorded receiver would announce a clock that is not there; set gnss or announce",
            instance.name
        )));
    }
    let locations = locations(ptp4l, mode);
    let options = Options {
        mode,
        domain: ptp4l.domain,
        major_sdo: ptp4l.transport_specific,
        ..Options::default()
    };
    let link = Link::open(&locations, options, now)
        .map_err(|error| Fatal::Config(format!("instance `{}`: {error}", instance.name)))?;
    let problem = link
        .failure()
        .map(|failure| format!("instance `{}`: {}", instance.name, link.socket().explain(failure)));
    Ok(Some((Ptp4lSlot::new(id, link), problem)))
}
