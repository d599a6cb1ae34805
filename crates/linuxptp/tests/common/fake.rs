//! A ptp4l as far as management messages go: it keeps the settings and answers about them. It allocates nothing.

use tgm_core::ClockClass;
use tgm_linuxptp::management::{Action, Data, GrandmasterSettings, ManagementId, Message, TimePropertiesDataSet, Tlv};
use tgm_linuxptp::values::{ClockAccuracy, ClockQuality, ManagementError, TimeFlags, TimeSource};
use tgm_linuxptp::{ClockIdentity, PortIdentity};
use tgm_time::Seconds;

pub const CLOCK: ClockIdentity = ClockIdentity([0x02, 0, 0, 0xff, 0xfe, 0, 0, 7]);

/// A ptp4l just started: class 248.
pub struct Fake {
    pub settings: GrandmasterSettings,
    /// SETs that were taken.
    pub sets: u32,
    /// GETs that were answered.
    pub gets: u32,
    /// Whom to notify, once it has subscribed.
    pub subscriber: Option<PortIdentity>,
    /// SETs are refused.
    pub refuses: bool,
    notified: u16,
}

pub fn settings(class: u8) -> GrandmasterSettings {
    GrandmasterSettings {
        quality: ClockQuality {
            class: ClockClass(class),
            accuracy: ClockAccuracy::NotKnown,
            variance: 0xffff,
        },
        time: TimePropertiesDataSet {
            utc_offset: Seconds(37),
            flags: TimeFlags::empty(),
            time_source: TimeSource::InternalOscillator,
        },
    }
}

impl Fake {
    pub fn new() -> Self {
        Fake {
            settings: settings(248),
            sets: 0,
            gets: 0,
            subscriber: None,
            refuses: false,
            notified: 0,
        }
    }

    /// Answers a request.
    pub fn answer<'b>(&mut self, request: &[u8], out: &'b mut [u8]) -> Option<&'b [u8]> {
        let request = Message::decode(request).ok()?;
        assert_eq!((request.hops, request.target), (0, PortIdentity::ALL));
        let Tlv::Management { id, data } = request.tlv else {
            return None;
        };
        let refused = Tlv::Error {
            id,
            error: ManagementError::NotSupported,
            text: Default::default(),
        };
        let tlv = match (id, request.action, data) {
            (ManagementId::GrandmasterSettingsNp, Action::Set, Data::GrandmasterSettings(_)) if self.refuses => refused,
            (ManagementId::GrandmasterSettingsNp, Action::Set, Data::GrandmasterSettings(wanted)) => {
                self.settings = wanted;
                self.sets += 1;
                Tlv::Management { id, data }
            }
            (ManagementId::GrandmasterSettingsNp, Action::Get, Data::Empty) => {
                self.gets += 1;
                Tlv::Management {
                    id,
                    data: Data::GrandmasterSettings(self.settings),
                }
            }
            (ManagementId::SubscribeEventsNp, Action::Set, Data::Subscription(_)) => {
                self.subscriber = Some(request.source);
                Tlv::Management { id, data }
            }
            _ => refused,
        };
        let answer = Message {
            source: PortIdentity { clock: CLOCK, port: 0 },
            target: request.source,
            action: Action::Response,
            tlv,
            ..request
        };
        answer.encode(out)
    }

    /// A notification that the parent data set changed.
    pub fn notification<'b>(&mut self, domain: u8, out: &'b mut [u8]) -> Option<&'b [u8]> {
        let parent = tgm_linuxptp::management::ParentDataSet {
            parent: PortIdentity { clock: CLOCK, port: 0 },
            stats_valid: false,
            observed_variance: 0xffff,
            observed_phase_change_rate: 0x7fff_ffff,
            priority1: 128,
            quality: self.settings.quality,
            priority2: 128,
            grandmaster: CLOCK,
        };
        self.notified += 1;
        let message = Message {
            domain,
            major_sdo: 0,
            minor_version: 0,
            source: PortIdentity { clock: CLOCK, port: 0 },
            sequence: self.notified,
            target: self.subscriber?,
            starting_hops: 0,
            hops: 0,
            action: Action::Response,
            tlv: Tlv::Management {
                id: ManagementId::ParentDataSet,
                data: Data::Parent(parent),
            },
        };
        message.encode(out)
    }
}
