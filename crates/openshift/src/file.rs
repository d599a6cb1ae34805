//! A file of any of the forms.

use crate::choose::{Match, Recommend};
use crate::fields::Fields;
use crate::problem::Problem;
use crate::profile::Profile;
use crate::yaml::{Node, Value, documents};

/// What a ConfigMap holds: a text for each name. `None`: it is none.
pub fn config_map(text: &str) -> Option<Vec<(String, String)>> {
    let all = documents(text).ok()?;
    let map = all
        .iter()
        .find(|node| node.get("kind").and_then(Node::text) == Some("ConfigMap"))?;
    let Value::Map(entries) = &map.get("data")?.value else {
        return None;
    };
    let texts = entries
        .iter()
        .filter_map(|(name, text)| Some((name.text()?.to_owned(), text.text()?.to_owned())));
    Some(texts.collect())
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    /// Its profiles.
    pub profiles: Vec<Profile>,
    /// Its rules.
    pub recommend: Vec<Recommend>,
    /// It is the daemon's own list of the profiles of one node: all of them hold.
    pub is_of_one_node: bool,
    /// Everything that is wrong with it, in order.
    pub problems: Vec<Problem>,
}

impl File {
    /// Reads a file. It can be used if none of its problems is an error.
    pub fn read(text: &str) -> Self {
        let mut file = File::default();
        match documents(text) {
            Ok(all) => all
                .iter()
                .filter(|node| !node.is_null())
                .for_each(|node| file.document(node)),
            Err(problem) => file.problems.push(problem),
        }
        file.problems.sort_by_key(|problem| (problem.line, problem.column));
        file
    }

    /// True if a problem forbids its use.
    pub fn is_bad(&self) -> bool {
        self.problems.iter().any(|problem| !problem.is_warning)
    }

    /// The profiles of a node of this name and these labels: all of the winning rules, whose priority is the lowest number of those
    /// that hold. Of a file of one node all.
    pub fn of_node(&self, name: &str, labels: &[&str]) -> Vec<&Profile> {
        if self.is_of_one_node {
            return self.profiles.iter().collect();
        }
        let holding = || self.recommend.iter().filter(|rule| rule.holds(name, labels));
        let Some(best) = holding().map(|rule| rule.priority).min() else {
            return Vec::new();
        };
        let won = holding().filter(|rule| rule.priority == best);
        won.filter_map(|rule| self.profiles.iter().find(|profile| profile.name == rule.profile))
            .collect()
    }

    /// Labels that rules ask for.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let rules = self.recommend.iter().flat_map(|rule| &rule.matches);
        rules.filter_map(|rule| match rule {
            Match::Label(label) => Some(label.as_str()),
            Match::Name(_) => None,
        })
    }

    fn document(&mut self, node: &Node) {
        if let Value::List(profiles) = &node.value {
            self.is_of_one_node = true;
            self.add(profiles);
            return;
        }
        let known = ["apiVersion", "kind", "metadata", "spec", "status", "items"];
        let Some(mut fields) = Fields::new(node, "the file", &known, &mut self.problems) else {
            return;
        };
        let kind = fields.one_of("kind", &["PtpConfig", "PtpOperatorConfig", "List", "PtpConfigList"]);
        let (spec, items) = (fields.get("spec"), fields.list("items"));
        match (kind, spec) {
            (Some("List" | "PtpConfigList"), _) => items.iter().for_each(|item| self.document(item)),
            (Some("PtpConfig"), Some(spec)) => self.config(spec),
            (Some(_), Some(spec)) => self.operator(spec),
            (Some(_), None) => self.problems.push(node.problem("`spec` is missing")),
            (None, _) if node.get("kind").is_none() => {
                let text = "`kind` is missing; PtpConfig, PtpOperatorConfig and lists of profiles are read";
                self.problems.push(node.problem(text));
            }
            (None, _) => {}
        }
    }

    fn config(&mut self, spec: &Node) {
        let Some(mut fields) = Fields::new(spec, "spec", &["profile", "recommend"], &mut self.problems) else {
            return;
        };
        let (profiles, rules) = (fields.list("profile"), fields.list("recommend"));
        self.add(profiles);
        let names: Vec<&str> = self.profiles.iter().map(|profile| profile.name.as_str()).collect();
        let problems = &mut self.problems;
        let read = rules.iter().filter_map(|rule| Recommend::read(rule, &names, problems));
        self.recommend.extend(read);
    }

    fn add(&mut self, profiles: &[Node]) {
        for node in profiles {
            let profile = Profile::read(node, &mut self.problems);
            if self.profiles.iter().any(|before| before.name == profile.name) {
                let text = format!("a profile `{}` is here twice", profile.name);
                self.problems.push(node.problem(text));
            }
            self.profiles.push(profile);
        }
    }

    fn operator(&mut self, spec: &Node) {
        let known = ["daemonNodeSelector", "enabledPlugins", "plugins", "ptpEventConfig"];
        let Some(fields) = Fields::new(spec, "spec", &known, &mut self.problems) else {
            return;
        };
        let Some(events) = fields.get("ptpEventConfig") else {
            return;
        };
        let known = ["apiVersion", "enableEventPublisher", "storageType", "transportHost"];
        let Some(mut fields) = Fields::new(events, "ptpEventConfig", &known, &mut self.problems) else {
            return;
        };
        fields.truth("enableEventPublisher");
        if let Some(version) = fields.text("apiVersion").filter(|version| !version.starts_with('2')) {
            let node = fields.get("apiVersion").unwrap_or(events);
            let problem = node.problem(format!(
                "`apiVersion` is `{version}`; version 2 of the notification API is served"
            ));
            fields.problems().push(problem.warn());
        }
    }
}
