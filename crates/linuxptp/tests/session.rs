//! Answers matched to requests: the right one, a second, a late one, one about something else, one for somebody else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

mod common;

use common::fake::Fake;
use tgm_linuxptp::management::{Data, Events, MAX_LENGTH, ManagementId, Message, Subscription, Tlv};
use tgm_linuxptp::{ClockIdentity, PATIENCE, Received, Session};
use tgm_time::{Mono, Nanos, Time};

const OWN: ClockIdentity = ClockIdentity([2, 0, 0, 0, 0, 0, 0, 9]);
const DOMAIN: u8 = 24;
const START: Time<Mono> = Time::ZERO;

fn asked(session: &mut Session, id: ManagementId, at: Time<Mono>) -> Vec<u8> {
    let mut buffer = [0; MAX_LENGTH];
    session.get(id, at, &mut buffer).unwrap().1.to_vec()
}

fn answered(request: &[u8]) -> Vec<u8> {
    let mut out = [0; MAX_LENGTH];
    Fake::new().answer(request, &mut out).unwrap().to_vec()
}

/// The answer with something changed.
fn changed(answer: &[u8], change: impl Fn(&mut Message<'_>)) -> Vec<u8> {
    let mut message = Message::decode(answer).unwrap();
    change(&mut message);
    let mut out = [0; MAX_LENGTH];
    message.encode(&mut out).unwrap().to_vec()
}

#[test]
fn the_answer_comes_back_with_its_request_and_once_only() {
    let mut session = Session::new(OWN, DOMAIN, 0);
    let first = asked(&mut session, ManagementId::GrandmasterSettingsNp, START);
    let second = asked(&mut session, ManagementId::GrandmasterSettingsNp, START + Nanos(5));
    for (request, at) in [(&second, Nanos(5)), (&first, Nanos(0))] {
        let answer = answered(request);
        let Received::Answer { request, message } = session.receive(&answer) else {
            panic!("no answer");
        };
        assert_eq!(request.at - START, at);
        assert_eq!(request.sequence, message.sequence);
    }
    assert_eq!(session.receive(&answered(&first)), Received::Dropped);
    let counters = session.counters();
    assert_eq!((counters.answers, counters.duplicates, counters.unanswered), (2, 1, 0));
    assert_eq!(session.expire(START + PATIENCE + Nanos(5)), None);
}

#[test]
fn nobody_answers_and_then_too_late() {
    let mut session = Session::new(OWN, DOMAIN, 0);
    let request = asked(&mut session, ManagementId::GrandmasterSettingsNp, START);
    assert_eq!(session.next_at(), Some(START + PATIENCE));
    assert_eq!(session.expire(START + PATIENCE - Nanos(1)), None);
    assert_eq!(
        session.expire(START + PATIENCE).unwrap().id,
        ManagementId::GrandmasterSettingsNp
    );
    assert_eq!(session.receive(&answered(&request)), Received::Dropped);
    let counters = session.counters();
    assert_eq!((counters.unanswered, counters.late, counters.answers), (1, 1, 0));
}

#[test]
fn what_was_not_asked_or_is_not_for_us_is_counted_and_dropped() {
    let mut session = Session::new(OWN, DOMAIN, 0);
    let answer = answered(&asked(&mut session, ManagementId::GrandmasterSettingsNp, START));
    let mut counts = |bytes: &[u8]| {
        assert_eq!(session.receive(bytes), Received::Dropped);
        session.counters()
    };
    assert_eq!(counts(&changed(&answer, |m| m.sequence += 100)).unasked, 1);
    let about_else = |m: &mut Message<'_>| {
        m.tlv = Tlv::Management {
            id: ManagementId::DefaultDataSet,
            data: Data::Empty,
        }
    };
    assert_eq!(counts(&changed(&answer, about_else)).wrong, 1);
    assert_eq!(counts(&changed(&answer, |m| m.domain = 25)).foreign, 1);
    assert_eq!(
        counts(&changed(&answer, |m| m.target.clock = ClockIdentity([3; 8]))).foreign,
        2
    );
    assert_eq!(counts(&changed(&answer, |m| m.target.port = 7)).foreign, 3);
    assert_eq!(
        counts(&changed(&answer, |m| m.action = tgm_linuxptp::management::Action::Get)).foreign,
        4
    );
    assert_eq!(counts(&answer[..answer.len() - 1]).malformed, 1);
    assert_eq!(counts(b"").malformed, 2);
    // After all that the right one is still right.
    assert!(matches!(session.receive(&answer), Received::Answer { .. }));
}

#[test]
fn a_notification_is_never_taken_for_an_answer() {
    let mut session = Session::new(OWN, DOMAIN, 0);
    let mut ptp4l = Fake::new();
    let (mut buffer, mut out) = ([0; MAX_LENGTH], [0; MAX_LENGTH]);
    let subscription = Subscription {
        seconds: 60,
        events: Events::PARENT_DATA_SET,
    };
    let (_, request) = session.subscribe(subscription, START, &mut buffer).unwrap();
    let granted = ptp4l.answer(request, &mut out).unwrap();
    assert!(matches!(session.receive(granted), Received::Answer { .. }));
    // ptp4l's own first number is the number of our next request.
    let _open = asked(&mut session, ManagementId::ParentDataSet, START);
    let notification = ptp4l.notification(DOMAIN, &mut out).unwrap();
    assert_eq!(Message::decode(notification).unwrap().sequence, 1);
    assert!(matches!(session.receive(notification), Received::Notification(_)));
    assert_eq!(session.counters().answers, 1);
}

#[test]
fn every_port_answers_one_request() {
    let mut session = Session::new(OWN, DOMAIN, 0);
    let request = asked(&mut session, ManagementId::PortDataSet, START);
    let refusal = answered(&request);
    for _ in 0..3 {
        assert!(matches!(session.receive(&refusal), Received::Answer { .. }));
    }
    assert_eq!(session.expire(START + PATIENCE), None, "it was answered");
    assert_eq!(session.receive(&refusal), Received::Dropped);
    let counters = session.counters();
    assert_eq!((counters.answers, counters.refused, counters.duplicates), (3, 3, 1));
}

#[test]
fn more_than_can_wait_push_the_oldest_out() {
    let mut session = Session::new(OWN, DOMAIN, 0);
    let requests: Vec<_> = (0..20)
        .map(|n| asked(&mut session, ManagementId::GrandmasterSettingsNp, START + Nanos(n)))
        .collect();
    assert_eq!(session.receive(&answered(&requests[3])), Received::Dropped);
    assert!(matches!(
        session.receive(&answered(&requests[4])),
        Received::Answer { .. }
    ));
    assert_eq!((session.counters().unanswered, session.counters().late), (4, 1));
    session.forget();
    assert_eq!(session.next_at(), None);
    assert_eq!(session.receive(&answered(&requests[19])), Received::Dropped);
}

#[test]
fn numbers_wrap_around() {
    let mut session = Session::new(OWN, DOMAIN, 0);
    for _ in 0..0x1_0000 {
        let _ = asked(&mut session, ManagementId::GrandmasterSettingsNp, START);
    }
    let request = asked(&mut session, ManagementId::GrandmasterSettingsNp, START + Nanos(1));
    assert_eq!(Message::decode(&request).unwrap().sequence, 0);
    assert!(matches!(session.receive(&answered(&request)), Received::Answer { .. }));
}

#[test]
fn a_request_that_could_not_be_sent_is_not_missed() {
    let mut session = Session::new(OWN, DOMAIN, 0);
    let first = asked(&mut session, ManagementId::GrandmasterSettingsNp, START);
    let _ = asked(&mut session, ManagementId::GrandmasterSettingsNp, START);
    session.withdraw();
    session.withdraw();
    assert_eq!(session.counters().requests, 1);
    assert!(matches!(session.receive(&answered(&first)), Received::Answer { .. }));
    assert_eq!(session.expire(START + PATIENCE), None);
    assert_eq!(session.counters().unanswered, 0);
}
