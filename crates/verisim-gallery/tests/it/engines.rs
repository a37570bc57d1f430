//! The engines that every claim of conformance is tested on, and the server for one of them.
//!
//! `reference/postgres_server.py start DIR` makes a server and prints the variables that lead here. A
//! claim about it is skipped where there is none, unless `VERISIM_TEST_POSTGRES_REQUIRED` says that
//! there must be one.

use std::env;
use std::path::PathBuf;

use verisim_core::ModelDigest;
use verisim_gallery::{Engine, GalleryError, Place, Secret};

use crate::synthetic::{DIM, model};

/// The address of a server with pgvector.
const SERVER: &str = "VERISIM_TEST_POSTGRES";
const REQUIRED: &str = "VERISIM_TEST_POSTGRES_REQUIRED";

/// Places for galleries of one engine; they are gone when it is dropped.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    server: Option<String>,
}

impl Bench {
    /// Galleries in folders.
    pub(crate) fn embedded() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), server: None }
    }

    /// Galleries on the server, if there is one.
    pub(crate) fn postgres() -> Option<Self> {
        let server = Some(server()?);
        Some(Self { folder: tempfile::tempdir().unwrap(), server })
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.server.is_none()
    }

    /// The place of a gallery of this name.
    pub(crate) fn place(&self, name: &str) -> Place {
        self.place_with(name, "exact=true")
    }

    /// The same, with other options of a server.
    pub(crate) fn place_with(&self, name: &str, options: &str) -> Place {
        Place::new(&self.path(name, options)).unwrap()
    }

    fn path(&self, name: &str, options: &str) -> PathBuf {
        match &self.server {
            None => self.folder.path().join(name),
            Some(url) => {
                let schema = self.schema(name);
                format!("{url}?gallery={schema}&patience=5&{options}").into()
            }
        }
    }

    /// The schema of a gallery of this name: like no other of this or any run.
    pub(crate) fn schema(&self, name: &str) -> String {
        let folder = self.folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
        let folder: String = folder.bytes().map(|it| format!("{it:02x}")).collect();
        format!("t{folder}_{name}")
    }

    /// Opens a gallery for the model of the tests, and makes it if need be.
    pub(crate) fn open(&self, name: &str) -> Box<dyn Engine> {
        self.open_of(name, DIM, None).unwrap()
    }

    pub(crate) fn open_of(
        &self,
        name: &str,
        dim: usize,
        secret: Option<&Secret>,
    ) -> Result<Box<dyn Engine>, GalleryError> {
        self.place(name).create_or_open(model(), dim, secret)
    }

    pub(crate) fn open_for(
        &self,
        name: &str,
        model: ModelDigest,
    ) -> Result<Box<dyn Engine>, GalleryError> {
        self.place(name).create_or_open(model, DIM, None)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let Some(url) = &self.server else { return };
        let prefix = self.schema("");
        // What was not made is not there to be removed.
        let statement = format!(
            "DO $$ DECLARE it text; BEGIN
                FOR it IN SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{prefix}')
                LOOP EXECUTE 'DROP SCHEMA ' || quote_ident(it) || ' CASCADE'; END LOOP;
            END $$"
        );
        sql(url, &statement);
    }
}

/// The address of the server, or of nothing.
#[expect(clippy::print_stdout, reason = "says what was not tested")]
pub(crate) fn server() -> Option<String> {
    let found = env::var(SERVER).ok().filter(|_| cfg!(feature = "postgres"));
    if found.is_none() {
        assert!(env::var_os(REQUIRED).is_none(), "{REQUIRED} is set, but there is no {SERVER}");
        println!("skipped: {SERVER} is not set");
    }
    found
}

/// Runs statements on a server; returns the first column of each row, as text.
pub(crate) fn sql(url: &str, statements: &str) -> Vec<String> {
    try_sql(url, statements).unwrap()
}

/// The same, where it may fail.
pub(crate) fn try_sql(url: &str, statements: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    use tokio_postgres::SimpleQueryMessage;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(statements).await;
        drop(client);
        connection.await.unwrap().ok();
        let first = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        };
        Ok(messages?.into_iter().filter_map(first).collect())
    })
}

/// Tests claims, functions of a [`Bench`], on each engine.
macro_rules! on_every_engine {
    ($($claim:ident),+ $(,)?) => {
        mod embedded {
            $(#[test]
            fn $claim() {
                super::$claim(&$crate::engines::Bench::embedded());
            })+
        }

        mod postgres {
            $(#[test]
            fn $claim() {
                if let Some(bench) = $crate::engines::Bench::postgres() {
                    super::$claim(&bench);
                }
            })+
        }
    };
}
pub(crate) use on_every_engine;
