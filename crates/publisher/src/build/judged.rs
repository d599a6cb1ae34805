//! How an instance is judged, from its settings.

use tgm_core::Instance as Id;
use tgm_core::config::{
    CardPolicy, Compat, DrillPlan, InstanceConfig, Judge, Limits, OnFault, OutOfSpec, Policy, Profile,
};
use tgm_core::process::Downtimes;
use tgm_time::Nanos;

use crate::config::{Authority, Card, CompatName, Holdover, Instance, OnFaultName, OutOfSpecClass, ProfileName, Role};

/// How the instance `id` is judged.
pub fn judged(id: Id, instance: &Instance) -> InstanceConfig {
    InstanceConfig {
        instance: id,
        judge: match (instance.authority, instance.role) {
            (Authority::Relay, _) => Judge::Relay,
            (Authority::Native, Role::Grandmaster) => Judge::Tgm,
            (Authority::Native, Role::Boundary) => Judge::Tbc,
            (Authority::Native, Role::Slave) => Judge::Slave,
        },
        limits: limits(instance),
        out_of_spec: match instance.out_of_spec_class {
            OutOfSpecClass::None => OutOfSpec::None,
            OutOfSpecClass::Category1 => OutOfSpec::Category1,
            OutOfSpecClass::Category2 => OutOfSpec::Category2,
            OutOfSpecClass::Category3 => OutOfSpec::Category3,
            OutOfSpecClass::Auto => OutOfSpec::Auto,
        },
    }
}

/// What of it is a matter of choice.
pub fn policy(instance: &Instance) -> Policy {
    Policy {
        profile: match instance.profile {
            ProfileName::G8275 => Profile::G8275,
            ProfileName::Default1588 => Profile::Default1588,
            ProfileName::Default1588MayFollow => Profile::Default1588MayFollow,
        },
        compat: match instance.compat {
            CompatName::None => Compat::None,
            CompatName::Openshift => Compat::Openshift,
        },
        ..Policy::default()
    }
}

/// What of a card is. Its pins are ours where `control.dpll` says so.
pub fn card_policy(card: &Card, holdover: &Holdover, owns_pins: bool) -> CardPolicy {
    let drill = &holdover.drill;
    CardPolicy {
        owns_pins,
        trust_learned: holdover.trust_learned,
        drill: (drill.every_s > 0).then_some(DrillPlan {
            every: Nanos::from_secs(drill.every_s),
            length: Nanos::from_secs(drill.length_s),
            bound: Nanos(drill.bound_ns),
            alone: drill.alone,
        }),
        frequency_limit: (card.frequency_walk_ppt > 0).then_some(i64::from(card.frequency_walk_ppt)),
        cable: Nanos(i64::from(card.cable_uncertainty_ns)),
        phy: Nanos(i64::from(card.phy_asymmetry_ns)),
        on_fault: match card.on_fault {
            OnFaultName::Node => OnFault::Node,
            OnFaultName::Isolate => OnFault::Isolate,
        },
    }
}

fn limits(instance: &Instance) -> Limits {
    Limits {
        offset: Nanos(instance.offset_limit_ns),
        os_clock: Nanos(instance.os_clock_range_ns().1),
        os_clock_lowest: Nanos(instance.os_clock_range_ns().0),
        in_sync_times: instance.in_sync_condition_times,
        in_sync_span: Nanos::from_secs(instance.in_sync_span_s),
        flapping_window: Nanos::from_secs(instance.flapping_window_s),
        flapping_times: instance.flapping_max_times,
        max_in_spec: Nanos(instance.max_in_spec_offset_ns),
        max_holdover: Nanos(instance.local_max_holdover_offset_ns),
        holdover_timeout: Nanos::from_secs(instance.local_holdover_timeout_s),
        downtimes: instance
            .process
            .each()
            .iter()
            .fold(Downtimes::DEFAULT, |downtimes, (process, settings)| {
                downtimes.with(*process, Nanos::from_secs(settings.downtime_threshold_s))
            }),
        os_clock_holdover: Nanos::from_secs(instance.os_clock_holdover_s),
        gnss_trust: Nanos::from_secs(instance.gnss_trust_s),
        ..Limits::DEFAULT
    }
}
