"""Records of TLS, read and written with as few calls as they need.

For a message that comes in one record Twisted makes a call that raises to say that
there is no second one, another to find nothing to send, and all of them through
pyOpenSSL, which allows for more than happens here. Together that takes longer than all
that OpenSSL does. What follows asks OpenSSL itself, through the binding that pyOpenSSL
has of it, and leaves to Twisted and pyOpenSSL whatever is not a whole record of a
connection that is simply open: there it is done, and reported, in their way.
"""

from __future__ import annotations

from typing import Any, Final

from OpenSSL.SSL import Connection
from twisted.internet.tcp import Server
from twisted.protocols.tls import BufferingTLSTransport

#: What fits into one record, in bytes (RFC 8446, section 5.1).
RECORD: Final = 16384

# What is read at once: more than a record holds, with all that is around it.
_SIZE: Final = 2 * RECORD

_lib: Any
_ffi: Any
try:
    from cryptography.hazmat.bindings.openssl.binding import Binding

    _lib, _ffi = Binding.lib, Binding.ffi
    # The functions, of which some future binding may have fewer.
    _bioRead, _bioWrite = _lib.BIO_read, _lib.BIO_write
    _bioData, _clearError = _lib.BIO_get_mem_data, _lib.ERR_clear_error
    _sslRead, _sslWrite = _lib.SSL_read, _lib.SSL_write
    # Memory that is not cleared before it is written to.
    _allocate: Any = _ffi.new_allocator(should_clear_after_alloc=False)
    # What nobody has in use. A call of OpenSSL's lets other threads run, which may have
    # reactors too.
    _spare: list[Any] = []
    # A memory BIO says here where it has its bytes, which only their number is asked.
    _somewhere: Any = _ffi.new("char**")
    _buffer, _bytes = _ffi.typeof("char[]"), _ffi.unpack
except (ImportError, AttributeError):
    _lib = None


class RecordTransport(BufferingTLSTransport):
    """
    Twisted's transport of TLS, which delivers what comes in whole records with fewer
    calls.
    """

    def dataReceived(self, data: bytes) -> None:
        """
        Decrypt what has come, and deliver it.
        """
        connection: Any = self._tlsConnection
        if (
            not self._handshakeDone
            or self._appSendBuffer
            or self._aborted
            or self._lostTLSConnection
            or _bioWrite(connection._into_ssl, data, len(data)) <= 0
        ):
            super().dataReceived(data)  # type: ignore[no-untyped-call]
            return
        ssl = connection._ssl
        try:
            buffer = _spare.pop()
        except IndexError:
            buffer = _allocate(_buffer, _SIZE)
        while (size := _sslRead(ssl, buffer, _SIZE)) > 0:
            text = _bytes(buffer, size)
            # With both empty, a further call would do nothing but say so.
            if not (
                _bioData(connection._into_ssl, _somewhere)
                or _bioData(connection._from_ssl, _somewhere)
            ):
                _spare.append(buffer)
                self.wrappedProtocol.dataReceived(text)
                return
            self.wrappedProtocol.dataReceived(text)
            if self._aborted or self._lostTLSConnection:
                break
        _spare.append(buffer)
        # Part of a record, the end, or a fault, which OpenSSL will tell again.
        self._flushReceiveBIO()  # type: ignore[no-untyped-call]


def readRecords(transport: Any) -> bool:
    """
    Have what comes on a TCP server's connection of TLS read in this way, if it can be.

    :param transport: the connection's transport.
    :return: whether it can be, and `encrypt` be used.
    """
    if (
        _lib is None
        or type(transport) not in (BufferingTLSTransport, RecordTransport)
        or type(transport.transport) is not Server
        # Who makes another one, as a context factory may, counts on its methods.
        or type(transport._tlsConnection) is not Connection
    ):
        return False
    # The transport was made by whoever listens. A method set on it would be a
    # reference to itself, which somebody had to remove at the connection's end.
    transport.__class__ = RecordTransport
    return True


def encrypt(transport: Any, data: bytes) -> bytes | None:
    """
    Encrypt what is to be sent.

    :param transport: a transport for which `readRecords` is true, and before which
        nothing waits.
    :param data: at most one record.
    :return: what is to be sent for it, or None if OpenSSL cannot do it now. A peer that
        wants small records has been sent them.
    """
    connection = transport._tlsConnection
    sent: int = _sslWrite(connection._ssl, data, len(data))
    if sent <= 0:
        # What is left there would be taken for another connection's fault.
        _clearError()
        return None
    try:
        buffer = _spare.pop()
    except IndexError:
        buffer = _allocate(_buffer, _SIZE)
    record: bytes = _bytes(buffer, _bioRead(connection._from_ssl, buffer, _SIZE))
    _spare.append(buffer)
    if sent < len(data):
        # (RFC 6066, section 4)
        transport.transport.write(record)
        transport.write(data[sent:])
        return b""
    return record
