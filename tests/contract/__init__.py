"""Black-box tests of an Appwrite-compatible server, over HTTP only."""
