"""Load tests: k6's journeys, the event streams that k6 lacks, what the system does meanwhile (README.md)."""
