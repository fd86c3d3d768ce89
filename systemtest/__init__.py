"""The whole system, played from outside: its journeys, and its bad days."""
