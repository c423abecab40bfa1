"""What every test may use. The servers themselves are started by tests/servers.py."""
