//! Who is connected, and how much each may ask: one address cannot take the place of all others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::refusals::Refusals;
use crate::config::Doors;

/// Addresses that are remembered although they have gone, for what they have asked too often.
const REMEMBERED: usize = 4096;
/// How much may be asked at once: what else would be asked in this time.
const BURST: Duration = Duration::from_secs(2);

/// What a listener takes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Of these, from one peer.
    pub per_peer: usize,
    /// Requests per second from one peer; 0: no limit.
    pub requests_per_s: u32,
    /// Who is on this machine may ask as often as it likes.
    pub spares_loopback: bool,
}

impl From<&Doors> for Limits {
    fn from(doors: &Doors) -> Self {
        Limits {
            connections: doors.connections,
            per_peer: doors.connections_per_peer,
            requests_per_s: doors.requests_per_s,
            spares_loopback: true,
        }
    }
}

/// Everybody who is connected to a listener.
#[derive(Debug)]
pub struct Peers {
    limits: Limits,
    table: Mutex<HashMap<IpAddr, Peer>>,
    refusals: Arc<Refusals>,
}

#[derive(Debug)]
struct Peer {
    connections: usize,
    /// When all that was asked would have been asked at the allowed rate.
    paid_until: Instant,
}

/// One connection of a peer, counted until it is dropped.
#[derive(Debug)]
pub struct Guest {
    peers: Arc<Peers>,
    key: IpAddr,
    is_limited: bool,
}

impl Peers {
    /// Nobody yet.
    pub fn new(limits: Limits, refusals: Arc<Refusals>) -> Arc<Self> {
        Arc::new(Peers {
            limits,
            table: Mutex::default(),
            refusals,
        })
    }

    /// Takes a connection in, or counts that it was not.
    pub fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Guest> {
        let key = key(address);
        let mut table = self.table();
        if table.len() >= REMEMBERED {
            table.retain(|_, peer| peer.connections > 0 || peer.paid_until > now);
            if table.len() >= REMEMBERED {
                table.retain(|_, peer| peer.connections > 0); // more have gone lately than are worth remembering
            }
        }
        let peer = table.entry(key).or_insert(Peer {
            connections: 0,
            paid_until: now,
        });
        if peer.connections >= self.limits.per_peer {
            self.refusals.connections.fetch_add(1, Relaxed);
            return None;
        }
        peer.connections += 1;
        drop(table);
        Some(Guest {
            peers: self.clone(),
            key,
            is_limited: self.limits.requests_per_s > 0 && !(self.limits.spares_loopback && key.is_loopback()),
        })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<IpAddr, Peer>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Counts a request. `Err` if it is one too many: after how long another is welcome.
    pub fn ask(&self, now: Instant) -> Result<(), Duration> {
        if !self.is_limited {
            return Ok(());
        }
        let cost = Duration::from_secs(1) / self.peers.limits.requests_per_s.max(1);
        let mut table = self.peers.table();
        let Some(peer) = table.get_mut(&self.key) else {
            return Ok(());
        };
        let paid_until = peer.paid_until.max(now) + cost;
        let ahead = paid_until.duration_since(now);
        if ahead > BURST {
            self.peers.refusals.requests.fetch_add(1, Relaxed);
            return Err(ahead - BURST);
        }
        peer.paid_until = paid_until;
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut table = self.peers.table();
        if let Entry::Occupied(mut peer) = table.entry(self.key) {
            peer.get_mut().connections = peer.get().connections.saturating_sub(1);
            if peer.get().connections == 0 && peer.get().paid_until <= Instant::now() {
                peer.remove();
            }
        }
    }
}

/// Whose address this is: IPv4 as such also where it comes mapped, IPv6 by its /64, which one host has to itself.
fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(per_peer: usize, requests_per_s: u32) -> Arc<Peers> {
        let limits = Limits {
            connections: 10,
            per_peer,
            requests_per_s,
            spares_loopback: true,
        };
        Peers::new(limits, Arc::default())
    }

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_takes_only_its_share() {
        let (peers, now) = (peers(2, 0), Instant::now());
        let first = peers.enter(at("2001:db8::1"), now).unwrap();
        let second = peers.enter(at("2001:db8::2"), now).unwrap();
        assert!(peers.enter(at("2001:db8::ffff:0:0:3"), now).is_none(), "the same /64");
        let other = peers.enter(at("2001:db8:0:1::1"), now).unwrap();
        assert_eq!(peers.refusals.connections.load(Relaxed), 1);
        drop(first);
        let again = peers.enter(at("2001:db8::4"), now).unwrap();
        drop((second, again, other));
        assert!(peers.table().is_empty());
        let mapped = [
            peers.enter(at("10.0.0.1"), now),
            peers.enter(at("::ffff:10.0.0.1"), now),
        ];
        assert!(mapped.iter().all(Option::is_some) && peers.enter(at("10.0.0.1"), now).is_none());
    }

    #[test]
    fn a_peer_may_ask_at_its_rate_and_twice_at_once() {
        let (peers, now) = (peers(9, 10), Instant::now());
        let guest = peers.enter(at("10.0.0.1"), now).unwrap();
        let taken = (0..100).filter(|_| guest.ask(now).is_ok()).count();
        assert_eq!((taken, peers.refusals.requests.load(Relaxed)), (20, 80));
        assert_eq!(guest.ask(now), Err(Duration::from_millis(100)));
        // Another connection is the same peer, and so is one after all have been closed.
        drop(guest);
        let again = peers.enter(at("10.0.0.1"), now).unwrap();
        assert!(again.ask(now).is_err());
        assert!(peers.enter(at("10.0.0.2"), now).unwrap().ask(now).is_ok());
        let later = now + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| again.ask(later).is_ok()).count(), 10);
        let local = peers.enter(at("127.0.0.1"), now).unwrap();
        assert!((0..1000).all(|_| local.ask(now).is_ok()));
    }

    #[test]
    fn memory_is_bounded_however_many_come_and_go() {
        let (peers, now) = (peers(9, 1), Instant::now());
        for n in 0..3 * u32::try_from(REMEMBERED).unwrap() {
            let guest = peers.enter(IpAddr::V4(n.into()), now).unwrap();
            guest.ask(now).unwrap_or_default();
        }
        assert!(peers.table().len() <= REMEMBERED);
    }
}
