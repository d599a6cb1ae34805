//! What tgmd knows, told to an event proxy that is there already: the lines of linuxptp-daemon to an old one, messages to a new one.
//!
//! tgmd connects as the daemon does. A connection begins with everything that is true at that moment, and goes on with each change as
//! it is told to subscribers: both come from the same ring and the same picture. A proxy that is gone is tried again for ever; one that
//! reads too slowly is told the present instead of what it missed. Simulated state goes only where the configuration says that it may.

mod connector;
mod counts;
mod door;
mod lines;
mod messages;
mod outlet;
mod said;

use std::sync::Arc;

use tgm_core::{Event, Picture};
use tokio::net::TcpListener;

use crate::args::PublishArgs;
use crate::config::LINES;
use crate::exit::Fatal;
use crate::feed::Feed;
use connector::Connector;
use lines::Lines;
use messages::Messages;
use outlet::Outlet;
use said::Dialect;

pub use counts::OutCounts;

/// What a node does for a publisher that has given up root: it connects to the sockets.
pub fn help(args: &PublishArgs) -> Result<(), Fatal> {
    match args.user {
        Some((user, _)) if user != 0 && args.out.is_used() => {
            let sockets = args.out.sockets().map(|(_, path)| path.to_owned()).collect();
            connector::serve(args.listen, user, sockets)
        }
        _ => Ok(()),
    }
}

/// All sockets that something is told to.
#[derive(Debug, Default)]
pub struct Outlets(Vec<Arc<Outlet>>);

impl Outlets {
    /// Connects from now on to what the configuration names; must run in a runtime. `door`: where the proxy asks.
    pub fn start(args: &PublishArgs, door: Option<TcpListener>, feed: &Arc<Feed>) -> Self {
        let simulation = args.out.simulation;
        // A publisher that has given up root is helped by its node.
        let helped = args.user.is_some_and(|(user, _)| user != 0);
        let mut all = Vec::new();
        for (place, (key, path)) in (0..).zip(args.out.sockets()) {
            let dialect: Box<dyn Dialect> = match key {
                LINES => Box::new(Lines::new(args.boundary.clone())),
                _ => Box::new(Messages),
            };
            let connector = match helped {
                true => Connector::Node(args.listen, place),
                false => Connector::Own(path.to_owned()),
            };
            let outlet = Arc::new(Outlet::new(path.to_owned(), connector, dialect, simulation));
            tokio::spawn(outlet.clone().run(feed.clone()));
            all.push(outlet);
        }
        if let Some(door) = door {
            tokio::spawn(door::serve(door, all.clone(), feed.clone()));
        }
        Outlets(all)
    }

    /// Tells a change.
    pub fn on_event(&self, event: &Event, picture: &Picture<'_>, feed: &Feed) {
        for outlet in &self.0 {
            outlet.on_event(event, picture, feed);
        }
    }

    /// What was told so far may not be what is true, or of another node: everything is told again.
    pub fn tell_everything(&self) {
        for outlet in &self.0 {
            outlet.tell_everything();
        }
    }

    /// What is counted of each, by its kind.
    pub fn counts(&self) -> Vec<(&'static str, OutCounts)> {
        self.0.iter().map(|outlet| (outlet.kind(), outlet.counts())).collect()
    }
}
