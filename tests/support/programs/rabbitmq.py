"""RabbitMQ, as a program that a test needs: `RabbitMQ`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from tests.support.programs.node import need
from tests.support.programs.ports import freePort
from tests.support.programs.processes import start

#: The program itself. Debian has one of that name on the path that gives up root's
#: rights, and with them the test's own directory.
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

_CONFIGURATION = """\
listeners.tcp = none
stomp.listeners.tcp.1 = 127.0.0.1:{stomp}
mqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}
log.console = true
log.console.level = info
"""


class RabbitMQ:
    """
    A RabbitMQ that speaks STOMP and MQTT to ``guest`` with the password ``guest``. It
    ends with the test, and keeps all that it has in the test's directory.

    :ivar stomp: its port for STOMP.
    :ivar mqtt: its port for MQTT.
    """

    stomp: int
    mqtt: int

    @classmethod
    async def start(cls, test: Any) -> RabbitMQ:
        """
        Start one, and wait until it takes connections.
        """
        need("rabbitmq-server", "epmd", "env")
        self = cls()
        self.stomp, self.mqtt = freePort(), freePort()
        names, nodes = freePort(), freePort()
        here = Path(test.mktemp()).absolute()
        here.mkdir(parents=True)
        (here / "enabled_plugins").write_text("[rabbitmq_stomp, rabbitmq_mqtt].\n")
        (here / "rabbitmq.conf").write_text(
            _CONFIGURATION.format(stomp=self.stomp, mqtt=self.mqtt)
        )
        environment = {
            "HOME": here,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": names,
            "RABBITMQ_NODENAME": f"test{nodes}@localhost",
            "RABBITMQ_DIST_PORT": nodes,
            "RABBITMQ_MNESIA_BASE": here / "mnesia",
            "RABBITMQ_LOG_BASE": here / "log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": here / "rabbitmq",
            "RABBITMQ_ENABLED_PLUGINS_FILE": here / "enabled_plugins",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1}"
            ),
        }
        settings = [f"{name}={value}" for name, value in environment.items()]
        # Erlang would start one that nobody ends.
        await start(
            test,
            "epmd running",
            *(shutil.which("epmd") or "", "-d"),
            *("-address", "127.0.0.1", "-port", str(names)),
        )
        server = _SERVER if _SERVER.exists() else shutil.which("rabbitmq-server")
        await start(
            test,
            "Server startup complete",
            *(shutil.which("env") or "", *settings, str(server)),
        )
        return self
