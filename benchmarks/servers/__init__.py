"""
The servers that are measured, one file each.

Each listens on a free loopback port, prints ``listening PORT``, serves ``/echo`` and
``/broadcast``, and ends at SIGTERM.  ``--tls FILE`` names a certificate with its key.
They keep their libraries' defaults but for what is said in the file, log no accesses,
and let 4,096 connections wait to be accepted, as Go does where the system allows it.
"""
