"""
The servers that are measured, one file each.

Each listens on a free loopback port, prints ``listening PORT``, serves ``/echo`` and
``/broadcast``, and ends at SIGTERM.  ``--tls FILE`` names a certificate with its key.
They keep their libraries' defaults but for what is said in the file, and log no
accesses.
"""
