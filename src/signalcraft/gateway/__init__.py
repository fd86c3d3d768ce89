"""The people's tier: sign-in, live events, notifications, alarms, the web app."""
