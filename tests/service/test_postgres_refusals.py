"""What a real PostgreSQL refuses is told apart from its silence, at once and with what to do."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.parts.fetch import why_missing
from tests.parts.fixtures import _scratch
from tests.parts.postgres import PASSWORD, USER, PostgresServer, start_postgres
from tests.running import Ended, run_farcopy, serving, wait_until
from tests.service.trouble import Api, refused, signed_in

psycopg = pytest.importorskip("psycopg", reason="the extra farcopy[postgres] is not installed")

ACCOUNT = "correct horse battery staple"


class Guarded:
    """A PostgreSQL of this module's own, with TLS, and a pg_hba.conf that tests may write."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.server, self.url, self.data = server, server.url, folder / "data"
        self.authority = trustme.CA()
        self._usual = (self.data / "pg_hba.conf").read_text()
        certificate = self.authority.issue_cert("localhost", "127.0.0.1")
        owner = self.data.stat()
        for name, content in (
            ("server.crt", certificate.cert_chain_pems[0]),
            ("server.key", certificate.private_key_pem),
        ):
            content.write_to_path(self.data / name)
            (self.data / name).chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(self.data / name, owner.st_uid, owner.st_gid)

    def do(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as database:
            for statement in statements:
                database.execute(statement)

    def let_in(self, lines: str) -> None:
        """The whole pg_hba.conf; it counts when this returns."""
        (self.data / "pg_hba.conf").write_text(lines)
        before = self.server.log_file.read_text(errors="replace").count("reloading configuration")
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGHUP)
        wait_until(lambda: self.server.log_file.read_text(errors="replace").count(
            "reloading configuration") > before)

    def let_in_as_usual(self) -> None:
        self.let_in(self._usual)

    def set_tls(self, value: str) -> None:
        self.do(f"ALTER SYSTEM SET ssl = {value}")
        self.server.restart()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    if reason := why_missing("postgres"):
        pytest.skip(reason)
    with _scratch() as folder:
        server = start_postgres(folder)
        try:
            yield Guarded(server, folder)
        finally:
            server.stop()


@pytest.fixture
def with_tls(guarded: Guarded) -> Iterator[Guarded]:
    guarded.set_tls("on")
    yield guarded
    guarded.let_in_as_usual()
    guarded.set_tls("off")


def status(folder: Path, url: str) -> Ended:
    # A silence would be waited for; these are not: see the test of that below.
    return run_farcopy(folder / "home", "status", env={"DATABASE_URL": url})


def told(folder: Path, url: str) -> str:
    done = status(folder, url)
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stderr
    return line


def changed(url: str, *, account: str = "", database: str = "", host: str = "") -> str:
    url = url.replace(f"{USER}:{PASSWORD}", account) if account else url
    url = url.rsplit("/", 1)[0] + f"/{database}" if database else url
    return url.replace("127.0.0.1", host) if host else url


def test_a_wrong_password_and_an_unknown_user_are_told(guarded: Guarded, tmp_path: Path) -> None:
    for account in (f"{USER}:wrong", "nobody-here:x", USER):
        line = told(tmp_path, changed(guarded.url, account=account))
        assert line.startswith("farcopy: the database server refused the login; correct user and ")
        assert f"({account.split(':')[0]}@127.0.0.1:{guarded.server.port}/farcopy)" in line


def test_a_user_the_server_does_not_ask_a_password_of_and_does_not_have(
    guarded: Guarded, tmp_path: Path
) -> None:
    guarded.let_in("host all all 127.0.0.1/32 trust\n")
    try:
        line = told(tmp_path, changed(guarded.url, account="nobody-here:x"))
    finally:
        guarded.let_in_as_usual()
    assert "refused the login" in line


def test_a_database_that_is_not_there_is_told(guarded: Guarded, tmp_path: Path) -> None:
    line = told(tmp_path, changed(guarded.url, database="nosuch"))
    assert "there is no such database on the server; create it" in line
    assert "/nosuch)" in line


def test_encryption_the_server_does_not_offer_is_told(guarded: Guarded, tmp_path: Path) -> None:
    line = told(tmp_path, f"{guarded.url}?sslmode=require")
    assert "no encrypted connection to the database server" in line


def test_a_certificate_that_is_not_accepted_is_told(with_tls: Guarded, tmp_path: Path) -> None:
    ours, others = tmp_path / "ours.pem", tmp_path / "others.pem"
    with_tls.authority.cert_pem.write_to_path(ours)
    trustme.CA().cert_pem.write_to_path(others)

    fine = status(tmp_path, f"{with_tls.url}?sslmode=verify-full&sslrootcert={ours}")

    assert fine.stdout.startswith("Nothing is copied yet"), fine.stderr
    for file in (others, tmp_path / "not-there.pem"):
        line = told(tmp_path, f"{with_tls.url}?sslmode=verify-full&sslrootcert={file}")
        assert "its certificate was not accepted; check sslmode and sslrootcert" in line


def test_a_server_that_demands_encryption_is_told(with_tls: Guarded, tmp_path: Path) -> None:
    with_tls.let_in("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    assert status(tmp_path, with_tls.url).stdout.startswith("Nothing is copied yet")
    line = told(tmp_path, f"{with_tls.url}?sslmode=disable")
    assert "not in from here, or only encrypted; check its pg_hba.conf, and sslmode" in line


def test_a_missing_right_is_told(guarded: Guarded, tmp_path: Path) -> None:
    guarded.do("CREATE ROLE limited LOGIN PASSWORD 'x'", "CREATE DATABASE closed")
    url = changed(guarded.url, account="limited:x", database="closed")

    no_table = told(tmp_path, url)
    guarded.do("REVOKE CONNECT ON DATABASE closed FROM public")
    no_way_in = told(tmp_path, url)

    assert "the user of the database lacks a right there; let it own the database" in no_table
    assert "lets this user not in from here" in no_way_in


def test_an_unknown_host_is_told(guarded: Guarded, tmp_path: Path) -> None:
    line = told(tmp_path, changed(guarded.url, host="nosuch.invalid"))
    assert "the host of the database could not be resolved; check DATABASE_URL" in line
    assert "@nosuch.invalid:" in line


def test_an_option_that_is_none_is_told(guarded: Guarded, tmp_path: Path) -> None:
    assert "an option behind its ?" in told(tmp_path, f"{guarded.url}?sslmodus=require")


def test_silence_is_still_silence(tmp_path: Path) -> None:
    line = told(tmp_path, "postgresql://x:y@127.0.0.1:1/x")
    assert "the database server does not answer; check that it runs (x@127.0.0.1:1/x)" in line


def test_a_service_says_so_and_goes_on_when_it_is_mended(guarded: Guarded, tmp_path: Path) -> None:
    url = guarded.server.create_database()
    guarded.do("CREATE ROLE mended LOGIN PASSWORD 'right'",
               f"ALTER DATABASE {url.rsplit('/', 1)[1]} OWNER TO mended")
    env = {"DATABASE_URL": changed(url, account="mended:right")}
    added = run_farcopy(tmp_path / "home", "user", "add", "admin", "--password-stdin",
                        stdin=f"{ACCOUNT}\n", env=env)
    assert added.returncode == 0, added.stderr
    with serving(tmp_path / "home", env=env) as farcopy, signed_in(farcopy.url) as api:
        guarded.do("ALTER ROLE mended PASSWORD 'changed'",
                   "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='mended'")
        wait_until(lambda: _health(api) == (503, "ledger_login_refused"))
        refused(api.configure(sync_interval=99), "ledger_login_refused")

        guarded.do("ALTER ROLE mended PASSWORD 'right'")

        wait_until(lambda: _health(api)[0] == 200)
        assert api.configure(sync_interval=99).status_code == 200


def _health(api: Api) -> tuple[int, object]:
    code, answer = api.health()
    return code, answer.get("code")
