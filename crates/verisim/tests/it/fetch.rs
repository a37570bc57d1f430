//! Fetching models from servers good and bad: the right bytes come, or nothing is installed.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::cli::{Ran, Scratch, verisim};
use crate::flow::text;
use crate::server::{Reply, Request, Server};

/// Size of the model.
const N_BYTES: usize = 200_000;
/// Where the connection breaks off.
const HALF: usize = N_BYTES / 2;

/// Bytes as of a model; what fetches them does not look inside.
fn bytes() -> Vec<u8> {
    (0..N_BYTES).map(|it| (it * it % 251) as u8).collect()
}

/// A server, a list that names it, and a folder of models.
struct Site {
    server: Server,
    scratch: Scratch,
    list: PathBuf,
}

impl Site {
    fn new(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let server = Server::start(answer);
        let scratch = Scratch::new();
        let list = scratch.write("list.toml", list(&server.url("/model.onnx"), true));
        Self { server, scratch, list }
    }

    fn fetch(&self, further: &[&str]) -> Ran {
        let models = self.scratch.path("models");
        let known = ["--registry", text(&self.list), "--models", text(&models)];
        verisim(["models", "fetch", "it"].iter().chain(&known).chain(further))
    }

    fn model(&self) -> PathBuf {
        self.scratch.path("models/it.onnx")
    }

    fn n_asked(&self) -> usize {
        self.server.requests().len()
    }

    #[track_caller]
    fn came(&self, ran: Ran) {
        ran.ok();
        assert!(fs::read(self.model()).unwrap() == bytes(), "the model has other bytes");
        assert!(!self.scratch.path("models/it.onnx.part").exists());
        assert!(!self.scratch.path("models/it.onnx.part.etag").exists());
        let record = fs::read_to_string(self.scratch.path("models/it.sha256")).unwrap();
        assert_eq!(record, format!("{}  it.onnx\n", digest(&bytes())));
    }

    #[track_caller]
    fn failed(&self, ran: &Ran, says: &[&str]) {
        assert_eq!(ran.status, 2, "{}{}", ran.stdout, ran.stderr);
        for part in says {
            assert!(ran.stderr.contains(part), "expected {part:?}, said:\n{}", ran.stderr);
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        assert!(!self.model().exists(), "something is installed");
        assert!(!self.scratch.path("models/it.sha256").exists(), "a digest is written down");
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(url: &str, commercial_use: bool) -> String {
    format!(
        "[[models]]\nname = \"it\"\ntask = \"detection\"\nurl = \"{url}\"\nsha256 = \"{}\"\n\
         bytes = {N_BYTES}\nlicense = \"MIT\"\ncommercial_use = {commercial_use}\n\
         description = \"A model\"\nsource = \"https://example.org\"\n",
        digest(&bytes())
    )
}

#[test]
fn a_model_comes_once() {
    let site = Site::new(|_, _| Reply::whole(&bytes()));
    site.came(site.fetch(&[]));
    assert!(site.fetch(&[]).ok().contains("was there"));
    assert_eq!(site.n_asked(), 1);
    assert_eq!(site.server.requests()[0].path, "/model.onnx");
}

#[test]
fn a_damaged_model_is_fetched_again_and_a_strange_one_is_kept() {
    let site = Site::new(|_, _| Reply::whole(&bytes()));
    site.came(site.fetch(&[]));
    fs::write(site.model(), "damage").unwrap();
    site.came(site.fetch(&[]));
    fs::remove_file(site.scratch.path("models/it.sha256")).unwrap();
    fs::write(site.model(), "of somebody else").unwrap();
    let ran = site.fetch(&[]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("holds another model"), "{}", ran.stderr);
    assert_eq!(fs::read(site.model()).unwrap(), b"of somebody else");
}

#[test]
fn what_broke_off_goes_on() {
    let site = Site::new(|number, request| {
        let reply = Reply::rest(&bytes(), request);
        if number == 0 { reply.without_last(HALF) } else { reply }
    });
    site.came(site.fetch(&[]));
    let requests = site.server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].range, Some(format!("bytes={HALF}-")));
    assert_eq!(requests[1].if_range.as_deref(), Some("\"v1\""));
}

#[test]
fn what_broke_off_goes_on_in_another_run() {
    let site = Site::new(|number, request| {
        let reply = Reply::rest(&bytes(), request);
        if number == 0 { reply.without_last(HALF) } else { reply }
    });
    site.failed(&site.fetch(&["--retries", "0"]), &["cannot fetch it", "by hand: get http://127"]);
    let part = fs::read(site.scratch.path("models/it.onnx.part")).unwrap();
    assert!(part == bytes()[..HALF]);
    site.came(site.fetch(&["--retries", "0"]));
    assert_eq!(site.server.requests()[1].offset(), HALF);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let site = Site::new(|number, _| {
        let reply = Reply::whole(&bytes());
        if number == 0 { reply.without_last(HALF) } else { reply }
    });
    site.came(site.fetch(&[]));
    assert_eq!(site.server.requests()[1].offset(), HALF);
}

#[test]
fn a_server_with_other_ranges_is_asked_for_all() {
    let site = Site::new(|number, request| match number {
        0 | 2 => Reply::whole(&bytes()).without_last(HALF),
        1 => {
            let headers = [format!("Content-Range: bytes 0-{}/{N_BYTES}", N_BYTES - 1)];
            Reply::new("206 Partial Content", &headers, &bytes())
        }
        3 => Reply::status("416 Range Not Satisfiable"),
        _ => Reply::rest(&bytes(), request),
    });
    site.came(site.fetch(&[]));
    let offsets: Vec<usize> = site.server.requests().iter().map(Request::offset).collect();
    assert_eq!(offsets, [0, HALF, 0, HALF, 0]);
}

#[test]
fn a_part_of_another_version_is_thrown_away() {
    let site = Site::new(|number, request| {
        let body = if number == 0 { vec![9; N_BYTES] } else { bytes() };
        let reply = Reply::rest(&body, request);
        if number == 0 { reply.without_last(HALF) } else { reply }
    });
    let ran = site.fetch(&[]);
    assert!(ran.stderr.contains("after a part from before; trying again"), "{}", ran.stderr);
    site.came(ran);
    assert_eq!(site.server.requests()[2].offset(), 0);
}

#[test]
fn lengths_that_lie_are_found_out() {
    let with = |headers: &[String], body: Vec<u8>| {
        let headers = headers.to_vec();
        Site::new(move |_, _| Reply::new("200 OK", &headers, &body))
    };
    let length = |n: usize| [format!("Content-Length: {n}")];
    let (short, long) = (bytes()[..HALF].to_vec(), [bytes(), vec![0; 70_000]].concat());

    let once = &["--retries", "0"][..];
    let another = ["the server has a file of 200001 bytes, but the list says 200000"];
    site_fails(&with(&length(N_BYTES + 1), bytes()), &another, 1);
    let another = ["the server has a file of 5 bytes, but the list says 200000"];
    site_fails(&with(&length(5), bytes()), &another, 1);
    let more = ["the server sends more than the 200000 bytes that the list says"];
    site_fails(&with(&[], long.clone()), &more, 1);
    let site = Site::new(move |_, _| Reply::chunked(&long));
    site_fails(&site, &more, 1);

    let site = with(&[], short.clone());
    site.failed(&site.fetch(once), &["the file ended after 100000 of 200000 bytes"]);
    let site = Site::new(move |_, _| Reply::chunked(&short));
    site.failed(&site.fetch(once), &["the file ended after 100000 of 200000 bytes"]);
    let site = Site::new(|_, _| Reply::chunked(&bytes()).without_last(30));
    site.failed(&site.fetch(once), &["the connection broke off"]);

    let site = with(&[], bytes());
    site.came(site.fetch(once));
    let site = Site::new(|_, _| Reply::chunked(&bytes()));
    site.came(site.fetch(once));
}

#[track_caller]
fn site_fails(site: &Site, says: &[&str], n_asked: usize) {
    site.failed(&site.fetch(&[]), says);
    assert_eq!(site.n_asked(), n_asked);
    assert!(!site.scratch.path("models/it.onnx.part").exists());
}

#[test]
fn other_bytes_are_not_installed() {
    let other = [&bytes()[1..], &[0]].concat();
    let found = digest(&other);
    let site = Site::new(move |_, _| Reply::whole(&other));
    site_fails(&site, &[&found, &digest(&bytes()), "nothing was installed"], 1);
}

#[test]
fn redirects_are_followed_where_they_are_safe() {
    let site = Site::new(|number, request| match number {
        0 => Reply::redirect("/elsewhere?a=b"),
        _ => Reply::rest(&bytes(), request),
    });
    site.came(site.fetch(&[]));
    assert_eq!(site.server.requests()[1].path, "/elsewhere?a=b");

    site_fails(&Site::new(|_, _| Reply::redirect("/model.onnx")), &["more than 5 redirects"], 6);
    for target in ["file:///etc/passwd", "http://example.org/model.onnx", "ftp://127.0.0.1/", "x"] {
        let site = Site::new(|_, _| Reply::redirect(target));
        site_fails(&site, &[&format!("redirects to {target}, but only https")], 1);
    }
    let site = Site::new(|_, _| Reply::status("302 Found"));
    site_fails(&site, &["302 Found, and does not say whereto"], 1);
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let brief = &["--timeout", "0.4", "--retries", "0"];
    let start = Instant::now();
    let site = Site::new(|_, _| Reply { bytes: Vec::new(), hangs: true });
    site.failed(&site.fetch(brief), &["nothing came from the server for 0.4 s"]);
    let site = Site::new(|_, _| Reply::whole(&bytes()).without_last(HALF).then_hangs());
    site.failed(&site.fetch(brief), &["nothing came from the server for 0.4 s"]);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn a_server_that_fails_is_asked_again_if_that_may_help() {
    for passing in ["500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests"]
    {
        let site = Site::new(move |number, request| match number {
            0 => Reply::status(passing),
            _ => Reply::rest(&bytes(), request),
        });
        site.came(site.fetch(&[]));
    }
    site_fails(&Site::new(|_, _| Reply::status("404 Not Found")), &["answers 404 Not Found"], 1);
    let site = Site::new(|_, _| Reply::status("500 Internal Server Error"));
    site.failed(&site.fetch(&["--retries", "1"]), &["500 Internal Server Error (2 tries)"]);
    assert_eq!(site.n_asked(), 2);
    let site = Site::new(|_, _| Reply { bytes: b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(), hangs: false });
    site.failed(&site.fetch(&["--retries", "0"]), &["cannot fetch it"]);
}

#[test]
fn without_a_server_it_is_said_what_to_do_by_hand() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/model.onnx");
    let site = Site::new(|_, _| Reply::status("404 Not Found"));
    fs::write(&site.list, list(&url, true)).unwrap();
    let place = site.model();
    let says = ["the connection failed", &url, &digest(&bytes()), "200000 bytes", text(&place)];
    site.failed(&site.fetch(&["--retries", "0"]), &says);
}

#[test]
fn a_license_that_forbids_commerce_is_accepted_by_hand() {
    let site = Site::new(|_, _| Reply::whole(&bytes()));
    fs::write(&site.list, list(&site.server.url("/model.onnx"), false)).unwrap();
    site_fails(&site, &["(MIT) does not allow commercial use", "--accept-license"], 0);
    site.came(site.fetch(&["--accept-license"]));
}

#[test]
fn two_at_once_do_not_meet() {
    let site = Site::new(|_, _| {
        thread::sleep(Duration::from_millis(800));
        Reply::whole(&bytes())
    });
    let both = thread::scope(|scope| {
        [scope.spawn(|| site.fetch(&[])), scope.spawn(|| site.fetch(&[]))]
            .map(|it| it.join().unwrap())
    });
    let n_came = both.iter().filter(|it| it.stdout.contains(": fetched")).count();
    assert_eq!(n_came, 1);
    for ran in both {
        site.came(ran);
    }
    assert_eq!(site.n_asked(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let site = Site::new(|_, _| Reply::whole(&bytes()));
    fs::create_dir(site.scratch.path("models")).unwrap();
    let part = site.scratch.path("models/it.onnx.part");
    std::os::unix::fs::symlink("/dev/full", part).unwrap();
    site.failed(&site.fetch(&[]), &["it.onnx.part: No space left on device"]);
}

#[test]
fn lists_that_cannot_be_used_are_refused() {
    let site = Site::new(|_, _| Reply::status("404 Not Found"));
    for (from, to, says) in [
        ("\"it\"", "\"../it\"", "has the name \"../it\""),
        ("http://127", "http://10", "plain http is for this machine alone"),
        ("200000", "-1", "cannot be read"),
        ("\"it\"", "\"yunet\"", "both lists name a model yunet"),
    ] {
        let url = site.server.url("/model.onnx");
        fs::write(&site.list, list(&url, true).replace(from, to)).unwrap();
        site.failed(&site.fetch(&[]), &["list.toml", says]);
    }
    fs::write(&site.list, " ".repeat(2 << 20)).unwrap();
    site.failed(&site.fetch(&[]), &["longer than 1 MiB"]);
    assert_eq!(site.n_asked(), 0);
}
