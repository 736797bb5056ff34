"""Real servers for the tests: three FTP daemons, Orthanc and PostgreSQL.

Each is the Debian package, unpacked in a cache folder and never installed
(`python -m tests.parts.fetch`), started on a free loopback port and ended
with its whole process tree. Nothing here knows the program under test.
"""
