//! Addresses that a model may be fetched from. It fetches nothing and resolves no name.

use std::net::IpAddr;

/// The longest address, in bytes.
pub(super) const MAX_ADDRESS: usize = 2048;

/// Checks that an address may be fetched from: `https`, or `http` from this very machine.
///
/// # Errors
///
/// Fails with what it must be.
pub fn check_address(url: &str) -> Result<(), &'static str> {
    if url.len() > MAX_ADDRESS || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("an address of at most 2048 printable ASCII characters");
    }
    let (rest, is_secure) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => return Err("an https address"),
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("an address without a user or password");
    }
    let host = match authority.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() {
        return Err("an address with a host");
    }
    let is_loopback =
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    if is_secure || is_loopback {
        Ok(())
    } else {
        Err("an https address; plain http is for this machine alone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_secure_or_on_this_machine() {
        for url in [
            "https://example.org/a?b#c",
            "https://example.org:8443",
            "http://localhost:8080/a",
            "http://127.0.0.1/a",
            "http://[::1]:80/a",
        ] {
            assert_eq!(check_address(url), Ok(()), "{url}");
        }
        for url in [
            "http://example.org/a",
            "http://localhost.example.org/a",
            "http://127.0.0.1.example.org/a",
            "http://127.0.0.1@example.org/a",
            "http://localhost:80@example.org/a",
            "http://example.org\\@127.0.0.1/a",
            "http://10.0.0.1/a",
            "https:///a",
            "https://user:secret@example.org/a",
            "file:///etc/passwd",
            "ftp://example.org/a",
            "HTTPS//example.org",
            "https://example.org/a b",
            "https://example.org/\n",
            "",
        ] {
            assert!(check_address(url).is_err(), "{url}");
        }
    }
}
