"""Where an equation holds: domains in space and time."""

from pdes.geometry.box import Box, Interval, Rectangle
from pdes.geometry.domain import Domain
from pdes.geometry.time import SpaceTime, TimeDomain

__all__ = ["Box", "Domain", "Interval", "Rectangle", "SpaceTime", "TimeDomain"]
