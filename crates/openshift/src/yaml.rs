//! A YAML document as a tree that knows where everything stands.
//!
//! Anchors and aliases are refused: nobody writes them into these files, and they let a small file become a large one.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::problem::Problem;

/// Deepest nesting that is read.
const DEEPEST: usize = 32;
/// Most nodes of one file.
const MOST: usize = 50_000;

/// Something with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, number, truth or nothing: as it stands there.
    Scalar {
        /// Unescaped.
        text: String,
        /// Without quotes: it may be a number, `true` or `null`.
        plain: bool,
        /// `|` or `>`: its place is the first line of its text.
        block: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys and values in their order.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// What it is called in messages.
    pub const fn kind(&self) -> &'static str {
        match self.value {
            Value::Scalar { .. } => "a value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Its text, if it is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// True for nothing, `~` and `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true, .. } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else { return None };
        let found = entries.iter().find(|(name, _)| name.text() == Some(key));
        found.map(|(_, value)| value)
    }

    /// A problem that stands here.
    pub fn problem(&self, text: impl Into<String>) -> Problem {
        Problem::error(self.line, self.column, text)
    }
}

/// The documents of a file.
///
/// # Errors
/// What is no YAML, or more than is read.
pub fn documents(text: &str) -> Result<Vec<Node>, Problem> {
    let mut events = Events {
        parser: Parser::new_from_str(text),
        left: MOST,
    };
    let mut found = Vec::new();
    loop {
        match events.next()? {
            (Event::StreamEnd, _) => return Ok(found),
            (Event::DocumentStart(_), _) => {
                let first = events.next()?;
                found.push(events.node(first, DEEPEST)?);
            }
            _ => {}
        }
    }
}

struct Events<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    left: usize,
}

impl<'a> Events<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = error.marker();
                Err(Problem::error(
                    at.line(),
                    at.col() + 1,
                    format!("no YAML: {}", error.info()),
                ))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, (event, span): (Event<'a>, Span), deep: usize) -> Result<Node, Problem> {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        let refused = |why: &str| Err(Problem::error(line, column, why));
        self.left = self.left.saturating_sub(1);
        if deep == 0 || self.left == 0 {
            return refused("nested too deeply, or too much; allowed are 32 levels and 50000 values");
        }
        let value = match event {
            Event::Alias(_) => return refused("aliases (*name) are not read; write the value out"),
            Event::Scalar(.., anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return refused("anchors (&name) are not read; write the value out");
            }
            Event::Scalar(text, style, ..) => Value::Scalar {
                text: text.into_owned(),
                plain: style == ScalarStyle::Plain,
                block: matches!(style, ScalarStyle::Literal | ScalarStyle::Folded),
            },
            Event::SequenceStart(..) => {
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd | Event::StreamEnd, _) => break Value::List(list),
                        first => list.push(self.node(first, deep - 1)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut entries: Vec<(Node, Node)> = Vec::new();
                loop {
                    let key = match self.next()? {
                        (Event::MappingEnd | Event::StreamEnd, _) => break Value::Map(entries),
                        first => self.node(first, deep - 1)?,
                    };
                    if entries.iter().any(|(before, _)| before.value == key.value) {
                        let name = key.text().unwrap_or("this key");
                        return Err(key.problem(format!("`{name}` is here twice")));
                    }
                    let first = self.next()?;
                    let value = self.node(first, deep - 1)?;
                    entries.push((key, value));
                }
            }
            _ => return refused("no YAML: a document ends within a value"),
        };
        Ok(Node { line, column, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_knows_its_place() {
        let all = documents("a: 1\nb:\n  - \"x\"\n  - c: |\n      [global]\n      y 2\n").unwrap();
        let [root] = &all[..] else { panic!("{all:?}") };
        assert_eq!((root.get("a").unwrap().line, root.get("a").unwrap().column), (1, 4));
        let Value::List(list) = &root.get("b").unwrap().value else {
            panic!()
        };
        assert_eq!((list[0].line, list[0].column, list[0].text()), (3, 5, Some("x")));
        let conf = list[1].get("c").unwrap();
        assert_eq!((conf.line, conf.text()), (5, Some("[global]\ny 2\n")));
        assert!(matches!(conf.value, Value::Scalar { block: true, .. }));
    }

    #[test]
    fn what_is_no_yaml_or_too_much_says_where() {
        for (text, line) in [("a: 1\na: 2\n", 2), ("a: [1,\n", 2), ("a: &x 1\nb: *x\n", 1)] {
            let problem = documents(text).unwrap_err();
            assert!(problem.line.abs_diff(line) <= 1, "{text:?} {problem}");
        }
        assert!(documents(&"[".repeat(100)).is_err());
        assert_eq!(documents("").unwrap(), []);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "[\\[\\]{}:,&*|>\\-#!'\"a-z0-9 \n\t]{0,80}") {
            let _ = documents(&text);
        }
    }
}
