"""Every example can be read by what it is for, names flags that exist, shows no secret, and does what it says."""

import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from shuttle.command.flags import parse_command_line
from shuttle.command.options import FLAGS, format_usage
from shuttle.local_drain import LocalDrain
from tests.helpers.process import LONGEST, clean_environ, run

EXAMPLES = Path(__file__).parents[2] / "examples"
PROCFILES = [path.relative_to(EXAMPLES).as_posix() for path in sorted(EXAMPLES.glob("*/Procfile*"))]
UNITS = [path.name for path in sorted(EXAMPLES.glob("systemd/*.service"))]
PROGRAMS = ("log-shuttle", "bin/log-shuttle.pyz")
LAND_TIMEOUT = 25  # seconds; the default, which a recipe must leave time for


def read(name: str) -> str:
    return (EXAMPLES / name).read_text("utf-8")


def read_yaml(name: str) -> Any:
    return yaml.safe_load(read(name))


def read_procfile(name: str) -> dict[str, str]:
    lines = [line for line in read(name).splitlines() if line and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


def read_unit(name: str) -> dict[str, list[str]]:
    """Return the settings of a unit, each with its values."""
    settings: dict[str, list[str]] = {}
    for line in read(f"systemd/{name}").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


def read_supervisord() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(" ;",))
    parser.read_string(read("supervisord/supervisord.conf"))
    return parser


def find_pod(name: str) -> Any:
    return read_yaml(f"kubernetes/{name}.yaml")["spec"]["template"]["spec"]


def list_commands() -> list[tuple[str, list[str]]]:
    """Return the arguments that each example gives to log-shuttle, with the place where they stand."""
    texts = {f"{name} {kind}": text for name in PROCFILES for kind, text in read_procfile(name).items()}
    texts |= {name: read_unit(name)["ExecStart"][0] for name in UNITS}
    texts["supervisord"] = read_supervisord()["program:shop"]["command"]
    words = {place: shlex.split(text) for place, text in texts.items()}
    words["sidecar"] = ["log-shuttle", *find_pod("sidecar")["initContainers"][0]["args"]]
    words["wrapped"] = find_pod("wrapped")["containers"][0]["command"]
    words["compose"] = read_yaml("compose/compose.yaml")["services"]["shop"]["command"]
    last = read("docker/Dockerfile").splitlines()[-1]
    words["docker"] = yaml.safe_load(last.removeprefix("CMD "))
    return [(place, cut_program(command)) for place, command in words.items()]


def cut_program(words: list[str]) -> list[str]:
    """Return what stands behind the name of the program."""
    first = next(place for place, word in enumerate(words) if word.endswith(PROGRAMS))
    return words[first + 1 :]


COMMANDS = list_commands()
every_command = pytest.mark.parametrize("arguments", [pytest.param(words, id=place) for place, words in COMMANDS])


@every_command
def test_an_example_gives_flags_that_exist(arguments: list[str]) -> None:
    line = parse_command_line(arguments, FLAGS)
    assert line.flags
    assert line.command in {("shop",), ("/opt/shop/bin/shop",), ()}


@every_command
def test_no_example_has_a_secret_on_a_command_line(arguments: list[str]) -> None:
    secret = {flag.name for flag in FLAGS if flag.secret}
    assert not secret & parse_command_line(arguments, FLAGS).flags.keys()


@pytest.mark.parametrize("name", ["README.md", "Procfile", "examples/README.md"])
def test_no_document_has_a_password_on_a_command_line(name: str) -> None:
    text = (EXAMPLES.parent / name).read_text("utf-8")
    assert re.findall(r"-logs-url[ =]\S*://[^/\s]*@", text) == []


def test_the_usage_has_no_secret_on_a_command_line() -> None:
    lines = [line for line in format_usage().splitlines() if re.match(r"  .*log-shuttle .*-", line)]
    assert lines
    assert [line for line in lines if "@" in line or "-bearer-token " in line] == []


def test_every_variable_of_an_example_exists() -> None:
    known = {"LOG_SHUTTLE_" + flag.name.upper().replace("-", "_") for flag in FLAGS}
    files = [path for path in EXAMPLES.rglob("*") if path.is_file()]
    named = {name for path in files for name in re.findall(r"LOG_SHUTTLE_[A-Z_]+", path.read_text("utf-8"))}
    assert named
    assert named <= known


def test_the_list_of_examples_has_all_of_them() -> None:
    listed = set(re.findall(r"\]\(([^)]+)\)", read("README.md")))
    files = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*") if path.is_file()}
    assert files - {"README.md"} <= listed


def test_the_sidecar_starts_first_and_follows_what_the_application_writes() -> None:
    pod = find_pod("sidecar")
    sidecar, application = pod["initContainers"][0], pod["containers"][0]
    assert sidecar["restartPolicy"] == "Always"  # what makes it native
    volumes = {mount["name"]: mount["mountPath"] for mount in sidecar["volumeMounts"]}
    assert f"-file={volumes['logs']}/*.log" in sidecar["args"]
    assert {"name": "logs", "mountPath": volumes["logs"]} in application["volumeMounts"]
    assert f">>{volumes['logs']}/" in application["command"][-1]
    assert pod["terminationGracePeriodSeconds"] > LAND_TIMEOUT


@pytest.mark.parametrize("name", ["sidecar", "wrapped"])
def test_pods_mount_what_they_name_and_have_no_rights(name: str) -> None:
    pod = find_pod(name)
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        context = container["securityContext"]
        assert context["runAsNonRoot"]
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]
    agent = (pod.get("initContainers") or pod["containers"])[0]
    url = next(entry["value"] for entry in agent["env"] if entry["name"] == "LOG_SHUTTLE_LOGS_URL_FILE")
    assert os.path.dirname(url) in {mount["mountPath"] for mount in agent["volumeMounts"]}  # noqa: PTH120  # no file here
    assert pod["terminationGracePeriodSeconds"] > LAND_TIMEOUT


def test_compose_waits_for_the_landing_and_mounts_the_secret() -> None:
    compose = read_yaml("compose/compose.yaml")
    shop = compose["services"]["shop"]
    assert int(shop["stop_grace_period"].removesuffix("s")) > LAND_TIMEOUT
    assert shop["environment"]["LOG_SHUTTLE_LOGS_URL_FILE"] == f"/run/secrets/{shop['secrets'][0]}"
    assert shop["secrets"][0] in compose["secrets"]
    build = EXAMPLES / "compose" / shop["build"]["context"] / shop["build"]["dockerfile"]
    assert build.resolve() == EXAMPLES / "docker/Dockerfile"


def test_supervisord_waits_for_the_landing() -> None:
    program = read_supervisord()["program:shop"]
    assert int(program["stopwaitsecs"]) > LAND_TIMEOUT
    assert program["stopsignal"] == "TERM"


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_notifies_and_is_killed_after_the_landing(name: str) -> None:
    unit = read_unit(name)
    assert unit["Type"] == ["notify"]
    assert unit["WatchdogSec"] == ["30"]
    assert int(unit["TimeoutStopSec"][0]) > LAND_TIMEOUT
    assert unit["LoadCredential"] == ["logs-url:/etc/log-shuttle/logs-url"]
    assert "-logs-url-file %d/logs-url " in unit["ExecStart"][0]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if not tool:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run([tool, *arguments], check=False, capture_output=True, text=True, timeout=LONGEST)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_can_read_a_unit(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    text = read(f"systemd/{name}")
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE))
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, [])


def test_systemd_finds_little_exposure_in_the_hardened_unit() -> None:
    """Above 1.5 of 10 the exit code is 1. Most of what is left is the network, which it is there for."""
    unit = EXAMPLES / "systemd/log-shuttle.service"
    done = analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(unit))
    assert done.returncode == 0, done.stdout


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a directory of an application and of log-shuttle, as both are named in the examples."""
    (tmp_path / "bin").mkdir()
    interpreter = shlex.quote(sys.executable)
    scripts = {
        "shop": "#!/bin/sh\necho out\necho err >&2\n",
        "log-shuttle": f'#!/bin/sh\nexec {interpreter} -m shuttle "$@"\n',
    }
    for name, text in scripts.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path / "bin"


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in PROCFILES if "." not in name for kind in read_procfile(name)]
)
def test_a_command_of_a_procfile_runs(name: str, kind: str, programs: Path) -> None:
    with LocalDrain() as drain:
        environ = clean_environ() | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(EXAMPLES.parent),
            "LOGS_URL": drain.url,
            "DYNO": "web.1",
        }
        command = ["sh", "-c", read_procfile(name)[kind]]
        done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=LONGEST)
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\nerr\n", "")
    assert drain.messages == [b"out\n", b"err\n"]
    procid = f"{kind}.1" if "honcho" in name else "web.1"
    assert {tuple(frame.split(b" ")[3:5]) for frame in drain.frames} == {(b"shop", procid.encode())}


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
@pytest.mark.process
def test_an_application_that_is_stopped_by_a_signal_is_no_failure_to_systemd(number: signal.Signals) -> None:
    with LocalDrain() as drain:
        command = ("sh", "-c", f"kill -{number.value} $$")
        ended = run("-logs-url", drain.url, "--", *command)
    assert str(ended.code) in read_unit("shop.service")["SuccessExitStatus"][0].split()
