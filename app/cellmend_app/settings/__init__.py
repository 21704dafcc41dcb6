"""What the program remembers between sessions."""

from cellmend_app.settings.preferences import Preferences

__all__ = ["Preferences"]
