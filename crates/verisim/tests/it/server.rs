//! A server on this machine that answers as it is told, also badly.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
}

/// What is sent, byte by byte, and whether the connection is left open afterwards.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) hangs: bool,
}

/// The server; it runs until the tests end.
pub(crate) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request by its number, from 0.
    pub(crate) fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &log, &*answer));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &dyn Fn(usize, &Request) -> Reply,
) {
    let mut request = Request::default();
    for (number, line) in BufReader::new(&stream).lines().map_while(Result::ok).enumerate() {
        if line.is_empty() {
            break;
        }
        if number == 0 {
            request.path = line.split(' ').nth(1).map(str::to_owned).unwrap_or_default();
        }
        let Some((key, value)) = line.split_once(": ") else { continue };
        match key.to_lowercase().as_str() {
            "range" => request.range = Some(value.to_owned()),
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let Reply { bytes, hangs } = answer(number, &request);
    // Whoever asked may have heard enough.
    let _ = stream.write_all(&bytes);
    if hangs {
        thread::sleep(Duration::from_secs(30));
    }
}

impl Request {
    /// The byte that the rest is wanted from.
    pub(crate) fn offset(&self) -> usize {
        let range = self.range.as_deref().unwrap_or("bytes=0-");
        range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap()
    }
}

impl Reply {
    /// A head and a body.
    pub(crate) fn new(status: &str, headers: &[String], body: &[u8]) -> Self {
        let headers: String = headers.iter().map(|it| format!("{it}\r\n")).collect();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n");
        Self { bytes: [head.as_bytes(), body].concat(), hangs: false }
    }

    /// The whole file, with a mark of its version.
    pub(crate) fn whole(body: &[u8]) -> Self {
        let headers = [format!("Content-Length: {}", body.len()), "ETag: \"v1\"".to_owned()];
        Self::new("200 OK", &headers, body)
    }

    /// The file from where it is wanted.
    pub(crate) fn rest(body: &[u8], request: &Request) -> Self {
        let from = request.offset();
        if from == 0 {
            return Self::whole(body);
        }
        let n = body.len();
        let headers = [
            format!("Content-Length: {}", n - from),
            format!("Content-Range: bytes {from}-{}/{n}", n - 1),
            "ETag: \"v1\"".to_owned(),
        ];
        Self::new("206 Partial Content", &headers, &body[from..])
    }

    pub(crate) fn status(status: &str) -> Self {
        Self::new(status, &["Content-Length: 0".to_owned()], &[])
    }

    pub(crate) fn redirect(location: &str) -> Self {
        let headers = [format!("Location: {location}"), "Content-Length: 0".to_owned()];
        Self::new("302 Found", &headers, &[])
    }

    /// The body in chunks, without a length.
    pub(crate) fn chunked(body: &[u8]) -> Self {
        let mut text = Vec::new();
        for chunk in body.chunks(5000) {
            text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            text.extend_from_slice(chunk);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"0\r\n\r\n");
        Self::new("200 OK", &["Transfer-Encoding: chunked".to_owned()], &text)
    }

    /// Leaves out the last bytes.
    pub(crate) fn without_last(mut self, n_bytes: usize) -> Self {
        self.bytes.truncate(self.bytes.len() - n_bytes);
        self
    }

    /// Leaves the connection open and says nothing more.
    pub(crate) fn then_hangs(mut self) -> Self {
        self.hangs = true;
        self
    }
}
