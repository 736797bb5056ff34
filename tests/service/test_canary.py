"""The FTP password is in clear nowhere: it is given every way there is, and then looked for."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import (
    Farcopy,
    run_farcopy,
    serving,
    slow_ftp_server,
    write_tree,
)

CANARY = "CANARY-9f3Z-äß"
"""With letters that are written differently by JSON, URLs and repr."""
WRONG = "CANARY-wr0ng"
LOGIN = "correct horse battery 7"


class Witness:
    """All that was said: answers, output of verbs; and what lies on the disk, at the end."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = tmp_path / "home"
        self.data = tmp_path / "data"
        self.remote = tmp_path / "remote"
        self.heard: dict[str, bytes] = {}

    def run(self, *args: str, stdin: str | None = None, **env: str) -> int:
        done = run_farcopy(self.home, *args, stdin=stdin, env=env)
        self.heard[f"{' '.join(args)} {len(self.heard)}"] = (done.stdout + done.stderr).encode()
        return done.returncode

    def call(self, client: httpx.Client, method: str, path: str, **options: object) -> int:
        answer = client.request(method, path, **options)  # type: ignore[arg-type]
        headers = repr(sorted(answer.headers.items())).encode()
        self.heard[f"{method} {path} {len(self.heard)}"] = answer.content + headers
        return answer.status_code

    def read_process(self, farcopy: Farcopy) -> None:
        for name in ("cmdline", "environ"):
            file = Path(f"/proc/{farcopy.process.pid}/{name}")
            self.heard[f"process {name}"] = file.read_bytes()

    def places_with(self, secret: str) -> set[str]:
        for path in self.home.rglob("*"):
            if path.is_file():
                self.heard[str(path.relative_to(self.home))] = path.read_bytes()
        return {place for place, said in self.heard.items() for form in forms(secret)
                if form in said}


def forms(secret: str) -> list[bytes]:
    """As it is, and as it might be written down by somebody who means no harm."""
    raw = secret.encode()
    return [
        raw, secret.encode("utf-16-le"), secret.encode("latin-1"), raw.hex().encode(),
        base64.b64encode(raw), json.dumps(secret)[1:-1].encode(),
        ascii(secret)[1:-1].encode(), repr(raw)[2:-1].encode(), raw[::-1],
        str(httpx.QueryParams({"x": secret}))[2:].encode(),
    ]


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    yield Witness(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="processes are looked at in /proc")
def test_the_ftp_password_is_found_in_no_answer_log_process_file_or_export(
    witness: Witness,
) -> None:
    write_tree(witness.data, {"a": b"x"})
    with slow_ftp_server(witness.remote, 0, password=CANARY) as ftp:
        account = {"ftp_host": ftp.host, "ftp_port": ftp.port, "ftp_username": ftp.user,
                   "hospital_data_path": str(witness.data)}
        assert witness.run("user", "add", "boss", "--password-stdin", stdin=f"{LOGIN}\n") == 0
        options = [word for name, value in account.items()
                   for word in (f"--{name.replace('_', '-')}", str(value))]
        # The command line: by standard input and by the environment; right, wrong and refused.
        assert witness.run("configure", *options, "--ftp-password-stdin", stdin=f"{CANARY}\n") == 0
        assert witness.run("test-connection") == 0
        assert witness.run("sync", "--json") == 0
        assert witness.run("configure", FARCOPY_FTP_PASSWORD=WRONG) == 0
        assert witness.run("test-connection") == 1
        assert witness.run("sync") == 0  # nothing new: it does not even log in
        assert witness.run("configure", "--ftp-port", "0", FARCOPY_FTP_PASSWORD=CANARY) == 1
        assert witness.run("key", "rotate") == 0
        with serving(witness.home) as farcopy, httpx.Client(
            base_url=farcopy.url, trust_env=False, timeout=60
        ) as client:
            login = {"username": "boss", "password": LOGIN}
            assert client.post("/api/auth/login.php", json=login).status_code == 200
            # A user who types the FTP password into the wrong field.
            wrong = {"username": "boss", "password": CANARY}
            with httpx.Client(base_url=farcopy.url, trust_env=False) as other:
                assert witness.call(other, "POST", "/api/auth/login.php", json=wrong) == 401
            configure = "/api/sync/configure-sync.php"
            write_tree(witness.data, {"b": b"y"})
            for body, status in (
                ({"ftp_password": WRONG}, 200), ({"ftp_password": CANARY + "\n"}, 400),
                ({"ftp_password": [CANARY]}, 400), ({"ftp_port": CANARY}, 400),
            ):
                assert witness.call(client, "POST", configure, json=body) == status
            assert witness.call(client, "POST", "/api/sync/test-connection.php") == 400
            assert witness.call(client, "POST", "/api/sync/sync-now.php") == 500
            broken = b'{"ftp_password": "' + CANARY.encode()
            json_type = {"Content-Type": "application/json"}
            assert witness.call(client, "POST", configure, content=broken, headers=json_type) == 400
            assert witness.call(client, "POST", configure, json={"ftp_password": CANARY}) == 200
            assert witness.call(client, "POST", "/api/sync/sync-now.php") == 200
            for path in ("/api/sync/get-config.php", "/api/sync/status.php", "/",
                         "/api/audit/list.php?limit=500", "/api/audit/export.php",
                         "/api/audit/export.php?format=jsonl", "/api/openapi.json"):
                assert witness.call(client, "GET", path) == 200
            witness.read_process(farcopy)
            assert farcopy.end() == 0
        witness.heard["serve"] = farcopy.output.encode()
    assert witness.run("audit", "export") == 0
    assert (witness.remote / "hospital/b").exists()

    assert b"boss" in b"".join(witness.heard.values())  # it does look where something is
    assert len(witness.heard) > 25
    assert witness.places_with(CANARY) == set()
    assert witness.places_with(WRONG) == set()
    key = (witness.home / "farcopy.key").read_text().strip()
    assert witness.places_with(key) == {"farcopy.key"}
