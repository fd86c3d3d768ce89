"""What pages of the operator's trusted origins may send and read (CORS): the same at both tiers."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("Authorization", "Content-Type", "X-Requested-With", "X-Request-ID")
ANSWER_HEADERS = ("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID", "Location", "Content-Range")
PREFLIGHT_SECONDS = 600
"""How long a browser may remember the answer to a preflight."""
