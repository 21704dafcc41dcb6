"""The panels at the sides of the image; each knows services and document, never another."""
