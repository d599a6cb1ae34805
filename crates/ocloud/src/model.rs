//! What each resource shows: read out of the present picture for pull, moved on event by event for push.

use tgm_core::synce::QualityLevel;
use tgm_core::{CardView, Event, EventKind, Instance, Picture, Port, ToldOf, ToldView};
use tgm_time::Nanos;

use crate::resource::{Resource, Resources};

/// One instance's or card's part of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Whose.
    pub instance: Instance,
    /// Where; [`Port::NODE`] for the node's own.
    pub port: Port,
    /// The state's or status's number, as events carry it.
    pub value: i64,
    /// The offset that goes with it, if known.
    pub offset: Option<Nanos>,
    /// Kind of fix, 0…5; of the receiver only.
    pub fix: Option<i8>,
}

impl Row {
    /// Whether both tell of the same thing: lock state and class belong to an instance, the rest to a card or the node.
    fn is_about(&self, resource: Resource, event: &Event) -> bool {
        match resource {
            Resource::SyncState | Resource::OsClock => true,
            Resource::LockState | Resource::ClockClass => self.instance == event.instance,
            _ if resource.is_of_synce() => (self.instance, self.port) == (event.instance, event.port),
            _ => self.port == event.port,
        }
    }
}

/// Appends the rows that `resource` has in the picture; none where nothing is known.
pub fn rows_of(resource: Resource, picture: &Picture<'_>, out: &mut Vec<Row>) {
    let node = |value, offset| Row {
        instance: Instance::default(),
        port: Port::NODE,
        value,
        offset,
        fix: None,
    };
    let cards = |pick: fn(&CardView) -> Option<i64>| {
        picture.cards.iter().filter_map(move |card| {
            let (offset, fix) = match resource {
                Resource::Gnss => (card.t_acc, (card.fix >= 0).then_some(card.fix)),
                _ => (None, None),
            };
            Some(Row {
                instance: card.instance,
                port: card.port,
                value: pick(card)?,
                offset,
                fix,
            })
        })
    };
    match resource {
        // The node's own states are made of its instances': without one there is nothing to tell.
        Resource::SyncState | Resource::OsClock if picture.instances.is_empty() => {}
        Resource::SyncState => out.push(node(i64::from(picture.node.sync_state.metric()), None)),
        Resource::OsClock => out.push(node(
            i64::from(picture.node.os_clock.metric()),
            picture.node.os_clock_offset,
        )),
        Resource::LockState | Resource::ClockClass => out.extend(picture.instances.iter().filter_map(|instance| {
            let (value, offset) = match resource {
                Resource::LockState => (i64::from(instance.lock_state?.metric()), instance.offset),
                _ => (i64::from(instance.class?.0), None),
            };
            Some(Row {
                instance: instance.instance,
                port: instance.port,
                value,
                offset,
                fix: None,
            })
        })),
        Resource::SynceState | Resource::SynceQuality => {
            out.extend(picture.instances.iter().filter_map(|instance| {
                let synce = instance.synce?;
                let value = match resource {
                    Resource::SynceState => i64::from(synce.state.metric()),
                    _ => synce.level?.value(),
                };
                Some(Row {
                    instance: instance.instance,
                    port: synce.port,
                    value,
                    offset: None,
                    fix: None,
                })
            }));
        }
        Resource::Gnss => out.extend(cards(|card| Some(i64::from(card.gnss_state?.number())))),
        Resource::Frequency => out.extend(cards(|card| Some(i64::from(card.frequency)))),
        Resource::Phase => out.extend(cards(|card| Some(i64::from(card.phase)))),
        Resource::Pps => out.extend(cards(|card| Some(i64::from(card.pps)))),
        Resource::Nmea => out.extend(cards(|card| told(card.nmea))),
        Resource::Fix => out.extend(cards(|card| told(card.fix))),
    }
    out.extend(picture.told.iter().filter_map(|view| row_told(resource, view)));
}

/// The row that `resource` has of what another daemon tells.
fn row_told(resource: Resource, view: &ToldView) -> Option<Row> {
    let row = |value, offset, fix: Option<u8>| Row {
        instance: view.instance,
        port: view.port,
        value,
        offset,
        fix: fix.and_then(|fix| i8::try_from(fix).ok()),
    };
    match (resource, view.of) {
        (Resource::Gnss, ToldOf::Receiver { state, fix, offset }) => Some(row(i64::from(state.number()), offset, fix)),
        (Resource::Fix, ToldOf::Receiver { fix, .. }) => Some(row(i64::from(fix?), None, None)),
        (Resource::SynceState, ToldOf::Synce { state, .. }) => Some(row(i64::from(state?.metric()), None, None)),
        (Resource::SynceQuality, ToldOf::Synce { level, .. }) => Some(row(level.map(QualityLevel::value)?, None, None)),
        _ => None,
    }
}

/// The kind of fix of the receiver there, if it is known.
fn fix_at(port: Port, picture: &Picture<'_>) -> Option<i8> {
    if let Some(card) = picture.cards.iter().find(|card| card.port == port) {
        return Some(card.fix).filter(|fix| *fix >= 0);
    }
    let mut here = picture.told.iter().filter(|view| view.port == port);
    here.find_map(|view| row_told(Resource::Fix, view))
        .and_then(|row| i8::try_from(row.value).ok())
}

/// A status as a value, if anybody told it.
fn told(number: i8) -> Option<i64> {
    (number >= 0).then_some(i64::from(number))
}

/// What was told last, of every resource.
#[derive(Debug, Default)]
pub struct Model {
    rows: [Vec<Row>; Resource::COUNT],
}

impl Model {
    /// The rows of one resource.
    pub fn rows(&self, resource: Resource) -> &[Row] {
        self.rows.get(resource.index()).map_or(&[], Vec::as_slice)
    }

    /// Takes the picture as the truth; the resources whose states differ from before.
    pub fn replace(&mut self, picture: &Picture<'_>) -> Resources {
        let mut changed = Resources::NONE;
        for (resource, rows) in Resource::ALL.into_iter().zip(&mut self.rows) {
            let mut new = Vec::with_capacity(rows.len());
            rows_of(resource, picture, &mut new);
            let states = |rows: &[Row]| -> Vec<_> { rows.iter().map(|row| (row.port, row.value)).collect() };
            if states(rows) != states(&new) {
                changed = changed.with(Resources::just(resource));
            }
            *rows = new;
        }
        changed
    }

    /// Moves the event's resource on. `None` if consumers already know the value, or the event changes no resource.
    pub fn apply(&mut self, event: &Event, picture: &Picture<'_>) -> Option<Resource> {
        if event.kind == EventKind::GnssFix {
            // The receiver's own event carries the kind of fix too; it goes along with the next one.
            let rows = self.rows.get_mut(Resource::Gnss.index())?;
            rows.iter_mut()
                .filter(|row| row.port == event.port)
                .for_each(|row| row.fix = i8::try_from(event.new).ok());
        }
        let resource = Resource::of(event.kind)?;
        let new = Row {
            instance: event.instance,
            port: event.port,
            value: event.new,
            offset: event.offset,
            fix: fix_at(event.port, picture).filter(|_| resource == Resource::Gnss),
        };
        let rows = self.rows.get_mut(resource.index())?;
        // An instance that nobody had named may have gone.
        rows.retain(|row| {
            let told = picture.told.iter().map(|known| known.instance);
            let mut instances = picture.instances.iter().map(|known| known.instance).chain(told);
            row.port == Port::NODE || row.instance == event.instance || instances.any(|known| known == row.instance)
        });
        let Some(row) = rows.iter_mut().find(|row| row.is_about(resource, event)) else {
            rows.push(new);
            return Some(resource);
        };
        let is_known = row.value == new.value;
        *row = new;
        (!is_known).then_some(resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scene, event, picture};

    #[test]
    fn an_event_moves_its_row_and_no_other() {
        let scene = Scene::locked();
        let mut model = Model::default();
        assert!(!model.replace(&picture(&scene)).is_empty());
        assert!(model.replace(&picture(&scene)).is_empty(), "nothing changed since");
        let holdover = event(EventKind::LockState, 1, 2);
        assert_eq!(model.apply(&holdover, &picture(&scene)), Some(Resource::LockState));
        assert_eq!(model.apply(&holdover, &picture(&scene)), None, "told already");
        assert_eq!(model.rows(Resource::LockState)[0].value, 2);
        assert_eq!(model.rows(Resource::SyncState)[0].value, 1);
    }

    #[test]
    fn a_lost_event_is_found_in_the_picture() {
        let mut scene = Scene::locked();
        let mut model = Model::default();
        model.replace(&picture(&scene));
        scene.cards[0].frequency = 4;
        let changed = model.replace(&picture(&scene));
        assert_eq!(changed, Resources::just(Resource::Frequency));
    }

    #[test]
    fn offsets_alone_are_no_change() {
        let mut scene = Scene::locked();
        let mut model = Model::default();
        model.replace(&picture(&scene));
        scene.instances[0].offset = Some(Nanos(77));
        assert!(model.replace(&picture(&scene)).is_empty());
        assert_eq!(model.rows(Resource::LockState)[0].offset, Some(Nanos(77)));
    }

    #[test]
    fn a_receivers_event_carries_its_kind_of_fix() {
        let mut scene = Scene::locked();
        let mut model = Model::default();
        model.replace(&picture(&scene));
        scene.cards[0].fix = 0;
        assert_eq!(
            model.apply(&event(EventKind::GnssState, 0, 6), &picture(&scene)),
            Some(Resource::Gnss)
        );
        assert_eq!(model.rows(Resource::Gnss)[0].fix, Some(0));
    }

    #[test]
    fn a_level_that_is_sent_anew_moves_its_row() {
        let scene = Scene::with_synce();
        let mut model = Model::default();
        model.replace(&picture(&scene));
        let sent = event(EventKind::SynceQuality, 0x2002, 0xff0b);
        assert_eq!(model.apply(&sent, &picture(&scene)), Some(Resource::SynceQuality));
        assert_eq!(
            model.rows(Resource::SynceQuality),
            [Row {
                value: 0xff0b,
                ..model.rows(Resource::SynceState)[0]
            }]
        );
        assert_eq!(
            model.apply(&event(EventKind::SynceState, 1, 1), &picture(&scene)),
            None,
            "told already"
        );
    }

    #[test]
    fn what_nobody_told_has_no_row() {
        let mut scene = Scene::locked();
        scene.instances[0].lock_state = None;
        scene.cards[0].gnss_state = None;
        scene.cards[0].nmea = -1;
        scene.cards[0].fix = -1;
        let mut model = Model::default();
        model.replace(&picture(&scene));
        for resource in [
            Resource::LockState,
            Resource::Gnss,
            Resource::Nmea,
            Resource::Fix,
            Resource::SynceState,
            Resource::SynceQuality,
        ] {
            assert!(model.rows(resource).is_empty(), "{resource:?}");
        }
    }
}
