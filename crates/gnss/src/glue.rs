//! Source, demultiplexer and receiver together, in the core's words.

use std::os::fd::BorrowedFd;

use tgm_core::{Instance, Observation, Port, Reading};
use tgm_time::{Mono, Nanos, Time};

use crate::demux::Demux;
use crate::fanout::Tap;
use crate::frame::Counters;
use crate::receiver::Receiver;
use crate::receiver::calendar::RELEASED;
use crate::receiver::epoch::Epoch;
use crate::replay::HeadComments;
use crate::source::backoff::Backoff;
use crate::source::spec::{Pace, Spec};
use crate::source::{OpenError, ReadError, Source};

/// Bytes per read: the kernel's queue of a GNSS device.
const READ: usize = 4096;
/// Reads per service call; what is left is still there at the next.
const READS: usize = 8;
/// Bytes per read of a recording replayed in real time, so that a read rarely holds more than one epoch.
const PACED_READ: usize = 64;
/// Reads per service call of such a recording.
const PACED_READS: usize = 4096;

/// What a receiver is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Where its bytes come from.
    pub spec: Spec,
    /// The device is ours alone (`gnss.own`): do not look who else reads it.
    pub own: bool,
    /// Whose observations these are.
    pub instance: Instance,
    /// The card's leading interface.
    pub port: Port,
}

/// What one service call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Served {
    /// Bytes read.
    pub bytes: usize,
    /// It was opened: register [`GnssSource::as_fd`] anew.
    pub opened: bool,
    /// It was lost (and its descriptor closed).
    pub lost: Option<ReadError>,
    /// It could not be opened; the next try is at [`GnssSource::deadline`].
    pub failed: Option<OpenError>,
}

/// A receiver on its source. Made once; after that it allocates nothing, whatever comes (but see [`Source::reopen`]).
#[derive(Debug)]
pub struct GnssSource {
    source: Source,
    instance: Instance,
    port: Port,
    demux: Demux,
    receiver: Receiver,
    comments: Option<HeadComments>,
    buffer: [u8; READ],
    /// Where its bytes go besides.
    tap: Option<Tap>,
    backoff: Backoff,
    /// When a recording in real time goes on.
    paced: Option<Time<Mono>>,
    last: Epoch,
    epochs: u64,
    ended: bool,
}

impl GnssSource {
    /// Over a source that the first [`GnssSource::service`] opens.
    pub fn new(setup: Setup) -> Result<Box<Self>, OpenError> {
        let recording = matches!(setup.spec, Spec::File { .. });
        Ok(Box::new(GnssSource {
            source: Source::new(setup.spec, setup.own)?,
            instance: setup.instance,
            port: setup.port,
            demux: Demux::new(),
            receiver: Receiver::new(if recording { None } else { Some(RELEASED) }),
            comments: recording.then(HeadComments::default),
            buffer: [0; READ],
            tap: None,
            backoff: Backoff::default(),
            paced: None,
            last: Epoch::default(),
            epochs: 0,
            ended: false,
        }))
    }

    /// Hands every byte that is read on to `tap` too, and lends it the device to write to, if `writes`. For before the first
    /// [`GnssSource::service`].
    pub fn set_tap(&mut self, tap: Tap, writes: bool) {
        self.tap = Some(tap);
        if writes {
            self.source.set_writable();
        }
    }

    /// See [`Receiver::set_position_held`].
    pub const fn set_position_held(&mut self) {
        self.receiver.set_position_held();
    }

    /// Where its bytes go besides.
    pub const fn tap(&self) -> Option<&Tap> {
        self.tap.as_ref()
    }

    /// What to wait on for input; `None`: wait for [`GnssSource::deadline`] only.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_fd()
    }

    /// When to call [`GnssSource::service`] although there is no input: to open again, or to go on with a recording. `None`: never.
    /// A moment not after now: at once.
    pub fn deadline(&self) -> Option<Time<Mono>> {
        if self.ended {
            None
        } else if !self.source.is_open() {
            Some(self.backoff.next().unwrap_or_default())
        } else if matches!(self.source.spec(), Spec::File { .. }) {
            Some(self.paced.unwrap_or_default())
        } else {
            None
        }
    }

    /// It is open.
    pub const fn is_open(&self) -> bool {
        self.source.is_open()
    }

    /// Where it is now, while it is closed: see [`Source::set_number`].
    pub fn set_number(&mut self, number: u32) {
        self.source.set_number(number);
    }

    /// Where it is now is not known yet: the next try is later, as after one that failed.
    pub fn put_off(&mut self, now: Time<Mono>) {
        self.backoff.failed(now);
    }

    /// It turned out to be another device: closed, and lost like one that went.
    pub fn give_up(&mut self, now: Time<Mono>, mut sink: impl FnMut(Observation)) {
        self.source.close();
        self.lost(ReadError::Gone, now, &mut sink);
    }

    /// What it was made from.
    pub const fn spec(&self) -> &Spec {
        self.source.spec()
    }

    /// The epoch handed out last.
    pub const fn last(&self) -> &Epoch {
        &self.last
    }

    /// Epochs handed out.
    pub const fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Frames and bytes.
    pub const fn counters(&self) -> Counters {
        self.demux.counters()
    }

    /// The receiver's state.
    pub const fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Opens if it is time to, reads what is there (bounded), and hands what it means to `sink`: a [`Reading::Gnss`] per epoch, one more
    /// as soon as something gets worse, at most one [`Reading::Nmea`] per call, [`Reading::GnssGone`] when the device went.
    ///
    /// An epoch that was handed out only because the next one had begun has no `utc`: its second is over, and the core would hold it
    /// against the wrong pulse.
    pub fn service(&mut self, now: Time<Mono>, mut sink: impl FnMut(Observation)) -> Served {
        let mut served = Served::default();
        if self.ended {
            return served;
        }
        if !self.source.is_open() {
            if !self.backoff.is_due(now) {
                return served;
            }
            match self.source.reopen() {
                Ok(()) => {
                    served.opened = true;
                    if let Some(tap) = &self.tap {
                        tap.up(self.source.writer());
                    }
                }
                Err(error) => {
                    self.backoff.failed(now);
                    served.failed = Some(error);
                    return served;
                }
            }
        }
        let paced = matches!(self.source.spec(), Spec::File { pace: Pace::Real, .. });
        if paced && self.paced.is_some_and(|next| now < next) {
            return served;
        }
        let (size, reads) = if paced {
            (PACED_READ, PACED_READS)
        } else {
            (READ, READS)
        };
        let before = self.epochs;
        for _ in 0..reads {
            match self.source.read(self.buffer.get_mut(..size).unwrap_or_default()) {
                Ok(bytes) => {
                    served.bytes += bytes;
                    self.backoff.succeeded();
                    if let Some(tap) = &self.tap {
                        tap.bytes(self.buffer.get(..bytes).unwrap_or_default());
                    }
                    self.digest(bytes, now, &mut sink);
                }
                Err(ReadError::WouldBlock) => break,
                Err(error) => {
                    served.lost = Some(error);
                    self.lost(error, now, &mut sink);
                    break;
                }
            }
            if paced && self.epochs > before {
                self.paced = Some(now + Nanos::from_secs(1));
                break;
            }
        }
        served
    }

    fn digest(&mut self, bytes: usize, now: Time<Mono>, sink: &mut impl FnMut(Observation)) {
        let GnssSource {
            demux,
            receiver,
            last,
            epochs,
            ..
        } = self;
        let mut data = self.buffer.get(..bytes).unwrap_or_default();
        if let Some(comments) = &mut self.comments {
            data = comments.strip(data);
        }
        let (instance, port) = (self.instance, self.port);
        let mut hand = |what| {
            sink(Observation {
                at: now,
                instance,
                port,
                what,
            })
        };
        let live = self.comments.is_none();
        let mut nmea = false;
        demux.feed(data, |frame| {
            let outcome = receiver.apply(frame, |epoch| {
                hand(reading(epoch));
                *last = *epoch;
                *epochs += 1;
            });
            nmea |= outcome.nmea;
            if outcome.worse || (outcome.dated && live) {
                *last = receiver.epoch();
                hand(reading(last));
            }
        });
        if nmea {
            hand(Reading::Nmea);
        }
    }

    fn lost(&mut self, error: ReadError, now: Time<Mono>, sink: &mut impl FnMut(Observation)) {
        if let Some(tap) = &self.tap {
            tap.down();
        }
        let (instance, port) = (self.instance, self.port);
        let mut hand = |what| {
            sink(Observation {
                at: now,
                instance,
                port,
                what,
            })
        };
        let GnssSource {
            demux,
            receiver,
            last,
            epochs,
            ..
        } = self;
        let mut take = |epoch: &Epoch| {
            *last = *epoch;
            *epochs += 1;
        };
        if error == ReadError::Ended {
            demux.finish(|frame| {
                receiver.apply(frame, |epoch| {
                    hand(reading(epoch));
                    take(epoch);
                });
            });
            if let Some(epoch) = receiver.finish() {
                hand(reading(&epoch));
                take(&epoch);
            }
            self.ended = true;
        } else {
            demux.finish(|_| {});
            receiver.reset();
            self.backoff.failed(now);
        }
        hand(Reading::GnssGone);
    }
}

/// An epoch as it is handed to the core: one that came late has no `utc`.
pub fn reading(epoch: &Epoch) -> Reading {
    let mut reading = epoch.reading();
    reading.utc = reading.utc.filter(|_| !epoch.late);
    Reading::Gnss(reading)
}
