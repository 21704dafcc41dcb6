"""What the program remembers between sessions."""

from cellmend_app.settings.keys import Keys
from cellmend_app.settings.preferences import Preferences

__all__ = ["Keys", "Preferences"]
