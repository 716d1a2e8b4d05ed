"""The source and the sink `sftp`: files on a server of the agency, over SSH."""
