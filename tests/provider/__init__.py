"""The provider against recorded traffic: what it sends, and what it makes of real answers."""
