//! Getting a file by HTTP; the one file that names the client. It does not know what the bytes are.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Timeout};
use verisim_face::model::check_address;

/// Redirects that are followed before something must be wrong.
const MAX_REDIRECTS: usize = 5;
/// What identifies the program to servers.
const USER_AGENT: &str = concat!("verisim/", env!("CARGO_PKG_VERSION"));

/// Asks servers for files.
pub(super) struct Client {
    agent: Agent,
    timeout: Duration,
}

/// Where a file is to begin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct From<'a> {
    /// Bytes that are there already.
    pub(super) offset: u64,
    /// The server's mark of the version that they are of.
    pub(super) etag: Option<&'a str>,
}

/// What a server sends.
pub(super) struct Answer {
    /// Place of its first byte in the file.
    pub(super) offset: u64,
    /// Bytes of the whole file, if the server says.
    pub(super) n_bytes: Option<u64>,
    /// The server's mark of the file's version, if it promises that the same mark means the same bytes.
    pub(super) etag: Option<String>,
    body: Box<dyn Read>,
    timeout: Duration,
}

/// Why there is no file, or no more of it.
#[derive(Debug)]
pub(super) struct Failure {
    /// What happened.
    pub(super) reason: String,
    /// Whether another try may help.
    pub(super) outlook: Outlook,
}

/// What may come of another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// It may help, after a while that the server may have named.
    Again(Option<Duration>),
    /// It may help from the beginning of the file.
    Anew,
    /// It will not.
    Hopeless,
}

impl Client {
    /// A client that waits so long for a connection, and for each piece of an answer.
    pub(super) fn new(timeout: Duration) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::WebPki).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(USER_AGENT)
            .tls_config(tls)
            .timeout_resolve(Some(timeout))
            .timeout_connect(Some(timeout))
            .timeout_send_request(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout));
        Self { agent: config.build().into(), timeout }
    }

    /// Asks for a file from some byte on, and follows redirects.
    pub(super) fn get(&self, url: &str, from: From) -> Result<Answer, Failure> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            if let Err(expected) = check_address(&url) {
                return Err(hopeless(format!("{url} is not fetched from: it must be {expected}")));
            }
            let response = self.ask(&url, from)?;
            let status = response.status();
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return self.answer(response, from);
            }
            let Some(location) = header(response.headers(), "location") else {
                return Err(hopeless(format!("{url} answers {status}, and does not say whereto")));
            };
            let next = joined(&url, location);
            let is_weaker = url.starts_with("https://") && !next.starts_with("https://");
            if is_weaker || check_address(&next).is_err() {
                return Err(hopeless(format!(
                    "{url} redirects to {}, but only https addresses are followed",
                    next.escape_debug()
                )));
            }
            url = next;
        }
        Err(hopeless(format!("more than {MAX_REDIRECTS} redirects, the last of them to {url}")))
    }

    fn ask(&self, url: &str, from: From) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(url).header("accept-encoding", "identity");
        if url.starts_with("http://") {
            // This very machine, which no proxy leads to.
            request = request.config().proxy(None).build();
        }
        if from.offset > 0 {
            request = request.header("range", format!("bytes={}-", from.offset));
            if let Some(etag) = from.etag {
                request = request.header("if-range", etag);
            }
        }
        request.call().map_err(|error| self.failure(&error))
    }

    fn answer(&self, response: Response<Body>, from: From) -> Result<Answer, Failure> {
        let status = response.status();
        let headers = response.headers();
        let length = header(headers, "content-length").and_then(|it| it.parse().ok());
        let etag = header(headers, "etag").filter(|it| it.starts_with('"')).map(str::to_owned);
        let (offset, n_bytes) = match status.as_u16() {
            200 => (0, length),
            206 => match header(headers, "content-range").and_then(range) {
                Some((offset, n_bytes)) if offset == from.offset => (offset, n_bytes),
                _ => {
                    let reason = "the server sends another part of the file than was asked for";
                    return Err(Failure { reason: reason.to_owned(), outlook: Outlook::Anew });
                }
            },
            416 => {
                let reason = format!("the server has no bytes from {} on", from.offset);
                return Err(Failure { reason, outlook: Outlook::Anew });
            }
            code => {
                let reason = format!("the server answers {status}");
                let wait = header(headers, "retry-after").and_then(|it| it.parse().ok());
                let wait = wait.map(Duration::from_secs);
                let may_pass = matches!(code, 408 | 425 | 429 | 500 | 502..=504);
                let outlook = if may_pass { Outlook::Again(wait) } else { Outlook::Hopeless };
                return Err(Failure { reason, outlook });
            }
        };
        let body = Box::new(response.into_body().into_reader());
        Ok(Answer { offset, n_bytes, etag, body, timeout: self.timeout })
    }

    fn failure(&self, error: &Error) -> Failure {
        let again = |reason| Failure { reason, outlook: Outlook::Again(None) };
        match error {
            Error::HostNotFound => {
                hopeless("the server's name is not known here; is there a network?".to_owned())
            }
            Error::Timeout(what) => again(waited(*what, self.timeout)),
            Error::Io(error) => again(format!("the connection failed: {error}")),
            Error::ConnectionFailed => again("the connection failed".to_owned()),
            other => hopeless(format!("the server cannot be talked to: {other}")),
        }
    }
}

impl Answer {
    /// The next bytes; 0 at the end.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Failure> {
        loop {
            match self.body.read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(&error)),
                Ok(n) => return Ok(n),
            }
        }
    }

    fn broken(&self, error: &io::Error) -> Failure {
        let cause = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
        let reason = match cause {
            Some(Error::Timeout(what)) => waited(*what, self.timeout),
            _ => format!("the connection broke off: {error}"),
        };
        Failure { reason, outlook: Outlook::Again(None) }
    }
}

fn hopeless(reason: String) -> Failure {
    Failure { reason, outlook: Outlook::Hopeless }
}

fn waited(what: Timeout, timeout: Duration) -> String {
    let seconds = timeout.as_secs_f64();
    match what {
        Timeout::Resolve | Timeout::Connect => {
            format!("no connection to the server within {seconds} s")
        }
        _ => format!("nothing came from the server for {seconds} s"),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|it| it.to_str().ok())
}

/// First byte and size of the whole file in a `Content-Range`: `bytes 5-9/10`, or `bytes 5-9/*`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (span, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = span.split_once('-')?;
    let size = if size == "*" { None } else { Some(size.parse().ok()?) };
    Some((first.parse().ok()?, size))
}

/// An address that a page at `base` names: whole, without its scheme, or from the root of the same server.
fn joined(base: &str, location: &str) -> String {
    let (scheme, rest) = base.split_once("://").unwrap_or_default();
    if location.starts_with("//") {
        return format!("{scheme}:{location}");
    }
    if !location.starts_with('/') {
        return location.to_owned();
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{authority}{location}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_read_as_browsers_do() {
        let base = "https://example.org:8443/a/b?c";
        assert_eq!(joined(base, "/d"), "https://example.org:8443/d");
        assert_eq!(joined(base, "//other.org/d"), "https://other.org/d");
        assert_eq!(joined(base, "http://other.org/d"), "http://other.org/d");
        assert_eq!(joined(base, "file:///etc/passwd"), "file:///etc/passwd");
    }

    #[test]
    fn a_range_is_read_or_refused() {
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, None)));
        for text in ["", "bytes */10", "items 5-9/10", "bytes 5/10", "bytes -5-9/x"] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
