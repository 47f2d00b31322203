"""What a user can do. One function per deed; sees interfaces alone."""
