"""Tests of the source and the sink `sftp`."""
