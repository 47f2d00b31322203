"""Pictures in a bucket of Amazon S3, or of a service that is compatible with it."""
