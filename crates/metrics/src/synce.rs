//! `tgm_synce_*` of each instance that has SyncE; `device` and `iface` as synce4l and the kernel name them.

use tgm_core::{Picture, SynceView};

use crate::page::Page;

/// Writes all of them.
pub fn write(page: &mut Page, picture: &Picture<'_>) {
    let told = picture.instances.iter().filter_map(|instance| instance.synce);
    let told: Vec<(SynceView, &str, &str)> = told
        .map(|view| {
            let name = picture.names.port(view.port);
            let (device, iface) = name.split_once('/').unwrap_or(("", name));
            (view, device, iface)
        })
        .collect();
    let labels: Vec<_> = told
        .iter()
        .map(|(_, device, iface)| [("device", *device), ("iface", *iface)])
        .collect();
    let mut gauge = |name: &str, help: &str, value: fn(&SynceView) -> Option<u8>| {
        let told = told.iter().zip(&labels);
        page.gauges(
            name,
            help,
            told.filter_map(|((view, ..), labels)| Some((&labels[..], value(view)?))),
        );
    };
    gauge(
        "tgm_synce_state",
        "E6: SyncE: 0 FREERUN, 1 LOCKED, 2 HOLDOVER.",
        |view| Some(view.state.metric()),
    );
    gauge(
        "tgm_synce_ssm",
        "E7: SSM code that synce4l says it sends; 15: not to be used.",
        |view| view.level.map(|level| level.ssm),
    );
    gauge(
        "tgm_synce_extended_ssm",
        "E7: enhanced SSM code that synce4l says it sends; 255: none.",
        |view| view.level.map(|level| level.extended),
    );
}

#[cfg(test)]
mod tests {
    use tgm_core::synce::QualityLevel;
    use tgm_core::{ClockState, Port};

    use super::*;
    use crate::page::Format;
    use crate::testing::{Scene, picture};

    #[test]
    fn only_what_is_there_is_written() {
        let mut scene = Scene::locked();
        let text = |scene: &Scene| {
            let mut page = Page::new(Format::default());
            write(&mut page, &picture(scene));
            let mut out = Vec::new();
            page.write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert!(!text(&scene).contains("tgm_synce"));
        scene.names = vec!["ens2f0".to_owned(), "synce1/ens2f0".to_owned()];
        let view = SynceView {
            port: Port(1),
            state: ClockState::Holdover,
            level: None,
        };
        scene.instances[0].synce = Some(view);
        assert!(text(&scene).contains("tgm_synce_state{device=\"synce1\",iface=\"ens2f0\"} 2\n"));
        assert!(!text(&scene).contains("ssm"));
        let level = Some(QualityLevel { ssm: 2, extended: 32 });
        scene.instances[0].synce = Some(SynceView { level, ..view });
        let told = text(&scene);
        assert!(
            told.contains("tgm_synce_ssm{device=\"synce1\",iface=\"ens2f0\"} 2\n"),
            "{told}"
        );
        assert!(
            told.contains("tgm_synce_extended_ssm{device=\"synce1\",iface=\"ens2f0\"} 32\n"),
            "{told}"
        );
    }
}
