"""The blocking face, made from ``_async``: ``npm run clients``."""
