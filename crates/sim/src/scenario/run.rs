//! A scenario in virtual time: the simulated cards drive a real core, and what it tells is held against the file.

use tgm_core::{Core, Event, EventKind, Instance, Now};
use tgm_time::{Mono, Nanos, Time};

use super::words::{seconds, word};
use super::{Expectation, Failure, Report, Scenario, Told};
use crate::simulation::{Setup, Simulation};

/// Time 0 of every scenario in monotonic time.
const START: Time<Mono> = Time::from_parts(1_000, 0);

/// Runs a scenario; `observer` sees each event as it is told. Takes as long as the processor needs, no longer.
pub fn run(scenario: &Scenario, mut observer: impl FnMut(&Told)) -> Report {
    let mut report = Report::default();
    let Ok(mut core) = scenario.setup.core() else {
        report.fail(None, "more cards or instances than a core has room for".to_owned());
        return report;
    };
    let start = Now {
        mono: START,
        system: scenario.utc,
    };
    let mut simulation = Simulation::new(&scenario.setup, start);
    simulation.warm_up(&mut core, |_| ());
    let mut events = Vec::new();
    let end = START + scenario.duration;
    if scenario.setup.head_start == Nanos::ZERO {
        core.tick(simulation.now(START), |event| tell(event, &mut events, &mut observer));
    } else if !is_locked(&core, &scenario.setup) {
        report.fail(None, "not locked at the start".to_owned());
    }
    let mut truth = Truth::default();
    while let Some(at) = simulation.drive(&mut core, end, |event| tell(event, &mut events, &mut observer)) {
        truth.watch(scenario, &core, &simulation, at);
    }
    report.events = events;
    judge(scenario, &truth, &mut report);
    report
}

fn tell(event: &Event, events: &mut Vec<Told>, observer: &mut impl FnMut(&Told)) {
    let told = Told {
        at: event_time(event),
        event: *event,
    };
    observer(&told);
    events.push(told);
}

fn event_time(event: &Event) -> Nanos {
    event.at - START
}

fn is_locked(core: &Core, setup: &Setup) -> bool {
    setup.cards.is_empty() || core.node_view(START).lock_state == Some(tgm_core::ClockState::Locked)
}

/// Watches the true time error, which no event tells.
#[derive(Debug, Default)]
struct Truth {
    worst: Nanos,
    beyond: Option<(Nanos, Nanos)>,
}

impl Truth {
    fn watch(&mut self, scenario: &Scenario, core: &Core, simulation: &Simulation, at: Time<Mono>) {
        let Some(bound) = scenario.true_error else { return };
        let claims = |instance: Instance| {
            let mut views = core.instances(at);
            let class = views.find(|view| view.instance == instance).and_then(|view| view.class);
            class.is_some_and(|class| matches!(class.0, 6 | 7))
        };
        for card in simulation.cards() {
            let error = card.true_error();
            if claims(card.setup().instance) {
                self.worst = self.worst.max(error.abs());
                if error.abs() > bound && self.beyond.is_none() {
                    self.beyond = Some((at - START, error));
                }
            }
        }
    }
}

impl Report {
    fn fail(&mut self, line: Option<usize>, text: String) {
        self.failures.push(Failure { line, text });
    }
}

/// A value as people write it.
fn written(kind: EventKind, value: i64) -> String {
    word(kind, value).map_or_else(|| value.to_string(), str::to_owned)
}

fn judge(scenario: &Scenario, truth: &Truth, report: &mut Report) {
    let events = std::mem::take(&mut report.events);
    report.expected = scenario.expectations.len() + scenario.never.len() + scenario.count.len();
    for expectation in &scenario.expectations {
        if let Err(instead) = met(expectation, &events) {
            report.fail(Some(expectation.line), instead);
        }
    }
    for (kind, value) in &scenario.never {
        let told = |told: &&Told| (told.event.kind, told.event.new) == (*kind, *value);
        if let Some(told) = events.iter().find(told) {
            let text = format!(
                "{} {} must never be told, and was at {} ({})",
                kind.name(),
                written(*kind, *value),
                seconds(told.at),
                told.event.cause.name(),
            );
            report.fail(None, text);
        }
    }
    for (kind, expected) in &scenario.count {
        let told = events.iter().filter(|told| told.event.kind == *kind).count();
        if told != *expected {
            let text = format!(
                "{} was told {told} times, expected {expected}: {}",
                kind.name(),
                history(*kind, &events)
            );
            report.fail(None, text);
        }
    }
    if let Some(bound) = scenario.true_error {
        report.expected += 1;
        if let Some((at, error)) = truth.beyond {
            let text = format!(
                "true time error {error} beyond {bound} under class 6 or 7 at {}",
                seconds(at)
            );
            report.fail(None, text);
        }
    }
    report.events = events;
}

/// Whether what was expected came; else what came instead.
fn met(expectation: &Expectation, events: &[Told]) -> Result<(), String> {
    let kind = expectation.kind;
    let start = match expectation.from {
        None => Nanos::ZERO,
        Some((kind, value)) => {
            let is = |told: &&Told| (told.event.kind, told.event.new) == (kind, value);
            let Some(told) = events.iter().find(is) else {
                return Err(format!(
                    "{} {} never came to count from",
                    kind.name(),
                    written(kind, value)
                ));
            };
            told.at
        }
    };
    let (first, last) = (start + expectation.within.0, start + expectation.within.1);
    let came = events.iter().any(|told| {
        let event = &told.event;
        (event.kind, event.new) == (kind, expectation.value)
            && told.at >= first
            && told.at <= last
            && expectation.cause.is_none_or(|cause| event.cause == cause)
            && expectation.port.is_none_or(|port| event.port == port)
    });
    if came {
        return Ok(());
    }
    let because = expectation
        .cause
        .map(|cause| format!(" ({})", cause.name()))
        .unwrap_or_default();
    Err(format!(
        "expected {} {}{because} within {} … {}; told: {}",
        kind.name(),
        written(kind, expectation.value),
        seconds(first),
        seconds(last),
        history(kind, events),
    ))
}

/// Everything that was told of a kind, in one line.
fn history(kind: EventKind, events: &[Told]) -> String {
    let of_kind = events.iter().filter(|told| told.event.kind == kind);
    let all: Vec<String> = of_kind
        .map(|told| {
            let value = written(kind, told.event.new);
            format!("{value} at {} ({})", seconds(told.at), told.event.cause.name())
        })
        .collect();
    if all.is_empty() {
        "nothing".to_owned()
    } else {
        all.join(", ")
    }
}
