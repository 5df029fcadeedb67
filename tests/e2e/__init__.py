"""The whole tool as people use it: the command line as a process of its own, over HTTP, against a real server."""
