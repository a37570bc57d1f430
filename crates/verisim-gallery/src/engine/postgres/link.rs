//! The way to a server: a pool of connections, TLS, and patience while it is away; it knows no table.
//!
//! The library is synchronous, as its other engine is: a caller sees one trait and blocks until the
//! answer is there. The client below is not, so that each link drives it on a small runtime of its
//! own, on the thread that called. No thread is started, and several probes are still searched at
//! once, because the server does the work. Code that runs on a runtime itself must call from a thread
//! where blocking is allowed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::explain::{Failure, explain, is_lost, reason};
use crate::GalleryError;
use crate::id::random_bytes;

/// The first pause between attempts; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A server, and what drives the connections to it.
pub(super) struct Link {
    // Before the runtime, on which connections end.
    primary: Pool,
    replicas: Option<Pool>,
    runtime: Runtime,
    place: PathBuf,
    patience: Duration,
    n_connections: usize,
}

impl Link {
    /// Prepares the way to a server; nothing is connected yet.
    pub(super) fn new(address: &Address) -> Result<Self, GalleryError> {
        let place = address.place().to_owned();
        let failed = |error: std::io::Error| GalleryError::from_io(&place, error);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let tls = MakeRustlsConnect::new(tls(address)?);
        let pool = |config: Config| {
            let manager = Manager::from_config(config, tls.clone(), ManagerConfig::default());
            let settings: Arc<str> = session_settings(address).into();
            let prepare =
                Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
                    let settings = settings.clone();
                    Box::pin(async move {
                        client.batch_execute(&settings).await.map_err(HookError::Backend)
                    })
                });
            let pool = Pool::builder(manager).max_size(address.n_connections).post_create(prepare);
            pool.build().map_err(|error| failed(std::io::Error::other(error)))
        };
        Ok(Self {
            primary: pool(address.config.clone())?,
            replicas: address.reads_replicas.then(|| pool(address.replicas())).transpose()?,
            runtime,
            place: place.clone(),
            patience: address.patience,
            n_connections: address.n_connections,
        })
    }

    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    pub(super) fn n_connections(&self) -> usize {
        self.n_connections
    }

    /// Drives `work` to its end, and explains its failure.
    pub(super) fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, GalleryError> {
        self.runtime.block_on(work).map_err(|failure| failure.told(&self.place))
    }

    /// Drives `work`, and has it begin anew while the server is away and patience lasts.
    ///
    /// It must change nothing, or know that nothing was changed when it reports a lost connection.
    pub(super) fn wait_patiently<T>(
        &self,
        work: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, GalleryError> {
        let begun = Instant::now();
        self.wait(async {
            loop {
                match work().await {
                    Err(failure) if failure.is_lost() && begun.elapsed() < self.patience => {
                        tokio::time::sleep(FIRST_PAUSE).await;
                    }
                    outcome => return outcome,
                }
            }
        })
    }

    /// A connection to the server that may be written to.
    pub(super) async fn primary(&self) -> Result<Object, Failure> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut n_attempts = 0;
        loop {
            n_attempts += 1;
            let error = match self.primary.get().await {
                Ok(client) => return Ok(client),
                Err(
                    PoolError::Backend(error)
                    | PoolError::PostCreateHook(HookError::Backend(error)),
                ) => error,
                Err(error) => {
                    let path = self.place.clone();
                    return Err(GalleryError::Engine { path, source: error.into() }.into());
                }
            };
            if !is_lost(&error) || begun.elapsed() + pause > self.patience {
                return Err(self.unreachable(&error, n_attempts, begun.elapsed()).into());
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// A connection to a standby, if searches go there and one answers; else to the primary.
    pub(super) async fn reader(&self) -> Result<Object, Failure> {
        if let Some(replicas) = &self.replicas
            && let Ok(client) = replicas.get().await
        {
            return Ok(client);
        }
        self.primary().await
    }

    fn unreachable(&self, error: &Error, n_attempts: u32, elapsed: Duration) -> GalleryError {
        match explain(&self.place, error) {
            explained @ (GalleryError::Denied { .. } | GalleryError::NotAGallery { .. }) => {
                explained
            }
            _ => GalleryError::Unreachable {
                path: self.place.clone(),
                reason: reason(error),
                n_attempts,
                seconds: elapsed.as_secs(),
            },
        }
    }
}

/// A time around `pause`, so that clients that lost the same server do not come back at once.
fn jittered(pause: Duration) -> Duration {
    // Without random numbers the pause itself will do.
    let [byte] = random_bytes().unwrap_or([128]);
    pause.mul_f64(0.5 + f64::from(byte) / 256.0)
}

/// How every connection is set up.
fn session_settings(address: &Address) -> String {
    let Address { schema, ef_search, patience, .. } = address;
    // Zero would mean for ever.
    let patience = patience.as_secs().max(1);
    // The extension may be in any schema. A commit is to be on disk, and on the standby where there
    // is a synchronous one, when it returns. A plan for a row more is not worth compiling.
    format!(
        "SELECT set_config('search_path', '\"{schema}\"' || coalesce((
             SELECT ', ' || quote_ident(nspname) FROM pg_extension
                 JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'vector'
         ), ''), false);
         SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
         SET hnsw.ef_search = {ef_search};
         SET jit = off;
         SET lock_timeout = '{patience}s';
         SET client_min_messages = warning;"
    )
}

/// What is encrypted, and whose certificates are believed.
fn tls(address: &Address) -> Result<ClientConfig, GalleryError> {
    let invalid = |reason: String| GalleryError::InvalidAddress { reason };
    let mut roots = RootCertStore::empty();
    if let Some(path) = &address.root_cert {
        let unusable = |error: &dyn std::fmt::Display| {
            invalid(format!("sslrootcert={} cannot be used: {error}", path.display()))
        };
        let pem = fs::read(path).map_err(|error| unusable(&error))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        if roots.is_empty() {
            return Err(unusable(&"it holds no certificate (PEM)"));
        }
    } else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| invalid(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
