//! How the broker is reached and who asks it. Names, passwords and tokens come from files that are read at each connection, so that they may
//! be replaced; they stand in no command line and in no log.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{Auth, AuthError, ConnectOptions, ServerAddr};

/// Longest file with a name and password, or a token, in bytes.
const LONGEST: u64 = 8192;
/// Longest wait between two tries to connect.
const BREATH: Duration = Duration::from_secs(2);

/// The broker and what is shown to it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Access {
    /// The NATS servers of one cluster; tls://… asks for TLS.
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        default_value = "nats://127.0.0.1:4222"
    )]
    pub server: Vec<String>,
    /// File with two lines, user and password.
    #[arg(long, value_name = "FILE", conflicts_with = "nats_token_file")]
    pub user_file: Option<PathBuf>,
    /// File with a token.
    #[arg(long, value_name = "FILE")]
    pub nats_token_file: Option<PathBuf>,
    /// Authorities of the servers' certificates, PEM; none: those of the system.
    #[arg(long, value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// Certificate to show, PEM.
    #[arg(long, value_name = "FILE", requires = "nats_key")]
    pub nats_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "nats_cert")]
    pub nats_key: Option<PathBuf>,
}

impl Access {
    /// The servers.
    ///
    /// # Errors
    /// Which of them is none, and why.
    pub fn servers(&self) -> Result<Vec<ServerAddr>, String> {
        let read = |text: &String| {
            let server: ServerAddr = text.parse().map_err(|error| format!("--server {text}: {error}"))?;
            if server.has_user_pass() {
                return Err(
                    "--server carries a user or password, which every process list shows: use --user-file".to_owned(),
                );
            }
            Ok(server)
        };
        self.server.iter().map(read).collect()
    }

    /// How to connect, again and again.
    ///
    /// # Errors
    /// Which file cannot be used, and why: better at once than at the first loss.
    pub fn options(&self) -> Result<ConnectOptions, String> {
        let files = (self.user_file.clone(), self.nats_token_file.clone());
        auth(&files)?;
        let mut options = match files {
            (None, None) => ConnectOptions::new(),
            files => ConnectOptions::with_auth_callback(move |_| {
                let auth = auth(&files).map_err(AuthError::new);
                async move { auth }
            }),
        };
        for (flag, file) in [
            ("--nats-ca", &self.nats_ca),
            ("--nats-cert", &self.nats_cert),
            ("--nats-key", &self.nats_key),
        ] {
            if let Some(file) = file {
                std::fs::File::open(file).map_err(|error| format!("{flag} {}: {error}", file.display()))?;
            }
        }
        if let Some(ca) = &self.nats_ca {
            // Who names authorities means them.
            options = options.add_root_certificates(ca.clone()).require_tls(true);
        }
        if let (Some(certificate), Some(key)) = (&self.nats_cert, &self.nats_key) {
            options = options
                .add_client_certificate(certificate.clone(), key.clone())
                .require_tls(true);
        }
        Ok(options
            .name("tgm-nats")
            .retry_on_initial_connect()
            .reconnect_delay_callback(|tries| {
                let tries = u32::try_from(tries).unwrap_or(u32::MAX);
                Duration::from_millis(50).saturating_mul(tries).min(BREATH)
            }))
    }
}

fn auth((user, token): &(Option<PathBuf>, Option<PathBuf>)) -> Result<Auth, String> {
    let mut auth = Auth::new();
    if let Some(file) = user {
        let text = read("--user-file", file)?;
        let mut lines = text.lines().map(str::to_owned);
        (auth.username, auth.password) = (lines.next(), lines.next());
        if auth.password.is_none() {
            return Err(format!(
                "--user-file {}: two lines are expected, user and password",
                file.display()
            ));
        }
    }
    if let Some(file) = token {
        let text = read("--nats-token-file", file)?;
        auth.token = text.lines().next().map(str::to_owned);
        if auth.token.is_none() {
            return Err(format!("--nats-token-file {}: it is empty", file.display()));
        }
    }
    Ok(auth)
}

fn read(flag: &str, path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    read.map_err(|error| format!("{flag} {}: {error}", path.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let access = |text: &str| Access {
            server: vec![text.to_owned()],
            ..Access::default()
        };
        let error = access("nats://me:secret@127.0.0.1").servers().unwrap_err();
        assert!(error.contains("--user-file") && !error.contains("secret"), "{error}");
        assert!(access("ftp://a").servers().is_err());
        assert_eq!(access("tls://a:4223").servers().unwrap()[0].port(), 4223);
    }

    #[test]
    fn a_file_that_cannot_be_used_says_which_flag() {
        let none = Some(PathBuf::from("/nowhere/at/all"));
        for (access, flag) in [
            (
                Access {
                    user_file: none.clone(),
                    ..Access::default()
                },
                "--user-file",
            ),
            (
                Access {
                    nats_token_file: none.clone(),
                    ..Access::default()
                },
                "--nats-token-file",
            ),
            (
                Access {
                    nats_ca: none,
                    ..Access::default()
                },
                "--nats-ca",
            ),
        ] {
            let error = access.options().unwrap_err();
            assert!(error.starts_with(flag), "{error}");
        }
    }
}
