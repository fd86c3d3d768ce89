"""The process that watches over all others: samples, probes, alerts. It serves nobody but Prometheus."""
