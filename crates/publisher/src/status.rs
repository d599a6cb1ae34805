//! `/status`: everything that is known now, as one JSON object. `tgmctl status` prints it.

use serde_json::{Map, Value, json};
use tgm_core::learn::Readiness;
use tgm_core::{Announce, CardView, ClockState, Forecast, Instance, InstanceView, Picture, TeBound};
use tgm_linuxptp::ClockIdentity;
use tgm_node::pins::Standing;
use tgm_node::processes::WATCHED;
use tgm_node::shared::layout::COUNTERS;
use tgm_node::shared::{AnnounceRead, Counter, UpstreamRead};
use tgm_time::civil::Civil;
use tgm_time::{Nanos, Seconds};

use crate::feed::Feed;
use crate::why::why;
use crate::wires;

fn nanos(value: Option<Nanos>) -> Value {
    value.map_or(Value::Null, |value| value.0.into())
}

fn seconds(value: Option<Seconds>) -> Value {
    value.map_or(Value::Null, |value| value.0.into())
}

fn state(value: Option<ClockState>) -> Value {
    value.map_or(Value::Null, |value| value.name().into())
}

/// The present status.
pub fn status(feed: &Feed, node: &str) -> Value {
    let alive = feed.counts().alive;
    let mut out = json!({ "node": node, "node_alive": alive });
    let Some(Ok(snapshot)) = feed.snapshot() else {
        return out;
    };
    let told = describe(&snapshot.picture(), feed);
    if let (Some(out), Value::Object(told)) = (out.as_object_mut(), told) {
        out.extend(told);
    }
    out
}

fn describe(picture: &Picture<'_>, feed: &Feed) -> Value {
    json!({
        "simulated": picture.node.simulated,
        "sync_state": picture.node.sync_state.name(),
        "lock_state": state(picture.node.lock_state),
        "os_clock_state": picture.node.os_clock.name(),
        "os_clock_offset_ns": nanos(picture.node.os_clock_offset),
        "last_event": picture.node.seq,
        "line_sources": feed.line_sources().iter().map(|age| json!({
            "name": age.name, "up": age.up, "silent_s": age.silent_s,
        })).collect::<Vec<_>>(),
        "instances": picture.instances.iter().map(|view| instance(view, picture, feed)).collect::<Vec<_>>(),
        "cards": picture.cards.iter().enumerate().map(|(place, view)| card(view, picture, &feed.counters(place))).collect::<Vec<_>>(),
    })
}

fn instance(view: &InstanceView, picture: &Picture<'_>, feed: &Feed) -> Value {
    let ptp4l = feed.announce(view.instance);
    let wires = feed.wires();
    let upstream = feed.upstream(view.instance);
    json!({
        "name": picture.names.instance(view.instance),
        "lock_state": state(view.lock_state),
        "clock_class": view.class.map(|class| class.0),
        "why": why(view, picture) + &wires::why(&wires, view.instance, picture.names),
        "offset_ns": nanos(view.offset),
        "adopted": feed.is_adopted(view.instance),
        "utc_offset_s": seconds(view.announce.and_then(|announce| announce.utc_offset)),
        "announce_desired": view.announce.map(announce),
        "processes": processes(feed, view.instance),
        "ptp4l": ptp4l.mode_name().map(|mode| told_by_ptp4l(mode, &ptp4l)),
        "wire": wires::of(&wires, view.instance, picture.names),
        "synce": view.synce.map(|synce| json!({
            "state": state(Some(synce.state)),
            "ssm": synce.level.map(|level| level.ssm),
            "extended_ssm": synce.level.map(|level| level.extended),
        })),
        "upstream": upstream.asked.then(|| told_of_upstream(&upstream)),
    })
}

/// The processes that are looked after, by name.
fn processes(feed: &Feed, instance: Instance) -> Value {
    let told = WATCHED.into_iter().filter_map(|process| {
        let read = feed.process(instance, process);
        let told = json!({
            "up": read.up?,
            "pid": (read.pid != 0).then_some(read.pid),
            "starts": read.starts,
            "configuration_faults": read.faults,
        });
        Some((process.name().to_owned(), told))
    });
    Value::Object(told.collect())
}

fn told_by_ptp4l(mode: &str, read: &AnnounceRead) -> Value {
    json!({
        "announce": mode,
        "agreed": read.agreed,
        "alarm": read.alarm_name(),
        "clock_class": read.actual.map(|(class, _)| class),
        "clock_accuracy": read.actual.map(|(_, accuracy)| format!("{accuracy:#04x}")),
        "convergence_last_ns": nanos(read.last),
        "convergence_longest_ns": nanos(read.last.map(|_| read.longest)),
        "sets": read.sets,
        "foreign_changes": read.foreign_changes,
        "appearances": read.appearances,
        "answers": read.answers,
        "unanswered": read.unanswered,
        "stray_datagrams": read.stray,
    })
}

fn told_of_upstream(read: &UpstreamRead) -> Value {
    json!({
        "followed": read.followed,
        "port": (read.port != 0).then_some(read.port),
        "clock_class": read.class,
        "offset_ns": nanos(read.offset),
        "grandmaster": read.grandmaster.map(|bytes| ClockIdentity(bytes).to_string()),
        "alarm": read.alarm_name(),
        "appearances": read.appearances,
        "answers": read.answers,
        "unanswered": read.unanswered,
    })
}

fn announce(announce: Announce) -> Value {
    json!({
        "clock_class": announce.class.0,
        "clock_accuracy": format!("{:#04x}", announce.accuracy),
        "offset_scaled_log_variance": format!("{:#06x}", announce.variance),
        "time_traceable": announce.time_traceable,
        "frequency_traceable": announce.frequency_traceable,
        "time_source": format!("{:#04x}", announce.time_source),
        "current_utc_offset_s": seconds(announce.utc_offset),
        "leap_second": announce.leap.name(),
    })
}

fn card(view: &CardView, picture: &Picture<'_>, counters: &[u64; COUNTERS]) -> Value {
    // A simulation that runs faster than life has moments of its own: its picture says when it was made.
    let since = picture.node.at.since(view.since).whole_secs();
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("interface", picture.names.port(view.port).into());
    put("instance", picture.names.instance(view.instance).into());
    put("simulated", view.simulated.into());
    put("state", view.state.name().into());
    put("for_s", since.into());
    put("flapping", view.flapping.into());
    put("frequency_status", view.frequency.into());
    put("eec_quality", view.eec_quality.name().into());
    put("phase_status", view.phase.into());
    put("pps_status", view.pps.into());
    put("nmea_status", view.nmea.into());
    put("phase_offset_ns", nanos(view.phase_offset));
    put("phc_offset_ns", nanos(view.phc_offset));
    put("holdover_estimate_ns", nanos(view.estimate));
    put(
        "time_error_bound_ns",
        nanos(TeBound::of(view).map(|bound| bound.total())),
    );
    put("holdover", holdover(&view.forecast));
    put(
        "gnss_state",
        view.gnss_state.map_or(Value::Null, |state| state.name().into()),
    );
    put("fix", view.fix.into());
    put("t_acc_ns", nanos(view.t_acc));
    put("clock_bias_ns", nanos(view.clock_bias));
    put(
        "time",
        view.utc
            .map_or(Value::Null, |utc| Civil::from(utc).rfc3339().to_string().into()),
    );
    put("utc_offset_s", seconds(view.utc_offset));
    put("satellites_used", view.used.into());
    put("satellites_seen", view.seen.into());
    put("antenna", view.antenna.name().into());
    put("jamming", view.jamming.name().into());
    put("spoofing", view.spoofing.name().into());
    put("receiver", receiver(counters));
    put("pins", pins(counters));
    Value::Object(out)
}

/// What is to be expected of a holdover, the present one or the next.
fn holdover(forecast: &Forecast) -> Value {
    let whole = |left: Option<Nanos>| left.map_or(Value::Null, |left| left.whole_secs().into());
    json!({
        "model": forecast.model.name(),
        "ends_known": forecast.ends,
        "offset_ns": forecast.offset.0,
        "bound_ns": forecast.bound.0,
        "in_spec_left_s": whole(forecast.left_in_spec),
        "left_s": whole(forecast.left),
        "ready": forecast.readiness == Readiness::Ready,
        "reason": forecast.readiness.name(),
        "drill": forecast.drill,
    })
}

/// What the service beside the receiver does; null: there is none.
fn receiver(counters: &[u64; COUNTERS]) -> Value {
    let figure = |counter: Counter| counters.get(counter as usize).copied().unwrap_or(0);
    if figure(Counter::FanoutUp) == 0 {
        return Value::Null;
    }
    let setup = match figure(Counter::Setup) {
        0 => Value::Null,
        1 => "under way".into(),
        2 => "done".into(),
        3 => "done in part".into(),
        4 => "receiver unknown".into(),
        other => format!("unknown ({other})").into(),
    };
    json!({
        "setup": setup,
        "antenna_moved": figure(Counter::SetupMoved) != 0,
        "readers": figure(Counter::FanoutReaders),
        "lost_bytes": figure(Counter::FanoutTapLost),
        "lost_frames": figure(Counter::FanoutLostFrames),
        "written_frames": figure(Counter::FanoutWritten),
        "refused_frames": figure(Counter::FanoutRefused),
    })
}

/// How the card's pins stand; null: none is held.
fn pins(counters: &[u64; COUNTERS]) -> Value {
    let figure = |counter: Counter| counters.get(counter as usize).copied().unwrap_or(0);
    let as_wished = match figure(Counter::PinStanding) {
        0 => return Value::Null,
        standing => standing == Standing::AsWished as u64,
    };
    json!({
        "as_wished": as_wished,
        "changes": figure(Counter::PinChanges),
        "foreign": figure(Counter::PinForeign),
        "failures": figure(Counter::PinFailures),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_says_how_long_and_whether_it_is_ready_and_why_not() {
        let forecast = Forecast {
            ends: 2,
            readiness: Readiness::HistoryShort,
            bound: Nanos(7),
            left_in_spec: Some(Nanos(14_399_999_999_999)),
            ..Forecast::default()
        };
        let told = json!({
            "model": "default", "ends_known": 2, "offset_ns": 0, "bound_ns": 7, "in_spec_left_s": 14_399, "left_s": null,
            "ready": false, "reason": "history-short", "drill": false,
        });
        assert_eq!(holdover(&forecast), told);
    }

    #[test]
    fn pins_that_nobody_holds_say_nothing() {
        let mut counters = [0; COUNTERS];
        assert_eq!(pins(&counters), Value::Null);
        counters[Counter::PinStanding as usize] = 2;
        counters[Counter::PinFailures as usize] = 4;
        let told = json!({ "as_wished": false, "changes": 0, "foreign": 0, "failures": 4 });
        assert_eq!(pins(&counters), told);
    }

    #[test]
    fn a_receiver_without_a_service_says_nothing_and_one_with_it_all() {
        let mut counters = [0; COUNTERS];
        assert_eq!(receiver(&counters), Value::Null);
        for (counter, value) in [
            (Counter::FanoutUp, 2),
            (Counter::FanoutReaders, 3),
            (Counter::FanoutTapLost, 1024),
            (Counter::FanoutLostFrames, 5),
            (Counter::FanoutWritten, 6),
            (Counter::FanoutRefused, 7),
        ] {
            counters[counter as usize] = value;
        }
        let told = json!({
            "setup": null, "antenna_moved": false, "readers": 3, "lost_bytes": 1024, "lost_frames": 5, "written_frames": 6,
            "refused_frames": 7,
        });
        assert_eq!(receiver(&counters), told);
        (
            counters[Counter::Setup as usize],
            counters[Counter::SetupMoved as usize],
        ) = (3, 1);
        let told = receiver(&counters);
        assert_eq!(
            (&told["setup"], &told["antenna_moved"]),
            (&json!("done in part"), &json!(true))
        );
        counters[Counter::Setup as usize] = 9;
        assert_eq!(receiver(&counters)["setup"], "unknown (9)");
    }
}
