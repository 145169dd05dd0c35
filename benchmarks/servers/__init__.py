"""
The servers that are measured, one file each.

Each listens on a free loopback port, prints C{listening PORT}, serves C{/echo} and
C{/broadcast}, and ends at SIGTERM.  C{--tls FILE} names a certificate with its key.
They keep their libraries' defaults but for what is said in the file, and log no
accesses.
"""
