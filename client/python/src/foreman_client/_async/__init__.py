"""The asynchronous face, from which the blocking one in ``_sync`` is made."""
