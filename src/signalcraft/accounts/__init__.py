"""Who may do what: people, their sessions, tokens, roles and the shops they may see."""
