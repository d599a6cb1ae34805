//! Where our own state is told to an event proxy that is there already.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Authority, Config};

/// A path for simulated state has this in it, so that it never is the one of a real proxy.
const MARK: &str = "simul";

/// The key of the socket that lines are told to.
pub const LINES: &str = "out.lines";

/// Sockets that tgmd connects to, as linuxptp-daemon does. Nothing is told anywhere unless it is named here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Out {
    /// The socket of a cloud-event-proxy that reads the daemon's lines.
    pub lines: Option<PathBuf>,
    /// The socket of one that reads messages, one JSON object per line.
    pub messages: Option<PathBuf>,
    /// Where the proxy asks for everything again and for aliases, as it asks the daemon; none: it cannot ask.
    pub door: Option<SocketAddr>,
    /// These sockets are those of a proxy that is for simulated state.
    pub simulation: bool,
}

impl Default for Out {
    fn default() -> Self {
        Out {
            lines: None,
            messages: None,
            door: Some(SocketAddr::from(([127, 0, 0, 1], 8081))),
            simulation: false,
        }
    }
}

impl Out {
    /// The sockets, by their keys.
    pub fn sockets(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let lines = self.lines.as_deref().map(|path| (LINES, path));
        lines
            .into_iter()
            .chain(self.messages.as_deref().map(|path| ("out.messages", path)))
    }

    /// Something is told to somebody.
    pub fn is_used(&self) -> bool {
        self.sockets().next().is_some()
    }

    /// Refuses what makes no sense; gives back what deserves a warning.
    pub fn check(&self, config: &Config) -> Result<Vec<String>, String> {
        if !self.is_used() {
            return Ok(Vec::new());
        }
        for (key, path) in self.sockets() {
            let marked = path.to_string_lossy().contains(MARK);
            if self.simulation != marked {
                return Err(format!(
                    "{key} = {}: {}",
                    path.display(),
                    if marked {
                        "a path with `simul` in it is one for simulated state: set out.simulation = true, or name the real one"
                    } else {
                        "with out.simulation = true a path has `simul` in it, so that no real proxy is ever told what is simulated"
                    }
                ));
            }
        }
        if let Some(door) = self.door.filter(|door| !door.ip().is_loopback()) {
            return Err(format!(
                "out.door = {door}: only an address of loopback, as nobody is asked who he is"
            ));
        }
        let relayed = |instance: &&super::Instance| instance.authority == Authority::Relay;
        let relays = config.instances.iter().any(|instance| relayed(&instance));
        let reads = relays || config.lines.are_asked_for();
        if reads && self.lines.as_ref() == Some(&config.lines.socket) {
            return Err(format!(
                "out.lines = {}: that is lines.socket, where another daemon's lines come in: tgmd would tell itself",
                config.lines.socket.display()
            ));
        }
        for instance in &config.instances {
            if self.lines.is_some() && number(&instance.name).is_none() {
                return Err(format!(
                    "out.lines: the proxy knows configurations by names such as ptp4l.0.config; instance `{}` needs one",
                    instance.name
                ));
            }
        }
        let relayed = config.instances.iter().filter(relayed).map(|instance| {
            format!(
                "out: instance `{}` is another daemon's; the proxy may drop its GM lines, as no dpll line goes before",
                instance.name
            )
        });
        Ok(relayed.collect())
    }

    /// Refuses to tell simulated state to who takes it for real.
    pub fn admit(&self, simulated: bool) -> Result<(), String> {
        match (simulated && self.is_used() && !self.simulation, self.sockets().next()) {
            (true, Some((key, path))) => Err(format!(
                "{key} = {}: what this tgmd knows is simulated, and whoever reads there would take it for real; remove it, or \
                 name a proxy's that is for simulation and set out.simulation = true",
                path.display()
            )),
            _ => Ok(()),
        }
    }
}

/// What is behind `ptp4l` or `ts2phc` in a configuration's name, `.N.config`.
pub fn number(name: &str) -> Option<&str> {
    let behind = name.strip_prefix("ptp4l").or_else(|| name.strip_prefix("ts2phc"))?;
    let digits = behind.strip_prefix('.')?.strip_suffix(".config")?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    fn refused(text: &str) -> String {
        let config = config(text);
        config.out.check(&config).unwrap_err()
    }

    #[test]
    fn nothing_is_told_unless_it_is_configured() {
        let config = config("");
        assert!(!config.out.is_used());
        assert_eq!(config.out.check(&config), Ok(vec![]));
        assert_eq!(config.out.admit(true), Ok(()));
    }

    #[test]
    fn simulated_state_needs_a_path_that_says_so() {
        let real = config("[out]\nlines = \"/cloud-native/events.sock\"");
        assert_eq!(real.out.check(&real), Ok(vec![]));
        assert_eq!(real.out.admit(false), Ok(()));
        let why = real.out.admit(true).unwrap_err();
        assert!(why.contains("out.lines") && why.contains("out.simulation"), "{why}");
        // A flag alone does not turn the real proxy into one for simulation.
        assert!(refused("[out]\nsimulation = true\nlines = \"/cloud-native/events.sock\"").contains("simul"));
        assert!(refused("[out]\nmessages = \"/run/simulated/events.sock\"").contains("out.simulation"));
        let both = config("[out]\nsimulation = true\nlines = \"/run/simulated/events.sock\"");
        assert_eq!(both.out.check(&both), Ok(vec![]));
        assert_eq!(both.out.admit(true), Ok(()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let relay = "[[instance]]\nauthority = \"relay\"\n[[instance.card]]\ninterface = \"ens1f0\"\n";
        assert!(refused(&format!("[out]\nlines = \"/cloud-native/events.sock\"\n{relay}")).contains("itself"));
        assert!(refused("[out]\nlines = \"/x\"\n[[instance]]\nname = \"gm\"").contains("ptp4l.0.config"));
        assert!(refused("[out]\nlines = \"/x\"\ndoor = \"0.0.0.0:8081\"").contains("loopback"));
        let other = config(&format!("[out]\nlines = \"/x\"\n{relay}"));
        assert_eq!(other.out.check(&other).unwrap().len(), 1);
    }
}
