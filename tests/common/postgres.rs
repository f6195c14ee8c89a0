//! A Postgres server of a test program's own, which ends with the program, however that ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Said by a test that needs a server where none is installed.
pub(crate) const NOT_INSTALLED: &str =
    "no Postgres server is installed (package `postgresql`, 14 or later): this test shows nothing here";

static FOLDERS: AtomicUsize = AtomicUsize::new(0);
static DATABASES: AtomicUsize = AtomicUsize::new(0);

/// A server that listens on a socket in a folder of its own, and on no port.
pub(crate) struct Server {
    folder: PathBuf,
    programs: PathBuf,
    /// The server refuses to run as root.
    user: Option<(u32, u32)>,
    /// Stops the server and removes the folder when this program ends.
    watch: Option<Child>,
}

/// The server of this program, started by the first test that asks; none where none is installed. Kept until the program ends.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(server_of_its_own).as_ref()
}

/// A server for one test alone, which may stop it; none where none is installed, unless it is said to be.
pub(crate) fn server_of_its_own() -> Option<Server> {
    let server = Server::start();
    if server.is_none() {
        eprintln!("{NOT_INSTALLED}");
        assert!(std::env::var_os("RPM_POSTGRES_REQUIRED").is_none(), "{NOT_INSTALLED}");
    }
    server
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(watch) = &mut self.watch {
            drop(watch.stdin.take());
            let _ = watch.wait();
        }
    }
}

impl Server {
    fn start() -> Option<Self> {
        let programs = programs()?;
        let n = FOLDERS.fetch_add(1, Ordering::SeqCst);
        // Short: the path of a socket has at most 107 bytes.
        let folder = std::env::temp_dir().join(format!("rpm-pg-{}-{n}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let user = unprivileged();
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let mut server = Self { folder, programs, user, watch: None };
        let data = server.data();
        let mut init = server.command("initdb");
        init.arg("-D").arg(&data).args(["-U", "rpm", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        obeyed(&mut init);
        let settings = "listen_addresses = ''\nfsync = off\nmax_connections = 200\nlog_min_messages = fatal\n";
        let sockets = format!("unix_socket_directories = '{}'\n", server.folder.display());
        let mut file = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap();
        file.write_all(format!("{settings}{sockets}").as_bytes()).unwrap();
        server.start_again();
        // It waits for the end of its input, which comes with the end of this program, also when that is killed.
        let stop = format!(
            "cat >/dev/null; '{}' -D '{}' -m immediate stop >/dev/null 2>&1; rm -rf '{}'",
            server.programs.join("pg_ctl").display(),
            data.display(),
            server.folder.display(),
        );
        let mut waiting = Command::new("sh");
        waiting.args(["-c", &stop]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Not with the signals that end a program from its terminal.
        waiting.process_group(0);
        server.as_its_user(&mut waiting);
        server.watch = Some(waiting.spawn().unwrap());
        Some(server)
    }

    /// Stops it as an operator would, with connections broken off; what was committed stays.
    pub(crate) fn stop(&self) {
        obeyed(self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "fast", "-w", "stop"]));
    }

    /// Starts it where it was stopped.
    pub(crate) fn start_again(&self) {
        let log = self.folder.join("log");
        obeyed(self.command("pg_ctl").arg("-D").arg(self.data()).arg("-l").arg(log).args(["-w", "start"]));
    }

    /// Where it is reached: for `tokio_postgres::Config` and for `psql`, with a database that is there.
    pub(crate) fn address(&self, database: &str) -> String {
        format!("host={} user=rpm dbname={database}", self.folder.display())
    }

    /// A new, empty database, and its address.
    pub(crate) fn database(&self) -> String {
        let name = format!("d{}", DATABASES.fetch_add(1, Ordering::SeqCst));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.address(&name)
    }

    /// What a statement gives, as `psql` shows it without decoration.
    pub(crate) fn psql(&self, database: &str, statement: &str) -> String {
        let mut psql = self.command("psql");
        psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, &self.address(database)]);
        obeyed(&mut psql)
    }

    /// The files of the server.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// One of the programs that come with the server, as the user that it runs as.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        self.as_its_user(&mut command);
        command.stdin(Stdio::null());
        command
    }

    fn as_its_user(&self, command: &mut Command) {
        command.current_dir(&self.folder);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
    }
}

/// What a program printed, or why it failed.
fn obeyed(command: &mut Command) -> String {
    // A server that goes on holds the pipes of who started it, so that their end would be waited for in vain.
    let is_server = command.get_args().any(|arg| arg == "start");
    if is_server {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
        return String::new();
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    said.trim_end().to_owned()
}

/// The folder of the server's programs: on the path, or where Debian puts the newest.
fn programs() -> Option<PathBuf> {
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut packaged: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    packaged.sort();
    let all = packaged.into_iter().rev().chain(on_path);
    let has = |folder: &Path| ["initdb", "pg_ctl", "psql"].iter().all(|program| folder.join(program).is_file());
    all.into_iter().find(|folder| has(folder))
}

/// The user and group to run it as where this is root: Postgres' own, or nobody.
fn unprivileged() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    if !is_root {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of = |line: &str| {
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    let postgres = users.lines().find(|line| line.starts_with("postgres:")).and_then(of);
    Some(postgres.unwrap_or((65_534, 65_534)))
}
