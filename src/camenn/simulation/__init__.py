"""A grocery platform whose truth is known: pictures, names, shoppers, purchases, planted faults."""

from camenn.simulation.account import SimulatedShop
from camenn.simulation.faults import Fault
from camenn.simulation.shop import simulate_shop
from camenn.simulation.things import things

__all__ = ["Fault", "SimulatedShop", "simulate_shop", "things"]
