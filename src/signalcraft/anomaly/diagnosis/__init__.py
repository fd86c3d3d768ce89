"""What is wrong, and how sure is that? Conditions, indicators, and the methods that weigh them. Pure numeric.

A method that was used once is never edited, only succeeded: stored diagnoses name theirs.
"""
