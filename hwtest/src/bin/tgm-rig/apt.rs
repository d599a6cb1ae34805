//! Packages of a suite, by the machine's own apt with lists and a cache apart: what is installed here is neither looked at nor changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Cache, names, write};
use crate::tell;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// apt for one suite.
#[derive(Debug)]
pub struct Apt {
    cache: Cache,
    suite: String,
    folder: PathBuf,
}

impl Apt {
    /// Sets it up; fetches the suite's list once.
    pub fn new(cache: &Cache, suite: &str) -> Result<Self, String> {
        let folder = cache.path(format!("apt-{suite}"));
        let apt = Apt {
            cache: cache.clone(),
            suite: suite.to_owned(),
            folder,
        };
        for name in ["lists/partial", "cache/archives/partial"] {
            let path = apt.folder.join(name);
            fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        cache.once(&format!("lists-{suite}"), 1, || {
            let keyring = match Path::new(KEYRING).exists() {
                true => format!("[signed-by={KEYRING}] "),
                false => String::new(), // then by the keys that the machine trusts
            };
            let source = format!("deb {keyring}{} {suite} main\n", mirror()?);
            write(&apt.folder.join("sources.list"), source.as_bytes())?;
            write(&apt.folder.join("apt.conf"), configuration(&apt.folder).as_bytes())?;
            write(&apt.folder.join("status"), b"")?;
            tell(&format!("{suite}: package list"));
            apt.get(&["update", "-qq"], &apt.folder).map(drop)
        })?;
        Ok(apt)
    }

    /// Forgets the suite's list, so that the next one is newer.
    pub fn forget(cache: &Cache, suite: &str) {
        cache.forget(&format!("lists-{suite}"));
    }

    /// Files of `packages` and of all that they depend on, in a folder of the bundle's own, which is returned.
    pub fn closure(&self, bundle: &str, packages: &[&str]) -> Result<PathBuf, String> {
        let folder = self.cache.path(format!("debs-{}-{bundle}", self.suite));
        self.cache.once(
            &format!("debs-{}-{bundle}", self.suite),
            crate::cache::key(packages),
            || {
                crate::cache::fresh(&folder)?;
                let partial = folder.join("partial");
                fs::create_dir_all(&partial).map_err(|error| format!("{}: {error}", partial.display()))?;
                tell(&format!("{}: packages for {bundle}", self.suite));
                let archives = format!("Dir::Cache::Archives={}", folder.display());
                let mut words = vec!["-o", &archives, "install", "-y", "-qq", "--download-only"];
                words.extend(packages);
                self.get(&words, &folder).map(drop)
            },
        )?;
        Ok(folder)
    }

    /// Files of `packages` alone, as they are for `key`.
    pub fn alone(
        &self,
        bundle: &str,
        key: &str,
        packages: impl FnOnce() -> Result<Vec<String>, String>,
    ) -> Result<PathBuf, String> {
        let folder = self.cache.path(format!("debs-{}-{bundle}", self.suite));
        self.cache
            .once(&format!("debs-{}-{bundle}", self.suite), crate::cache::key(key), || {
                let packages = packages()?;
                crate::cache::fresh(&folder)?;
                tell(&format!("{}: {}", self.suite, packages.join(" ")));
                let mut words = vec!["download", "-qq"];
                words.extend(packages.iter().map(String::as_str));
                self.get(&words, &folder).map(drop)
            })?;
        Ok(folder)
    }

    /// Names of the suite's packages that begin with `prefix`.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>, String> {
        let mut command = Command::new("apt-cache");
        command
            .arg("-c")
            .arg(self.folder.join("apt.conf"))
            .args(["pkgnames", prefix]);
        Ok(output(command)?.lines().map(str::to_owned).collect())
    }

    fn get(&self, words: &[&str], folder: &Path) -> Result<String, String> {
        let mut command = Command::new("apt-get");
        command.current_dir(folder).env("DEBIAN_FRONTEND", "noninteractive");
        command.arg("-c").arg(self.folder.join("apt.conf")).args(words);
        output(command).inspect_err(|_| Apt::forget(&self.cache, &self.suite)) // the next try has a newer list
    }
}

/// Everything of apt's that would touch the machine is turned to `folder`; its hooks are off.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n\
         Dir::Etc::SourceList \"{folder}/sources.list\";\nDir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State::Lists \"{folder}/lists\";\nDir::State::status \"{folder}/status\";\n\
         Dir::State::extended_states \"{folder}/extended\";\nDir::Cache \"{folder}/cache\";\n\
         APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\nAPT::Install-Recommends \"false\";\n\
         APT::Keep-Downloaded-Packages \"true\";\nAPT::Sandbox::User \"\";\nAcquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\nAPT::Update::Error-Mode \"any\";\nDebug::NoLocking \"true\";\nAcquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
         Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled \"false\";\n"
    )
}

/// Where this machine gets Debian's packages from.
fn mirror() -> Result<String, String> {
    if let Ok(set) = std::env::var("TGM_RIG_MIRROR") {
        return Ok(set);
    }
    let mut command = Command::new("apt-get");
    let format = "$(REPO_URI) $(COMPONENT) $(RELEASE) $(ORIGIN)";
    command.args(["indextargets", "--format", format, "Created-By: Packages"]);
    let targets = output(command)?;
    choose(&targets).ok_or_else(|| "this machine has no source of Debian packages: set TGM_RIG_MIRROR".to_owned())
}

/// The first that is Debian's main archive. The origin is not known before the list was fetched once.
fn choose(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (uri, component, release) = (words.next()?, words.next()?, words.next()?);
        let origin = words.next().unwrap_or_default();
        let debian = origin == "Debian" || (!origin.starts_with(char::is_alphabetic) && uri.contains("debian"));
        let apart = ["security", "updates", "backports"];
        let main = component == "main" && !apart.iter().any(|part| release.contains(part));
        (debian && main).then(|| uri.to_owned())
    })
}

/// What a command prints; an error with its last words if it fails.
pub fn output(mut command: Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let made = command.output().map_err(|error| format!("{name}: {error}"))?;
    if made.status.success() {
        return Ok(String::from_utf8_lossy(&made.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&made.stderr).into_owned() + &String::from_utf8_lossy(&made.stdout);
    let lines: Vec<&str> = words.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(12)).copied();
    Err(format!(
        "{name}: {}\n{}",
        made.status,
        last.collect::<Vec<_>>().join("\n")
    ))
}

/// The packages' files in a folder.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let names = names(folder)?;
    Ok(names
        .iter()
        .filter(|name| name.ends_with(".deb"))
        .map(|name| folder.join(name))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_archive_is_chosen() {
        let targets = "http://a.example/debian-security/ main trixie-security Debian\n\
                       http://a.example/tools/ main trixie Tools\n\
                       http://a.example/debian/ contrib trixie Debian\n\
                       http://a.example/debian/ main trixie Debian\n";
        assert_eq!(choose(targets).as_deref(), Some("http://a.example/debian/"));
    }

    #[test]
    fn before_the_first_list_the_address_must_do() {
        assert_eq!(
            choose("http://b.example/debian/ main sid $(ORIGIN)\n").as_deref(),
            Some("http://b.example/debian/")
        );
        assert_eq!(choose("http://b.example/other/ main sid $(ORIGIN)\n"), None);
        assert_eq!(choose("http://b.example/ubuntu/ main noble Ubuntu\n"), None);
    }
}
