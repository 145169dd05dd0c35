"""The head of a request, read in one step where it is plain.

Twisted reads a request line by line, and each header anew, although a client sends the
same ones with every request. A head that is plain and complete is read here, and what
its headers mean is remembered. What is not plain, and all that Twisted would object to,
this module leaves to Twisted.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from twisted.web.http_headers import Headers, InvalidHeaderName

from txsockjs.errors import WireError
from txsockjs.web.varying import Varying

# The longest head that is read here, without its first line, and the most lines of it:
# what is remembered takes far more memory by the line than by the byte. With a first
# line as below it is less than what Twisted allows.
_LONGEST: Final = 4096
_LINES: Final = 64

#: The longest name of a header. Twisted remembers 10,000 of them, however long.
LONGEST_NAME: Final = 256

# How many heads are remembered; and how many lines, names and hosts, for other heads.
_KEPT: Final = 1024

# How many that came once are known again; a power of two.
_SEEN: Final = 8 * _KEPT

# A first line in which Twisted would find nothing to object to (RFC 9112, section 3).
_FIRST_LINE: Final = re.compile(rb"(GET|POST) (/[!-~]{0,4095}) HTTP/1\.1\r\n")

# What changes how a request is read or answered.
_SPECIAL: Final = (b"Transfer-Encoding", b"Expect")

# Every WebSocket has another, and so has every request that one machine signs for
# another: no head with one comes again.
_KEY: Final = b"Sec-WebSocket-Key:"
_SIGNATURE: Final = b"Sockjs-Signature:"

# The length of a body of which nothing is said, and the most digits of one.
_NO_LENGTH: Final = [b"0"]
_DIGITS: Final = 9

# A host, which may be an address in brackets, and a port (RFC 3986, section 3.2.2).
_HOST: Final = re.compile(
    rb"(\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(:[0-9]*)?"
)

# The absolute form of a target (RFC 9112, section 3.2.2).
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?#]*)(.*)", re.DOTALL)


_Known = TypeVar("_Known")


class BadHost(WireError):
    status = 400
    text = "A request has one Host, and one that is in order."


class BadTarget(WireError):
    status = 400
    text = "This is no URL."


class Head(NamedTuple):
    """
    The headers of a request. Other requests may have the same.

    :ivar block: their lines.
    :ivar fields: the names, as Twisted has them, and the values of each.
    :ivar length: how long the body is, in bytes.
    """

    block: bytes
    fields: dict[bytes, list[bytes]]
    length: int


class HeadHeaders(Headers):
    """
    The headers of one request that was read in one step. As long as nobody changes
    them, they are a `Head` that other requests may have too; and while nobody needs
    them, its lines are all that is kept. Names and values are as they would be after a
    way through `Headers`.

    :ivar fields: names and values, which must not be changed; None where they have to
        be looked up, or are this request's own.
    """

    __slots__ = ("_block", "_own", "fields")

    def __init__(self, head: Head) -> None:
        self._block = head.block
        self.fields: dict[bytes, list[bytes]] | None = head.fields
        self._own: dict[bytes, list[bytes]] | None = None

    def rest(self) -> None:
        """
        Nobody is going to look for a while.
        """
        self.fields = None

    @property
    def lines(self) -> bytes | None:
        """
        Their lines, as they came; None where somebody may have changed something.
        """
        return self._block if self._own is None else None

    @property
    def _shared(self) -> dict[bytes, list[bytes]]:
        """
        Names and values, which must not be changed.
        """
        if self._own is not None:
            return self._own
        if self.fields is None:
            block = self._block
            head = _KNOWN.get(block) or _common(block) or _parse(block)
            # It could be read before.
            assert head is not None
            self.fields = head.fields
        return self.fields

    @property
    def _rawHeaders(self) -> dict[bytes, list[bytes]]:  # type: ignore[override]
        """
        Where `Headers` has them. It may change them.
        """
        if self._own is None:
            self._own = {name: [*values] for name, values in self._shared.items()}
            self.fields = None
        return self._own

    def copy(self) -> Headers:
        """
        The same, for somebody else.
        """
        return Headers(self._shared)

    def hasHeader(self, name: Any) -> bool:
        """
        Whether there is a header of this name.
        """
        return self.getRawHeaders(name) is not None

    def getRawHeaders(self, name: Any, default: Any = None) -> Any:
        """
        The values of a header, or ``default`` where there is none.
        """
        if self._own is None:
            isText = isinstance(name, str)
            key = name.encode("iso-8859-1") if isText else name
            fields = self._shared
            values = fields.get(key)
            if values is None and (known := _name(key)) is not None:
                values = fields.get(known)
                if values is None:
                    return default
            if values is not None:
                return [value.decode() for value in values] if isText else [*values]
        return super().getRawHeaders(name, default)

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, list[bytes]]]:
        """
        All names, each with its values.
        """
        if self._own is not None:
            return iter(self._own.items())
        return iter([(name, [*values]) for name, values in self._shared.items()])


def checkHost(headers: Headers, version: bytes) -> None:
    """
    Check that it is not in doubt whose request it is. (RFC 9112, section 3.2)

    :raise BadHost: if it is.
    """
    hosts = headers.getRawHeaders(b"Host", ())
    if len(hosts) != 1 and (hosts or version == b"HTTP/1.1"):
        raise BadHost
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise BadHost


def originForm(target: bytes) -> tuple[bytes | None, bytes]:
    """
    The host that a target names, if it does, and the path with its query.

    :raise BadTarget: if the host cannot be one.
    """
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return None, target
    host, path = absolute.groups()
    # RFC 9110, sections 4.2.1 and 4.2.4: no host, or somebody's name before it.
    if host[:1] in (b"", b":") or not _HOST.fullmatch(host):
        raise BadTarget
    return host, path if path.startswith(b"/") else b"/" + path


def takeOut(headers: Headers, names: Iterable[bytes]) -> list[list[bytes]]:
    """
    Remove some headers.

    :param names: their names, as Twisted has them.
    :return: the values of each.
    """
    fields = headers._rawHeaders
    return [fields.pop(name, []) for name in names]


class Start(NamedTuple):
    """
    What a request begins with.

    :ivar method: the method.
    :ivar target: the URL that it asks for.
    :ivar head: its headers.
    :ivar size: how many bytes all this took.
    :ivar block: the lines of the headers, as they came, without the last line's end.
    """

    method: bytes
    target: bytes
    head: Head
    size: int
    block: bytes


def readStart(data: bytes) -> Start | None:
    """
    Read what a request begins with.

    :param data: what came in, from the start of a request.
    :return: None for what is not all there, and for what Twisted should look at.
    """
    first = _FIRST_LINE.match(data)
    if first is None:
        return None
    begin = first.end()
    # Without any header there is no Host.
    end = data.find(b"\r\n\r\n", begin, begin + _LONGEST)
    if end < 0:
        return None
    block = data[begin:end]
    head = _KNOWN.get(block) or _common(block) or _rememberedIfAgain(block)
    if head is None:
        return None
    method, target = first.groups()
    return Start(_METHODS[method], target, head, end + 4, block)


def _common(block: bytes) -> Head | None:
    """
    The head of lines that are known but for what is new with each request.
    """
    rest, new = _VARYING.cut(block)
    if not new:
        return None
    known = _KNOWN.get(rest) or _rememberedIfAgain(rest)
    if known is None or not known.fields.keys().isdisjoint(new):
        return None
    return Head(block, {**known.fields, **new}, known.length)


def _rememberedIfAgain(block: bytes) -> Head | None:
    comes = _KEY not in block and _SIGNATURE not in block and _again(block, _BLOCKS)
    head = _parse(block)
    if comes and head is not None:
        _remember(_KNOWN, block, head)
    return head


def _again(data: bytes, once: array[int]) -> bool:
    """
    Whether a head, or a line of one, has come before, of late. Load balancers give each
    request an id of its own: what comes once would only drive out what comes again.
    """
    key = hash(data)
    place = key % _SEEN
    if once[place] == key:
        return True
    once[place] = key
    return False


def _remember(memory: dict[bytes, _Known], data: bytes, known: _Known) -> None:
    if len(memory) == _KEPT:
        del memory[next(iter(memory))]
    memory[data] = known


# The heads, and the lines of other heads, that are remembered, the first one first; and
# hashes of what came once, which a later one may drive out. Where two are alike, what
# comes once is remembered.
_KNOWN: Final[dict[bytes, Head]] = {}
_FIELDS: Final[dict[bytes, tuple[bytes, bytes]]] = {}
_BLOCKS: Final = array("q", bytes(8 * _SEEN))
_ONCE: Final = array("q", bytes(8 * _SEEN))
_VARYING: Final = Varying()

# One object for all requests.
_METHODS: Final = {b"GET": b"GET", b"POST": b"POST"}


@lru_cache(_KEPT)
def _isHost(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


@lru_cache(_KEPT)
def _name(name: bytes) -> bytes | None:
    """
    A header's name, as Twisted has it.
    """
    if len(name) > LONGEST_NAME:
        return None
    headers = Headers()
    try:
        headers.addRawHeader(name, b"")
    except InvalidHeaderName:
        # Or the line belongs to the one before. (RFC 9112, section 5.2)
        return None
    [(name, _)] = headers.getAllRawHeaders()
    return name


def _field(line: bytes) -> tuple[bytes, bytes] | None:
    """
    A header's name, as Twisted has it, and its value.
    """
    # Names come again, whatever is new with each request.
    start, colon, value = line.partition(b":")
    name = _name(start)
    if name is None or not colon:
        return None
    field = name, value.strip(b" \t")
    if _again(line, _ONCE):
        _remember(_FIELDS, line, field)
    else:
        _VARYING.isNew(start, name)
    return field


def _parse(block: bytes) -> Head | None:
    lines = block.split(b"\r\n", _LINES)
    ends = len(lines) - 1
    if ends == _LINES or b"\0" in block:
        return None
    if block.count(b"\r") != ends or block.count(b"\n") != ends:
        # No line may hold one. (RFC 9110, section 5.5)
        return None
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        field = _FIELDS.get(line) or _field(line)
        if field is None:
            return None
        name, value = field
        if name in fields:
            fields[name].append(value)
        else:
            fields[name] = [value]
    if not fields.keys().isdisjoint(_SPECIAL):
        return None
    connection = fields.get(b"Connection")
    hosts = fields.get(b"Host", ())
    [length, *more] = fields.get(b"Content-Length", _NO_LENGTH)
    if (
        (connection is not None and b"close" in b",".join(connection).lower())
        or len(hosts) != 1
        or not _isHost(hosts[0])
        or more
        or not length.isdigit()
        or len(length) > _DIGITS
    ):
        return None
    return Head(block, fields, int(length))
