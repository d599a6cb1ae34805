//! How an instance is judged, from its settings.

use tgm_core::Instance as Id;
use tgm_core::config::{InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::process::Downtimes;
use tgm_time::Nanos;

use crate::config::{Instance, OutOfSpecClass};

/// How the instance `id` is judged.
pub fn judged(id: Id, instance: &Instance) -> InstanceConfig {
    InstanceConfig {
        instance: id,
        judge: Judge::Tgm,
        limits: limits(instance),
        out_of_spec: match instance.out_of_spec_class {
            OutOfSpecClass::None => OutOfSpec::None,
            OutOfSpecClass::Category1 => OutOfSpec::Category1,
            OutOfSpecClass::Category2 => OutOfSpec::Category2,
            OutOfSpecClass::Category3 => OutOfSpec::Category3,
        },
    }
}

fn limits(instance: &Instance) -> Limits {
    Limits {
        offset: Nanos(instance.offset_limit_ns),
        os_clock: Nanos(instance.os_clock_limit_ns),
        in_sync_times: instance.in_sync_condition_times,
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
        ..Limits::DEFAULT
    }
}
