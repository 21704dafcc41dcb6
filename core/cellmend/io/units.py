"""Units of length as files write them."""

from __future__ import annotations

LARGEST_TRUSTED_UM = 10.0
"""µm per pixel; a resolution that says more is the dots per inch of a printer."""

_MICROMETRES = {
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "\\u00b5m": 1.0,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "m": 1e6,
    "meter": 1e6,
    "metre": 1e6,
}


def micrometres(unit: object) -> float | None:
    """Return how many µm a unit is; None where it is no unit of length known here."""
    return _MICROMETRES.get(str(unit).strip().lower())
