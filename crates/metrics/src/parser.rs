//! A strict reader of the text format, for tests: anything that is not exactly right panics.

use std::collections::{BTreeMap, BTreeSet};

/// What one scrape said.
#[derive(Debug, Default)]
pub struct Scrape {
    /// Type and help, by family.
    pub families: BTreeMap<String, (String, String)>,
    /// Values, by series as written.
    pub series: BTreeMap<String, f64>,
    /// All labels, unescaped.
    pub labels: BTreeSet<(String, String)>,
}

/// Reads a scrape: each family once, in one piece, help before type before samples; each series once.
pub fn parse(text: &str) -> Scrape {
    assert!(text.ends_with('\n'));
    let mut scrape = Scrape::default();
    let mut lines = text.split_terminator('\n').peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").expect(line).split_once(' ').expect(line);
        let kind = lines
            .next()
            .unwrap()
            .strip_prefix(&format!("# TYPE {name} "))
            .expect(line);
        assert!(["gauge", "counter", "histogram"].contains(&kind), "{kind}");
        assert!(kind != "counter" || name.ends_with("_total"), "{name}");
        let before = scrape
            .families
            .insert(name.to_owned(), (kind.to_owned(), help.to_owned()));
        assert!(before.is_none(), "{name} twice");
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            sample(&mut scrape, name, kind, line);
        }
    }
    scrape
}

fn sample(scrape: &mut Scrape, family: &str, kind: &str, line: &str) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, mut rest) = line.split_at(end);
    match (kind, name.strip_prefix(family).expect(line)) {
        ("histogram", suffix) => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
        (_, suffix) => assert_eq!(suffix, "", "{line}"),
    }
    let mut keys = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (key, after) = rest.split_once("=\"").expect(line);
            assert!(
                key.starts_with(|c: char| c.is_ascii_alphabetic()) && !keys.contains(&key),
                "{line}"
            );
            keys.push(key);
            let (value, after) = quoted(after);
            scrape.labels.insert((key.to_owned(), value));
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => break rest = after.strip_prefix('}').expect(line),
            }
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    let series = line[..line.len() - rest.len()].to_owned();
    assert!(
        scrape.series.insert(series, value.parse().expect(line)).is_none(),
        "{line} twice"
    );
}

fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next().expect(text) {
            '"' => return (value, characters.as_str()),
            '\\' => value.push(match characters.next() {
                Some('\\') => '\\',
                Some('"') => '"',
                Some('n') => '\n',
                other => panic!("\\{other:?}"),
            }),
            other => value.push(other),
        }
    }
}
