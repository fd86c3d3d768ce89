"""Mail to people: written as rows in the transaction that is the reason for it, delivered by the worker."""
