//! Reads a page of Prometheus text far enough to find a sample.

/// The value of the sample of `name` that has all of `labels`; nothing if there is none or there are several.
pub fn value(page: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut found = page.lines().filter_map(|line| sample(line, name, labels));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn sample(line: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    let (own, number) = match rest.strip_prefix('{') {
        Some(rest) => rest.rsplit_once("} ")?,
        None => ("", rest.strip_prefix(' ')?),
    };
    let all = labels.iter().all(|(key, value)| {
        let label = format!("{key}=\"{value}\"");
        own.split(',').any(|one| one == label)
    });
    if all { number.trim().parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP a b\na{iface=\"x\",process=\"GM\"} 1\na{iface=\"y\",process=\"GM\"} 2\nab 3\nb 4\n";

    #[test]
    fn one_sample_is_found_by_its_labels() {
        assert_eq!(value(PAGE, "a", &[("iface", "x")]), Some(1.0));
        assert_eq!(value(PAGE, "a", &[("process", "GM"), ("iface", "y")]), Some(2.0));
        assert_eq!(value(PAGE, "b", &[]), Some(4.0));
    }

    #[test]
    fn none_and_several_are_nothing() {
        assert_eq!(value(PAGE, "a", &[("process", "GM")]), None);
        assert_eq!(value(PAGE, "a", &[("iface", "z")]), None);
        assert_eq!(value(PAGE, "c", &[]), None);
    }
}
