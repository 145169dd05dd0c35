"""The image and the containers of ``examples/deploy``, as far as they go without
Docker: their files are read strictly, and what the containers run is run."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.support.examples import opened
from tests.support.programs.node import need
from tests.support.programs.ports import freePort
from tests.support.programs.processes import ROOT
from tests.support.programs.proxies import runHAProxy
from tests.support.programs.redis import Redis
from tests.support.programs.twistd import TERMINATED, TWISTD, Twistd, TwistdTestCase
from txsockjs.tap import Options

DEPLOY = ROOT / "examples" / "deploy"
#: What an instruction has behind it: a list, or words.
LISTS = {"ENTRYPOINT", "CMD"}
WORDS = {"FROM", "RUN", "WORKDIR", "USER", "ENV", "STOPSIGNAL"}


def dockerfile() -> list[tuple[str, Any]]:
    """The instructions of the Dockerfile, with what is behind each."""
    found: list[tuple[str, Any]] = []
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            assert name in LISTS | WORDS, line
            found.append((name, json.loads(rest) if name in LISTS else rest))
    return found


def compose() -> dict[str, Any]:
    """What the compose file has."""
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


def processes() -> dict[str, Any]:
    """The services of the compose file that are built here."""
    return {n: s for n, s in compose()["services"].items() if s.get("build") == "."}


class FilesTests(SynchronousTestCase):
    """What the files say."""

    def test_dockerfile(self) -> None:
        """
        It begins with an image that has a version, installs extras that there are, runs
        a command that is there, and not as root.
        """
        said = dockerfile()
        names = [name for name, _ in said]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(names[0], "FROM")
        given = dict(said)
        image = re.fullmatch(r"python:3\.(\d+)-slim", given["FROM"])
        assert image is not None, given["FROM"]
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        lowest = re.fullmatch(r">=3\.(\d+)", project["requires-python"])
        assert lowest is not None
        self.assertGreaterEqual(int(image[1]), int(lowest[1]))
        *pip, wanted = shlex.split(given["RUN"])
        self.assertEqual(pip, ["pip", "install", "--no-cache-dir"])
        name, extras = re.fullmatch(r"(\w+)\[([\w,]+)\]", wanted).groups()  # type: ignore[union-attr]
        self.assertEqual(name, project["name"])
        known = project["optional-dependencies"].keys()
        self.assertEqual(set(extras.split(",")) - known, set())
        self.assertTrue(given["WORKDIR"].startswith("/"))
        self.assertNotIn(given["USER"], ("root", "0"))
        self.assertEqual(given["ENTRYPOINT"], [TWISTD.name, "-n", "sockjs"])
        Options().parseOptions(given["CMD"])

    def test_compose(self) -> None:
        """
        Every file, service and volume that it names is there, and each process has the
        time that its sessions need to end.
        """
        said = compose()
        self.assertEqual(set(said), {"services", "volumes"})
        services = said["services"]
        for name, service in services.items():
            self.assertEqual(("image" in service) + ("build" in service), 1, name)
            self.assertLessEqual(set(service.get("depends_on", ())), set(services))
            if "image" in service:
                self.assertRegex(service["image"], r"^\w+:[\d.]+$")
            for volume in service.get("volumes", ()):
                source, target, *how = volume.split(":")
                self.assertTrue(target.startswith("/"), volume)
                self.assertIn(how, ([], ["ro"]))
                if source.startswith("./"):
                    self.assertTrue((DEPLOY / source).is_file(), volume)
                else:
                    self.assertIn(source, said["volumes"])
        self.assertEqual(services["haproxy"]["ports"], ["80:80"])
        self.assertIn("bind :80\n", (DEPLOY / "haproxy.cfg").read_text())
        built = processes()
        self.assertEqual(len(built), 2)
        for name, service in built.items():
            self.assertEqual(service["network_mode"], "service:haproxy", name)
            self.assertIs(service["init"], True)
            self.assertGreater(int(service["stop_grace_period"].removesuffix("s")), 30)

    def test_notTested(self) -> None:
        """
        The files for proxies that are not here say so, can be read, and name the two
        processes.
        """
        for name in "envoy.yaml", "traefik.yaml":
            text = (DEPLOY / name).read_text()
            self.assertRegex(text, r"not\s+(# )?tested by the project")
            said = json.dumps(yaml.safe_load(text))
            for number in "8081", "8082":
                self.assertEqual(said.count(number), 1, name)


class RunTests(TwistdTestCase):
    """What the containers run, but for the walls between them."""

    async def test_run(self) -> None:
        """
        With HAProxy and its file before them, and a Redis, the processes have rooms
        together.
        """
        need("haproxy")
        redis = await Redis(self).start()
        ports: dict[int, int] = {}
        started: dict[str, Twistd] = {}
        for name, service in processes().items():
            command = [
                self.placed(word, redis.url, ports) for word in service["command"]
            ]
            started[name] = self.start(*command)
            await started[name].until("SockJS services rooms at")
            await started[name].until("is there")
        # Those of the file for HAProxy.
        self.assertEqual(list(ports), [8081, 8082])
        port, _ = await runHAProxy(self, list(ports.values()))
        # Of so many sessions each process has some.
        sessions = [await opened(f"http://127.0.0.1:{port}/rooms") for _ in range(12)]
        join = json.dumps({"type": "join", "room": "r"})
        for session in sessions:
            self.assertIn("joined", await session.ask(join))
        publish = {"type": "publish", "room": "r", "text": "to all"}
        await sessions[0].send(json.dumps(publish))
        for session in sessions:
            while "to all" not in await session.receive():
                pass
        for process in started.values():
            process.terminate()
        for session in sessions:
            while "Service Restart" not in await session.receive():
                pass
        self.assertEqual([await p.ended for p in started.values()], [TERMINATED] * 2)

    def placed(self, word: str, redis: str, ports: dict[int, int]) -> str:
        """An argument, with the places of this test."""
        found = re.search(r"tcp:(\d+):", word)
        if found:
            number = int(found[1])
            ports[number] = freePort()
            word = word.replace(found[0], f"tcp:{ports[number]}:")
        return word.replace("redis://redis:6379/0", redis)
