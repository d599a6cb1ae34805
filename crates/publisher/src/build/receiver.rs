//! A receiver's service: set-up and fan-out, only as far as the configuration asks for them.

use tgm_gnss::fanout::{Service, ServiceConfig};
use tgm_gnss::{GnssSource, Spec};

use crate::config::Card;
use crate::exit::Fatal;

/// Gives `source` a tap and makes the service behind it; `None`: nothing was asked for.
pub fn service(card: &Card, set_up: bool, spec: &Spec, source: &mut GnssSource) -> Result<Option<Service>, Fatal> {
    let fanout = &card.gnss_fanout;
    if !set_up && !fanout.is_wanted() {
        return Ok(None);
    }
    let refuse = |why: String| Fatal::Config(format!("{}: {why}", card.interface));
    let write = fanout.write.into();
    let writes = set_up || write != tgm_gnss::fanout::WritePolicy::None;
    if writes && !matches!(spec, Spec::Device(_) | Spec::Tty { .. } | Spec::Pty(_)) {
        return Err(refuse(format!(
            "{spec} cannot be written to: leave control.gnss and gnss_fanout.write alone"
        )));
    }
    let plan = set_up.then(|| card.gnss_setup.plan()).transpose().map_err(refuse)?;
    let config = ServiceConfig {
        plan,
        ptys: fanout.pty.clone(),
        socket: fanout.socket.clone(),
        write,
        mode: fanout.mode.0,
    };
    let (tap, service) = Service::new(config).map_err(|error| refuse(error.to_string()))?;
    source.set_tap(tap, writes);
    Ok(Some(service))
}
