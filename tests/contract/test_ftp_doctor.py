"""The doctor: every step on real servers, nothing left behind, and each failure with its cause."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from farcopy.core.examination import Sign, Step, StepResult
from farcopy.engine.doctor import examine
from farcopy.ftp.doctor import FtpExamination
from farcopy.ftp.settings import SessionSettings
from farcopy.planning.diagnosis import diagnose
from tests.contract.hostile import Answer, MeddlingProxy, Mumbler, always, at
from tests.contract.places import HOME_ID, PyFtpPlace, RealPlace
from tests.contract.rig import at_port
from tests.parts.fixtures import FtpServerFactory


class Clock:
    now = staticmethod(lambda: pytest.fail("an examination has no date"))
    monotonic_s = staticmethod(time.monotonic)


def examined(settings: SessionSettings, connections: int = 3) -> list[StepResult]:
    examination = FtpExamination(settings, HOME_ID, connections, within_s=20)
    return list(examine(examination, Clock()))


def failed(settings: SessionSettings) -> tuple[Step, str, Sign]:
    last = examined(settings)[-1]
    assert last.error is not None
    assert diagnose(last.step, last.error, last.sign).action
    return last.step, last.error.code, last.sign


def seen(results: list[StepResult], step: Step) -> dict[str, str]:
    return dict(next(result.seen for result in results if result.step is step))


@pytest.fixture
def proxy(pyftp_place: PyFtpPlace) -> Iterator[MeddlingProxy]:
    proxy = MeddlingProxy(pyftp_place.settings.port)
    yield proxy
    proxy.stop()


def test_a_good_server_passes_every_step_and_keeps_nothing(real_place: RealPlace) -> None:
    results = examined(real_place.settings)
    assert [result.step for result in results] == list(Step)
    assert [result.error for result in results] == [None] * len(Step)
    assert [path for path in real_place.root.rglob("*") if path.is_file()] == []
    assert seen(results, Step.CONNECTIONS)["at the same time"].startswith("3, as many")


def test_over_tls_the_certificate_is_shown_with_its_fingerprint(
    real_tls_place: RealPlace,
) -> None:
    results = examined(real_tls_place.settings)
    assert [result.error for result in results] == [None] * len(Step)
    certificate = seen(results, Step.TLS)
    assert "TLSv1." in certificate["encryption"]
    assert "127.0.0.1" in certificate["certificate for"]
    assert len(certificate["SHA-256 fingerprint"].split(":")) == 32


def test_a_certificate_nobody_signed_can_be_seen_and_then_pinned(
    real_tls_place: RealPlace,
) -> None:
    distrusted = replace(real_tls_place.settings, ca_file=None)
    last = examined(distrusted)[-1]
    assert (last.step, last.sign) == (Step.TLS, Sign.UNTRUSTED)
    pinned = replace(distrusted, fingerprint=dict(last.seen)["SHA-256 fingerprint"])
    assert examined(pinned)[-1].error is None
    other = replace(distrusted, fingerprint="00" * 32)
    assert failed(other) == (Step.TLS, "tls_failed", Sign.NOT_PINNED)


def test_tls_where_there_is_none_and_a_missing_ca_file_are_told(
    pyftp_place: PyFtpPlace, tmp_path: Path
) -> None:
    settings = replace(pyftp_place.settings, tls="required")
    assert failed(settings) == (Step.TLS, "tls_failed", Sign.NOT_OFFERED)
    no_file = replace(settings, ca_file=str(tmp_path / "nothing.pem"))
    assert failed(no_file) == (Step.TLS, "tls_failed", Sign.CA_UNREADABLE)


def test_a_server_that_wants_tls_is_told_when_it_is_off(real_tls_place: RealPlace) -> None:
    plain = replace(real_tls_place.settings, tls="off", ca_file=None)
    assert failed(plain) == (Step.LOGIN, "tls_failed", Sign.NEEDS_TLS)


def test_a_wrong_password_is_tried_once(proxy: MeddlingProxy, pyftp_place: PyFtpPlace) -> None:
    settings = replace(pyftp_place.settings, port=proxy.port, password="wrong")
    assert failed(settings) == (Step.LOGIN, "login_refused", Sign.NONE)
    assert proxy.count("PASS") == 1


def test_names_ports_and_strangers_are_told_apart() -> None:
    unknown = replace(at_port(21), host="no-such-host.invalid")
    assert failed(unknown)[:2] == (Step.NAME, "dns_failed")
    assert failed(at_port(1)) == (Step.CONNECTION, "connect_failed", Sign.REFUSED)
    ssh = Mumbler(b"SSH-2.0-OpenSSH_9.2\r\n")
    try:
        assert failed(at_port(ssh.port))[:2] == (Step.CONNECTION, "not_ftp")
    finally:
        ssh.stop()


def test_blocked_passive_ports_are_told_as_such(
    proxy: MeddlingProxy, pyftp_place: PyFtpPlace
) -> None:
    closed = b"227 Entering Passive Mode (127,0,0,1,0,1).\r\n"
    script = {"EPSV": Answer(b"500 What?\r\n"), "PASV": Answer(closed)}
    proxy.script = lambda verb, _line: script.get(verb)
    settings = replace(pyftp_place.settings, port=proxy.port)
    assert failed(settings)[:2] == (Step.DIRECTORY, "data_connection_failed")


def test_a_demand_for_session_reuse_is_told_as_such(
    proxy: MeddlingProxy, pyftp_place: PyFtpPlace
) -> None:
    demand = b"522 SSL connection failed; session reuse required: see require_ssl_reuse\r\n"
    proxy.script = lambda verb, _line: Answer(demand) if verb in ("MLSD", "LIST") else None
    settings = replace(pyftp_place.settings, port=proxy.port)
    assert failed(settings) == (
        Step.DIRECTORY, "data_connection_failed", Sign.SESSION_REUSE
    )


def test_a_full_server_a_read_only_one_and_one_that_will_not_read_are_told(
    proxy: MeddlingProxy, pyftp_place: PyFtpPlace
) -> None:
    settings = replace(pyftp_place.settings, port=proxy.port)
    proxy.script = always("STOR", Answer(b"552 Quota exceeded.\r\n"))
    assert failed(settings) == (Step.PROBE, "remote_full", Sign.QUOTA)
    proxy.script = always("STOR", Answer(b"550 Permission denied.\r\n"))
    assert failed(settings)[:2] == (Step.PROBE, "remote_read_only")
    proxy.script = always("RETR", Answer(b"550 Permission denied.\r\n"))
    assert failed(settings)[:2] == (Step.PROBE, "path_refused")
    assert [path for path in pyftp_place.root.rglob("*") if path.is_file()] == []


def test_a_limit_of_connections_is_found_and_is_no_failure(
    ftp_server_factory: FtpServerFactory,
) -> None:
    server = ftp_server_factory("vsftpd", max_connections_per_ip=2)
    settings = SessionSettings(
        host=server.host, port=server.port, user=server.user, password=server.password
    )
    results = examined(settings, connections=5)
    assert results[-1].error is None
    assert seen(results, Step.CONNECTIONS)["at the same time"].startswith("2 of 5")


def test_a_directory_that_is_a_file_fails_at_the_directory(
    proxy: MeddlingProxy, pyftp_place: PyFtpPlace
) -> None:
    pyftp_place.put("a file", b"x")
    settings = replace(pyftp_place.settings, path=f"{pyftp_place.settings.path}/a file")
    assert failed(settings)[0] is Step.DIRECTORY


def test_a_server_that_says_goodbye_in_the_middle_is_told(
    proxy: MeddlingProxy, pyftp_place: PyFtpPlace
) -> None:
    proxy.script = at("PWD", Answer(b"421 Going down.\r\n"))
    settings = replace(pyftp_place.settings, port=proxy.port)
    step, code, _ = failed(settings)
    assert (step, code) == (Step.LOGIN, "connection_lost")
