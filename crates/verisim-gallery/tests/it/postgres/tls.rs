//! Encrypted connections: made where they must be, refused where the certificate is not the server's.
//!
//! The server for tests has no TLS. A gate before it speaks the server's side of it, as the server
//! would, and passes the rest on.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::{host_of, open_at};
use crate::child::kind;
use crate::engines::{Bench, server};
use crate::synthetic::{sample, samples};

/// What a client asks before anything else: whether the server speaks TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Opens a gate to `server` for a host of this name; returns its port, and writes its certificate.
fn gate(server: &str, name: &str, certificate: &Path) -> u16 {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    std::fs::write(certificate, cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let server = server.to_owned();
    // It ends with the process.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, acceptor.clone(), server.clone()));
            }
        });
    });
    port
}

async fn pass(mut client: TcpStream, acceptor: TlsAcceptor, server: String) -> std::io::Result<()> {
    let mut request = [0; SSL_REQUEST.len()];
    client.read_exact(&mut request).await?;
    if request != SSL_REQUEST {
        // In the clear: a gate that lets nobody through.
        return Ok(());
    }
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(server).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

#[test]
fn a_connection_is_encrypted_and_the_certificate_checked() {
    let Some(bench) = Bench::postgres() else { return };
    let url = server().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours.pem"), folder.path().join("theirs.pem"));
    let port = gate(host_of(&url), "localhost", &ours);
    let other = gate(host_of(&url), "db.example", &theirs);
    let schema = bench.schema("g");
    let through = |port: u16, options: &str| {
        let host = format!("localhost:{port}");
        let url = url.replace(host_of(&url), &host);
        open_at(&format!("{url}?gallery={schema}&patience=1&exact=true&{options}"), None)
    };
    let trusting = |path: &Path| format!("sslmode=require&sslrootcert={}", path.display());

    let mut gallery = through(port, &trusting(&ours)).unwrap();
    gallery.enroll("Ann", &samples("Ann", 1)).unwrap();
    assert_eq!(gallery.nearest(&sample("Ann", 0).template, 1).unwrap()[0].identity, "Ann");

    for (what, refused) in [
        ("an authority that nobody named", through(port, "sslmode=require")),
        ("the certificate of another", through(port, &trusting(&theirs))),
        ("the name of another host", through(other, &trusting(&theirs))),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(kind(&error), "Unreachable", "{what}: {error}");
        let said = error.to_string();
        assert!(said.contains("certificate") && said.contains("(1 attempts"), "{what}: {said}");
    }
    assert!(through(port, "sslmode=disable").is_err(), "the gate lets nobody through in the clear");
    let nothing = folder.path().join("nothing.pem");
    assert_eq!(kind(&through(port, &trusting(&nothing)).unwrap_err()), "InvalidAddress");
}

#[test]
fn a_server_without_encryption_is_not_used_where_it_must_be() {
    let Some(url) = server() else { return };
    let error = open_at(&format!("{url}?sslmode=require&patience=1"), None).unwrap_err();
    assert_eq!(kind(&error), "Unreachable");
    assert!(error.to_string().contains("TLS"), "{error}");
}
