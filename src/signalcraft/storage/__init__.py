"""The object store that keeps sound: a local folder by default, S3 by setting."""
