//! The address of a gallery on a server, and how it is to be used; it shows no password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};

use super::explain::reason;
use crate::GalleryError;

/// The schema of a gallery that the address does not name.
const GALLERY: &str = "verisim";
/// PostgreSQL cuts longer names off.
const MAX_NAME: usize = 63;
/// pgvector's range of `hnsw.ef_search`.
const EF_SEARCH: std::ops::RangeInclusive<u16> = 1..=1000;
/// What finds the mated among 100,000 made-up templates (docs/engines.md).
const EF: u16 = 800;
/// Two connections a core of a small server; what is beyond waits here instead of there.
const CONNECTIONS: usize = 4;
/// How long a server may be away: about as long as the promotion of a standby takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// A host that is gone must not use up the patience for those that are not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a gallery on a PostgreSQL server is, and how it is searched.
///
/// `postgres://USER@HOST:PORT[,HOST:PORT...]/DATABASE?OPTION=VALUE&...`, with the options of
/// tokio-postgres (`sslmode`, `connect_timeout`, ...) and these:
///
/// | option | default | |
/// |---|---|---|
/// | `gallery` | `verisim` | the schema; a database holds as many galleries as you like |
/// | `ef_search` | 800 | candidates of the approximate search, 1 to 1000: more of them, fewer are missed |
/// | `exact` | `false` | compares with every template instead |
/// | `reads` | `primary` | `replicas` sends searches to a standby among the hosts, if one answers |
/// | `connections` | 4 | most connections, hence most probes that are searched at once |
/// | `patience` | 10 | seconds to go on trying while no server answers |
/// | `sslrootcert` | Mozilla's authorities | file of certificates (PEM) that the server's must come from |
///
/// With several hosts the one that may be written to is found, also after another was promoted. Off
/// this machine the connection is encrypted and the certificate checked, unless `sslmode=disable`.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) schema: String,
    pub(super) ef_search: u16,
    pub(super) is_exact: bool,
    pub(super) reads_replicas: bool,
    pub(super) n_connections: usize,
    pub(super) patience: Duration,
    pub(super) root_cert: Option<PathBuf>,
    place: PathBuf,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// Fails with [`GalleryError::InvalidAddress`], which does not repeat it.
    pub fn from_url(url: &str) -> Result<Self, GalleryError> {
        let invalid = |reason: &str| GalleryError::InvalidAddress { reason: reason.to_owned() };
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut theirs, mut ours) = (Vec::new(), Ours::default());
        for option in query.split('&').filter(|it| !it.is_empty()) {
            let pair = option.split_once('=');
            let (key, value) = pair.ok_or_else(|| invalid("an option has no value"))?;
            if !ours.take(key, value).map_err(|reason| invalid(&reason))? {
                theirs.push(option);
            }
        }
        let parsed = format!("{base}?{}", theirs.join("&")).parse::<Config>();
        // The parser's words name an option at most, never a value.
        let mut config = parsed.map_err(|error| invalid(&reason(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(invalid("it names no host"));
        }
        if config.get_dbname().is_none() {
            return Err(invalid("it names no database"));
        }
        let says = |key: &str| theirs.iter().any(|it| it.starts_with(&format!("{key}=")));
        if !says("sslmode") && !config.get_hosts().iter().all(is_here) {
            config.ssl_mode(SslMode::Require);
        }
        if !says("target_session_attrs") {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if !says("connect_timeout") {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if !says("application_name") {
            config.application_name("verisim");
        }
        let place = place_of(&config, &ours.schema);
        let Ours { schema, ef_search, is_exact, reads_replicas, n_connections, .. } = ours;
        let Ours { patience, root_cert, .. } = ours;
        Ok(Self {
            config,
            schema,
            ef_search,
            is_exact,
            reads_replicas,
            n_connections,
            patience,
            root_cert,
            place,
        })
    }

    /// Gives the password, unless the address holds one.
    #[must_use]
    pub fn or_password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }

    /// What messages call the gallery: the address without user, password and options but its name.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// How a standby among the hosts is reached.
    pub(super) fn replicas(&self) -> Config {
        let mut config = self.config.clone();
        config.target_session_attrs(TargetSessionAttrs::ReadOnly);
        config.load_balance_hosts(LoadBalanceHosts::Random);
        config
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.place.display())
    }
}

/// The options that are not those of tokio-postgres.
struct Ours {
    schema: String,
    ef_search: u16,
    is_exact: bool,
    reads_replicas: bool,
    n_connections: usize,
    patience: Duration,
    root_cert: Option<PathBuf>,
}

impl Default for Ours {
    fn default() -> Self {
        Self {
            schema: GALLERY.to_owned(),
            ef_search: EF,
            is_exact: false,
            reads_replicas: false,
            n_connections: CONNECTIONS,
            patience: PATIENCE,
            root_cert: None,
        }
    }
}

impl Ours {
    /// Takes an option, if it is one of ours.
    fn take(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let expected = |what: &str| format!("{key} is expected to be {what}");
        match key {
            "gallery" => {
                if !is_name(value) {
                    return Err(expected("1 to 63 of a-z, 0-9 and _, not first a digit"));
                }
                value.clone_into(&mut self.schema);
            }
            "ef_search" => {
                let parsed = value.parse().ok().filter(|it| EF_SEARCH.contains(it));
                self.ef_search = parsed.ok_or_else(|| expected("a number from 1 to 1000"))?;
            }
            "exact" => {
                self.is_exact = value.parse().map_err(|_| expected("true or false"))?;
            }
            "reads" => {
                self.reads_replicas = match value {
                    "replicas" => true,
                    "primary" => false,
                    _ => return Err(expected("primary or replicas")),
                };
            }
            "connections" => {
                let parsed = value.parse().ok().filter(|it| (1..=1000).contains(it));
                self.n_connections = parsed.ok_or_else(|| expected("a number from 1 to 1000"))?;
            }
            "patience" => {
                let parsed = value.parse().ok().filter(|it| *it <= 3600);
                let seconds = parsed.ok_or_else(|| expected("a number of seconds up to 3600"))?;
                self.patience = Duration::from_secs(seconds);
            }
            "sslrootcert" => self.root_cert = Some(PathBuf::from(value)),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn is_name(text: &str) -> bool {
    let is_allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(is_allowed)
        && !text.starts_with(|it: char| it.is_ascii_digit())
        // The server keeps these for itself.
        && !text.starts_with("pg_")
        && text != "public"
        && text != "information_schema"
}

/// Whether a host is this machine, so that nobody listens on the way.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name.parse().is_ok_and(|it: std::net::IpAddr| it.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn place_of(config: &Config, schema: &str) -> PathBuf {
    let ports = config.get_ports();
    let host = |(idx, host): (usize, &Host)| {
        let port = ports.get(idx).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(folder) => format!("{}:{port}", folder.display()),
        }
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let database = config.get_dbname().unwrap_or_default();
    let gallery = if schema == GALLERY { String::new() } else { format!("?gallery={schema}") };
    format!("postgres://{}/{database}{gallery}", hosts.join(",")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Address {
        Address::from_url(url).unwrap()
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = "postgres://eve:open-sesame@db1:5433,db2/faces?gallery=doors&password=sesame-2";
        let address = parsed(url);
        assert_eq!(address.place(), Path::new("postgres://db1:5433,db2:5432/faces?gallery=doors"));
        assert_eq!(format!("{address:?}"), format!("Address({})", address.place().display()));
        for broken in [
            "postgres://eve:sesame@db/faces?ef_search=sesame",
            "postgres://eve:sesame@db:sesame/faces",
            "postgres://eve:sesame@db/faces?sesame",
            "postgres://eve:sesame@db/faces?sslmode=sesame",
            "postgres://eve:sesame@db",
            "postgres:///faces?password=sesame",
        ] {
            let error = Address::from_url(broken).unwrap_err();
            assert!(matches!(error, GalleryError::InvalidAddress { .. }));
            let (shown, debug) = (error.to_string(), format!("{error:?}"));
            assert!(!shown.contains("sesame") && !debug.contains("sesame"), "{shown} {debug}");
        }
    }

    #[test]
    fn what_leaves_this_machine_is_encrypted_unless_somebody_says_otherwise() {
        for (url, mode) in [
            ("postgres://db/faces", SslMode::Require),
            ("postgres://localhost,10.0.0.1/faces", SslMode::Require),
            ("postgres://localhost/faces", SslMode::Prefer),
            ("postgres://127.0.0.1/faces", SslMode::Prefer),
            ("postgres://[::1]/faces", SslMode::Prefer),
            ("postgres://db/faces?sslmode=disable", SslMode::Disable),
        ] {
            assert_eq!(parsed(url).config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn options_have_ranges() {
        let address = parsed(
            "postgres://db/faces?gallery=a_1&ef_search=1000&exact=true&reads=replicas&connections=9\
             &patience=0&sslrootcert=/a/b.pem&connect_timeout=7",
        );
        let Address { schema, ef_search, is_exact, reads_replicas, .. } = &address;
        assert_eq!(
            (schema.as_str(), *ef_search, *is_exact, *reads_replicas),
            ("a_1", 1000, true, true)
        );
        assert_eq!((address.n_connections, address.patience), (9, Duration::ZERO));
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(7)));
        let attributes = |config: &Config| config.get_target_session_attrs();
        assert_eq!(attributes(&address.config), TargetSessionAttrs::ReadWrite);
        assert_eq!(attributes(&address.replicas()), TargetSessionAttrs::ReadOnly);
        for option in [
            "gallery=A",
            "gallery=",
            "gallery=1a",
            "gallery=pg_x",
            "gallery=public",
            "gallery=a%22",
            "ef_search=0",
            "ef_search=1001",
            "exact=yes",
            "reads=standby",
            "connections=0",
            "patience=-1",
            "speed=9",
        ] {
            assert!(
                Address::from_url(&format!("postgres://db/faces?{option}")).is_err(),
                "{option}"
            );
        }
    }
}
