"""Accounts that people make themselves: by way of their mailbox, without rights, without telling on others."""
