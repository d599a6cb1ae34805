//! What a follower makes of what ptp4l says, does not say, and refuses. No clock, no socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use tgm_core::{ClockClass, Upstream};
use tgm_linuxptp::management::{
    Action, Data, MAX_LENGTH, ManagementId, Message, ParentDataSet, PhaseChange, PortDataSet, TimePropertiesDataSet,
    TimeStatus, Tlv,
};
use tgm_linuxptp::values::{
    ClockAccuracy, ClockQuality, DelayMechanism, ManagementError, PortState, TimeFlags, TimeInterval, TimeSource,
};
use tgm_linuxptp::{Alarm, ClockIdentity, Dialogue, Failure, Follower, PortIdentity, SYNC_LOST};
use tgm_time::{Mono, Nanos, Seconds, Time};

const CLOCK: ClockIdentity = ClockIdentity([2, 0, 0, 0xff, 0xfe, 0, 0, 7]);
const OWN: ClockIdentity = ClockIdentity([2, 9, 9, 9, 9, 9, 9, 9]);

/// A ptp4l with two ports.
struct Ptp4l {
    states: [PortState; 2],
    class: u8,
    valid: bool,
    ingress: i64,
    refuses: Option<ManagementId>,
    subscriber: Option<PortIdentity>,
}

impl Ptp4l {
    fn following() -> Self {
        Ptp4l {
            states: [PortState::Slave, PortState::Master],
            class: 6,
            valid: true,
            ingress: 1,
            refuses: None,
            subscriber: None,
        }
    }

    fn port(&self, port: u16) -> Data<'static> {
        Data::Port(PortDataSet {
            port: PortIdentity { clock: CLOCK, port },
            state: self.states[usize::from(port) - 1],
            log_min_delay_req_interval: -4,
            peer_mean_delay: TimeInterval(0),
            log_announce_interval: -3,
            announce_receipt_timeout: 3,
            log_sync_interval: -4,
            delay_mechanism: DelayMechanism::EndToEnd,
            log_min_pdelay_req_interval: 0,
            version: 2,
        })
    }

    fn parent(&self) -> Data<'static> {
        Data::Parent(ParentDataSet {
            parent: PortIdentity { clock: CLOCK, port: 1 },
            stats_valid: false,
            observed_variance: 0xffff,
            observed_phase_change_rate: 0x7fff_ffff,
            priority1: 128,
            quality: ClockQuality {
                class: ClockClass(self.class),
                accuracy: ClockAccuracy::NotKnown,
                variance: 0xffff,
            },
            priority2: 128,
            grandmaster: CLOCK,
        })
    }

    fn answers(&self, id: ManagementId) -> Vec<Tlv<'static>> {
        let one = |data| Tlv::Management { id, data };
        if self.refuses == Some(id) {
            let error = ManagementError::NotSupported;
            let text = tgm_linuxptp::management::Text::default();
            return vec![Tlv::Error { id, error, text }];
        }
        match id {
            ManagementId::PortDataSet => vec![one(self.port(1)), one(self.port(2))],
            ManagementId::ParentDataSet => vec![one(self.parent())],
            ManagementId::TimePropertiesDataSet => vec![one(Data::TimeProperties(TimePropertiesDataSet {
                utc_offset: Seconds(37),
                flags: if self.valid {
                    TimeFlags::UTC_OFFSET_VALID
                } else {
                    TimeFlags::empty()
                },
                time_source: TimeSource::Gnss,
            }))],
            ManagementId::TimeStatusNp => vec![one(Data::TimeStatus(TimeStatus {
                offset: Nanos(-12),
                ingress: Time::from_nanos(self.ingress),
                scaled_rate_offset: 0,
                scaled_frequency_change: 0,
                time_base: 0,
                phase_change: PhaseChange::default(),
                gm_present: true,
                grandmaster: CLOCK,
            }))],
            other => panic!("nobody asks {other:?}"),
        }
    }
}

fn message(target: PortIdentity, sequence: u16, tlv: Tlv<'_>) -> Vec<u8> {
    let message = Message {
        domain: 24,
        major_sdo: 0,
        minor_version: 0,
        source: PortIdentity { clock: CLOCK, port: 0 },
        sequence,
        target,
        starting_hops: 0,
        hops: 0,
        action: Action::Response,
        tlv,
    };
    message.encode(&mut [0; MAX_LENGTH]).unwrap().to_vec()
}

struct Bench {
    follower: Follower,
    now: Time<Mono>,
}

impl Bench {
    fn new() -> Self {
        let now = Time::from_parts(100, 0);
        Bench {
            follower: Follower::new(OWN, 24, 0, now),
            now,
        }
    }

    /// Sends what is due and answers it, if `ptp4l` is there; what is told then.
    fn turn(&mut self, ptp4l: Option<&mut Ptp4l>) -> Option<Upstream> {
        let mut sent = Vec::new();
        while let Some(datagram) = self.follower.poll(self.now) {
            sent.push(datagram.to_vec());
        }
        assert!(sent.len() < 8, "it asks without end");
        let ptp4l = ptp4l?;
        for datagram in sent {
            let request = Message::decode(&datagram).unwrap();
            let Tlv::Management { id, data } = request.tlv else {
                panic!()
            };
            if id == ManagementId::SubscribeEventsNp {
                ptp4l.subscriber = Some(request.source);
                let answer = message(request.source, request.sequence, Tlv::Management { id, data });
                self.follower.receive(&answer, self.now);
                continue;
            }
            for tlv in ptp4l.answers(id) {
                let answer = message(request.source, request.sequence, tlv);
                self.follower.receive(&answer, self.now);
            }
        }
        self.follower.news()
    }

    fn later(&mut self, nanos: Nanos) {
        self.now = self.now + nanos;
    }
}

const FOLLOWED: Upstream = Upstream {
    followed: true,
    class: ClockClass(6),
    offset: Some(Nanos(-12)),
    utc_offset: Some(Seconds(37)),
};

#[test]
fn a_round_each_second_is_a_sample() {
    let (mut bench, mut ptp4l) = (Bench::new(), Ptp4l::following());
    for second in 0..5 {
        ptp4l.ingress = second;
        assert_eq!(bench.turn(Some(&mut ptp4l)), Some(FOLLOWED));
        assert_eq!(bench.turn(Some(&mut ptp4l)), None, "not twice in a second");
        bench.later(Nanos::from_secs(1));
        assert!(bench.follower.next_at().unwrap() <= bench.now);
    }
    let following = bench.follower.following();
    assert_eq!((following.port, following.grandmaster), (Some(1), Some(CLOCK)));
    assert_eq!(bench.follower.counters().unanswered, 0);
}

#[test]
fn a_lost_port_and_a_changed_class_are_told_with_their_notification() {
    let (mut bench, mut ptp4l) = (Bench::new(), Ptp4l::following());
    bench.turn(Some(&mut ptp4l));
    let subscriber = ptp4l.subscriber.unwrap();
    let notify = |bench: &mut Bench, id, data| {
        bench
            .follower
            .receive(&message(subscriber, 77, Tlv::Management { id, data }), bench.now);
        bench.follower.news()
    };
    ptp4l.class = 7;
    let told = notify(&mut bench, ManagementId::ParentDataSet, ptp4l.parent());
    assert_eq!(told.unwrap().class, ClockClass(7));
    assert_eq!(notify(&mut bench, ManagementId::ParentDataSet, ptp4l.parent()), None);
    // The other port's changes are no loss.
    ptp4l.states[1] = PortState::Faulty;
    assert_eq!(notify(&mut bench, ManagementId::PortDataSet, ptp4l.port(2)), None);
    ptp4l.states[0] = PortState::Uncalibrated;
    let told = notify(&mut bench, ManagementId::PortDataSet, ptp4l.port(1)).unwrap();
    assert_eq!((told.followed, told.offset, told.utc_offset), (false, None, None));
    ptp4l.states[0] = PortState::Slave;
    assert!(
        notify(&mut bench, ManagementId::PortDataSet, ptp4l.port(1))
            .unwrap()
            .followed
    );
}

#[test]
fn an_upstream_without_new_syncs_is_lost_though_its_port_is_in_slave() {
    let (mut bench, mut ptp4l) = (Bench::new(), Ptp4l::following());
    let mut followed = Vec::new();
    for _ in 0..5 {
        followed.push(bench.turn(Some(&mut ptp4l)).unwrap().followed);
        bench.later(Nanos::from_secs(1));
    }
    assert_eq!(SYNC_LOST, Nanos::from_secs(3));
    assert_eq!(followed, [true, true, true, false, false]);
    ptp4l.ingress += 1;
    assert_eq!(bench.turn(Some(&mut ptp4l)), Some(FOLLOWED));
}

#[test]
fn a_utc_offset_that_is_not_valid_is_none() {
    let (mut bench, mut ptp4l) = (Bench::new(), Ptp4l::following());
    ptp4l.valid = false;
    assert_eq!(bench.turn(Some(&mut ptp4l)).unwrap().utc_offset, None);
}

#[test]
fn nothing_is_told_by_a_silent_ptp4l_and_of_a_new_one_only_what_it_says_itself() {
    let (mut bench, mut ptp4l) = (Bench::new(), Ptp4l::following());
    bench.turn(Some(&mut ptp4l));
    for _ in 0..3 {
        bench.later(Nanos::from_secs(1));
        assert_eq!(bench.turn(None), None);
    }
    assert_eq!(bench.follower.following().alarm, Some(Alarm::Silent));
    assert!(
        bench.turn(Some(&mut ptp4l)).is_none(),
        "the round is over, its answers are lost"
    );
    bench.later(Nanos::from_secs(1));
    ptp4l.ingress += 1;
    assert_eq!(bench.turn(Some(&mut ptp4l)), Some(FOLLOWED));
    assert_eq!(bench.follower.following().alarm, None);
    // Nobody listens, and then another.
    bench.follower.failed(Failure::Refused, bench.now);
    assert_eq!(bench.follower.following().upstream, None);
    bench.follower.appeared(bench.now);
    ptp4l.states[0] = PortState::Listening;
    assert!(
        !bench.turn(Some(&mut ptp4l)).unwrap().followed,
        "its predecessor's port does not count"
    );
}

#[test]
fn a_refusal_is_told_and_what_is_missing_is_not_made_up() {
    let (mut bench, mut ptp4l) = (Bench::new(), Ptp4l::following());
    ptp4l.refuses = Some(ManagementId::ParentDataSet);
    assert_eq!(bench.turn(Some(&mut ptp4l)), None, "no class, no upstream");
    let refused = Some(Alarm::Refused(ManagementError::NotSupported));
    assert_eq!(bench.follower.following().alarm, refused);
    bench.later(Nanos::from_secs(1));
    bench.turn(Some(&mut ptp4l));
    assert_eq!(bench.follower.following().alarm, refused);
    ptp4l.refuses = None;
    bench.later(Nanos::from_secs(1));
    ptp4l.ingress += 1;
    assert_eq!(bench.turn(Some(&mut ptp4l)), Some(FOLLOWED));
    assert_eq!(bench.follower.following().alarm, None);
    // Permission: tried again each second, without losing touch.
    bench.follower.not_sent(Failure::Permission, bench.now);
    assert_eq!(
        bench.follower.following().alarm,
        Some(Alarm::Unreachable(Failure::Permission))
    );
    assert_eq!(bench.follower.next_at(), Some(bench.now + Nanos::from_secs(1)));
}
