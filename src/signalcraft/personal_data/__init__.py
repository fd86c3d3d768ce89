"""What is known of one person, over all domains: given to them, and taken away."""
