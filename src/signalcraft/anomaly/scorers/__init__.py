"""How far a vector lies from healthy ones, in several ways: pure functions over plain arrays.

Each scorer learns from scaled vectors z, float64 (n, p), and gives one number a vector: **higher is more
anomalous**. Units and zero of these numbers differ; `ensemble_v2` standardises them. No sum runs in BLAS.
"""
