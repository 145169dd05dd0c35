"""A terminal as a console, with a line editor that has a history.

This needs the extra ``cli``, and Twisted's asyncio reactor.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout
from twisted.internet.defer import Deferred

from txsockjs.command.conversation import Conversation
from txsockjs.coroutines import start, wait

#: What stands before the line that is being typed.
PROMPT: Final = "> "


class Terminal:
    """
    A `Console <txsockjs.command.conversation.Console>` for a person: what comes in is
    shown above the line that is being typed.

    """

    _reading: Deferred[None]

    def __init__(
        self, history: str | None, interrupted: Callable[[int], object]
    ) -> None:
        """
        :param history: a file that keeps what was typed for the next time, or None.
        :param interrupted: called with the number of SIGINT where somebody types
            Ctrl-C: the terminal sends no signal meanwhile.
        """
        kept: History = FileHistory(history) if history else InMemoryHistory()
        self._session: PromptSession[str] = PromptSession(PROMPT, history=kept)
        self._interrupted = interrupted
        self._finished = False

    def start(self, conversation: Conversation) -> None:
        self._reading = start(self._read(conversation))

    async def _read(self, conversation: Conversation) -> None:
        # What is written in here goes above the line that is being typed.
        with patch_stdout(raw=True):
            while not self._finished:
                try:
                    line = await self._session.prompt_async(handle_sigint=False)
                except EOFError:
                    conversation.inputEnded()
                    return
                except KeyboardInterrupt:
                    self._interrupted(signal.SIGINT)
                    return
                conversation.say(line)
                if conversation.transport.crowded:
                    await wait(conversation.transport.whenDrained())

    def show(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def finish(self) -> Deferred[None]:
        return start(self._finish())

    async def _finish(self) -> None:
        self.drop()
        await wait(self._reading)

    def drop(self) -> None:
        self._finished = True
        if self._session.app.is_running:
            self._session.app.exit(exception=EOFError())
