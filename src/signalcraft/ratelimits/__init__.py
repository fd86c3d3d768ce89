"""How much of what one caller may ask for, and what is refused first when a process is busy."""
